/* What the mechanisms' files share, and nobody else sees. */
#ifndef SMTP_SASL_PRIVATE_H
#define SMTP_SASL_PRIVATE_H

#include <gsasl.h>

#include "base/caps.h"
#include "smtp/sasl.h"

struct sasl {
    enum mechanism mechanism;
    /* taken so far */
    unsigned steps;
    bool satisfied;
    /* the initial response; asked_again: this step is it */
    bool repeated, asked_again;
    /* the initial response of the library's mechanisms, which holds no secret */
    struct buf first;
    char *user;
    /* or the token */
    struct secret *password;
    /* the server's name and port, for OAUTHBEARER; "" and 0: not said */
    char *host;
    unsigned port;
    /* what the server said against a token; "" nothing */
    char complaint[CAP_TOKEN_COMPLAINT];
    /* CRAM-MD5 and SCRAM only; one per exchange: no global state */
    Gsasl *library;
    Gsasl_session *session;
};

/* Takes one step of its mechanism; as sasl_step. */
typedef int sasl_stepper(struct sasl *s, struct slice challenge, struct buf *response,
                         struct err *err);

/* ---- sasl.c ---- */
/* Appends the bytes in base64. -1 with ERR_LIMIT: they don't fit. */
int sasl_encode(struct slice bytes, struct buf *response, struct err *err) MUST_USE;

/* ---- sasl_oauth.c ---- */
sasl_stepper sasl_step_oauthbearer, sasl_step_xoauth2;
/* -1 with ERR_INVALID or ERR_LIMIT: the user or the token cannot be said in one of these. */
int sasl_check_token(const struct sasl *s, struct err *err) MUST_USE;

#endif
