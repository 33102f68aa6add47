/* What a delivery is given and what it tells. delivery.h has the contract. */
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

/* Shared by all deliveries under one configuration. They borrow it until the last of them was
 * freed. */
struct delivery_env {
    const struct io *io;
    struct config *config;
    /* In the order of config->upstreams. The owner holds the references. NULL once it has released
     * them. */
    struct account **accounts;
    struct copy_budget *budget;
};

/* One message for one account. Everything is borrowed during delivery_begin if its comment does not
 * say otherwise. */
struct delivery_order {
    /* Kept until delivery_free. */
    const struct delivery_env *env;
    /* The account's index in env->config->upstreams. */
    size_t upstream;
    /* Kept until delivery_free. `from` and `id` are set. The delivery fills in what it learns: to,
     * nrcpt, size, sent_as, upstream, port, tls, rtts. The owner reports it. */
    struct message *message;
    /* The sender that the upstream gets (rewrite_sender). "" is the null sender. */
    const char *sender;
    /* The parameters of MAIL: SIZE, BODY, SMTPUTF8, RET, ENVID. */
    const struct mail_params *params;
    /* While others wait, one client gets no more than half of an account's sessions. With family
     * ADDR_NONE it counts as one more client. */
    struct addr client;
    /* Which messages the owner keeps for later. The outcome says whether this one is. With
     * KEEP_WHEN_ALWAYS the outcome is there from the start, and no event tells it. */
    enum keep_when keep;
    /* How long a session may take once a recipient waits, at most acquire_timeout. The wait for the
     * fallback's session is included. 0 means acquire_timeout for each of them. */
    usec wait;
    /* Kept until delivery_free. NULL if the octets are pushed (delivery_body). */
    const struct body_source *source;
    /* No client waits for this message, so those of clients go first in the account's queue and
     * rate. */
    bool yields;
    /* Kept until delivery_free. The values of Date and Message-ID that a message without them gets,
     * the same at each try. With NULL or "" they are made when it is sent. */
    const char *date, *message_id;
    /* The account's `journal` gets no copy, because it has one or the message is our own. */
    bool no_journal;
};

/* How the message came here. The Received line tells it. */
struct delivery_origin {
    const char *helo;
    const struct addr *client;
    bool esmtp, tls, authenticated;
};

/* The end of a delivery, which answers the message as a whole. */
struct outcome {
    struct reply reply;
    enum result result;
    /* OWN_NOTHING if the reply is the upstream's. */
    enum own why;
    /* The reason for a reply of ours: the upstream's own words, or how its session was lost. ""
     * if there is none. Borrowed until the event returns. */
    const char *behind;
    /* Why the message is to be kept for later, according to the order's `keep`. */
    enum keep keep;
    /* The end of the data was sent and has no answer, so the upstream may have the message. */
    bool may_be_taken;
    /* The upstream asked not to be tried for so many seconds; 0: it did not. */
    int64_t wait;
};

/* All of them come on the loop, some from inside the call that caused them (delivery.h). None comes
 * after delivery_free. Replies and outcomes are borrowed until the event returns. */
struct delivery_events {
    /* The answer to a recipient, once for each. delivery_recipient returned its index. A recipient
     * without an answer when the delivery ends gets only the outcome. */
    void (*recipient)(void *ctx, size_t index, const struct reply *reply, bool from_upstream);
    /* The first octets are wanted. Is called once, after delivery_data, and not for a replay. NULL
     * if the body has a source. */
    void (*go_ahead)(void *ctx);
    /* The answer of delivery_is_full may have changed. NULL if the body has a source. */
    void (*flow)(void *ctx);
    /* The upstream has answered for the message, or refused its sender. This is the last event,
     * except for recipients that are added later. */
    void (*verdict)(void *ctx, const struct outcome *outcome);
    /* The same if the answer is ours: there was no session, or it was lost, or the message must not
     * go on. */
    void (*failed)(void *ctx, const struct outcome *outcome);
};

#endif
