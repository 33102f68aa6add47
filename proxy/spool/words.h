/* Values in the spool's text files: a value has no blank, no control character and is not empty,
 * so that lines and words stay what they are and a person can read them. */
#ifndef SPOOL_WORDS_H
#define SPOOL_WORDS_H

#include <stdint.h>

#include "base/buf.h"

/* Appends a blank and the value. A control character, a blank and "%" are written as "%" and two
 * hexadecimal digits. The empty value is written as "-", and NULL counts as empty. Returns false
 * beyond the cap. */
bool words_add(struct buf *out, const char *value) MUST_USE;
/* Takes the next word from the front of *line. It is empty at the end. */
struct slice words_next(struct slice *line);
/* Gives the value of a word, or returns NULL if the word is not a value. */
char *words_value(struct slice word);
/* Reads a decimal of at most 20 digits and 64 bits. */
bool words_number(struct slice word, uint64_t *out_r);
/* Reads exactly eight hexadecimal digits. */
bool words_hex(struct slice word, uint32_t *out_r);

#endif
