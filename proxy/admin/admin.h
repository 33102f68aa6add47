/* The admin address (PROMISES 8): status page, /status.json, /metrics, /livez, /readyz, /acceptz.
 * It always counts, so that a reload that turns it on has something to show. It listens and proves
 * accounts only if the configuration has an address.
 *
 * The loop publishes a snapshot every second, and a moment after an event. HTTP threads answer from
 * it and touch nothing else. While an address is configured, an account whose knowledge is almost
 * as old as `reprobe` is proven again with a real session. An account that never worked is tried
 * once a minute. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "base/err.h"
#include "config/config.h"
#include "io/io.h"
#include "mail/message.h"

struct accounts;
struct admin;
struct snapshot;

/* The admin page's view of other rooms. It is asked from the loop when a snapshot is made.
 * Everything returned is borrowed for that moment. */
struct admin_source {
    const struct config *(*config)(void *ctx);
    const struct accounts *(*accounts)(void *ctx);
    unsigned (*clients)(void *ctx, const char *listener);
    /* Returns when the listener's certificate expires, in Unix seconds, or 0 if it shows none. */
    int64_t (*expires)(void *ctx, size_t listener);
    bool (*draining)(void *ctx);
    bool (*listening)(void *ctx);
    /* Who was refused, into the snapshot, which has its listeners, in the order of `config`. */
    void (*refused)(void *ctx, struct snapshot *s);
    /* What is kept, into the snapshot, which has its accounts, in the order of `accounts`. */
    void (*spool)(void *ctx, struct snapshot *s);
    void *ctx;
};

/* Gives. Keeps io, copies source. */
struct admin *admin_new(const struct io *io, const struct admin_source *source);
/* Closes all addresses. *admin may be NULL. */
void admin_free(struct admin **admin);

/* Binds the addresses that `config` adds, then closes those that it no longer has. A new address is
 * not answered before admin_serve, because threads are made after root was given up. Returns -1 if
 * nothing changed. Then *at_r is the address that failed. */
int admin_apply(struct admin *admin, const struct config *config, struct addr *at_r,
                struct err *err) MUST_USE;
/* Answers at the bound addresses, with a fresh snapshot. Call it after the start and after each
 * reload. */
void admin_serve(struct admin *admin);

/* Accounts are proven as for a page, though there may be none: somebody else wants to know. To be
 * followed by admin_serve. */
void admin_keep_proven(struct admin *admin, bool wanted);

/* Counts a message that has ended. Borrows it. */
void admin_message(struct admin *admin, const struct message *m);
void admin_reloaded(struct admin *admin, bool good);
/* Publishes at once that the server is shutting down: balancers must know. */
void admin_draining(struct admin *admin);
/* The knowledge about the accounts is not valid any more. */
void admin_network_changed(struct admin *admin);

#endif
