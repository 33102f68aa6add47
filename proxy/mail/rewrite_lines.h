/* Writes the lines that rewriting may add to one message (PROMISES 3: fix_headers, header_from,
 * received). It only computes. */
#ifndef MAIL_REWRITE_LINES_H
#define MAIL_REWRITE_LINES_H

#include "base/attr.h"
#include "config/config.h"
#include "mail/rewrite.h"

/* Borrowed during the call. */
struct rewrite_facts {
    const struct upstream_config *upstream;
    const char *hostname;
    /* The sender in the envelope that the upstream gets. "" is the null sender. */
    const char *sender;
    /* The message's id in our log. */
    const char *id;
    /* On the wall clock. */
    int64_t seconds;
    /* The values that a missing Date and Message-ID get. NULL or "": made of seconds and id. */
    const char *date, *message_id;
    /* As the client said it. */
    const char *helo;
    const struct addr *client;
    /* These say how the message came (RFC 3848, RFC 6531 4.3). */
    bool esmtp, tls, authenticated, utf8;
};

/* Gives the plan, which rewrite_begin takes. It has the first line and the replacements.
 * rewrite_plan_complete adds the lines that only few messages lack. */
void rewrite_plan_make(struct rewrite_plan *plan_r, const struct rewrite_facts *f);
/* Adds Date, Message-ID and From. It reads upstream, hostname, sender, id, seconds, date and
 * message_id. A missing From gets the envelope sender, who is a person to answer to. RFC 6409 has
 * no rule for the null sender. It gets the postmaster of `qualify`, else of our host, which RFC
 * 5321 4.5.1 demands of every domain. */
void rewrite_plan_complete(struct rewrite_plan *plan, const struct rewrite_facts *f);
/* Writes the Message-ID of a message that has none, without the field's name. It returns false if
 * the line has no room. */
bool rewrite_message_id(struct buf *out, int64_t seconds, const char *id,
                        const char *hostname) MUST_USE;
/* Returns the SIZE to declare upstream for a message of `declared` octets. It has room for added
 * lines, but never exceeds the limit that the upstream announced (0: none) while the message itself
 * is within it: a message that needs nothing must not be refused for lines that are not added. */
uint64_t rewrite_size(const struct upstream_config *u, uint64_t declared, uint64_t limit);

#endif
