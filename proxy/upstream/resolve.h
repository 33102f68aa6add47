/* The addresses of one dial. A and AAAA are asked in parallel, the families alternate (RFC 8305
 * section 4), and there are at most CAP_DNS_ADDRESSES. The list only grows: late answers are
 * appended, so that a router that drops the questions of one family costs 50 ms. When DNS fails, or
 * does not answer for `patience`, the last good addresses are used. */
#ifndef UPSTREAM_RESOLVE_H
#define UPSTREAM_RESOLVE_H

#include "upstream/env.h"

struct resolve;

/* Gives. host is a name or an address literal, and borrowed. family ADDR_NONE means both. `changed`
 * is called on the loop when the list has grown and when the last answer has come. The first
 * address of env->good is tried first if the name still has it. */
struct resolve *resolve_new(const struct upstream_env *env, const char *host,
                            enum addr_family family, void (*changed)(void *ctx), void *ctx);
void resolve_free(struct resolve **r);

/* Borrows the addresses, which have no ports. */
const struct addr *resolve_addresses(const struct resolve *r, size_t *n_r);
/* Nothing more will come. */
bool resolve_is_done(const struct resolve *r);
/* It is done, or a family has answered and port_patience is over: then waiting for the other family
 * ends. */
bool resolve_is_enough(const struct resolve *r);
/* Borrows the reason why there is no address. Call it after done with n = 0. */
const struct err *resolve_error(const struct resolve *r);

#endif
