/* The sockets of all [listen] sections. A reload adds and removes listeners without touching the
 * rest. */
#ifndef APP_LISTENERS_H
#define APP_LISTENERS_H

#include "base/addr.h"
#include "base/err.h"
#include "config/config.h"
#include "io/io.h"

struct listeners;
struct relay;

struct listeners *listeners_new(const struct io *io);
/* closes all */
void listeners_free(struct listeners **listeners);
/* Opens what `config` has and we have not, then closes what it no longer has. On -1 nothing
 * changed; `words` say which address and what to do. A default address that this host does not have
 * is skipped with a warning. */
int listeners_apply(struct listeners *listeners, const struct config *config,
                    struct err *err) MUST_USE;
/* What to do about an address that cannot be listened on: a sentence to stand behind `why`, or
 * "". */
const char *listeners_advice(const struct addr *at, const struct err *why);
/* Clients go to this relay from now on. */
void listeners_set_relay(struct listeners *listeners, struct relay *relay);
size_t listeners_count(const struct listeners *listeners);
const struct addr *listeners_address(const struct listeners *listeners, size_t index);

#endif
