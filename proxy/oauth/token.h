/* The life of access tokens: fetched when they are needed, renewed ahead of their end, one
 * request at a time per grant, whoever asks. Everything is told later, on the loop.
 *
 * One grant is shared by all who open it with equal settings: accounts with one token file have
 * one refresher. Between processes the token file is the lock (store.h). */
#ifndef OAUTH_TOKEN_H
#define OAUTH_TOKEN_H

#include "io/http.h"
#include "io/io.h"
#include "io/loop.h"
#include "oauth/answer.h"
#include "oauth/settings.h"

/* All grants of a process. */
struct oauth;
/* One grant: what gives one access token after the other. */
struct token;

/* Keeps both. Gives. */
struct oauth *oauth_new(const struct io *io, struct http *http);
/* All tokens must be closed; what is under way is given up. NULL is fine. */
void oauth_free(struct oauth **oauth);
/* Whether a refresh token was sent or is being written: its replacement is lost with the process.
 * Who ends waits for it. */
bool oauth_is_writing(const struct oauth *oauth);

/* Gives; copies the settings. Nothing is fetched before somebody asks. */
struct token *token_open(struct oauth *oauth, const struct oauth_settings *settings);
/* A refresh that was sent is still awaited, for its answer holds the next refresh token. */
void token_close(struct token **token);

/* One question for the token. Embedded in the asker, who cancels it before he goes. */
struct token_request {
    struct link waiting;
    struct deferred later;
    struct token *token;
    /* secret borrowed until return; NULL: err says why, and `class` whether it is a refusal
     * (OAUTH_REFUSED, as refused credentials) or a matter of time (OAUTH_WAIT). */
    void (*answer)(void *ctx, const struct secret *secret, enum oauth_class class,
                   const struct err *err);
    void *ctx;
};
void token_request_init(struct token_request *r);
void token_ask(struct token *token, struct token_request *r,
               void (*answer)(void *ctx, const struct secret *secret, enum oauth_class class,
                              const struct err *err),
               void *ctx);
void token_cancel(struct token_request *r);

/* A server refused this access token: the next need fetches another one. False: it took the same
 * one a moment ago, from another account or identity, so that it is not the token's fault. others:
 * this asker logs in under several names. */
bool token_refused(struct token *token, const struct secret *secret, bool others);
/* A server took it. */
void token_accepted(struct token *token);

/* After a reload: a wait ends. */
void token_forgive(struct token *token);

/* How long no request is sent, and nobody gets a token; 0: one may be had. */
usec token_wait_left(const struct token *token);
/* how far the endpoint's clock is ahead, in seconds; 0 within a minute */
int64_t token_skew(const struct token *token);

enum token_result { TOKEN_GIVEN, TOKEN_REFUSED, TOKEN_PUT_OFF, TOKEN_RESULTS };

/* What an operator sees of it. Borrowed, until the next turn of the loop. */
struct token_view {
    enum token_flow flow;
    /* until the access token's end; 0: there is none */
    usec expires_in;
    /* Unix seconds: the client's secret, its certificate; 0: not known */
    int64_t secret_expires, certificate_expires;
    /* Why there is none: the endpoint's `error`, the provider's code, the sentence; "", 0, "". */
    const char *error;
    long code;
    const char *words;
    /* how long no request is sent */
    usec retry_in;
    /* requests by their result */
    uint64_t requests[TOKEN_RESULTS];
};
struct token_view token_view(const struct token *token);

#endif
