/* The mechanisms of AUTH (RFC 4954) that this program can speak as a client: ONE table. A new one
 * is a row here and a step function in smtp/sasl.c or beside it. The rows stand in the order in
 * which `auto` tries them. */
#ifndef BASE_MECHANISM_H
#define BASE_MECHANISM_H

#include <stdbool.h>

#include "base/attr.h"

enum { MECHANISM_NEVER_SLOW = -1 };

/* X(id, name in EHLO, word in the configuration, `auto` uses it, has an initial response, the step
 * that derives a key (0 is the first), the most steps it needs, the kind of secret it takes) */
#define MECHANISMS(X)                                                                              \
    X(OAUTHBEARER, "OAUTHBEARER", "oauthbearer", true, true, MECHANISM_NEVER_SLOW, 2, TOKEN)       \
    X(XOAUTH2, "XOAUTH2", "xoauth2", true, true, MECHANISM_NEVER_SLOW, 2, TOKEN)                   \
    X(SCRAM_SHA_256, "SCRAM-SHA-256", "scram-sha-256", true, true, 1, 3, PASSWORD)                 \
    X(PLAIN, "PLAIN", "plain", true, true, MECHANISM_NEVER_SLOW, 1, PASSWORD)                      \
    X(LOGIN, "LOGIN", "login", true, false, MECHANISM_NEVER_SLOW, 2, PASSWORD)                     \
    X(CRAM_MD5, "CRAM-MD5", "cram-md5", false, false, MECHANISM_NEVER_SLOW, 1, PASSWORD)

#define MECHANISM_ID(id, ...) MECHANISM_##id,
enum mechanism { MECHANISMS(MECHANISM_ID) MECHANISM_COUNT };
#undef MECHANISM_ID

/* The kind of a secret. A mechanism takes one kind only, so that a token is never given away as a
 * password, and no password as a token. */
enum mechanism_secret { MECHANISM_PASSWORD, MECHANISM_TOKEN };

/* A configuration asks for one of these: the best mechanism that is offered, no login at all, or
 * this mechanism alone. */
#define MECHANISM_CHOICE(id, ...) AUTH_##id,
enum auth_choice { AUTH_AUTO, AUTH_NONE, MECHANISMS(MECHANISM_CHOICE) AUTH_CHOICES };
#undef MECHANISM_CHOICE

struct mechanism_row {
    /* The name, as in EHLO and behind AUTH. */
    const char *name;
    /* The word of the key `auth` in the configuration. */
    const char *word;
    bool automatic;
    bool speaks_first;
    /* The step that derives a key, or MECHANISM_NEVER_SLOW. */
    int slow_step;
    unsigned steps;
    enum mechanism_secret secret;
};

const struct mechanism_row *mechanism_row(enum mechanism m);
/* Returns the mechanism's bit in a set of mechanisms. */
unsigned mechanism_bit(enum mechanism m);
/* May be used under this choice with a secret of that kind. */
bool mechanism_is_wanted(enum mechanism m, enum auth_choice choice, enum mechanism_secret secret);
/* The kind of secret that a choice which names a mechanism asks for; of the others: a password. */
enum mechanism_secret auth_choice_secret(enum auth_choice choice);
/* Returns "auto", "none", "plain" and so on. */
const char *auth_choice_word(enum auth_choice choice);

#endif
