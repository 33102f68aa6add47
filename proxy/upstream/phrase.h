/* Words for the shared engine's scripts, and numbers out of their answers. */
#ifndef UPSTREAM_PHRASE_H
#define UPSTREAM_PHRASE_H

#include "base/units.h"
#include "io/engine.h"

#define PHRASE_NUMBER 24
/* Give a slice of out. */
struct slice phrase_number(int64_t n, char out[PHRASE_NUMBER]);
struct slice phrase_ms(usec t, char out[PHRASE_NUMBER]);

/* The number at this place of an array; 0: there is none. */
int64_t phrase_read(const struct engine_value *value, size_t i);
/* The same, of sessions: within what can be believed. */
unsigned phrase_count(const struct engine_value *value, size_t i);

#endif
