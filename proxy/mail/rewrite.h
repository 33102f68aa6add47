/* Rewrites the header of a message for an account (PROMISES 3: fix_headers, header_from, received;
 * RFC 6409 8), in one pass while it streams by, in bounded memory. It only computes: octets in,
 * octets out. The lines that may be added are written beforehand (rewrite_lines.h).
 *
 * Fields that are not named here keep their order and bytes. Lines are added at two places only:
 * the trace line before everything, the others right before the blank line, so that nothing waits
 * for the header's end. A line whose absence a DKIM-Signature covers is not added, because it would
 * break the signature. A body without a header gets its blank line. A message whose header is
 * complete passes unchanged. */
#ifndef MAIL_REWRITE_H
#define MAIL_REWRITE_H

#include "base/buf.h"
#include "wire/dkim.h"
#include "wire/header.h"

/* Whole lines with their CRLF. All may be NULL. A zeroed struct changes nothing. */
struct rewrite_plan {
    /* Put before everything. */
    char *first;
    /* Added if there is no Date. */
    char *date;
    /* Added if there is no Message-ID. */
    char *message_id;
    /* Added if there is no From. */
    char *from;
    /* The address that From and Sender get. */
    char *header_from;
    /* May be NULL. Writes date, message_id and from, once, if one of them is missing. ctx is the
     * one for put. */
    void (*complete)(struct rewrite_plan *plan, void *ctx);
    /* The key fix_headers asks for this. A header without an end gets its blank line, and an mbox
     * file's "From " line is dropped. */
    bool separate;
};

struct rewrite {
    struct rewrite_plan plan;
    void (*put)(void *ctx, struct slice octets);
    void *ctx;
    /* Its `received` counts the hops of the message as it came. */
    struct header_scan scan;
    enum { REWRITE_NAME, REWRITE_PASS, REWRITE_FROM, REWRITE_SENDER, REWRITE_MBOX } mode;
    /* A line's name, or a field that must be seen whole. */
    struct buf held;
    /* The value of the From that was replaced. */
    struct buf original;
    /* The valid list of the addresses in the replaced From. */
    struct buf reply_to;
    bool has_date, has_message_id, has_from, has_reply_to;
    struct dkim_scan signatures;
    /* It would have been added, but a signature covers its absence. */
    bool left_date, left_message_id, left_from;
    /* Octets of the current call that pass unchanged and were not put yet. */
    struct slice run;
    bool begun, has_fields, mid_line;
    /* A From or Sender was longer than CAP_HEADER_LINE. The message must not be sent. */
    bool too_long;
};

/* Takes the plan's strings. Keeps ctx. put is called with the octets to send, in order, at least
 * one, borrowed until it returns. One call of feed or end puts at most CAP_REWRITE octets more than
 * it was given. */
void rewrite_begin(struct rewrite *r, struct rewrite_plan *plan,
                   void (*put)(void *ctx, struct slice octets), void *ctx);
/* Feeds canonical octets: every line ends in CRLF. They may be cut anywhere, which makes no
 * difference. */
void rewrite_feed(struct rewrite *r, struct slice octets);
/* Nothing follows. */
void rewrite_end(struct rewrite *r);
/* The struct may be zeroed. */
void rewrite_free(struct rewrite *r);

#endif
