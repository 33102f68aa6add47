/* The admin address (PROMISES 8): status page, /status.json, /metrics, /livez, /readyz,
 * /acceptz. Counts always, so that a reload that turns it on has something to show; listens and
 * proves accounts only where the configuration has an address.
 *
 * The loop publishes a snapshot every second, and a moment after something happened; HTTP threads
 * answer from it and touch nothing else. While it is on, an account whose knowledge nears the age
 * of `reprobe` is proven anew by a real session, one that never worked once a minute. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "base/err.h"
#include "config/config.h"
#include "io/io.h"
#include "mail/message.h"

struct accounts;
struct admin;
struct spool_shown;

/* What other rooms know, asked from the loop when a snapshot is made. All that comes back is
 * borrowed for that moment. */
struct admin_source {
    const struct config *(*config)(void *ctx);
    const struct accounts *(*accounts)(void *ctx);
    unsigned (*clients)(void *ctx, const char *listener);
    /* of its certificate, Unix seconds; 0: it shows none */
    int64_t (*expires)(void *ctx, size_t listener);
    bool (*draining)(void *ctx);
    bool (*listening)(void *ctx);
    /* of what is kept; account NULL: of all */
    void (*spool)(void *ctx, const char *account, struct spool_shown *out);
    void *ctx;
};

/* keeps io, copies source. Gives */
struct admin *admin_new(const struct io *io, const struct admin_source *source);
/* closes all; NULL is fine */
void admin_free(struct admin **admin);

/* Binds what `config` has and we have not, then closes what it no longer has. Nobody is answered at
 * a new address before admin_serve: threads are made after root was given up. On -1 nothing
 * changed, and *at_r is the address. */
int admin_apply(struct admin *admin, const struct config *config, struct addr *at_r,
                struct err *err) MUST_USE;
/* Answers at what was bound, with a fresh snapshot; after the start and after each reload. */
void admin_serve(struct admin *admin);

/* one that ended; borrows */
void admin_message(struct admin *admin, const struct message *m);
void admin_reloaded(struct admin *admin, bool good);
/* balancers must know at once */
void admin_draining(struct admin *admin);
/* what is known is worth nothing any more */
void admin_network_changed(struct admin *admin);

#endif
