/* What the files of this room share: the row that each service is. */
#ifndef API_SERVICE_H
#define API_SERVICE_H

#include <jansson.h>

#include "api/api.h"

/* What an answer says in the service's own form. */
struct api_said {
    /* Borrowed from the JSON. NULL: it does not say. */
    const char *reason, *words, *id;
};

/* One meaning of an answer. The first row that applies counts. */
struct api_meaning {
    /* 0 is any status from 300 on. */
    int status;
    /* The service's own reason, or NULL for any. */
    const char *reason;
    /* What its words hold, in any case, or NULL for any. */
    const char *words;
    enum api_end end;
    /* The reply of API_REFUSED. */
    int code;
    const char *enhanced;
};

struct api_service {
    /* Its row in base/api_choice.h has its name and its URL. */
    enum api_choice choice;
    size_t recipients;
    uint64_t size;
    bool reads_header;
    /* Whether the message is sent in base64. */
    bool base64;
    /* Gives the URL, adds the service's headers but Authorization, and the octets around the
     * message. */
    int (*make)(struct api_request *r, const struct api_order *order, struct err *err);
    void (*read)(struct api_said *said, const json_t *body);
    /* Ends with a row of API_ACCEPTED. */
    const struct api_meaning *meanings;
};

extern const struct api_service api_graph, api_gmail, api_mailgun;

/* Adds a header. Returns false if it does not fit. */
bool api_request_header(struct api_request *r, const char *format, ...) PRINTF_LIKE(2, 3) MUST_USE;
/* Gives the base URL of the order, without a slash at its end, and what follows. */
char *api_request_url(const struct api_order *order, const char *format, ...) PRINTF_LIKE(2, 3);
/* Gives the text as a segment of a URL's path. */
char *api_request_segment(const char *text);

#endif
