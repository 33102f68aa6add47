/* The mechanisms' files share this. No other file includes it. */
#ifndef SMTP_SASL_PRIVATE_H
#define SMTP_SASL_PRIVATE_H

#include <gsasl.h>

#include "base/caps.h"
#include "smtp/sasl.h"

struct sasl {
    enum mechanism mechanism;
    /* The number of steps that were taken so far. */
    unsigned steps;
    bool satisfied;
    /* The flag `repeated` says that the initial response was asked for again. The flag
     * `asked_again` says that this step gives it again. */
    bool repeated, asked_again;
    /* Keeps the initial response of the library's mechanisms. It holds no secret. */
    struct buf first;
    char *user;
    /* Is the token for a mechanism that takes one. */
    struct secret *password;
    /* OAUTHBEARER names this server and port. "" and 0 mean that they are not said. */
    char *host;
    unsigned port;
    /* Keeps what the server said against a token, or "" if it said nothing. */
    char complaint[CAP_TOKEN_COMPLAINT];
    /* Only CRAM-MD5 and SCRAM use the library. Each exchange has its own, so that no state is
     * global. */
    Gsasl *library;
    Gsasl_session *session;
};

/* Takes one step of its mechanism, as sasl_step does. */
typedef int sasl_stepper(struct sasl *s, struct slice challenge, struct buf *response,
                         struct err *err);

/* ---- sasl.c ---- */
/* Appends the bytes in base64. Returns -1 with ERR_LIMIT if they do not fit. */
int sasl_encode(struct slice bytes, struct buf *response, struct err *err) MUST_USE;

/* ---- sasl_oauth.c ---- */
sasl_stepper sasl_step_oauthbearer, sasl_step_xoauth2;
/* Returns -1 with ERR_INVALID or ERR_LIMIT if these mechanisms cannot say the user or the token. */
int sasl_check_token(const struct sasl *s, struct err *err) MUST_USE;

#endif
