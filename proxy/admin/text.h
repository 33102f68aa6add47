/* Text of an answer, and what makes other people's words fit to stand in one: everything that came
 * from a client, an upstream or the config goes through text_clean when it is noted and through
 * out_html or out_label when it is written. */
#ifndef ADMIN_TEXT_H
#define ADMIN_TEXT_H

#include "base/attr.h"
#include "base/buf.h"

/* Copies as valid UTF-8, cut between characters, always with a NUL. What could deceive (controls,
 * invalid octets, marks that turn the direction of writing) becomes U+FFFD. */
void text_clean(char *out, size_t size, struct slice in);

struct out {
    struct buf buf;
    /* something did not fit: the answer is worth nothing */
    bool full;
};

/* CAP_ADMIN_ANSWER */
void out_init(struct out *o);
void out_free(struct out *o);
/* our own words, as they are */
void out_add(struct out *o, const char *text);
/* numbers and words of ours: %s is not escaped */
void out_printf(struct out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* for the content of an element or a quoted attribute */
void out_html(struct out *o, const char *text);
/* for a quoted label of a metric */
void out_label(struct out *o, const char *text);

#endif
