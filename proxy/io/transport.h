/* The table beneath a stream. Two worlds fill it: tcp and tls over a descriptor, and in tests the
 * virtual network. Only io/ and tests/sim look in here; everybody else speaks to streams.
 *
 * A transport is owned by its stream. It calls `wake` when something that the stream asked for in
 * `want` may have become possible, and only from the loop. read and write return the number of
 * bytes, 0 for "not now", -1 for dead (err is set); read returns -1 with ERR_CLOSED at the peer's
 * orderly end (FIN; with TLS close_notify: a FIN without it is ERR_RESET). After an error of write,
 * read may still be called for what came before.
 *
 * `wake` is level-triggered: called once a turn for as long as something wanted is possible. After
 * it returns, the transport may be gone. The stream wants (false, true) while connect_step says
 * AGAIN and (true, false) while handshake_step does: the transport itself knows which way a
 * handshake waits. want(false, false): no wake. */
#ifndef IO_TRANSPORT_H
#define IO_TRANSPORT_H

#include <sys/types.h>

#include "base/addr.h"
#include "io/loop.h"
#include "io/tls_context.h"

struct transport;

enum transport_step { TRANSPORT_DONE, TRANSPORT_AGAIN, TRANSPORT_FAILED };

struct transport_ops {
    /* DONE at once for an accepted one */
    enum transport_step (*connect_step)(struct transport *t, struct err *err);
    ssize_t (*read)(struct transport *t, void *out, size_t n, struct err *err);
    ssize_t (*write)(struct transport *t, const void *data, size_t n, struct err *err);
    /* bytes of a write that returned 0 may be on the wire (TLS) */
    bool (*write_is_uncertain)(const struct transport *t);
    int (*start_tls)(struct transport *t, struct tls_context *ctx, bool as_server,
                     const char *resume_key, struct err *err);
    enum transport_step (*handshake_step)(struct transport *t, struct err *err);
    /* NULL while the link is clear */
    const struct tls_facts *(*tls)(const struct transport *t);
    /* what the stream waits for; the transport maps crossed TLS wants */
    void (*want)(struct transport *t, bool read, bool write);
    /* decrypted bytes wait that no descriptor will announce */
    bool (*has_pending)(const struct transport *t);
    /* see stream_gather; NULL where there is nothing like it */
    void (*gather)(struct transport *t, bool on);
    /* close_notify and FIN: no more writes */
    void (*shutdown)(struct transport *t);
    /* frees t */
    void (*close)(struct transport *t);
};

struct transport {
    const struct transport_ops *ops;
    struct loop *loop;
    void (*wake)(void *stream);
    void *stream;
    /* unmapped; local is known once connected */
    struct addr peer, local;
    /* An accepted client had reset the connection before it was accepted. */
    bool is_gone;
    /* where an accepted client meant to go, when a packet filter on this host turned it to us;
     * family ADDR_NONE: it came by itself */
    struct addr original;
};

/* Begins a non-blocking connect. source may be NULL. NULL with err when it cannot even begin.
 * Gives. */
struct transport *transport_connect(struct loop *loop, const struct addr *to,
                                    const struct addr *source, struct err *err) MUST_USE;

#endif
