/* The files of one grant, which are read again for each request, and the file of its refresh token,
 * which is locked during a request. All of it happens on the disk's helpers. */
#ifndef OAUTH_STORE_H
#define OAUTH_STORE_H

#include "io/io.h"
#include "oauth/settings.h"

struct token_store;

/* Gives. Copies the paths. Only a grant with a refresh token locks. */
struct token_store *token_store_new(const struct io *io, const struct oauth_settings *s,
                                    bool refreshes);
/* No callback follows. A lock is released. */
void token_store_free(struct token_store **store);

struct token_store_news {
    /* NULL if something could not be read, or if another process holds the lock (ERR_TIMEOUT).
     * Borrowed until the next take or the store's end. */
    const struct oauth_inputs *inputs;
    /* The digest of all inputs. It is equal if nothing has changed. */
    uint8_t print[32];
    struct err err;
};
typedef void token_store_fn(void *ctx, const struct token_store_news *news);

/* Reads all inputs. With `lock` the token file stays locked until token_store_put or
 * token_store_release. One call at a time. */
void token_store_take(struct token_store *store, bool lock, token_store_fn *fn, void *ctx);

/* Writes a rotated refresh token to the disk and releases the lock. If that fails, the token is
 * kept in memory and used all the same, and err says why. done comes later, on the loop. */
void token_store_put(struct token_store *store, const struct secret *token,
                     void (*done)(void *ctx, const struct err *err), void *ctx);
void token_store_release(struct token_store *store);

#endif
