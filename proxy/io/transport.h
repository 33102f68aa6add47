/* The table beneath a stream. Two worlds fill it: tcp and tls over a descriptor, and in tests the
 * virtual network. Only io/ and tests/sim use it; all other rooms use streams.
 *
 * A transport is owned by its stream. It calls `wake`, only from the loop, when something that the
 * stream asked for in `want` may have become possible. read and write return the number of bytes, 0
 * for "not now", or -1 with err for a dead link. read returns -1 with ERR_CLOSED at the peer's
 * orderly end: a FIN, or with TLS a close_notify. A FIN without close_notify is ERR_RESET. After an
 * error of write, read may still be called for bytes that came before.
 *
 * `wake` is level-triggered: it is called once a turn for as long as something wanted is possible.
 * After it returns, the transport may have been freed. The stream wants (false, true) while
 * connect_step returns AGAIN, and (true, false) while handshake_step does: the transport itself
 * knows in which direction a handshake waits. After want(false, false) there is no wake. */
#ifndef IO_TRANSPORT_H
#define IO_TRANSPORT_H

#include <sys/types.h>

#include "base/addr.h"
#include "io/loop.h"
#include "io/tls_context.h"

struct transport;

enum transport_step { TRANSPORT_DONE, TRANSPORT_AGAIN, TRANSPORT_FAILED };

struct transport_ops {
    /* Returns DONE at once for an accepted transport. */
    enum transport_step (*connect_step)(struct transport *t, struct err *err);
    ssize_t (*read)(struct transport *t, void *out, size_t n, struct err *err);
    ssize_t (*write)(struct transport *t, const void *data, size_t n, struct err *err);
    /* Bytes of a write that returned 0 may be on the wire (TLS). */
    bool (*write_is_uncertain)(const struct transport *t);
    int (*start_tls)(struct transport *t, struct tls_context *ctx, bool as_server,
                     const char *resume_key, struct err *err);
    enum transport_step (*handshake_step)(struct transport *t, struct err *err);
    /* NULL while the link is clear. */
    const struct tls_facts *(*tls)(const struct transport *t);
    /* Says what the stream waits for. The transport maps crossed wants of TLS. */
    void (*want)(struct transport *t, bool read, bool write);
    /* There are decrypted bytes that no descriptor will announce. */
    bool (*has_pending)(const struct transport *t);
    /* See stream_gather. NULL if the transport has nothing like it. */
    void (*gather)(struct transport *t, bool on);
    /* Sends close_notify and FIN. There are no more writes. */
    void (*shutdown)(struct transport *t);
    /* Frees t. */
    void (*close)(struct transport *t);
};

struct transport {
    const struct transport_ops *ops;
    struct loop *loop;
    void (*wake)(void *stream);
    void *stream;
    /* Not mapped. `local` is known once it is connected. */
    struct addr peer, local;
    /* An accepted client had reset the connection before it was accepted. */
    bool is_gone;
    /* The original destination of an accepted client that a packet filter on this host redirected
     * to us. Family ADDR_NONE means that it was not redirected. */
    struct addr original;
};

/* Gives. Begins a non-blocking connect. source may be NULL. Returns NULL with err if it cannot even
 * begin. */
struct transport *transport_connect(struct loop *loop, const struct addr *to,
                                    const struct addr *source, struct err *err) MUST_USE;

#endif
