#include "wire/dkim.h"

void dkim_scan_begin(struct dkim_scan *d)
{
    d->in_field = true;
    d->in_value = d->in_names = false;
    d->len = 0;
}

static struct slice word_of(const struct dkim_scan *d)
{
    return d->len <= DKIM_NAME_KEPT ? slice_make(d->word, d->len) : slice_of("");
}

static void end_name(struct dkim_scan *d)
{
    struct slice word = word_of(d);
    if (d->in_names) {
        d->date = d->date || slice_is_word(word, "date");
        d->message_id = d->message_id || slice_is_word(word, "message-id");
        d->from = d->from || slice_is_word(word, "from");
    }
    d->len = 0;
}

static void take(struct dkim_scan *d, char c)
{
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        return;
    if (c == ';') {
        end_name(d);
        d->in_value = d->in_names = false;
    } else if (c == '=' && !d->in_value) {
        d->in_value = true;
        d->in_names = slice_is(word_of(d), "h");
        d->len = 0;
    } else if (c == ':' && d->in_names) {
        end_name(d);
    } else {
        if (d->len < DKIM_NAME_KEPT)
            d->word[d->len] = c;
        d->len++;
    }
}

void dkim_scan(struct dkim_scan *d, struct slice in)
{
    for (size_t i = 0; d->in_field && i < in.len; i++)
        take(d, in.data[i]);
}

void dkim_scan_end(struct dkim_scan *d)
{
    if (d->in_field)
        end_name(d);
    d->in_field = false;
}
