/* The text of a bounce (RFC 3464, RFC 6533): what a person reads, what a program reads, and what
 * the message was. Pure: values in, octets out. Who gets one, and when, is report.c's business. */
#ifndef SPOOL_BOUNCE_H
#define SPOOL_BOUNCE_H

#include "spool/format.h"
#include "spool/history.h"

enum bounce_why {
    /* for good */
    BOUNCE_REFUSED,
    BOUNCE_TOO_OLD,
    /* its end of data went out too often without an answer */
    BOUNCE_UNKNOWN,
};

/* All borrowed during the call. */
struct bounce_facts {
    /* of the message that is given up */
    const struct spool_envelope *envelope;
    const struct history *history;
    /* of its recipients: whom it is about */
    const size_t *recipients;
    size_t n;
    enum bounce_why why;
    /* how often it may have arrived, with BOUNCE_UNKNOWN */
    unsigned unknown;
    /* how long it was kept */
    usec age;
    /* the bounce's own ID, Date, sender in From, and whom it is for: "a@b, c@d" */
    const char *id, *date, *from, *to;
    /* ours, and the upstream's; "": it has none any more */
    const char *hostname, *host;
    /* why it could not be sent, in words; "": nothing beyond the replies */
    const char *finding;
    /* the beginning of the message: its header, or all of it (RET=FULL) */
    struct slice quoted;
    bool is_whole;
};

/* Appends header and body, every line with its CRLF. false beyond the buffer's cap. */
bool bounce_write(struct buf *out, const struct bounce_facts *f) MUST_USE;
/* The status of a recipient that failed (RFC 3463): of the last reply's words, else of its code,
 * else 4.4.7. */
void bounce_status(const struct history_recipient *r, char out[16]);
/* Whether a recipient's NOTIFY wants to hear of its failure; "" does (RFC 3461 4.1). */
bool bounce_is_wanted(const char *notify);
/* Appends the octets that xtext stands for (RFC 3461 4); what a line can't hold becomes '?'. */
bool bounce_unfold_xtext(struct buf *out, const char *xtext) MUST_USE;
/* How long the header at the beginning is, with the blank line's CRLF left out; `in` is all of it
 * where it has no end. */
size_t bounce_header_length(struct slice in);

#endif
