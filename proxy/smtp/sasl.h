/* The client's side of SASL is one exchange of bytes without a network. sasl.c builds PLAIN and
 * LOGIN, and sasl_oauth.c builds OAUTHBEARER and XOAUTH2. libgsasl builds CRAM-MD5 and
 * SCRAM-SHA-256, and draws its own nonce. Challenges and responses are base64 as they stand on the
 * SMTP line (RFC 4954 section 4). */
#ifndef SMTP_SASL_H
#define SMTP_SASL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mechanism.h"
#include "base/secret.h"

/* RFC 7677 section 4 sets this least number of iterations. With fewer, an eavesdropper could guess
 * the password too cheaply. */
#define SASL_LEAST_ITERATIONS 4096

struct sasl;

/* Says which user logs in to which server. All of it is borrowed. */
struct sasl_login {
    const char *user;
    /* Is a password or an access token, whichever the mechanism takes. */
    const struct secret *secret;
    /* Names the server as the configuration does. NULL means that it is not said. */
    const char *host;
    unsigned port;
};

/* Copies what it is given. sasl_free wipes the copy. Returns NULL with ERR_INVALID or ERR_LIMIT if
 * the mechanism cannot carry the name, the password or the token. Gives. */
struct sasl *sasl_new(enum mechanism m, const struct sasl_login *login, struct err *err) MUST_USE;
void sasl_free(struct sasl **s);

/* Returns whether there is an initial response. Then the first step may be taken before any
 * challenge, with "". */
bool sasl_speaks_first(const struct sasl *s);

/* Returns how many octets the longest response of this mechanism has. */
size_t sasl_response_cap(enum mechanism m);

/* Answers one challenge. Appends the response to `response`, or nothing if it is an empty line. An
 * empty challenge behind the initial response asks for it again, and is answered once. The wording
 * of LOGIN's and PLAIN's prompts is not looked at. Returns -1 with ERR_PROTOCOL if the challenge is
 * wrong or one too many, or if the server cannot prove that it knows the password. */
int sasl_step(struct sasl *s, struct slice challenge, struct buf *response,
              struct err *err) MUST_USE;

/* Returns whether the next step derives a key. That takes from 2 ms to a second, so it must not
 * happen on the loop. A step touches nothing but `s` and its arguments. */
bool sasl_next_is_slow(const struct sasl *s);

/* Returns whether everything was said, and the server has proved itself where the mechanism has
 * such a proof (SCRAM's signature). Only then may a 235 be believed. */
bool sasl_is_satisfied(const struct sasl *s);

/* Returns what the server said against the token in the error step, or "" if it said nothing. It is
 * one printable line of at most CAP_TOKEN_COMPLAINT octets. It is "status 400, schemes Bearer,
 * scope https://mail.example", for example. It is not trusted, because it may hold the token.
 * Lends. */
const char *sasl_complaint(const struct sasl *s);

#endif
