/* Shared by stream.c and stream_finish.c. */
#ifndef IO_STREAM_PRIVATE_H
#define IO_STREAM_PRIVATE_H

#include "base/buf.h"
#include "io/stream.h"
#include "io/transport.h"

enum stream_phase {
    PHASE_CONNECTING,
    PHASE_OPEN,
    /* TLS was asked for as a server. Bytes queued before that must leave in clear first. */
    PHASE_CLEARING,
    PHASE_HANDSHAKE,
    /* The stream has no owner any more. It writes its output, says goodbye, and drops input until
     * the peer's end. */
    PHASE_FINISHING,
    /* The link is dead. STREAM_FAILED was reported or is about to be. */
    PHASE_BROKEN,
    /* The memory is freed at the end of the turn. */
    PHASE_CLOSED,
};

struct stream {
    struct loop *loop;
    struct transport *transport;
    stream_fn *fn;
    void *ctx;
    enum stream_phase phase;
    struct buf in, out;
    /* Leaves after `out` has left. A buffer that was given whole stays where it is and is not
     * copied. */
    struct buf behind;
    /* Positions. */
    uint64_t queued, handed;
    /* TLS begins at this position, in PHASE_CLEARING. */
    uint64_t clear_until;
    struct tls_context *tls_wanted;
    struct timer *patience;
    /* This is the set in PHASE_FINISHING, or NULL. */
    struct lingering *among;
    /* Is in among->streams. */
    struct link lingers;
    struct deferred later;
    bool paused;
    /* The last read returned as much as was asked for. */
    bool plenty;
    /* The wish of the owner, and what the transport was told. */
    bool gather, gathering;
    /* The bytes are no secret; see stream_wipe. */
    bool careless;
    /* The deferred pump shall read, too: there is room again, a pause ended, or TLS holds decrypted
     * bytes. */
    bool read_due;
    /* STREAM_INPUT is due although nothing new came. */
    bool again;
    /* The queue has been above LOW_MARK since the last STREAM_LOW. */
    bool above_low;
    bool eof, eof_told;
    bool said_goodbye;
    bool failed_told;
    struct err err;
};

/* Hands queued bytes to the transport until it takes no more. Returns -1 when the link is dead;
 * then s->err is set. */
int stream_flush(struct stream *s);
/* Reads what has arrived, until a cap is reached. *fresh_r tells whether bytes came. Returns -1
 * when the link is dead; then s->err is set. */
int stream_fill(struct stream *s, bool *fresh_r);
/* Computes what the stream waits for and tells the transport. */
void stream_want_events(struct stream *s);
/* Closes at once; the memory is freed at the end of the turn. */
void stream_destroy(struct stream *s);

/* Does one wake of a stream that is finishing, and may destroy it. The function is in
 * stream_finish.c. */
void stream_finish_step(struct stream *s);
/* Takes the stream out of its `struct lingering`, if it is in one. The function is in
 * stream_finish.c. */
void stream_leave_lingering(struct stream *s);

#endif
