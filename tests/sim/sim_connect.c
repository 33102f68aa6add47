/* Opening connections: paths, SYNs, listeners. */
#include <stdlib.h>

#include "base/mem.h"
#include "sim_net.h"
#include "sim_world.h"

/* seconds: Linux with tcp_syn_retries 6 */
enum { SYN_PATIENCE = 127 };

struct path_entry {
    /* first: see sim_net_free */
    struct link link;
    struct addr at;
    struct sim_path path;
};

struct sim_listening {
    /* first: see sim_net_free */
    struct link link;
    struct sim *sim;
    struct addr at;
    bool paused;
    void (*accepted)(void *ctx, struct sim_end *e);
    void *ctx;
};

static bool is_same_place(const struct addr *a, const struct addr *b)
{
    return a->port == b->port && addr_equal(a, b);
}

struct sim_path *sim_path(struct sim *sim, const char *address_with_port)
{
    struct addr at;
    if (!addr_parse_with_port(slice_of(address_with_port), &at))
        abort();
    LIST_EACH (&sim->paths, it) {
        struct path_entry *p = CONTAINER(it, struct path_entry, link);
        if (is_same_place(&p->at, &at))
            return &p->path;
    }
    struct path_entry *p = NEW(struct path_entry);
    p->at = at;
    p->path = sim->path_default;
    list_push_back(&sim->paths, &p->link);
    return &p->path;
}

struct sim_path *sim_path_default(struct sim *sim)
{
    return &sim->path_default;
}

const struct sim_path *sim_path_find(const struct sim *sim, const struct addr *to)
{
    LIST_EACH (&sim->paths, it) {
        struct path_entry *p = CONTAINER(it, struct path_entry, link);
        if (is_same_place(&p->at, to))
            return &p->path;
    }
    return &sim->path_default;
}

static struct sim_listening *find_listening(const struct sim *sim, const struct addr *to)
{
    LIST_EACH (&sim->listenings, it) {
        struct sim_listening *l = CONTAINER(it, struct sim_listening, link);
        if (is_same_place(&l->at, to) ||
            (addr_is_any(&l->at) && l->at.family == to->family && l->at.port == to->port))
            return l;
    }
    return NULL;
}

bool sim_is_listening(const struct sim *sim, const struct addr *at)
{
    return find_listening(sim, at) != NULL;
}

struct sim_listening *sim_listen(struct sim *sim, const struct addr *at,
                                 void (*accepted)(void *ctx, struct sim_end *e), void *ctx)
{
    struct sim_listening *l = NEW(struct sim_listening);
    *l = (struct sim_listening){.sim = sim, .at = *at, .accepted = accepted, .ctx = ctx};
    list_push_back(&sim->listenings, &l->link);
    return l;
}

static void accept_now(void *arg)
{
    struct sim_conn *c = arg;
    struct sim_end *e = &c->ends[SIM_DOWN];
    struct sim_listening *l = find_listening(c->sim, &e->local);
    if (!l) {
        e->connected = true;
        sim_end_reset(e);
        return;
    }
    /* sim_listening_pause comes back to it */
    if (l->paused)
        return;
    e->connected = true;
    l->accepted(l->ctx, e);
}

void sim_listening_pause(struct sim_listening *l, bool paused)
{
    l->paused = paused;
    if (paused)
        return;
    for (size_t i = 0; i < l->sim->nconns; i++) {
        struct sim_conn *c = l->sim->conns[i];
        if (c->ends[SIM_UP].connected && !c->ends[SIM_DOWN].connected && !c->accepted.slot &&
            find_listening(l->sim, &c->ends[SIM_DOWN].local) == l)
            sim_event_arm(l->sim->loop, &c->accepted, 0);
    }
}

void sim_listening_close(struct sim_listening **l)
{
    if (!*l)
        return;
    link_remove(&(*l)->link);
    free(*l);
    *l = NULL;
}

static void connect_ends(void *arg)
{
    struct sim_conn *c = arg;
    struct sim_end *e = &c->ends[SIM_UP];
    if (e->closed)
        return;
    if (c->path.syn == SIM_DROPPED)
        err_set(&e->failure, ERR_TIMEOUT, "connect: connection timed out");
    else if (c->path.syn == SIM_UNREACHABLE)
        err_set(&e->failure, ERR_UNREACHABLE, "connect: no route to host");
    else if (c->path.syn == SIM_REFUSED || !sim_is_listening(c->sim, &e->peer))
        err_set(&e->failure, ERR_REFUSED, "connect: connection refused");
    else {
        e->connected = true;
        c->ends[SIM_UP].last_arrival = c->sim->loop->now + c->path.latency;
        sim_event_arm(c->sim->loop, &c->accepted, c->path.latency);
    }
    sim_say(c->sim, "c%zu %s", c->id, e->connected ? "connected" : e->failure.words);
    if (e->fn)
        e->fn(e->ctx);
}

static struct addr local_for(struct sim *sim, const struct addr *to, const struct addr *source)
{
    struct addr a = {0};
    const char *text = to->family == ADDR_V6  ? (addr_is_loopback(to) ? "::1" : "fd00::2")
                       : addr_is_loopback(to) ? "127.0.0.1"
                                              : "10.0.0.2";
    if (source && source->family != ADDR_NONE)
        a = *source;
    else if (!addr_parse(slice_of(text), &a))
        abort();
    if (a.port == 0)
        a.port = sim->next_port++;
    if (sim->next_port < 40000)
        sim->next_port = 40000;
    return a;
}

static void end_init(struct sim_conn *c, enum sim_direction d, struct addr local, struct addr peer)
{
    struct sim_end *e = &c->ends[d];
    e->conn = c;
    e->sends = d;
    e->local = local;
    e->peer = peer;
    link_init(&e->flying);
    link_init(&e->arrived);
    buf_init(&e->clear, 65536);
}

struct sim_end *sim_connect(struct sim *sim, const struct addr *to, const struct addr *source,
                            sim_notify *fn, void *ctx)
{
    struct sim_conn *c = NEW(struct sim_conn);
    c->sim = sim;
    c->id = sim->nconns;
    c->path = *sim_path_find(sim, to);
    struct addr local = local_for(sim, to, source);
    end_init(c, SIM_UP, local, *to);
    end_init(c, SIM_DOWN, *to, local);
    sim_event_init(&c->connected, connect_ends, c);
    sim_event_init(&c->accepted, accept_now, c);
    if ((sim->nconns & (sim->nconns - 1)) == 0)
        sim->conns =
            mem_resize(sim->conns, (sim->nconns ? sim->nconns * 2 : 1) * sizeof(struct sim_conn *));
    sim->conns[sim->nconns++] = c;
    struct sim_end *e = &c->ends[SIM_UP];
    e->fn = fn;
    e->ctx = ctx;
    char text[ADDR_TEXT];
    sim_say(sim, "c%zu connect to %s", c->id, addr_text_with_port(to, text));
    usec after = c->path.syn == SIM_DROPPED       ? SYN_PATIENCE * USEC_PER_SEC
                 : c->path.syn == SIM_UNREACHABLE ? c->path.latency
                                                  : 2 * c->path.latency;
    sim_event_arm(sim->loop, &c->connected, after);
    return e;
}

void sim_end_set_owner(struct sim_end *e, sim_notify *fn, void *ctx)
{
    e->fn = fn;
    e->ctx = ctx;
}

enum transport_step sim_end_connect_step(const struct sim_end *e, struct err *err)
{
    if (e->failure.kind != ERR_NONE) {
        *err = e->failure;
        return TRANSPORT_FAILED;
    }
    return e->connected ? TRANSPORT_DONE : TRANSPORT_AGAIN;
}

const struct addr *sim_end_local(const struct sim_end *e)
{
    return &e->local;
}

const struct addr *sim_end_peer(const struct sim_end *e)
{
    return &e->peer;
}

size_t sim_conn_count(const struct sim *sim)
{
    return sim->nconns;
}

struct slice sim_conn_clear(const struct sim *sim, size_t i, enum sim_direction d)
{
    return buf_view(&sim->conns[i]->ends[d].clear);
}

const struct addr *sim_conn_to(const struct sim *sim, size_t i)
{
    return &sim->conns[i]->ends[SIM_UP].peer;
}

uint64_t sim_conn_sent(const struct sim *sim, size_t i, enum sim_direction d)
{
    return sim->conns[i]->ends[d].handed;
}

uint64_t sim_conn_read(const struct sim *sim, size_t i, enum sim_direction d)
{
    return sim_end_other(&sim->conns[i]->ends[d])->read;
}

size_t sim_conn_open_ends(const struct sim *sim)
{
    size_t open = 0;
    for (size_t i = 0; i < sim->nconns; i++)
        for (int d = 0; d < 2; d++)
            open += sim->conns[i]->ends[d].connected && !sim->conns[i]->ends[d].closed;
    return open;
}
