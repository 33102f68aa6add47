/* One message on its way into the spool, as its client gave it: the envelope, the octets so far,
 * and the file that they go to. Until it is known whether the message will be kept, a body within
 * the replay copy's caps stays in memory. A larger one is written to its file while it is sent,
 * from its first octet and without fsync. The file is removed when the message was delivered. */
#ifndef RELAY_KEEPING_H
#define RELAY_KEEPING_H

#include "delivery/copy.h"
#include "mail/message.h"
#include "spool/store.h"
#include "wire/address.h"
#include "wire/params.h"

struct keeping;

/* These come on the loop, after keeping_open. */
struct keeping_events {
    /* File and directory are on the disk. This is the last event. */
    void (*taken)(void *ctx);
    /* Nothing of it is left. `why` is a word or two for a reply. This is the last event. */
    void (*failed)(void *ctx, const char *why);
    /* The answer of keeping_is_behind may have changed. This comes before keeping_open, too. */
    void (*flow)(void *ctx);
};

/* Everything is borrowed until keeping_free, except params, which is copied. */
struct keeping_order {
    struct store *store;
    struct copy_budget *budget;
    /* Its `upstream` is the account by routing now. Later it may be the fallback. */
    const struct message *message;
    const struct mail_params *params;
    const char *hostname;
    /* The Unix time of the Date and Message-ID that a message without them gets. */
    int64_t seconds;
};

/* Gives. */
struct keeping *keeping_new(const struct keeping_order *order, const struct keeping_events *events,
                            void *ctx);
/* Removes what was written, unless `taken` came. NULL is fine. */
void keeping_free(struct keeping **keeping);

/* Adds the next recipient. The first has index 0. Copies. */
void keeping_recipient(struct keeping *k, const struct address *to,
                       const struct rcpt_params *params);
/* The recipient was answered. A refused one is forgotten. */
void keeping_told(struct keeping *k, size_t index, bool accepted);
size_t keeping_accepted(const struct keeping *k);
/* Returns why a message of the declared size would not be taken, or NULL if it would. */
const char *keeping_obstacle(struct keeping *k);

/* Takes octets of the body. Every line has its CRLF. Borrows them during the call. */
void keeping_body(struct keeping *k, struct slice octets);
/* No octet follows. Only keeping_open and keeping_free may be called afterwards. */
void keeping_body_end(struct keeping *k);
/* Returns whether octets must wait because the disk is slow. */
bool keeping_is_behind(const struct keeping *k);
uint64_t keeping_size(const struct keeping *k);
/* From now on the message is kept, or fails. words: why it is kept. unknown: the upstream may have
 * taken the client's own try. Returns NULL, or why it cannot be kept; then nothing has changed. */
const char *keeping_open(struct keeping *k, const char *words, bool unknown);

/* Returns the words of a reply for it. They are never NULL. */
const char *keeping_no_words(enum store_no no);

#endif
