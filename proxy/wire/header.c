#include "wire/header.h"

void header_scan_init(struct header_scan *h)
{
    *h = (struct header_scan){.place = HEADER_LINE_START, .in_first_line = true};
}

bool header_scan_is_over(const struct header_scan *h)
{
    return h->place == HEADER_OVER;
}

static struct slice kept_name(const struct header_scan *h)
{
    return slice_make(h->name, h->name_len < HEADER_NAME_KEPT ? h->name_len : HEADER_NAME_KEPT);
}

static bool name_is(const struct header_scan *h, const char *word)
{
    return h->name_len < HEADER_NAME_KEPT && slice_is_word(kept_name(h), word);
}

static void keep(struct header_scan *h, char c)
{
    if (h->name_len < HEADER_NAME_KEPT)
        h->name[h->name_len] = c;
    h->name_len++;
}

/* RFC 5322 3.6.8: printable ASCII but the colon. */
static bool is_name_octet(char c)
{
    return c > ' ' && c <= '~' && c != ':';
}

static enum header_place at_line_start(struct header_scan *h, char c)
{
    if (c == ' ' || c == '\t') /* a continuation needs something to continue */
        return h->in_first_line ? HEADER_OVER : HEADER_VALUE;
    if (!is_name_octet(c)) /* the CR of the blank line, a colon, 8-bit, controls */
        return HEADER_OVER;
    h->name_len = 0;
    keep(h, c);
    return HEADER_NAME;
}

static enum header_place at_colon(struct header_scan *h)
{
    if (name_is(h, "received"))
        h->received++;
    return HEADER_VALUE;
}

static enum header_place in_name(struct header_scan *h, char c)
{
    if (is_name_octet(c)) {
        keep(h, c);
        return HEADER_NAME;
    }
    if (c == ':')
        return at_colon(h);
    if (c != ' ' && c != '\t')
        return HEADER_OVER;
    if (h->in_first_line && slice_is(kept_name(h), "From"))
        return HEADER_VALUE;
    return HEADER_AFTER_NAME;
}

static enum header_place after_name(struct header_scan *h, char c)
{
    if (c == ':')
        return at_colon(h);
    return c == ' ' || c == '\t' ? HEADER_AFTER_NAME : HEADER_OVER;
}

static enum header_place in_value(struct header_scan *h, char c)
{
    if (c != '\n')
        return HEADER_VALUE;
    h->in_first_line = false;
    return HEADER_LINE_START;
}

static enum header_place next_place(struct header_scan *h, char c)
{
    switch (h->place) {
    case HEADER_LINE_START: return at_line_start(h, c);
    case HEADER_NAME: return in_name(h, c);
    case HEADER_AFTER_NAME: return after_name(h, c);
    case HEADER_VALUE: return in_value(h, c);
    case HEADER_OVER: break;
    }
    return HEADER_OVER;
}

void header_scan(struct header_scan *h, struct slice in)
{
    for (size_t i = 0; i < in.len && h->place != HEADER_OVER; i++)
        h->place = next_place(h, in.data[i]);
}
