/* What stream.c and stream_finish.c share. */
#ifndef IO_STREAM_PRIVATE_H
#define IO_STREAM_PRIVATE_H

#include "base/buf.h"
#include "io/stream.h"
#include "io/transport.h"

enum stream_phase {
    PHASE_CONNECTING,
    PHASE_OPEN,
    /* TLS was asked for as a server: what was queued before must leave in clear first */
    PHASE_CLEARING,
    PHASE_HANDSHAKE,
    /* nobody owns it any more: flush, goodbye, discard until the peer's end */
    PHASE_FINISHING,
    /* the link is dead; STREAM_FAILED was told or is about to be */
    PHASE_BROKEN,
    /* memory goes at the end of the turn */
    PHASE_CLOSED,
};

struct stream {
    struct loop *loop;
    struct transport *transport;
    stream_fn *fn;
    void *ctx;
    enum stream_phase phase;
    struct buf in, out;
    /* goes when `out` has gone: what was given whole stays where it is instead of being copied
     * together */
    struct buf behind;
    /* positions */
    uint64_t queued, handed;
    /* PHASE_CLEARING: TLS begins at this position */
    uint64_t clear_until;
    struct tls_context *tls_wanted;
    struct timer *patience;
    /* PHASE_FINISHING: or NULL */
    struct lingering *among;
    /* in among->streams */
    struct link lingers;
    struct deferred later;
    bool paused;
    /* the last read brought as much as was asked for */
    bool plenty;
    /* asked for, and told to the transport */
    bool gather, gathering;
    /* what passes is no secret: see stream_wipe */
    bool careless;
    /* the deferred pump shall read too: room was made, a pause ended, TLS holds decrypted bytes */
    bool read_due;
    /* STREAM_INPUT is due although nothing new came */
    bool again;
    /* the queue has been above LOW_MARK since the last STREAM_LOW */
    bool above_low;
    bool eof, eof_told;
    bool said_goodbye;
    bool failed_told;
    struct err err;
};

/* Hands queued bytes to the transport until it takes no more. Returns -1 when the link is dead; then
 * s->err is set. */
int stream_flush(struct stream *s);
/* Reads what has arrived, until a cap is reached. *fresh_r tells whether bytes came. Returns -1 when
 * the link is dead; then s->err is set. */
int stream_fill(struct stream *s, bool *fresh_r);
/* Computes what the stream waits for and tells the transport. */
void stream_want_events(struct stream *s);
/* Closes at once; the memory is freed at the end of the turn. */
void stream_destroy(struct stream *s);

/* stream_finish.c: one wake of a stream that is finishing. May destroy it. */
void stream_finish_step(struct stream *s);
/* stream_finish.c: takes the stream out of its `struct lingering`, if it is in one. */
void stream_leave_lingering(struct stream *s);

#endif
