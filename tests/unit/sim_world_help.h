/* A stream and a scripted peer in the simulated world, for the tests of that world. */
#ifndef UNIT_SIM_WORLD_HELP_H
#define UNIT_SIM_WORLD_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/dns.h"
#include "io/files.h"
#include "io/listener.h"
#include "io/netwatch.h"
#include "io/process.h"
#include "io/stream.h"
#include "sim/sim.h"
#include "sim/sim_net.h"

static const struct stream_caps caps = {16384, 1024 * 1024};
static __attribute__((unused)) const char place[] = "192.0.2.1:587";

/* A stream that keeps what it sees. */
struct seen {
    struct sim *sim;
    struct stream *s;
    /* one letter each: C S I L E F */
    char events[200];
    char text[70000];
    size_t len;
    /* of the last event */
    usec when;
};

static __attribute__((unused)) void note(void *ctx, struct stream *s, enum stream_event event)
{
    struct seen *seen = ctx;
    size_t n = strlen(seen->events);
    if (n + 1 < sizeof seen->events)
        seen->events[n] = "CSILEF"[event];
    seen->when = sim_now(seen->sim);
    struct slice view = stream_view(s);
    if (event == STREAM_INPUT && seen->len + view.len < sizeof seen->text) {
        memcpy(seen->text + seen->len, view.data, view.len);
        seen->len += view.len;
        stream_consume(s, view.len);
    }
}

/* A scripted peer that says something at once and keeps what it hears. */
struct peer {
    struct sim *sim;
    struct sim_end *end;
    struct sim_listening *listening;
    const char *greeting;
    struct sim_tls_server tls;
    bool wants_tls, secured, closed;
    char heard[200000];
    size_t len;
    enum err_kind ended;
};

static __attribute__((unused)) void peer_wakes(void *ctx)
{
    struct peer *p = ctx;
    struct err err;
    if (p->wants_tls && !p->secured) {
        if (sim_end_handshake(p->end, &err) != TRANSPORT_DONE)
            return;
        p->secured = true;
    }
    for (ssize_t n;;) {
        n = sim_end_read(p->end, p->heard + p->len, sizeof p->heard - p->len, &err);
        if (n < 0)
            p->ended = err.kind;
        if (n <= 0)
            return;
        p->len += (size_t)n;
    }
}

static __attribute__((unused)) void peer_accepts(void *ctx, struct sim_end *e)
{
    struct peer *p = ctx;
    struct err err;
    p->end = e;
    sim_end_set_owner(e, peer_wakes, p);
    if (p->wants_tls)
        sim_end_tls_as_server(e, &p->tls);
    if (p->greeting)
        assert_int_equal(sim_end_write(e, p->greeting, strlen(p->greeting), &err),
                         strlen(p->greeting));
}

struct fixture {
    struct sim *sim;
    struct seen seen;
    struct peer peer;
};

static __attribute__((unused)) struct addr at(const char *text)
{
    struct addr a;
    assert_true(addr_parse_with_port(slice_of(text), &a));
    return a;
}

static __attribute__((unused)) void set_up(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    f->sim = f->seen.sim = f->peer.sim = sim_new(seed);
    struct addr a = at(place);
    f->peer.listening = sim_listen(f->sim, &a, peer_accepts, &f->peer);
}

static __attribute__((unused)) void dial(struct fixture *f)
{
    struct err err;
    struct addr a = at(place);
    f->seen.s = stream_connect(sim_loop(f->sim), &a, NULL, caps, note, &f->seen, &err);
    assert_non_null(f->seen.s);
}

static __attribute__((unused)) void tear_down(struct fixture *f)
{
    stream_close(&f->seen.s);
    if (f->peer.end)
        sim_end_close(f->peer.end);
    sim_run_for(f->sim, USEC_PER_SEC);
    assert_int_equal(sim_living(f->sim).transports, 0);
    assert_int_equal(sim_living(f->sim).timers, 0);
    assert_int_equal(sim_conn_open_ends(f->sim), 0);
    sim_free(&f->sim);
}

#endif
