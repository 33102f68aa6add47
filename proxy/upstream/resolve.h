/* The addresses of one dial: A and AAAA asked in parallel, families alternating (RFC 8305 section
 * 4), at most CAP_DNS_ADDRESSES. The list only ever grows: what answers late is appended, so that a
 * router that drops the questions of one family costs 50 ms. When DNS fails, or says nothing for
 * `patience`, the last good addresses stand in. */
#ifndef UPSTREAM_RESOLVE_H
#define UPSTREAM_RESOLVE_H

#include "upstream/env.h"

struct resolve;

/* host: a name or an address literal; borrowed. family: ADDR_NONE both. changed: on the loop,
 * whenever the list has grown or the last answer is in. env->good: the first of them is tried first
 * where the name still has it. Gives. */
struct resolve *resolve_new(const struct upstream_env *env, const char *host,
                            enum addr_family family, void (*changed)(void *ctx), void *ctx);
void resolve_free(struct resolve **r);

/* without ports */
const struct addr *resolve_addresses(const struct resolve *r, size_t *n_r);
/* nothing more will come */
bool resolve_is_done(const struct resolve *r);
/* done; or a family has answered, and port_patience is over: nobody waits for the other */
bool resolve_is_enough(const struct resolve *r);
/* why there is nothing; after done with n = 0 */
const struct err *resolve_error(const struct resolve *r);

#endif
