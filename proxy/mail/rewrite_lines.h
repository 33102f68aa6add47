/* The lines that rewriting may add to one message, written out (PROMISES 3: fix_headers,
 * header_from, received). Values in, text out. */
#ifndef MAIL_REWRITE_LINES_H
#define MAIL_REWRITE_LINES_H

#include "base/attr.h"
#include "config/config.h"
#include "mail/rewrite.h"

/* borrowed during the call */
struct rewrite_facts {
    const struct upstream_config *upstream;
    const char *hostname;
    /* of the envelope, as the upstream hears it; "" the null sender */
    const char *sender;
    /* the message's, in our log */
    const char *id;
    /* wall clock */
    int64_t seconds;
    /* Values that a missing Date and Message-ID get; NULL or "": of seconds and id. */
    const char *date, *message_id;
    /* as the client said it */
    const char *helo;
    const struct addr *client;
    /* how it came (RFC 3848, RFC 6531 4.3) */
    bool esmtp, tls, authenticated, utf8;
};

/* Gives: rewrite_begin takes it. What comes first and what is replaced; the lines that only few
 * messages lack are for rewrite_plan_complete. */
void rewrite_plan_make(struct rewrite_plan *plan_r, const struct rewrite_facts *f);
/* Date, Message-ID, From; upstream, hostname, sender, id, seconds, date and message_id are all it reads. A missing
 * From gets the envelope sender: a person to answer to. For the null sender, which names nobody,
 * RFC 6409 has no rule; the postmaster of `qualify`, else of our host, is the one address that RFC
 * 5321 4.5.1 makes every domain have. */
void rewrite_plan_complete(struct rewrite_plan *plan, const struct rewrite_facts *f);
/* The Message-ID of a message that has none, without the field's name. false: it has no room. */
bool rewrite_message_id(struct buf *out, int64_t seconds, const char *id,
                        const char *hostname) MUST_USE;
/* The SIZE to declare upstream for a message of `declared` octets: with room for what may be added,
 * but never above the limit that the upstream announced (0: none) while the message itself is
 * within: a message that lacks nothing must not be refused for what is not added. */
uint64_t rewrite_size(const struct upstream_config *u, uint64_t declared, uint64_t limit);

#endif
