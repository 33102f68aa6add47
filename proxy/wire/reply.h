/* SMTP replies: reading an upstream's (RFC 5321 4.2), and writing ours. */
#ifndef WIRE_REPLY_H
#define WIRE_REPLY_H

#include "base/buf.h"

/* There is room for "5.999.999" and its NUL. */
#define ENHANCED_MAX 12

struct reply {
    /* 200 to 599. 0 means none. */
    int code;
    /* It is "2.1.5", for example, but only if its class agrees with the code. Otherwise it is ""
     * (RFC 2034). */
    char enhanced[ENHANCED_MAX];
    /* The lines without code and enhanced code, joined by '\n'. Tabs are blanks. Other controls are
     * removed, and so are blanks at a line's end. Its cap is CAP_REPLY_TEXT. */
    struct buf text;
    unsigned lines;
};

void reply_init(struct reply *r);
void reply_free(struct reply *r);
/* The reply `to` must be initialised. */
void reply_copy(struct reply *to, const struct reply *from);
/* The call reply_is(r, 2) returns true for a 2xx. */
bool reply_is(const struct reply *r, int hundred);
/* Writes "550 5.7.1 text / more text" on one line, for logs and findings. Returns out. */
const char *reply_words(const struct reply *r, char *out, size_t size);

enum reply_step {
    /* The input ended before the reply. */
    REPLY_MORE,
    REPLY_DONE,
    /* It is no reply; `bad` says why. */
    REPLY_BAD,
};

struct reply_parser {
    struct reply reply;
    /* After REPLY_BAD these words say what was wrong. */
    const char *bad;
    /* The reply is complete. The next feed starts a new one. */
    bool done;
    /* The incomplete line. */
    struct buf line;
};

void reply_parser_init(struct reply_parser *p);
void reply_parser_free(struct reply_parser *p);
/* Returns the code of a reply that has begun and is not complete, or 0. */
int reply_parser_code_so_far(const struct reply_parser *p);
/* Feeds bytes. *used_r is how many were consumed: all for REPLY_MORE, up to the reply's end for
 * REPLY_DONE. The reply is valid until the next feed, which starts a new one. A bare LF ends a
 * line.
 *
 * These are bad: a line over CAP_REPLY_LINE, more than CAP_REPLY_LINES lines, different codes in
 * one reply, no code, a code outside ^[2-5][0-5][0-9], more text than CAP_REPLY_TEXT, and NUL. A
 * peer that does not speak SMTP is recognised by its first octets. A parser that returned REPLY_BAD
 * once always does. */
enum reply_step reply_parser_feed(struct reply_parser *p, struct slice in, size_t *used_r);

/* Appends "250-text\r\n250 text\r\n", a line of output for each '\n' in text. enhanced may be ""
 * (greeting, EHLO). Lines are cut at CAP_REPLY_LINE_SENT octets, code included and CRLF not, at a
 * UTF-8 boundary. Tabs become blanks, other controls are left out. Writes all or nothing. Returns
 * false if it does not fit. */
bool reply_write(struct buf *out, int code, const char *enhanced, struct slice text) MUST_USE;

#endif
