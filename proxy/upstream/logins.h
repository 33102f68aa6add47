/* The logins of one account, an entry for each identity (`identity = sender`: for each sender; else
 * there is one): its gate, and how long it rests after a refusal. One sender's refusal says nothing
 * of the others, unless a few different ones are refused in a row and none is accepted: then it is
 * the account's, as with one identity always. The number of entries is bounded; the one that was
 * not used for longest goes first, and its rest is forgotten with it. */
#ifndef UPSTREAM_LOGINS_H
#define UPSTREAM_LOGINS_H

#include "config/config.h"
#include "io/io.h"
#include "upstream/credential.h"
#include "upstream/gate.h"

struct logins;

struct login {
    struct link link;
    char *identity;
    /* A token of a service account is for one mailbox, so the login has a credential of its own.
     * This is NULL if the login uses that of the account. */
    struct credential *credential;
    struct gate gate;
    /* The number of dials that hold it. */
    unsigned users;
    /* Its last answer was a refusal. */
    bool refused;
    /* The secret's source was asked for a new secret and has not answered. */
    bool awaits_secret;
    /* One more AUTH was granted after this refusal. */
    bool second_chance;
    /* The row of refusals in which it was refused last. */
    uint64_t row;
    /* The last wait, or 0, and the loop time of its end. */
    usec wait, until;
};

/* Keeps io, borrows the rest. Gives. */
struct logins *logins_new(const struct io *io, const struct upstream_config *cfg,
                          struct credential *credential);
/* No entry may be held. */
void logins_free(struct logins **l);

/* Returns the entry of an identity, and makes it if there is none. It stays until it is
 * released. */
struct login *logins_hold(struct logins *l, const char *identity);
void logins_release(struct login *login);

/* Returns the credential with which an identity logs in: its own, made if there is none, or that of
 * the account. It is borrowed as long as the identity is held, or until the end of the turn. */
struct credential *logins_credential(struct logins *l, const char *identity);
/* Returns how long no access token can be had. Nobody asks for one meanwhile. Returns
 * 0 if one may be had. With identity NULL it returns what holds for all. */
usec logins_denied_for(const struct logins *l, const char *identity);
/* Does what credential_set_listener does, for the credentials of all logins. */
void logins_set_listener(struct logins *l, void (*fetched)(void *ctx, bool differs), void *ctx);

bool logins_is_proven(const struct logins *l, const char *identity);
/* Returns 0 if it may be tried, as far as this identity is concerned. The account's own rest is in
 * the credential. */
usec logins_wait_left(const struct logins *l, const char *identity);
bool logins_is_refused(const struct logins *l, const char *identity);
/* It was refused, and the source is asked again, so it is neither resting nor open for a moment. */
bool logins_awaits_secret(const struct logins *l, const char *identity);

/* An AUTH was answered 2xx: all of this identity pass. */
void logins_accepted(struct logins *l, const char *identity);
/* The next AUTH goes alone. true: the account is refused, and its credential was told so; false:
 * this identity alone. */
bool logins_refused(struct logins *l, const char *identity);
/* The same, where the source was asked again already: it is not asked once more. */
bool logins_rest(struct logins *l, const char *identity);
/* The source was asked again, and has answered; differs: with another secret. true: somebody waited
 * for that. */
bool logins_secret_fetched(struct logins *l, bool differs);
/* A reload: retry_auth may be another. */
void logins_update(struct logins *l, const struct upstream_config *cfg);
/* A reload, another secret: the next AUTH of each goes alone; forgiven: nobody rests any more. */
void logins_doubted(struct logins *l, bool forgiven);

/* The gates: all those who wait are put outside; with the holders, too. NULL: of all identities. */
void logins_dismiss(struct logins *l);
void logins_clear(struct logins *l, const char *identity);

#endif
