/* What a token endpoint answered: a token, or what is to happen next. Everything in it is
 * hostile. */
#ifndef OAUTH_ANSWER_H
#define OAUTH_ANSWER_H

#include "base/secret.h"
#include "io/http.h"
#include "oauth/words.h"

/* What happens next; decided by the OAuth `error` and the HTTP status alone. */
enum oauth_class {
    OAUTH_OK,
    /* Our settings, or what the account's owner must do: rests as refused credentials do
     * (retry_auth). */
    OAUTH_REFUSED,
    /* Tried again soon: 1 s doubling to 5 minutes, not before Retry-After. */
    OAUTH_WAIT,
};

struct oauth_answer {
    enum oauth_class class;
    /* With OAUTH_OK. */
    struct secret *access_token;
    /* NULL: the answer had none, and the old one stays. */
    struct secret *refresh_token;
    /* Seconds. */
    int64_t expires_in;
    /* "" where there was none; printable. */
    char error[64], description[512], suberror[64];
    long codes[OAUTH_CODES];
    int status;
};

/* Makes jansson wipe what it frees, for the whole process. Called once, before there are
 * threads. */
void oauth_prepare(void);

/* Reads the endpoint's answer. To be cleared. */
void oauth_answer_read(struct oauth_answer *a, int status, struct slice body);
/* Wipes. */
void oauth_answer_clear(struct oauth_answer *a);

/* What a device endpoint answered: a code for the person, and one for us. */
struct oauth_device {
    /* NULL: the answer was none; then it is to be read as an oauth_answer. */
    struct secret *device_code;
    /* For the person; printable. */
    char user_code[64], uri[256];
    /* Seconds. */
    int64_t expires_in, interval;
};

void oauth_device_read(struct oauth_device *d, int status, struct slice body);
void oauth_device_clear(struct oauth_device *d);

/* Borrows from the answer. */
struct oauth_said oauth_answer_said(const struct oauth_answer *a);

#endif
