/* One message on its way into the spool, as its client gave it: the envelope, the octets so far,
 * and the file that they go to. While nobody knows yet whether the message will be kept, a body
 * within the replay copy's caps stays in memory; a larger one is written to its file beside the
 * sending, from its first octet, unsynced. It is unlinked when the message was delivered. */
#ifndef RELAY_KEEPING_H
#define RELAY_KEEPING_H

#include "delivery/copy.h"
#include "mail/message.h"
#include "spool/store.h"
#include "wire/address.h"
#include "wire/params.h"

struct keeping;

/* They come on the loop, after keeping_open. */
struct keeping_events {
    /* File and directory are on the disk. The last event. */
    void (*taken)(void *ctx);
    /* Nothing of it is left; `why` is a word or two for a reply. The last event. */
    void (*failed)(void *ctx, const char *why);
    /* keeping_is_behind may answer otherwise: comes before keeping_open, too. */
    void (*flow)(void *ctx);
};

/* All is borrowed until keeping_free, but for params, which is copied. */
struct keeping_order {
    struct store *store;
    struct copy_budget *budget;
    /* its account by routing is in `upstream` now; later it may be the fallback */
    const struct message *message;
    const struct mail_params *params;
    const char *hostname;
    /* wall clock: of the Date and Message-ID that the message gets where it has none */
    int64_t seconds;
};

/* Gives. */
struct keeping *keeping_new(const struct keeping_order *order, const struct keeping_events *events,
                            void *ctx);
/* What was written goes, unless `taken` came. NULL is fine. */
void keeping_free(struct keeping **keeping);

/* The next recipient, the first has index 0. Copies. */
void keeping_recipient(struct keeping *k, const struct address *to,
                       const struct rcpt_params *params);
/* It was answered; one that was refused is forgotten. */
void keeping_told(struct keeping *k, size_t index, bool accepted);
size_t keeping_accepted(const struct keeping *k);
/* NULL: a message of the declared size would be taken; else why not. */
const char *keeping_obstacle(struct keeping *k);

/* Octets of the body, every line with its CRLF. Borrows during the call. */
void keeping_body(struct keeping *k, struct slice octets);
/* No octet follows; after it keeping_open or the end. */
void keeping_body_end(struct keeping *k);
/* The disk is behind: octets must wait. */
bool keeping_is_behind(const struct keeping *k);
uint64_t keeping_size(const struct keeping *k);
/* From now on the message is kept, or fails. words: why it is kept; unknown: the client's own try
 * may have succeeded. NULL: it is open; else why it can't be kept, and nothing has changed. */
const char *keeping_open(struct keeping *k, const char *words, bool unknown);

/* What a reply says of it; never NULL. */
const char *keeping_no_words(enum store_no no);

#endif
