/* The client's side of SASL: one exchange, bytes in, bytes out, no network. PLAIN and LOGIN are
 * built here, OAUTHBEARER and XOAUTH2 in sasl_oauth.c, CRAM-MD5 and SCRAM-SHA-256 by libgsasl
 * (which draws its own nonce). Challenges and responses are base64 as they stand on the SMTP line
 * (RFC 4954 section 4). */
#ifndef SMTP_SASL_H
#define SMTP_SASL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mechanism.h"
#include "base/secret.h"

/* RFC 7677 section 4: fewer makes guessing the password too cheap for whoever reads along */
#define SASL_LEAST_ITERATIONS 4096

struct sasl;

/* Who logs in where. All borrowed. */
struct sasl_login {
    const char *user;
    /* of the kind that the mechanism takes: a password, or an access token */
    const struct secret *secret;
    /* the server, as it is called in the configuration; NULL: not said */
    const char *host;
    unsigned port;
};

/* Copies what it is given; sasl_free wipes it. NULL with ERR_INVALID or ERR_LIMIT (a name, password
 * or token that the mechanism can't carry). Gives. */
struct sasl *sasl_new(enum mechanism m, const struct sasl_login *login, struct err *err) MUST_USE;
void sasl_free(struct sasl **s);

/* has an initial response: the first step may be taken before any challenge, with "" */
bool sasl_speaks_first(const struct sasl *s);

/* octets that the longest response of this mechanism has */
size_t sasl_response_cap(enum mechanism m);

/* Answers one challenge: appends the response to `response` (nothing: an empty line). An empty
 * challenge behind the initial response asks for it again, and is answered once. The wording of
 * LOGIN's and PLAIN's prompts is not looked at. -1 with ERR_PROTOCOL: a challenge that is wrong,
 * one too many, or a server that can't prove that it knows the password. */
int sasl_step(struct sasl *s, struct slice challenge, struct buf *response,
              struct err *err) MUST_USE;

/* The next step derives a key, which takes from 2 ms to a second: not on the loop. A step touches
 * nothing but `s` and its arguments. */
bool sasl_next_is_slow(const struct sasl *s);

/* Everything was said, and the server has proved itself where the mechanism has such a proof
 * (SCRAM's signature): only now may a 235 be believed. */
bool sasl_is_satisfied(const struct sasl *s);

/* What the server said against the token in the error step, in one printable line ("status 400,
 * schemes Bearer, scope https://mail.example"), CAP_TOKEN_COMPLAINT at most; "": there was none.
 * Untrusted: it may hold the token. Borrows. */
const char *sasl_complaint(const struct sasl *s);

#endif
