#include "wire/header.h"

void header_scan_init(struct header_scan *h)
{
    *h = (struct header_scan){.place = HEADER_LINE_START, .in_first_line = true};
}

bool header_scan_is_over(const struct header_scan *h)
{
    return h->place == HEADER_OVER;
}

struct slice header_scan_name(const struct header_scan *h)
{
    return h->name_len <= HEADER_NAME_KEPT ? slice_make(h->name, h->name_len) : slice_of("");
}

static void keep(struct header_scan *h, char c)
{
    if (h->name_len < HEADER_NAME_KEPT)
        h->name[h->name_len] = c;
    h->name_len++;
}

/* RFC 5322 3.6.8 allows printable ASCII but the colon. */
static bool is_name_octet(char c)
{
    return c > ' ' && c <= '~' && c != ':';
}

static enum header_place at_line_start(struct header_scan *h, char c)
{
    /* A continuation needs a field that it continues. */
    if (c == ' ' || c == '\t')
        return h->in_first_line ? HEADER_OVER : HEADER_VALUE;
    /* It is the CR of the blank line, a colon, an 8-bit octet or a control. */
    if (!is_name_octet(c))
        return HEADER_OVER;
    h->name_len = 0;
    keep(h, c);
    return HEADER_NAME;
}

static enum header_place at_colon(struct header_scan *h)
{
    if (slice_is_word(header_scan_name(h), "received"))
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
    return c == ' ' || c == '\t' ? HEADER_AFTER_NAME : HEADER_OVER;
}

/* A field of the old syntax is "From : me" (RFC 5322 4.5). The line that mbox files put before a
 * message is "From me ...". The same line, quoted once more, is ">From me ...". */
static enum header_place after_name(struct header_scan *h, char c)
{
    if (c == ':')
        return at_colon(h);
    if (c == ' ' || c == '\t')
        return HEADER_AFTER_NAME;
    bool from = slice_is(header_scan_name(h), "From") || slice_is(header_scan_name(h), ">From");
    h->in_mbox_line = c != '\r' && c != '\n' && h->in_first_line && from;
    return h->in_mbox_line ? HEADER_VALUE : HEADER_OVER;
}

static enum header_place in_value(struct header_scan *h, char c)
{
    if (c != '\n')
        return HEADER_VALUE;
    /* The line behind an mbox line begins the section. */
    h->in_first_line = h->in_mbox_line;
    h->in_mbox_line = false;
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

/* ------------------------------------------------------------------ mbox */

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool is_month(struct slice word)
{
    for (size_t i = 0; i < 12; i++)
        if (slice_is(word, months[i]))
            return true;
    return false;
}

/* Reads "9:05" or "12:30:59". */
static bool is_time(struct slice word)
{
    size_t colon = slice_find(word, ':');
    for (size_t i = 0; i < word.len; i++)
        if (!ascii_is_digit(word.data[i]) && word.data[i] != ':')
            return false;
    return colon > 0 && colon <= 2 && word.len >= colon + 3;
}

bool header_is_mbox_line(struct slice line)
{
    bool month = false, time = false;
    if (line.len && line.data[0] == '>')
        line = slice_from(line, 1);
    if (line.len < 5 || !slice_is(slice_head(line, 5), "From "))
        return false;
    for (size_t from = 0, i = 0; i <= line.len; i++) {
        if (i < line.len && (unsigned char)line.data[i] > ' ')
            continue;
        struct slice word = slice_head(slice_from(line, from), i - from);
        month = month || is_month(word);
        time = time || is_time(word);
        from = i + 1;
    }
    return month && time;
}
