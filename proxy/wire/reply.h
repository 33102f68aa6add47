/* SMTP replies: reading an upstream's (RFC 5321 4.2), writing ours. */
#ifndef WIRE_REPLY_H
#define WIRE_REPLY_H

#include "base/buf.h"

/* "5.999.999" and NUL */
#define ENHANCED_MAX 12

struct reply {
    /* 200..599; 0: none */
    int code;
    /* "2.1.5", only when its class agrees with the code; "" otherwise (RFC 2034) */
    char enhanced[ENHANCED_MAX];
    /* the lines without code and without enhanced code, joined by '\n'; tabs are blanks, other
     * controls but '\n' and blanks at a line's end removed; cap CAP_REPLY_TEXT */
    struct buf text;
    unsigned lines;
};

void reply_init(struct reply *r);
void reply_free(struct reply *r);
/* `to` is initialised */
void reply_copy(struct reply *to, const struct reply *from);
/* reply_is(r, 2): a 2xx */
bool reply_is(const struct reply *r, int hundred);
/* gives back out: "550 5.7.1 text / more text" on one line, for logs and findings */
const char *reply_words(const struct reply *r, char *out, size_t size);

enum reply_step {
    /* the input ended before the reply did */
    REPLY_MORE,
    REPLY_DONE,
    /* not a reply: see bad */
    REPLY_BAD,
};

struct reply_parser {
    struct reply reply;
    /* after REPLY_BAD: what was wrong, in words */
    const char *bad;
    /* the reply is whole; the next feed starts a new one */
    bool done;
    /* the unfinished line */
    struct buf line;
};

void reply_parser_init(struct reply_parser *p);
void reply_parser_free(struct reply_parser *p);
/* the code of a reply that has begun and is not whole; 0: none */
int reply_parser_code_so_far(const struct reply_parser *p);
/* Feeds bytes; *used_r says how many were taken (all at REPLY_MORE; up to the reply's end at
 * REPLY_DONE). The reply is valid until the next feed, which starts a new one. Bad: a line over
 * CAP_REPLY_LINE, more than CAP_REPLY_LINES lines, different codes in one reply, no code, a code
 * outside ^[2-5][0-5][0-9], more text than CAP_REPLY_TEXT, NUL; a peer that is not SMTP is known by
 * its first octets. Once bad, always bad. A bare LF ends a line. */
enum reply_step reply_parser_feed(struct reply_parser *p, struct slice in, size_t *used_r);

/* Appends "250-text\r\n250 text\r\n": a line of output for each '\n' in text. enhanced may be ""
 * (greeting, EHLO). Lines are cut at 500 octets (code and all, CRLF not counted), at a UTF-8
 * boundary; tabs become blanks, other controls are left out. All or nothing: false when it does not
 * fit. */
bool reply_write(struct buf *out, int code, const char *enhanced, struct slice text) MUST_USE;

#endif
