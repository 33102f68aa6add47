/* The credential of one account: the secret that its source gives (credential_source), and how long
 * a refused one rests (retry_auth). The secret is asked for and comes later, on the loop: what is
 * configured at the end of the turn, what a source must fetch when it has answered. A source is
 * asked at the first need, at once after a refusal (then one more AUTH may go if its answer
 * differs), at the need after that refusal's wait, and on a reload; one that gives tokens also at
 * the need after 45 minutes, and a file every so often while a refused secret rests. */
#ifndef UPSTREAM_CREDENTIAL_H
#define UPSTREAM_CREDENTIAL_H

#include "base/list.h"
#include "base/secret.h"
#include "config/config.h"
#include "io/io.h"
#include "io/loop.h"

struct credential;
struct token_view;

/* Keeps io, copies the rest. identity: whose login it is, where each has a secret of its own; NULL:
 * the configured user's. Gives. */
struct credential *credential_new(const struct io *io, const struct upstream_config *cfg,
                                  const char *identity);
void credential_free(struct credential **c);
/* Copies the secret of the credential before a reload: the file it came from cannot be read any
 * more. */
void credential_take_over(struct credential *c, const struct credential *before);
/* An account that a reload made anew, at the same host: what was refused before and is still the
 * same rests on. */
void credential_inherit(struct credential *c, const struct credential *before);

/* Told on the loop when a source that was asked again has answered; differs: with another secret
 * than the refused one, which may be tried. NULL: nobody is. */
void credential_set_listener(struct credential *c, void (*fetched)(void *ctx, bool differs),
                             void *ctx);

/* After a reload with equal connection settings. A changed secret ends a retry_auth wait; true: it
 * changed. A source that the configuration cannot read is asked again instead, and the listener
 * told. */
bool credential_update(struct credential *c, const struct upstream_config *cfg);

/* One question for the secret. Embedded in the asker; credential_cancel it before it goes. */
struct credential_request {
    struct deferred later;
    /* for the source */
    struct link waiting;
    struct credential *credential;
    /* secret borrowed until return; NULL with err: not to be had */
    void (*answer)(void *ctx, const struct secret *secret, const struct err *err);
    void *ctx;
};
void credential_request_init(struct credential_request *r);
void credential_ask(struct credential *c, struct credential_request *r,
                    void (*answer)(void *ctx, const struct secret *secret, const struct err *err),
                    void *ctx);
void credential_cancel(struct credential_request *r);
/* Begins to fetch an access token beside connect and TLS, so that it is there in time. */
void credential_prepare(struct credential *c);

/* the configured username, "" none */
const char *credential_user(const struct credential *c);
/* The key of the configuration that says where the secret comes from. */
const char *credential_key(const struct credential *c);

/* 535, 534, 530: the wait begins, doubling from the first to the longest; the source is asked
 * again */
void credential_refused(struct credential *c);
/* One identity's login was refused, not the account's: the source is asked whether there is another
 * secret by now, and the listener told. false: there is nothing to ask. */
bool credential_ask_again(struct credential *c) MUST_USE;
/* the next refusal waits the first wait again */
void credential_accepted(struct credential *c);
/* 0: it may be tried */
usec credential_wait_left(const struct credential *c);
/* the last answer was a refusal, whether the wait is over or not */
bool credential_is_refused(const struct credential *c);
/* after a refusal, and the source has not answered: perhaps the wait ends with it */
bool credential_is_asked_again(const struct credential *c);

/* It logs in by tokens that a service gives. */
bool credential_gives_tokens(const struct credential *c);
/* No token is to be had for so long, and nobody asks for one meanwhile; 0: one may be had. */
usec credential_denied_for(const struct credential *c);
/* Why; "" where nothing failed. */
const char *credential_denial(const struct credential *c);
/* false: it has none */
bool credential_token_view(const struct credential *c, struct token_view *view_r);

#endif
