/* Numbers as digits, where a message passes: printf would be a visible part of its cost. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

/* The longest number has 20 digits. */
#define DECIMAL_ROOM 20

/* Writes the number, with zeros in front of it up to `width` digits, and no NUL. Returns the number
 * of digits, at most DECIMAL_ROOM. */
size_t decimal_put(char out[DECIMAL_ROOM], uint64_t number, size_t width);

#endif
