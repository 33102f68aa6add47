/* The files behind one grant, read anew for each request, and the place of its refresh token,
 * which is locked while a request is under way. All of it happens on the disk's helpers. */
#ifndef OAUTH_STORE_H
#define OAUTH_STORE_H

#include "io/io.h"
#include "oauth/settings.h"

struct store;

/* Gives. Copies the paths; locks only where a refresh token is used. */
struct store *store_new(const struct io *io, const struct oauth_settings *s, bool refreshes);
/* What is under way is not told any more; a lock goes with it. */
void store_free(struct store **store);

struct store_news {
    /* NULL: something could not be read, or the lock is held elsewhere (ERR_TIMEOUT). Borrowed
     * until the next take or the store's end. */
    const struct oauth_inputs *inputs;
    /* Of all inputs: equal where nothing has changed. */
    uint8_t print[32];
    struct err err;
};
typedef void store_fn(void *ctx, const struct store_news *news);

/* Reads all inputs; with `lock` the token file stays locked until store_put or store_release.
 * One at a time. */
void store_take(struct store *store, bool lock, store_fn *fn, void *ctx);

/* Puts a rotated refresh token onto the disk and gives the lock back. Where that fails the token is
 * kept in memory and err says why; it is used all the same. done comes later, on the loop. */
void store_put(struct store *store, const struct secret *token,
               void (*done)(void *ctx, const struct err *err), void *ctx);
void store_release(struct store *store);

#endif
