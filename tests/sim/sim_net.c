/* Segments on their way: sending, arriving, reading, and what the network does to them. Opening and
 * listening are in sim_connect.c. */
#include "sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_world.h"

static const char *const mark_names[] = {"clear", "sealed",       "hello", "flight", "finished",
                                         "alert", "close_notify", "FIN",   "RST",    "ack"};

static void show(const struct sim_chunk *c)
{
    struct sim *sim = c->to->conn->sim;
    char text[400];
    size_t n = 0;
    for (size_t i = 0; i < c->len && i < 90 && c->mark <= SIM_SEALED; i++) {
        unsigned char ch = (unsigned char)c->data[i];
        n += (size_t)snprintf(text + n, sizeof text - n,
                              ch >= 32 && ch < 127 ? "%c"
                              : ch == '\r'         ? "\\r"
                              : ch == '\n'         ? "\\n"
                                                   : "\\x%02x",
                              ch);
    }
    fprintf(stderr, "%12.6f  c%zu %s %-8s %5zu  %.*s\n", (double)sim->loop->now / 1e6,
            c->to->conn->id, c->to->sends == SIM_UP ? "<-" : "->", mark_names[c->mark], c->len,
            (int)n, text);
}

static void tell(struct sim_end *e)
{
    if (e->fn && !e->closed)
        e->fn(e->ctx);
}

static void chunk_free(struct sim_chunk *c)
{
    sim_event_stop(c->to->conn->sim->loop, &c->event);
    link_remove(&c->link);
    free(c);
}

static void drop_all(struct link *chunks)
{
    LIST_EACH (chunks, it)
        chunk_free(CONTAINER(it, struct sim_chunk, link));
}

static void arrive_at_closed(struct sim_chunk *c)
{
    struct sim_end *e = c->to;
    bool answer = c->mark != SIM_RST && c->mark != SIM_ACK && c->mark != SIM_FIN && !e->reset;
    chunk_free(c);
    if (answer) {
        e->reset = true;
        sim_end_send_mark(e, SIM_RST, 0, NULL);
    }
}

static void arrive(void *arg)
{
    struct sim_chunk *c = arg;
    struct sim_end *e = c->to;
    struct sim *sim = e->conn->sim;
    sim_trace_number(sim, (uint64_t)sim->loop->now ^ ((uint64_t)e->conn->id << 40) ^
                              ((uint64_t)c->mark << 60) ^ c->len);
    if (c->mark <= SIM_SEALED)
        sim_trace_bytes(sim, c->data, c->len);
    if (sim->verbose && c->mark != SIM_ACK)
        show(c);
    if (c->mark == SIM_ACK) {
        e->unacked -= c->len;
        chunk_free(c);
        tell(e);
        return;
    }
    if (e->closed) {
        arrive_at_closed(c);
        return;
    }
    if (c->mark == SIM_RST) {
        e->reset = true;
        chunk_free(c);
    } else {
        link_remove(&c->link);
        list_push_back(&e->arrived, &c->link);
        e->fin_seen = e->fin_seen || c->mark == SIM_FIN;
    }
    tell(e);
}

/* Puts one segment on the wire of `from`, in order behind what it sent before (an acknowledgement
 * may overtake). */
static struct sim_chunk *dispatch(struct sim_end *from, enum sim_mark mark, const void *data,
                                  size_t len)
{
    struct sim *sim = from->conn->sim;
    size_t room = mark <= SIM_SEALED ? len : 0;
    struct sim_chunk *c = mem_alloc(sizeof *c + room);
    c->to = sim_end_other(from);
    c->mark = mark;
    c->len = len;
    if (room > 0)
        memcpy(c->data, data, len);
    sim_event_init(&c->event, arrive, c);
    const struct sim_path *p = &from->conn->path;
    usec delay =
        p->latency + (p->jitter > 0 ? (usec)sim_rng_below(&sim->net_rng, (uint64_t)p->jitter) : 0);
    if (mark != SIM_ACK) {
        usec behind = from->last_arrival - sim->loop->now;
        delay = delay > behind ? delay : behind;
        from->last_arrival = sim->loop->now + delay;
    }
    list_push_back(&c->to->flying, &c->link);
    sim_event_arm(sim->loop, &c->event, delay);
    return c;
}

/* What the way does to `wire` more bytes from this end: how many get through. */
static size_t pass(struct sim_end *e, size_t wire)
{
    const struct sim_path *p = &e->conn->path;
    uint64_t hole = e->sends == SIM_UP ? p->hole_up : p->hole_down,
             reset = e->sends == SIM_UP ? p->reset_up : p->reset_down;
    uint64_t limit = hole < reset ? hole : reset, before = e->carried;
    e->carried += wire;
    if (p->mtu > 0 && wire > p->mtu) {
        e->hole = true;
        return 0;
    }
    if (limit == SIM_NEVER || before + wire <= limit)
        return wire;
    return limit > before ? (size_t)(limit - before) : 0;
}

static void after_pass(struct sim_end *e, bool all)
{
    if (all)
        return;
    const struct sim_path *p = &e->conn->path;
    if ((e->sends == SIM_UP ? p->reset_up <= p->hole_up : p->reset_down <= p->hole_down) &&
        !e->hole) {
        dispatch(e, SIM_RST, NULL, 0);
        dispatch(sim_end_other(e), SIM_RST, NULL, 0);
    }
    e->hole = true;
}

static void send_segment(struct sim_end *e, enum sim_mark mark, const char *data, size_t n)
{
    e->unacked += n;
    if (e->hole)
        return;
    size_t through = pass(e, n);
    if (through > 0)
        dispatch(e, mark, data, through);
    after_pass(e, through == n);
}

void sim_end_send_mark(struct sim_end *e, enum sim_mark mark, size_t wire,
                       const struct sim_hello *hello)
{
    if (e->hole)
        return;
    bool through = pass(e, wire) == wire;
    if (through) {
        struct sim_chunk *c = dispatch(e, mark, NULL, 0);
        if (hello)
            c->hello = *hello;
    }
    after_pass(e, through);
}

struct sim_chunk *sim_end_front(const struct sim_end *e)
{
    return link_is_alone(&e->arrived) ? NULL : CONTAINER(e->arrived.next, struct sim_chunk, link);
}

void sim_end_drop_front(struct sim_end *e)
{
    struct sim_chunk *c = sim_end_front(e);
    size_t n = c->len;
    bool counts = c->mark <= SIM_SEALED;
    /* what a failed handshake swallows */
    if (counts)
        e->read += c->len - c->taken;
    chunk_free(c);
    if (counts && !e->hole)
        dispatch(e, SIM_ACK, NULL, n);
}

/* A clear reader sees a TLS peer's records as the bytes they are. */
static ssize_t read_records(struct sim_end *e, void *out, size_t n)
{
    static const char record[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    size_t got = n < sizeof record - 1 ? n : sizeof record - 1;
    memcpy(out, record, got);
    sim_end_drop_front(e);
    return (ssize_t)got;
}

static ssize_t nothing_to_read(const struct sim_end *e, struct err *err)
{
    if (!e->reset)
        return 0;
    err_set(err, ERR_RESET, "connection reset by peer");
    return -1;
}

ssize_t sim_end_read(struct sim_end *e, void *out, size_t n, struct err *err)
{
    struct sim_chunk *c = sim_end_front(e);
    if (!c)
        return nothing_to_read(e, err);
    if (n == 0)
        return 0;
    /* stays, so that every later read says so too */
    if (c->mark == SIM_FIN || (c->mark == SIM_NOTIFY && e->tls)) {
        err_set(err, ERR_CLOSED, "closed by peer");
        return -1;
    }
    bool sealed = sim_end_is_sealed(e);
    if (c->mark != (sealed ? SIM_SEALED : SIM_CLEAR)) {
        if (!sealed)
            return read_records(e, out, n);
        err_set(err, ERR_TLS,
                c->mark == SIM_ALERT ? "TLS alert from peer" : "TLS record of a wrong kind");
        return -1;
    }
    size_t got = c->len - c->taken < n ? c->len - c->taken : n;
    memcpy(out, c->data + c->taken, got);
    c->taken += got;
    e->read += got;
    if (c->taken == c->len)
        sim_end_drop_front(e);
    return (ssize_t)got;
}

ssize_t sim_end_write(struct sim_end *e, const void *data, size_t n, struct err *err)
{
    if (e->reset || e->fin_sent) {
        err_set(err, e->reset ? ERR_RESET : ERR_CLOSED,
                e->reset ? "connection reset by peer" : "already closed for writing");
        return -1;
    }
    const struct sim_path *p = &e->conn->path;
    if (!e->connected || e->unacked >= p->window)
        return 0;
    size_t room = p->window - e->unacked, all = n < room ? n : room;
    bool sealed = sim_end_is_sealed(e);
    if (!sealed) {
        size_t keep = buf_room(&e->clear) < all ? buf_room(&e->clear) : all;
        (void)!buf_append(&e->clear, data, keep);
    }
    for (size_t done = 0; done < all;) {
        size_t piece = all - done < p->segment ? all - done : p->segment;
        if (p->shred && piece > 1)
            piece = 1 + (size_t)sim_rng_below(&e->conn->sim->net_rng, piece);
        send_segment(e, sealed ? SIM_SEALED : SIM_CLEAR, (const char *)data + done, piece);
        done += piece;
    }
    e->handed += all;
    return (ssize_t)all;
}

bool sim_end_has_pending(const struct sim_end *e)
{
    const struct sim_chunk *c = sim_end_front(e);
    return c && c->mark == SIM_SEALED && c->taken > 0;
}

bool sim_end_is_readable(const struct sim_end *e)
{
    if (e->reset || e->fin_seen)
        return true;
    return sim_end_has_pending(e) ? e->arrived.next != e->arrived.prev
                                  : !link_is_alone(&e->arrived);
}

bool sim_end_is_writable(const struct sim_end *e)
{
    return e->reset || (e->connected && e->unacked < e->conn->path.window);
}

void sim_end_finish(struct sim_end *e)
{
    if (e->fin_sent || e->reset || !e->connected)
        return;
    if (sim_end_is_sealed(e))
        sim_end_send_mark(e, SIM_NOTIFY, 24, NULL);
    e->fin_sent = true;
    sim_end_send_mark(e, SIM_FIN, 0, NULL);
}

void sim_end_reset(struct sim_end *e)
{
    if (e->connected && !e->reset)
        sim_end_send_mark(e, SIM_RST, 0, NULL);
    e->reset = true;
    sim_end_close(e);
}

static bool has_unread(const struct sim_end *e)
{
    LIST_EACH (&e->arrived, it)
        if (CONTAINER(it, struct sim_chunk, link)->mark <= SIM_SEALED)
            return true;
    return false;
}

void sim_end_close(struct sim_end *e)
{
    if (e->closed)
        return;
    if (e->connected && !e->reset && has_unread(e)) {
        sim_end_send_mark(e, SIM_RST, 0, NULL);
        e->reset = true;
    } else if (e->connected && !e->reset && !e->fin_sent) {
        e->fin_sent = true;
        sim_end_send_mark(e, SIM_FIN, 0, NULL);
    }
    e->closed = true;
    e->fn = NULL;
    drop_all(&e->arrived);
    sim_tls_free(&e->tls);
}

void sim_end_cut(struct sim_end *e)
{
    e->hole = true;
    sim_end_other(e)->hole = true;
}

void sim_net_free(struct sim *sim)
{
    for (size_t i = 0; i < sim->nconns; i++) {
        struct sim_conn *c = sim->conns[i];
        sim_event_stop(sim->loop, &c->connected);
        sim_event_stop(sim->loop, &c->accepted);
        for (int d = 0; d < 2; d++) {
            drop_all(&c->ends[d].flying);
            drop_all(&c->ends[d].arrived);
            sim_tls_free(&c->ends[d].tls);
            buf_free(&c->ends[d].clear);
        }
        free(c);
    }
    free(sim->conns);
    /* the link is the first member */
    LIST_EACH (&sim->paths, it)
        free(it);
    LIST_EACH (&sim->listenings, it)
        free(it);
    LIST_EACH (&sim->watches, it)
        free(it);
}
