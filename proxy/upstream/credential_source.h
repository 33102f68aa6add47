/* A source of the secret of a login. A kind of source is a row of functions in its own file and a
 * place in the list of credential_source.c. For all kinds alike, credential.c decides when to ask,
 * whom to answer and how long a refused secret rests. */
#ifndef UPSTREAM_CREDENTIAL_SOURCE_H
#define UPSTREAM_CREDENTIAL_SOURCE_H

#include "base/secret.h"
#include "config/config.h"
#include "io/io.h"
#include "io/loop.h"
#include "oauth/token.h"

/* One account's source. Each kind has its own struct behind this name. */
struct source;

struct source_owner {
    const struct io *io;
    /* Whose login it is, where each has a secret of its own; borrowed during make. */
    const char *identity;
    /* The answer to an ask. Takes secret; NULL with err: it is not to be had. Never told from
     * inside ask. */
    void (*answered)(void *ctx, struct secret *secret, const struct err *err);
    void *ctx;
};

struct source_kind {
    /* The key of the configuration that names this kind, for the log. */
    const char *key;
    /* The configuration holds the secret as it was when the configuration was read. */
    bool configured;
    /* A failed ask leaves the previous secret in use, because it may be right. */
    bool outlives_failure;
    /* What it gives are access tokens that somebody else issues: the wait for one is its own, and
     * it says itself why there is none. */
    bool gives_tokens;
    /* How often it is asked while a refused secret rests; 0: it is not. */
    usec watched;
    bool (*is_given)(const struct upstream_config *cfg);
    /* Keeps owner's io, copies the rest. Gives, or returns NULL if the kind keeps nothing. */
    struct source *(*make)(const struct source_owner *owner, const struct upstream_config *cfg);
    /* Begins to fetch the secret. The answer comes later, on the loop, once. It is not called again
     * before that. It is NULL if the kind has nothing but what is configured. */
    void (*ask)(struct source *source);
    /* The upstream refused the last answer. Returns true if asking may give another secret now. */
    bool (*refused)(struct source *source);
    /* Or NULL: the upstream took what was answered last. */
    void (*accepted)(struct source *source);
    /* How long an answer may be used without asking again; NULL: for ever. 0: it is asked each
     * time, and has what lives at hand. */
    usec (*life)(const struct source *source);
    /* Or NULL: how long it has nothing to give, asked or not; 0: it may have. */
    usec (*wait_left)(const struct source *source);
    /* Or NULL: what an operator sees. */
    bool (*view)(const struct source *source, struct token_view *view_r);
    /* After a reload that names the same kind. True: it is another source now, or a fresher
     * secret stands in the configuration; an answer under way does not come any more. */
    bool (*update)(struct source *source, const struct upstream_config *cfg);
    /* Takes the source. An answer that is on its way is dropped. */
    void (*free)(struct source *source);
};

extern const struct source_kind credential_fixed, credential_file, credential_command,
    credential_token;

/* Never returns NULL: without any key the login has no secret, and its kind is fixed. */
const struct source_kind *source_kind_of(const struct upstream_config *cfg);

#endif
