/* io/transport.h over the virtual network. */
#include "io/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/local_socket.h"
#include "io/stream.h"
#include "sim_transport.h"
#include "sim_world.h"

/* the longest TLS record: what one write hands over at most */
enum { RECORD = 16384 };

struct sim_transport {
    struct transport base;
    struct sim_end *end;
    bool want_read, want_write, was_connecting;
    /* level-triggered: what is ready already wakes again next turn */
    struct sim_event wake;
    /* TLS said "not now" to these bytes and must see them again first */
    struct buf retry;
};

static struct sim_transport *of(const struct transport *t)
{
    return CONTAINER(t, struct sim_transport, base);
}

static bool is_ready(const struct sim_transport *t)
{
    struct err ignored;
    if (t->was_connecting)
        return (t->want_read || t->want_write) &&
               sim_end_connect_step(t->end, &ignored) != TRANSPORT_AGAIN;
    return (t->want_read && sim_end_is_readable(t->end)) ||
           (t->want_write && sim_end_is_writable(t->end));
}

static void wake_now(void *arg)
{
    struct sim_transport *t = arg;
    if (is_ready(t) && t->base.wake)
        t->base.wake(t->base.stream);
}

static void notified(void *ctx)
{
    struct sim_transport *t = ctx;
    if (is_ready(t) && !t->wake.slot)
        sim_event_arm(t->base.loop, &t->wake, 0);
}

static enum transport_step connect_step(struct transport *base, struct err *err)
{
    struct sim_transport *t = of(base);
    enum transport_step step = sim_end_connect_step(t->end, err);
    if (step == TRANSPORT_DONE && t->was_connecting) {
        t->was_connecting = false;
        base->local = *sim_end_local(t->end);
    }
    return step;
}

static ssize_t do_read(struct transport *base, void *out, size_t n, struct err *err)
{
    return sim_end_read(of(base)->end, out, n, err);
}

/* OpenSSL refuses a retry with other bytes ("bad write retry"); a stream that does that is caught
 * here. */
static void check_retry(const struct sim_transport *t, const void *data, size_t n)
{
    if (n >= t->retry.len && memcmp(data, t->retry.data + t->retry.head, t->retry.len) == 0)
        return;
    fprintf(stderr,
            "sim: bad write retry under TLS: %zu bytes were offered first, now %zu others\n",
            t->retry.len, n);
    abort();
}

static void measure(const struct transport *base)
{
    struct sim *sim = base->loop->sim;
    size_t in = stream_view(base->stream).len, out = stream_queued(base->stream),
           most = in > out ? in : out;
    if (most > sim->most_held)
        sim->most_held = most;
}

static ssize_t do_write(struct transport *base, const void *data, size_t n, struct err *err)
{
    struct sim_transport *t = of(base);
    if (base->stream)
        measure(base);
    if (!sim_end_is_sealed(t->end))
        return sim_end_write(t->end, data, n, err);
    if (t->retry.len > 0)
        check_retry(t, data, n);
    size_t record = n < RECORD ? n : RECORD;
    ssize_t done = sim_end_write(t->end, data, record, err);
    buf_clear(&t->retry);
    if (done == 0)
        (void)!buf_append(&t->retry, data, record);
    return done;
}

static bool write_is_uncertain(const struct transport *base)
{
    return of(base)->retry.len > 0;
}

static int start_tls(struct transport *base, struct tls_context *ctx, bool as_server,
                     const char *resume_key, struct err *err)
{
    return sim_end_tls_with_context(of(base)->end, ctx, as_server, resume_key, err);
}

static enum transport_step handshake_step(struct transport *base, struct err *err)
{
    return sim_end_handshake(of(base)->end, err);
}

static const struct tls_facts *tls(const struct transport *base)
{
    return sim_end_tls(of(base)->end);
}

static void want(struct transport *base, bool read, bool write)
{
    struct sim_transport *t = of(base);
    if (base->stream)
        measure(base);
    t->want_read = read;
    t->want_write = write;
    notified(t);
}

static bool has_pending(const struct transport *base)
{
    return sim_end_has_pending(of(base)->end);
}

static void do_shutdown(struct transport *base)
{
    sim_end_finish(of(base)->end);
}

static void do_close(struct transport *base)
{
    struct sim_transport *t = of(base);
    sim_event_stop(base->loop, &t->wake);
    sim_end_close(t->end);
    buf_free(&t->retry);
    base->loop->sim->living.transports--;
    free(t);
}

static const struct transport_ops ops = {
    .connect_step = connect_step,
    .read = do_read,
    .write = do_write,
    .write_is_uncertain = write_is_uncertain,
    .start_tls = start_tls,
    .handshake_step = handshake_step,
    .tls = tls,
    .want = want,
    .has_pending = has_pending,
    .shutdown = do_shutdown,
    .close = do_close,
};

static struct sim_transport *transport_new(struct loop *loop)
{
    struct sim_transport *t = NEW(struct sim_transport);
    t->base.ops = &ops;
    t->base.loop = loop;
    sim_event_init(&t->wake, wake_now, t);
    buf_init(&t->retry, RECORD);
    loop->sim->living.transports++;
    return t;
}

struct transport *transport_connect(struct loop *loop, const struct addr *to,
                                    const struct addr *source, struct err *err)
{
    if (to->family == ADDR_NONE || to->port == 0) {
        err_set(err, ERR_INVALID, "connect: no address");
        return NULL;
    }
    struct sim_transport *t = transport_new(loop);
    t->was_connecting = true;
    t->base.peer = *to;
    t->end = sim_connect(loop->sim, to, source, notified, t);
    return &t->base;
}

struct transport *sim_transport_of(struct sim *sim, struct sim_end *e)
{
    struct sim_transport *t = transport_new(sim->loop);
    t->end = e;
    t->base.peer = *sim_end_peer(e);
    t->base.local = *sim_end_local(e);
    sim_end_set_owner(e, notified, t);
    return &t->base;
}

struct transport *local_transport(struct loop *loop, const char *path, struct err *err)
{
    (void)loop;
    err_set(err, ERR_NOT_FOUND, "%s: there are no such sockets in this world", path);
    return NULL;
}
