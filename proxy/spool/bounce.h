/* The text of a bounce (RFC 3464, RFC 6533): a part for people, a part for programs, and the
 * message or its header. It only computes. report.c decides who gets one, and when. */
#ifndef SPOOL_BOUNCE_H
#define SPOOL_BOUNCE_H

#include "spool/format.h"
#include "spool/history.h"

enum bounce_why {
    /* It was refused for good. */
    BOUNCE_REFUSED,
    BOUNCE_TOO_OLD,
    /* Its end of data was sent too often without an answer. */
    BOUNCE_UNKNOWN,
};

/* Everything is borrowed during the call. */
struct bounce_facts {
    /* Those of the message that is given up. */
    const struct spool_envelope *envelope;
    const struct history *history;
    /* The indexes of the recipients that the bounce is about. */
    const size_t *recipients;
    size_t n;
    enum bounce_why why;
    /* With BOUNCE_UNKNOWN: how often it may have arrived. */
    unsigned unknown;
    /* How long it was kept. */
    usec age;
    /* The bounce's own ID, Date and From, and its recipients as in "a@b, c@d". */
    const char *id, *date, *from, *to;
    /* Our name, and the upstream's, or "" if the account is gone. */
    const char *hostname, *host;
    /* Why it could not be sent, in words, or "" if the replies say everything. */
    const char *finding;
    /* The header of the message, or all of it (RET=FULL). */
    struct slice quoted;
    bool is_whole;
};

/* Appends header and body, every line with its CRLF. Returns false beyond the buffer's cap. */
bool bounce_write(struct buf *out, const struct bounce_facts *f) MUST_USE;
/* Writes the status of a recipient that failed (RFC 3463). It is taken from the words of the last
 * reply, or made of its code, or is 4.4.7. */
void bounce_status(const struct history_recipient *r, char out[16]);
/* Returns whether a recipient's NOTIFY asks for a bounce. "" does (RFC 3461 4.1). */
bool bounce_is_wanted(const char *notify);
/* Appends the octets that xtext stands for (RFC 3461 4). An octet that a line cannot hold becomes
 * '?'. */
bool bounce_unfold_xtext(struct buf *out, const char *xtext) MUST_USE;
/* Returns the length of the header at the beginning, without the CRLF of the blank line. If the
 * header has no end, it is all of `in`. */
size_t bounce_header_length(struct slice in);

#endif
