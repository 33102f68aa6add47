/* The text of an answer, and the escaping of other people's words in it. Everything from a client,
 * an upstream or the config passes text_clean when it is noted, and out_html or out_label when it
 * is written. */
#ifndef ADMIN_TEXT_H
#define ADMIN_TEXT_H

#include "base/attr.h"
#include "base/buf.h"

/* Copies valid UTF-8, cut between characters, always with a NUL. What could deceive becomes U+FFFD:
 * controls, invalid octets, and marks that turn the direction of writing. */
void text_clean(char *out, size_t size, struct slice in);

struct out {
    struct buf buf;
    /* Something did not fit, so the answer must not be used. */
    bool full;
};

/* The cap is CAP_ADMIN_ANSWER. */
void out_init(struct out *o);
void out_free(struct out *o);
/* Adds our own words without escaping. */
void out_add(struct out *o, const char *text);
/* Adds our own numbers and words. %s is not escaped. */
void out_printf(struct out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Escapes for the content of an element or a quoted attribute. */
void out_html(struct out *o, const char *text);
/* Escapes for a quoted label of a metric. */
void out_label(struct out *o, const char *text);

#endif
