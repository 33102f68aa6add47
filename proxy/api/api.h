/* Mail over HTTPS: what is asked of each service, and what its answers mean. A service is a file of
 * this room and a row in services.c. There is no I/O here. */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stdint.h>

#include "base/api_choice.h"
#include "base/buf.h"
#include "base/octets.h"
#include "base/secret.h"
#include "io/http.h"
#include "wire/reply.h"

struct api_service;

/* Gives NULL if the name is none. The names are those of the key `api`. */
const struct api_service *api_service_named(struct slice name);
/* NULL for API_NONE. */
const struct api_service *api_service_chosen(enum api_choice choice);
/* The number of services, and each of them in order. */
size_t api_service_count(void);
const struct api_service *api_service_at(size_t index);

const char *api_service_name(const struct api_service *s);
/* The base URL where `api_url` is not set. */
const char *api_service_url(const struct api_service *s);
/* What one message may have: recipients, and octets before they are encoded. */
size_t api_service_recipients(const struct api_service *s);
uint64_t api_service_size(const struct api_service *s);
/* The service knows no envelope: it sends to those whom To, Cc and Bcc name (recipients.h). */
bool api_service_reads_header(const struct api_service *s);
/* The service wants a name and a key (`api_user`, `api_secret_file`) instead of a token. */
bool api_service_takes_key(const struct api_service *s);

/* ---- the request ---- */

/* What one request is made of. All is borrowed while the request is made. */
struct api_order {
    const struct api_service *service;
    /* This is `api_url`, or NULL for the service's own address. */
    const char *url;
    /* The mailbox from which is sent: the account's name, or the identity. */
    const char *identity;
    /* This is `api_user`, or NULL for the service's own name. */
    const char *user;
    /* The token or the key. */
    const struct secret *secret;
    /* The addresses of the envelope, as the upstream gets them. */
    const char *const *recipients;
    size_t recipient_count;
    /* Random letters and digits, which no message can guess: they part the body where it has
     * parts. */
    const char *boundary;
    /* The message after all repairs. It is kept: what it reads must live as long as the
     * request. */
    struct octets message;
};

enum { API_HEADERS = 4 };

/* What is sent by POST. */
struct api_request {
    char *url;
    /* Lines "Name: value", ended by NULL, for http_ask. One of them holds the secret. */
    const char *headers[API_HEADERS + 1];
    /* The encoded body. It reads `message` meanwhile, and lives as long as the request, which must
     * not be moved. */
    struct octets body;

    /* The fields below belong to this room. */
    struct octets message;
    struct buf lines[API_HEADERS];
    /* Octets before and behind the message. */
    struct buf before, behind;
};

/* Gives the request, which is cleared whatever is returned. Returns -1 if the order
 * makes none: no domain is known, or something does not fit. */
int api_request_make(struct api_request *r, const struct api_order *order,
                     struct err *err) MUST_USE;
/* Wipes. A zeroed request may be cleared. */
void api_request_clear(struct api_request *r);

/* ---- the answer ---- */

enum api_end {
    /* The service has taken the message: 250. */
    API_ACCEPTED,
    /* It refuses this message, for good. */
    API_REFUSED,
    /* It refuses this message because of its size: 552 5.3.4, unless another rung takes it. */
    API_TOO_LARGE,
    /* It refuses our token or key. That is fetched, or read, anew, once; then this is API_RESTS. */
    API_UNAUTHORIZED,
    /* It refuses us, whatever the message: this rung rests, no other. */
    API_RESTS,
    /* Too much at once, or today: `wait`. */
    API_THROTTLED,
    /* It does not work just now and has taken nothing: the next rung. */
    API_FAILED,
    /* It may have taken the message, and does not know. */
    API_UNKNOWN,
    /* Its API does not give this answer, and nothing was taken: the finding `api`. */
    API_STRANGE,
};

struct api_verdict {
    enum api_end end;
    /* What the client gets to the end of data. The text is one line, printable, and holds the
     * service's own words or its id. */
    struct reply reply;
    /* The service's name for the message, or for the request, or "". Printable. */
    char id[128];
    /* The service's own reason, "ErrorSendAsDenied", or "". Printable. */
    char reason[64];
    /* The seconds for which the service asks, or -1. */
    int64_t wait;
};

/* Reads an answer. The verdict is to be cleared. */
void api_judge(struct api_verdict *v, const struct api_service *s, const struct http_answer *a);
/* What it means that there was no answer. sent: the last octet of the request had been handed to
 * the network. `why` is escaped. */
void api_judge_lost(struct api_verdict *v, const struct api_service *s, bool sent,
                    struct slice why);
void api_verdict_clear(struct api_verdict *v);

#endif
