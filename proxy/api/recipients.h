/* A message for a service that knows no envelope: it sends to those whom To, Cc and
 * Bcc name. So the header's recipients are compared with those of the envelope. Nobody may get the
 * message who is not in the envelope, and nobody in it may miss it. */
#ifndef API_RECIPIENTS_H
#define API_RECIPIENTS_H

#include "base/buf.h"
#include "base/octets.h"
#include "wire/address.h"

struct api_recipients {
    /* The addresses of the envelope, as the upstream gets them. Borrowed. */
    const char *const *list;
    size_t count;
    /* Gives the address that `aliases` and `qualify` make of one without a domain, or NULL. May be
     * NULL. */
    char *(*complete)(void *ctx, const struct address *a);
    void *ctx;
};

enum api_fit {
    API_FITS,
    /* The header names others: `words` has their addresses. */
    API_NAMES_OTHERS,
    /* The header cannot be read with certainty: `words` says what. */
    API_UNREADABLE,
};

/* The message with its new header. It must not be moved while it is read. */
struct api_message {
    /* All of it: the new header section, then the body as it came. */
    struct octets octets;

    struct octets source;
    struct buf header;
    /* Where the part begins that stays. */
    uint64_t body_at;
};

/* Reads the header section of `source` and makes the message that the service gets: it is the same
 * octets, but for recipients whom no header names, which are put into the one Bcc field, and
 * addresses without a domain, which are completed. `words` is for people: it is bounded and
 * printable. *m is cleared whatever is returned. */
enum api_fit api_message_make(struct api_message *m, const struct api_recipients *r,
                              struct octets source, char *words, size_t size);
void api_message_clear(struct api_message *m);

#endif
