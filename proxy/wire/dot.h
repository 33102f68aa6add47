/* End of data and dot transparency (RFC 5321 4.5.2). Here SMTP smuggling is made impossible.
 *
 * Decoding: only the octets CRLF.CRLF end a message, where the start of the data counts as after a
 * CRLF. So CRCRLF.CRLF ends one, and CRLF.CRCRLF does not. A dot is removed after CRLF only. Then
 * bare LF and bare CR become CRLF. A run of CRs before LF, however long, is one line end. Of a run
 * before anything else CAP_CR_RUN are kept. The output is canonical text: every line ends in CRLF,
 * and there is no bare CR or LF. NUL and 8-bit octets pass.
 *
 * In `lf` mode (proxy.ini line_endings = lf) a message whose first line ended in a bare LF may also
 * end with LF.LF. Then dots are removed after LF, too.
 *
 * Encoding: canonical text in, stuffed text out. */
#ifndef WIRE_DOT_H
#define WIRE_DOT_H

#include <stdint.h>

#include "base/buf.h"

struct dot_decoder {
    bool lf_allowed;
    int state;
    /* The mode is undecided, LF or CRLF. Without lf_allowed it is CRLF. */
    int mode;
    /* The number of CRs in a row that are held back. */
    unsigned crs;
    /* The number of canonical octets produced so far. */
    uint64_t octets;
};

void dot_decoder_init(struct dot_decoder *d, bool lf_allowed);
/* Decodes from `in` into `out`. It stops when `in` or the room in `out` is used up (up to 3 octets
 * of room may stay), at the end of data, or where dot_pass would take what follows. *used_r is the
 * number of input octets consumed. Returns true at the end of data; nothing behind it was consumed.
 * If `out` has 8 octets of room and dot_pass returned 0, it consumes or produces at least one
 * octet. It may produce line ends that it owes without consuming any input. */
bool dot_decode(struct dot_decoder *d, struct slice in, size_t *used_r, struct buf *out);

/* Returns how many octets at the start of `in` pass unchanged, and consumes them. The caller passes
 * them on from where they lie, without a copy. Returns 0 if there are few or none, or if the
 * message has ended; then call dot_decode. */
size_t dot_pass(struct dot_decoder *d, struct slice in);

struct dot_encoder {
    /* Part of the current line was written. */
    bool in_line;
};

void dot_encoder_init(struct dot_encoder *e);
/* Appends the stuffed `in` to `out` as far as it fits. Returns how many octets of `in` were
 * consumed. */
size_t dot_encode(struct dot_encoder *e, struct slice in, struct buf *out);
/* Canonical text is empty or ends in CRLF, so the end of data is ".\r\n" alone. */
#define DOT_END ".\r\n"

#endif
