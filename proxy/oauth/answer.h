/* The answer of a token endpoint: a token, or an error that decides what happens next. Everything
 * in it is hostile. */
#ifndef OAUTH_ANSWER_H
#define OAUTH_ANSWER_H

#include "base/secret.h"
#include "io/http.h"
#include "oauth/words.h"

/* What happens next. Only the OAuth `error` and the HTTP status decide it. */
enum oauth_class {
    OAUTH_OK,
    /* Our settings are wrong, or the account's owner must do something. No request is sent for a
     * while, as after refused credentials (retry_auth). */
    OAUTH_REFUSED,
    /* It is tried again after 1 s, doubled each time up to 5 minutes, and not before
     * Retry-After. */
    OAUTH_WAIT,
};

struct oauth_answer {
    enum oauth_class class;
    /* With OAUTH_OK. */
    struct secret *access_token;
    /* NULL if the answer had none. Then the old one stays valid. */
    struct secret *refresh_token;
    /* Seconds. */
    int64_t expires_in;
    /* Printable, or "" if there was none. */
    char error[64], description[512], suberror[64];
    long codes[OAUTH_CODES];
    int status;
};

/* Makes jansson wipe what it frees, in the whole process. Call it once, before there are
 * threads. */
void oauth_prepare(void);

/* Reads the endpoint's answer. Gives the content of *a, which oauth_answer_clear frees. */
void oauth_answer_read(struct oauth_answer *a, int status, struct slice body);
/* Wipes and frees the content. */
void oauth_answer_clear(struct oauth_answer *a);

/* The answer of a device endpoint: a code for the person, and one for us. */
struct oauth_device {
    /* NULL if it was no such answer. Then read it as an oauth_answer. */
    struct secret *device_code;
    /* For the person. Printable. */
    char user_code[64], uri[256];
    /* Seconds. */
    int64_t expires_in, interval;
};

void oauth_device_read(struct oauth_device *d, int status, struct slice body);
void oauth_device_clear(struct oauth_device *d);

/* Borrows from the answer. */
struct oauth_said oauth_answer_said(const struct oauth_answer *a);

#endif
