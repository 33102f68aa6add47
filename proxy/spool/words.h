/* Values in the spool's text files: a value has no blank, no control character and is not empty,
 * so that lines and words stay what they are and a person can read them. */
#ifndef SPOOL_WORDS_H
#define SPOOL_WORDS_H

#include <stdint.h>

#include "base/buf.h"

/* " " and the value, escaped: "%" and two hexadecimal digits for a control character, a blank and
 * "%"; "-" for the empty value. NULL counts as empty. false beyond the cap. */
bool words_add(struct buf *out, const char *value) MUST_USE;
/* The next word, which is taken from the front of *line; empty at the end. */
struct slice words_next(struct slice *line);
/* Gives the value of a word; NULL where it is not one. */
char *words_value(struct slice word);
/* A decimal of at most 20 digits and 64 bits. */
bool words_number(struct slice word, uint64_t *out_r);
/* Exactly eight hexadecimal digits. */
bool words_hex(struct slice word, uint32_t *out_r);

#endif
