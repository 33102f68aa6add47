/* The life of access tokens. They are fetched when they are needed, and renewed before they end.
 * Each grant has one request at a time. Every answer comes later, on the loop.
 *
 * Accounts that open a grant with equal settings share it, so that accounts with one token file
 * have one refresher. Between processes the token file is the lock (store.h). */
#ifndef OAUTH_TOKEN_H
#define OAUTH_TOKEN_H

#include "io/http.h"
#include "io/io.h"
#include "io/loop.h"
#include "oauth/answer.h"
#include "oauth/settings.h"

/* All grants of a process. */
struct oauth;
/* One grant, which gives one access token after the other. */
struct token;

/* Keeps both. Gives. */
struct oauth *oauth_new(const struct io *io, struct http *http);
/* All tokens must be closed. Requests in progress are given up. NULL is fine. */
void oauth_free(struct oauth **oauth);
/* Returns whether a refresh token was sent or is being written. If the process ended now, the next
 * token would be lost, so an orderly end waits for it. */
bool oauth_is_writing(const struct oauth *oauth);

/* Gives. Copies the settings. Nothing is fetched before token_ask. */
struct token *token_open(struct oauth *oauth, const struct oauth_settings *settings);
/* A refresh that was sent is still awaited, because its answer holds the next refresh token. */
void token_close(struct token **token);

/* One question for the token. It is embedded in its owner, which cancels it before it is freed. */
struct token_request {
    struct link waiting;
    struct deferred later;
    struct token *token;
    /* The secret is borrowed until return. If it is NULL, err says why, and class says whether it
     * is a refusal (OAUTH_REFUSED, like refused credentials) or will pass (OAUTH_WAIT). */
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

/* A server refused this access token, so the next token_ask fetches another one. Returns false if
 * it was accepted a moment ago for another identity: then the token is good. If it was accepted for
 * the same one, it was revoked since. identity is NULL if the caller logs in with several names. */
bool token_refused(struct token *token, const struct secret *secret, const char *identity);
/* A server accepted it for this identity, the name that was logged in. */
void token_accepted(struct token *token, const char *identity);

/* Call this after a reload. Ends a wait. */
void token_forgive(struct token *token);

/* Returns how long no request will be sent and no token is to be had, or 0. */
usec token_wait_left(const struct token *token);
/* Returns how far the endpoint's clock is ahead, in seconds. Less than a minute counts as 0. */
int64_t token_skew(const struct token *token);

enum token_result { TOKEN_GIVEN, TOKEN_REFUSED, TOKEN_PUT_OFF, TOKEN_RESULTS };

/* The state of a token for the page and the metrics. Its texts are borrowed until the next turn of
 * the loop. */
struct token_view {
    enum token_flow flow;
    /* The time until the access token's end, or 0 if there is none. */
    usec expires_in;
    /* The ends of the client's secret and certificate in Unix seconds, or 0 if they are not
     * known. */
    int64_t secret_expires, certificate_expires;
    /* Why there is no token: the endpoint's `error`, the provider's code and the sentence.
     * Otherwise "", 0 and "". */
    const char *error;
    long code;
    const char *words;
    /* How long no request is sent. */
    usec retry_in;
    /* The number of requests by their result. */
    uint64_t requests[TOKEN_RESULTS];
};
struct token_view token_view(const struct token *token);

#endif
