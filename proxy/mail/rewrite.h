/* What an account makes of the header of a message (PROMISES 3: fix_headers, header_from, received;
 * RFC 6409 8), in one pass while it streams by, in bounded memory. Pure: octets in, octets out; the
 * lines that may be added are written beforehand (rewrite_lines.h).
 *
 * Fields that are not named here keep order and bytes. Lines are added at two places only: the
 * trace line before everything, the rest just before the blank line, so that nothing waits for the
 * header's end; not those whose absence a DKIM-Signature covers, for they would break it. A body
 * without a header gets its blank line. A message whose header lacks nothing passes as it is. */
#ifndef MAIL_REWRITE_H
#define MAIL_REWRITE_H

#include "base/buf.h"
#include "wire/dkim.h"
#include "wire/header.h"

/* whole lines with their CRLF; all may be NULL. Zero-initialised: changes nothing */
struct rewrite_plan {
    /* put before everything */
    char *first;
    /* where there is no Date; */
    char *date;
    /* ... no Message-ID; */
    char *message_id;
    /* ... no From */
    char *from;
    /* the address that From and Sender get */
    char *header_from;
    /* or NULL: writes date, message_id and from, once, where one of them is missing; ctx as for
     * put */
    void (*complete)(struct rewrite_plan *plan, void *ctx);
    /* fix_headers: a header without an end gets its blank line, and an mbox file's "From " line is
     * dropped */
    bool separate;
};

struct rewrite {
    struct rewrite_plan plan;
    void (*put)(void *ctx, struct slice octets);
    void *ctx;
    /* its `received` counts the hops of the message as it came */
    struct header_scan scan;
    enum { REWRITE_NAME, REWRITE_PASS, REWRITE_FROM, REWRITE_SENDER, REWRITE_MBOX } mode;
    /* a line's name, or a field that must be seen whole */
    struct buf held;
    /* the value of the From that was replaced; */
    struct buf original;
    /* ... and the valid list of the addresses in it */
    struct buf reply_to;
    bool has_date, has_message_id, has_from, has_reply_to;
    struct dkim_scan signatures;
    /* Would have been added, but a signature covers its absence. */
    bool left_date, left_message_id, left_from;
    /* octets of the call at hand that pass as they are and were not put yet */
    struct slice run;
    bool begun, has_fields, mid_line;
    /* a From or Sender was longer than CAP_HEADER_LINE: the message must not go on */
    bool too_long;
};

/* Takes the plan's strings; keeps ctx. put is called with what goes on, in order, never with
 * nothing; the octets are borrowed until it returns. One call of feed or end puts CAP_REWRITE
 * octets at most beside those it was given. */
void rewrite_begin(struct rewrite *r, struct rewrite_plan *plan,
                   void (*put)(void *ctx, struct slice octets), void *ctx);
/* Canonical octets (every line ends in CRLF), cut anywhere: the cuts change nothing. */
void rewrite_feed(struct rewrite *r, struct slice octets);
/* nothing follows */
void rewrite_end(struct rewrite *r);
/* zero-initialised is fine */
void rewrite_free(struct rewrite *r);

#endif
