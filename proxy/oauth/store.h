/* The files behind one grant, read anew for each request, and the place of its refresh token,
 * which is locked while a request is under way. All of it happens on the disk's helpers. */
#ifndef OAUTH_STORE_H
#define OAUTH_STORE_H

#include "io/io.h"
#include "oauth/settings.h"

struct token_store;

/* Gives. Copies the paths; locks only where a refresh token is used. */
struct token_store *token_store_new(const struct io *io, const struct oauth_settings *s,
                                    bool refreshes);
/* What is under way is not told any more; a lock goes with it. */
void token_store_free(struct token_store **store);

struct token_store_news {
    /* NULL: something could not be read, or the lock is held elsewhere (ERR_TIMEOUT). Borrowed
     * until the next take or the store's end. */
    const struct oauth_inputs *inputs;
    /* Of all inputs: equal where nothing has changed. */
    uint8_t print[32];
    struct err err;
};
typedef void token_store_fn(void *ctx, const struct token_store_news *news);

/* Reads all inputs; with `lock` the token file stays locked until token_store_put or token_store_release.
 * One at a time. */
void token_store_take(struct token_store *store, bool lock, token_store_fn *fn, void *ctx);

/* Puts a rotated refresh token onto the disk and gives the lock back. Where that fails the token is
 * kept in memory and err says why; it is used all the same. done comes later, on the loop. */
void token_store_put(struct token_store *store, const struct secret *token,
                     void (*done)(void *ctx, const struct err *err), void *ctx);
void token_store_release(struct token_store *store);

#endif
