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
/* Copies the secret of the credential before a reload, because the file it came from cannot be read
 * any more. */
void credential_take_over(struct credential *c, const struct credential *before);
/* For an account at the same host that a reload made anew: if the secret is still the refused one,
 * its wait continues. */
void credential_inherit(struct credential *c, const struct credential *before);

/* The function `fetched` is called on the loop when a source that was asked again has answered.
 * With `differs` the secret is another than the refused one, so it may be tried. NULL removes
 * the listener. */
void credential_set_listener(struct credential *c, void (*fetched)(void *ctx, bool differs),
                             void *ctx);

/* Call this after a reload with equal connection settings. Returns true if the secret changed,
 * which ends a retry_auth wait. A source that the configuration cannot read is asked again instead,
 * and the listener is called. */
bool credential_update(struct credential *c, const struct upstream_config *cfg);

/* One request for the secret. It is embedded in the caller's struct. Call credential_cancel before
 * freeing that. */
struct credential_request {
    struct deferred later;
    /* Is in the list of requests that wait for the source. */
    struct link waiting;
    struct credential *credential;
    /* Borrows the secret until it returns. NULL with err means that it could not be fetched. */
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

/* Borrows the configured username, "" if there is none. */
const char *credential_user(const struct credential *c);
/* The key that names the secret's file, where it is not password_file. Borrows it. */
void credential_set_file_key(struct credential *c, const char *key);
/* Borrows the key of the configuration that says where the secret comes from. */
const char *credential_key(const struct credential *c);

/* Call this for 535, 534 and 530. The wait begins; it doubles from the first value to the longest.
 * The source is asked again. */
void credential_refused(struct credential *c);
/* The same, where the source was asked again already: it is not asked once more. */
void credential_rest(struct credential *c);
/* One identity's login was refused, not the account's: the source is asked whether there is another
 * secret by now, and the listener told. false: there is nothing to ask. */
bool credential_ask_again(struct credential *c) MUST_USE;
/* After this the next refusal begins with the first wait again. */
void credential_accepted(struct credential *c);
/* Returns the time until the secret may be tried. 0 means now. */
usec credential_wait_left(const struct credential *c);
/* Returns whether the last answer was a refusal, even if its wait is over. */
bool credential_is_refused(const struct credential *c);
/* Returns whether the source was asked after a refusal and has not answered. Its answer may end the
 * wait. */
bool credential_is_asked_again(const struct credential *c);

/* Returns whether it logs in by tokens that a service gives. */
bool credential_gives_tokens(const struct credential *c);
/* Returns how long no token can be had. Nobody asks for one meanwhile. Returns
 * 0 if one may be had. */
usec credential_denied_for(const struct credential *c);
/* Returns the words of the last failure, or "" if nothing failed. */
const char *credential_denial(const struct credential *c);
/* Returns false if it has no access token. */
bool credential_token_view(const struct credential *c, struct token_view *view_r);

#endif
