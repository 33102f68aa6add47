/* One connection, clear or TLS, with the same code in the real world and in simulation.
 *
 * Events come only from the loop, never from inside a call you made. To read, take the view and
 * consume; the view is valid until the next consume or until you return to the loop. To write,
 * append to a queue that has a cap and a low mark. What one turn queues leaves in one write. After
 * every wake one pump runs: handshake, write, read; then the wanted events are computed in one
 * place. After stream_close no event comes. The memory is freed at the end of the turn. */
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
    /* TCP is connected. Only streams made by stream_connect report it. */
    STREAM_CONNECTED,
    /* The TLS handshake is done. stream_tls returns the facts. */
    STREAM_SECURED,
    /* The view holds new bytes. */
    STREAM_INPUT,
    /* The output queue fell to LOW_MARK or below after it had been above. */
    STREAM_LOW,
    /* The peer will send no more. We may still send, and the view keeps its bytes. */
    STREAM_EOF,
    /* The link is dead. stream_error says why. It is the last event. */
    STREAM_FAILED,
};

typedef void stream_fn(void *ctx, struct stream *s, enum stream_event event);

struct stream_caps {
    /* Bytes read but not consumed. The socket is not read beyond this. */
    size_t input;
    /* Bytes queued. */
    size_t output;
};

/* Gives a connecting stream. Returns NULL with err if it cannot even begin; then no event
 * follows. */
struct stream *stream_connect(struct loop *loop, const struct addr *to, const struct addr *source,
                              struct stream_caps caps, stream_fn *fn, void *ctx,
                              struct err *err) MUST_USE;
/* Gives a stream. Takes a transport accepted by a listener. No event comes before the loop's next
 * turn. */
struct stream *stream_accepted(struct transport *t, struct stream_caps caps, stream_fn *fn,
                               void *ctx);
/* Sends the events to a new owner (a session that takes over after the tunnel or the race). The
 * bytes in the view, and an end that was reported to the last owner, are reported to the new one by
 * STREAM_INPUT and STREAM_EOF at the end of this turn. */
void stream_set_owner(struct stream *s, stream_fn *fn, void *ctx);

/* Sets how much is read ahead from now on. It must not be less than the view. A reader that must
 * not take an octet too many raises the cap by as much as it knows to be coming. */
void stream_set_input_cap(struct stream *s, size_t cap);

struct slice stream_view(const struct stream *s);
void stream_consume(struct stream *s, size_t n);
/* Gives STREAM_INPUT again in the next turn if the view is not empty. It is for a reader that
 * stopped early. */
void stream_again(struct stream *s);
/* While `paused` is true, there is no reading, no STREAM_INPUT and no STREAM_EOF, so that TCP slows
 * the peer down. After false, STREAM_INPUT follows if the view is not empty. */
void stream_pause(struct stream *s, bool paused);

/* With true (the default), bytes that were read or written are overwritten before their memory is
 * freed, because they may be a password. With false, a message passes, which is long and not our
 * secret. */
void stream_wipe(struct stream *s, bool wipe);

/* Copies all or nothing. Returns false beyond the cap or on a dead stream. */
bool stream_write(struct stream *s, const void *data, size_t n) MUST_USE;
bool stream_write_slice(struct stream *s, struct slice data) MUST_USE;
/* Appends all of `from` and empties it, or nothing. Copies nothing if nothing else is queued.
 * Returns false beyond the cap or on a dead stream. */
bool stream_write_buf(struct stream *s, struct buf *from) MUST_USE;
/* With true, what is written is part of something longer. A rest that fills no packet may wait in
 * the kernel for what follows, for at most a fifth of a second. With false (the default),
 * everything leaves at once, including what has waited. */
void stream_gather(struct stream *s, bool gather);
/* Returns the number of bytes that the transport has not accepted yet. */
size_t stream_queued(const struct stream *s);
/* Returns how many bytes may still be queued. */
size_t stream_room(const struct stream *s);

/* Positions count bytes since the stream was made, with TLS or without. stream_position is where
 * the next queued byte will be. Every byte before stream_handed may have left: it was passed to the
 * socket or to TLS, even if TLS answered "not now". A byte at position p is *sent* (PROMISES 6)
 * when stream_handed > p. */
uint64_t stream_position(const struct stream *s);
uint64_t stream_handed(const struct stream *s);
/* The transport accepted every byte before this position. The peer cannot have read any byte after
 * it (a TLS record is readable only when complete), so a reply that seems to answer such a byte was
 * sent earlier. */
uint64_t stream_taken(const struct stream *s);

/* Begins TLS. Borrows ctx and takes a reference of its own. resume_key may be NULL. Input and
 * output must be empty, because bytes from before the handshake would be taken for protected ones
 * (STARTTLS injection). There is one exception: as a server, output that is still queued (the 220)
 * leaves in clear first, then the handshake begins. What is queued after this call leaves
 * protected. STREAM_SECURED or STREAM_FAILED follows. Returns -1 if they were not empty, or if TLS
 * could not begin. Then close the stream. */
int stream_start_tls(struct stream *s, struct tls_context *ctx, bool as_server,
                     const char *resume_key, struct err *err) MUST_USE;
/* NULL while the link is clear. There are facts after a failed handshake, too. */
const struct tls_facts *stream_tls(const struct stream *s);

/* Borrows the reason. Call this after STREAM_FAILED. */
const struct err *stream_error(const struct stream *s);
const struct addr *stream_peer(const struct stream *s);
const struct addr *stream_local(const struct stream *s);
bool stream_is_at_eof(const struct stream *s);

/* A set of at most `most` streams that say goodbye. They have no owner, but each holds a
 * descriptor. Embed it. */
struct lingering {
    /* The newest is last. */
    struct link streams;
    size_t n, most;
};
/* The number `most` must be at least 1. */
void lingering_init(struct lingering *l, size_t most);
/* Releases the streams that are left; they continue outside of the set. */
void lingering_end(struct lingering *l);

/* Closes at once. Queued output is lost, and unread input causes a TCP reset. */
void stream_close(struct stream **s);
/* Writes queued output, says goodbye (close_notify, FIN) and closes, by itself, within `patience`.
 * Takes the stream. */
void stream_finish(struct stream **s, usec patience);
/* Does what stream_finish does within a set, which is borrowed. If the set is full, its oldest
 * stream is closed after its output was written as far as the socket takes it. */
void stream_finish_among(struct stream **s, usec patience, struct lingering *among);

#endif
