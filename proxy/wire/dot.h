/* End of data and dot transparency (RFC 5321 4.5.2), the place where smuggling is made impossible.
 *
 * Decoding: only the octets CRLF.CRLF end a message (the start of the data counts as after a CRLF):
 * CRCRLF.CRLF does, CRLF.CRCRLF does not. A dot is removed after CRLF only. Then bare LF and bare
 * CR become CRLF; a run of CRs before LF, however long, is one line end (of a run before anything
 * else CAP_CR_RUN are kept). What comes out is canonical text: every line ends in CRLF, no bare CR
 * or LF; NUL and 8-bit pass. In `lf` mode (proxy.ini line_endings = lf) a message whose first line
 * ended in a bare LF may also end with LF.LF; then dots are removed after LF too. Encoding:
 * canonical text in, stuffed text out. */
#ifndef WIRE_DOT_H
#define WIRE_DOT_H

#include <stdint.h>

#include "base/buf.h"

struct dot_decoder {
    bool lf_allowed;
    int state;
    /* lf mode: undecided, LF, CRLF */
    int mode;
    /* CRs in a row that are held back */
    unsigned crs;
    /* canonical octets produced so far */
    uint64_t octets;
};

void dot_decoder_init(struct dot_decoder *d, bool lf_allowed);
/* Decodes from `in` into `out` until `in` or the room in `out` is used up (up to 3 octets of room
 * may stay), the end of data was seen, or dot_pass would pass what follows. *used_r: input octets
 * taken. Returns true at the end of data (nothing after it was taken). Progress: takes or gives at
 * least one octet when `out` has 8 octets of room and dot_pass gave 0; it may give line ends that
 * it owes without taking any. */
bool dot_decode(struct dot_decoder *d, struct slice in, size_t *used_r, struct buf *out);

/* How many octets at the start of `in` pass as they are, which are taken with that: the caller
 * gives them on from where they lie, without a copy. 0: few or none would, or the message has
 * ended; dot_decode does better. */
size_t dot_pass(struct dot_decoder *d, struct slice in);

struct dot_encoder {
    /* something of the current line was written */
    bool in_line;
};

void dot_encoder_init(struct dot_encoder *e);
/* Appends `in` stuffed to `out` as far as it fits; returns how many octets of `in` were taken. */
size_t dot_encode(struct dot_encoder *e, struct slice in, struct buf *out);
/* Canonical text always ends in CRLF or is empty, so the end of data is ".\r\n" alone. */
#define DOT_END ".\r\n"

#endif
