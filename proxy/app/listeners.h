/* The sockets of all [listen] sections. A reload adds and removes listeners and does not touch the
 * others. */
#ifndef APP_LISTENERS_H
#define APP_LISTENERS_H

#include "base/addr.h"
#include "base/err.h"
#include "config/config.h"
#include "io/io.h"

struct listeners;
struct relay;

struct listeners *listeners_new(const struct io *io);
/* Closes all. */
void listeners_free(struct listeners **listeners);
/* Opens what `config` adds, then closes what it no longer has. Returns -1 if nothing changed; then
 * `words` say which address failed and what to do. A default address that this host does not have
 * is skipped with a warning. */
int listeners_apply(struct listeners *listeners, const struct config *config,
                    struct err *err) MUST_USE;
/* Returns what to do about an address on which we cannot listen. It is a sentence that follows
 * `why`, or "". */
const char *listeners_advice(const struct addr *at, const struct err *why);
/* From now on clients go to this relay. */
void listeners_set_relay(struct listeners *listeners, struct relay *relay);
size_t listeners_count(const struct listeners *listeners);
const struct addr *listeners_address(const struct listeners *listeners, size_t index);

#endif
