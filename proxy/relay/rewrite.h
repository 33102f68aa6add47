/* What an account makes of the header of a message (PRODUCT 3: fix_headers, header_from, received; RFC 6409 8), in one pass while it streams by, in bounded
 * memory. Pure: octets in, octets out; the lines that may be added are written beforehand (rewrite_lines.h).
 *
 * Fields that are not named here keep order and bytes. Lines are added at two places only: the trace line before everything, the rest just before the blank
 * line, so that nothing waits for the header's end. A body without a header gets its blank line. A message whose header lacks nothing passes as it is. */
#ifndef RELAY_REWRITE_H
#define RELAY_REWRITE_H

#include "base/buf.h"
#include "wire/header.h"

struct rewrite_plan {  /* whole lines with their CRLF; all may be NULL. Zero-initialised: changes nothing */
    char *first;       /* put before everything */
    char *date;        /* where there is no Date; */
    char *message_id;  /* ... no Message-ID; */
    char *from;        /* ... no From */
    char *header_from; /* the address that From and Sender get */
    void (*complete)(struct rewrite_plan *plan,
                     void *ctx); /* or NULL: writes date, message_id and from, once, where one of them is missing; ctx as for put */
    bool separate;               /* fix_headers: a header without an end gets its blank line, and an mbox file's "From " line is dropped */
};

struct rewrite {
    struct rewrite_plan plan;
    void (*put)(void *ctx, struct slice octets);
    void *ctx;
    struct header_scan scan; /* its `received` counts the hops of the message as it came */
    enum { REWRITE_NAME, REWRITE_PASS, REWRITE_FROM, REWRITE_SENDER, REWRITE_MBOX } mode;
    struct buf held;     /* a line's name, or a field that must be seen whole */
    struct buf original; /* the value of the From that was replaced */
    bool original_has_address;
    bool has_date, has_message_id, has_from, has_reply_to;
    struct slice run; /* octets of the call at hand that pass as they are and were not put yet */
    bool begun, has_fields, mid_line;
    bool too_long; /* a From or Sender was longer than CAP_HEADER_LINE and kept its address */
};

/* Takes the plan's strings; keeps ctx. put is called with what goes on, in order, never with nothing; the octets are borrowed until it returns. One call of
 * feed or end puts CAP_REWRITE octets at most beside those it was given. */
void rewrite_begin(struct rewrite *r, struct rewrite_plan *plan, void (*put)(void *ctx, struct slice octets), void *ctx);
/* Canonical octets (every line ends in CRLF), cut anywhere: the cuts change nothing. */
void rewrite_feed(struct rewrite *r, struct slice octets);
void rewrite_end(struct rewrite *r);  /* nothing follows */
void rewrite_free(struct rewrite *r); /* zero-initialised is fine */

#endif
