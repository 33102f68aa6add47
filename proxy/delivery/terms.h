/* The words in which a delivery is ordered, and those in which it tells what came of it;
 * delivery.h has the contract. */
#ifndef DELIVERY_TERMS_H
#define DELIVERY_TERMS_H

#include <stddef.h>

#include "base/addr.h"
#include "config/config.h"
#include "delivery/copy.h"
#include "delivery/failure.h"
#include "delivery/source.h"
#include "io/io.h"
#include "mail/message.h"
#include "upstream/account.h"
#include "wire/params.h"
#include "wire/reply.h"

/* What all deliveries under one configuration share. Borrowed until the last of them was freed. */
struct delivery_env {
    const struct io *io;
    struct config *config;
    /* As config->upstreams: references of the owner. NULL once the owner has given them back. */
    struct account **accounts;
    struct copy_budget *budget;
};

/* One message for one account. Everything is borrowed during delivery_begin, but for what says
 * otherwise. */
struct delivery_order {
    /* Kept until delivery_free. */
    const struct delivery_env *env;
    /* The account: an index in env->config->upstreams. */
    size_t upstream;
    /* Kept until delivery_free. `from` and `id` are set; the delivery fills in what it learns: to,
     * nrcpt, size, sent_as, upstream, port, tls, rtts. Its owner reports it. */
    struct message *message;
    /* The sender as the upstream hears it (rewrite_sender); "": the null sender. */
    const char *sender;
    /* What was asked for with the sender: SIZE, BODY, SMTPUTF8, RET, ENVID. */
    const struct mail_params *params;
    /* While others wait, one client gets no more than half of an account's sessions. Family
     * ADDR_NONE: one more client. */
    struct addr client;
    /* Which messages somebody keeps for later; then the outcome says whether this one is. With
     * KEEP_WHEN_ALWAYS it has its outcome from the start, and no event tells it. */
    enum keep_when keep;
    /* How long a session may take once a recipient waits, up to acquire_timeout, the fallback's
     * included; 0: so long for each. */
    usec wait;
    /* Kept until delivery_free. NULL: the octets are pushed (delivery_body). */
    const struct body_source *source;
    /* No client waits for it: clients go first in the account's queue and rate. */
    bool yields;
    /* Kept until delivery_free. The values of Date and Message-ID that a message without them gets,
     * the same at each try. NULL or "": made when it is sent. */
    const char *date, *message_id;
    /* The account's `journal` gets no copy: it has one, or the message is our own. */
    bool no_journal;
};

/* How the message came, for the trace line. */
struct delivery_origin {
    const char *helo;
    const struct addr *client;
    bool esmtp, tls, authenticated;
};

/* The end of a delivery: what answers the message as a whole. */
struct outcome {
    struct reply reply;
    enum result result;
    /* OWN_NOTHING: the reply is the upstream's. */
    enum own why;
    /* What stands behind a reply of ours: the upstream's own words, or how its session was lost.
     * "": nothing more is known. Borrowed until the event returns. */
    const char *behind;
    /* Why it is to be kept for later, by the order's `keep`. */
    enum keep keep;
    /* The end of the data was sent and has no answer: the upstream may have the message. */
    bool may_be_taken;
    /* The upstream asked not to be tried for so many seconds; 0: it did not. */
    int64_t wait;
};

/* All of them come on the loop, some from within the call that caused them (delivery.h); none
 * comes after delivery_free. Replies and outcomes are borrowed until the event returns. */
struct delivery_events {
    /* The answer to a recipient, once for each. index: as delivery_recipient returned. A recipient
     * that has no answer when the delivery ends gets none but the outcome. */
    void (*recipient)(void *ctx, size_t index, const struct reply *reply, bool from_upstream);
    /* The first octets are wanted: once, after delivery_data. Replays are not told. NULL where the
     * body has a source. */
    void (*go_ahead)(void *ctx);
    /* delivery_is_full may answer otherwise than before. NULL where the body has a source. */
    void (*flow)(void *ctx);
    /* The upstream has answered for the message, or refused its sender. Last event but for
     * recipients that are added later. */
    void (*verdict)(void *ctx, const struct outcome *outcome);
    /* The same, where the answer is ours: no session, or one that was lost, or a message that must
     * not go on. */
    void (*failed)(void *ctx, const struct outcome *outcome);
};

#endif
