/* The log beside a message, in which lines are appended and never altered. Each line begins with
 * the CRC-32C of the message's ID and of the rest of the line. The log ends at the first line whose
 * CRC does not agree. It only computes.
 *
 * try 3 dot the end of data of the third try is about to go out tried 3 the third try has ended,
 * with an answer or before the end of data lost 3 no answer came to the third try's end of data;
 * "lost 0": to that of the client's own try, where the head does not say so served 0 the first
 * recipient; so is this: it is never served again putoff 1 450 words refused 1 550 words for good;
 * not yet given up failed 1,2 bounce 1 1234567 given up at that virtual time; "bounce -": nobody
 * was told again 1234567 by an administrator, at that virtual time: what failed waits */
#ifndef SPOOL_HISTORY_H
#define SPOOL_HISTORY_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/units.h"

enum fate { FATE_WAITING, FATE_PUT_OFF, FATE_REFUSED, FATE_SERVED, FATE_FAILED };

struct history_recipient {
    enum fate fate;
    /* The code of the last reply, or 0. */
    unsigned code;
    char *words;
};

struct history {
    struct history_recipient *recipients;
    size_t n;
    /* The number of the last try. */
    unsigned tries;
    /* The number of ends of data without an answer since the last `again`. */
    unsigned unknown;
    /* The number of bounces that were written. */
    unsigned bounces;
    /* An end of data was about to be sent, and nothing was written since. */
    bool dot_is_open;
    unsigned dot_number;
    bool again;
    usec again_at;
    /* The last time that recipients were given up, or 0. */
    usec failed_at;
};

/* All recipients wait. */
void history_init(struct history *h, size_t nrecipients);
void history_free(struct history *h);
/* Reads lines up to the first bad one. Returns the number of octets of the good ones. A line about
 * a recipient that does not exist is bad. */
size_t history_read(struct history *h, const char *id, struct slice log);
/* Returns history.unknown, and one more if an end of data is still without an answer. */
unsigned history_unknown(const struct history *h);
/* Counts recipients. Those in `waiting` will be tried. Those in `refused` were refused for good,
 * but are not given up yet. */
struct history_count {
    size_t waiting, refused, served, failed;
};
struct history_count history_count(const struct history *h);

/* Writes the last reply about a recipient that was not served, "550 5.1.1 words". Returns false if
 * there is none. */
#define HISTORY_REASON 216
bool history_reason(const struct history *h, char out[HISTORY_REASON]);

/* Appends all lines of a log, with their times moved to another spool's clock (spool_clock_shift).
 * Returns false if one of them is bad, or beyond the buffer's cap. */
bool history_move(struct buf *out, const char *id, struct slice log, usec shift, usec now) MUST_USE;

/* These append a line. They return false beyond the buffer's cap. */
bool history_add_dot(struct buf *out, const char *id, unsigned number) MUST_USE;
bool history_add_tried(struct buf *out, const char *id, unsigned number) MUST_USE;
bool history_add_lost(struct buf *out, const char *id, unsigned number) MUST_USE;
/* The fate is FATE_SERVED, FATE_PUT_OFF or FATE_REFUSED. The words are cut at 200 octets. */
bool history_add_fate(struct buf *out, const char *id, size_t recipient, enum fate fate,
                      unsigned code, const char *words) MUST_USE;
/* The number of the bounce is 0 if there is none. */
bool history_add_failed(struct buf *out, const char *id, const size_t *recipients, size_t n,
                        unsigned bounce, usec now) MUST_USE;
bool history_add_again(struct buf *out, const char *id, usec now) MUST_USE;

#endif
