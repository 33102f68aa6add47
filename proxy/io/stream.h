/* One connection, clear or TLS, the same code in the real world and in simulation.
 *
 * Events come only from the loop, never from inside a call you made. Reading = view + consume; a
 * view lives until the next consume or until you return to the loop. Writing = a queue with a cap
 * and a low mark; what one turn queues leaves in one write (whole flights). One pump after every
 * wake: handshake, write, read, then the wanted events are computed in one place. After
 * stream_close no event comes; memory goes at the end of the turn. */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "io/loop.h"
#include "io/tls_context.h"

struct stream;
struct transport;

enum stream_event {
    /* TCP is up (streams made by stream_connect only) */
    STREAM_CONNECTED,
    /* the TLS handshake is done; stream_tls tells the facts */
    STREAM_SECURED,
    /* the view holds bytes that were not there before */
    STREAM_INPUT,
    /* the output queue fell to LOW_MARK or below after it had been above */
    STREAM_LOW,
    /* the peer will send no more; we still may. What is in the view is still there */
    STREAM_EOF,
    /* the link is dead: stream_error says why. Last event */
    STREAM_FAILED,
};

typedef void stream_fn(void *ctx, struct stream *s, enum stream_event event);

struct stream_caps {
    /* bytes read but not consumed; the socket is not read beyond */
    size_t input;
    /* bytes queued */
    size_t output;
};

/* Gives a stream that is connecting; NULL with err when that cannot even begin (no event follows
 * then). */
struct stream *stream_connect(struct loop *loop, const struct addr *to, const struct addr *source,
                              struct stream_caps caps, stream_fn *fn, void *ctx,
                              struct err *err) MUST_USE;
/* Takes an accepted transport from a listener. No event before the loop's next turn. */
struct stream *stream_accepted(struct transport *t, struct stream_caps caps, stream_fn *fn,
                               void *ctx);
/* Hands the events to somebody else (a session that takes over after the tunnel or the race). What
 * is in the view already, and an end that the last owner was told of, are told to the new one by
 * STREAM_INPUT and STREAM_EOF at the end of this turn. */
void stream_set_owner(struct stream *s, stream_fn *fn, void *ctx);

/* How much is read ahead from now on; never less than what is in the view. For a reader that must
 * not take an octet too many: it lets the cap grow by what it knows to come. */
void stream_set_input_cap(struct stream *s, size_t cap);

struct slice stream_view(const struct stream *s);
void stream_consume(struct stream *s, size_t n);
/* gives STREAM_INPUT once more next turn if the view is not empty: for a reader that stopped
 * early */
void stream_again(struct stream *s);
/* true: no reading, no STREAM_INPUT, no STREAM_EOF; the peer feels it through TCP. false:
 * STREAM_INPUT follows if the view is not empty. */
void stream_pause(struct stream *s, bool paused);

/* true, from the beginning: what was read or written is overwritten before its memory goes, for it
 * may be a password. false: a message passes, which is a lot and no secret of ours. */
void stream_wipe(struct stream *s, bool wipe);

/* all or nothing; false: over the cap, or the stream is dead */
bool stream_write(struct stream *s, const void *data, size_t n) MUST_USE;
bool stream_write_slice(struct stream *s, struct slice data) MUST_USE;
/* empties it; without a copy where nothing else is queued */
bool stream_write_buf(struct stream *s, struct buf *from) MUST_USE;
/* true: what is written is a piece of something longer, and a rest that fills no packet may wait
 * for what follows, in the kernel, for a fifth of a second at most. false, from the beginning: all
 * leaves at once, what has waited too. */
void stream_gather(struct stream *s, bool gather);
/* bytes not handed to the transport yet */
size_t stream_queued(const struct stream *s);
/* bytes that may still be queued */
size_t stream_room(const struct stream *s);

/* Positions count bytes since the stream was made, TLS or not. stream_position: where the next
 * queued byte will stand. stream_handed: everything before this may have left (handed to the socket
 * or to TLS, also when TLS said "not now"). A byte at position p is *sent* (PROMISES 6) when
 * stream_handed > p. */
uint64_t stream_position(const struct stream *s);
uint64_t stream_handed(const struct stream *s);
/* Everything before this has been taken by the transport, and nothing beyond it is whole at the
 * peer: of a TLS record that has not left whole nobody can read an octet. A reply to what ends
 * behind it is older than what it seems to answer. */
uint64_t stream_taken(const struct stream *s);

/* Begins TLS. Both buffers must be empty, input and output: bytes before the handshake would be
 * taken for protected ones (STARTTLS injection). One exception: as a server, output that is still
 * queued (the 220) leaves in clear first, then the handshake begins; what is queued after this call
 * leaves protected. -1: they were not empty, or TLS could not begin; close the stream then. borrows
 * ctx (takes a reference). resume_key may be NULL. STREAM_SECURED or STREAM_FAILED follows. */
int stream_start_tls(struct stream *s, struct tls_context *ctx, bool as_server,
                     const char *resume_key, struct err *err) MUST_USE;
/* NULL while clear; also after a failed handshake */
const struct tls_facts *stream_tls(const struct stream *s);

/* after STREAM_FAILED */
const struct err *stream_error(const struct stream *s);
const struct addr *stream_peer(const struct stream *s);
const struct addr *stream_local(const struct stream *s);
bool stream_is_at_eof(const struct stream *s);

/* Streams that say goodbye, each of which holds a descriptor although nobody owns it any more: at
 * most `most` of them. Embed it. */
struct lingering {
    /* the newest last */
    struct link streams;
    size_t n, most;
};
/* most: 1 at least */
void lingering_init(struct lingering *l, size_t most);
/* lets those that are left go on without a bound */
void lingering_end(struct lingering *l);

/* at once; what is queued is lost (TCP reset when input is unread) */
void stream_close(struct stream **s);
/* flushes what is queued, says goodbye (close_notify, FIN), then closes, by itself, within
 * `patience` */
void stream_finish(struct stream **s, usec patience);
/* The same among others. One too many, and the oldest of them is closed once its last words are
 * handed to the socket, as far as that takes them. */
void stream_finish_among(struct stream **s, usec patience, struct lingering *among);

#endif
