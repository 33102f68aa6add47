/* All clients of a process: they are let in, get a configuration, and are counted until a drain has
 * ended. */
#include "relay/relay.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/password.h"
#include "io/transport.h"
#include "relay/admission.h"
#include "relay/introduction.h"
#include "relay/relay_state.h"
#include "relay/session.h"
#include "relay/transaction.h"

/* ------------------------------------------------------------------ life */

/* Collects the names that `destinations` and the guard against loops need. There are none without
 * an intercepting listener. */
static void watch_names(struct relay *relay)
{
    const struct config *c = relay->current->config;
    bool intercepts = false;
    size_t n = 0, most = c->nupstreams;
    for (size_t i = 0; i < c->nlistens; i++)
        intercepts |= c->listens[i].intercept;
    for (size_t i = 0; i < c->nupstreams; i++)
        most += c->upstreams[i].destinations.n;
    const char **hosts = mem_alloc((most + 1) * sizeof *hosts);
    for (size_t i = 0; intercepts && i < c->nupstreams; i++) {
        const struct destinations *d = &c->upstreams[i].destinations;
        hosts[n++] = c->upstreams[i].host;
        for (size_t k = 0; k < d->n; k++)
            if (d->items[k].name)
                hosts[n++] = d->items[k].name;
    }
    names_watch(relay->names, hosts, n);
    free(hosts);
}

static void tell_drained(void *arg)
{
    struct relay *relay = arg;
    relay->drained(relay->drained_ctx);
}

struct relay *relay_new(const struct io *io, struct config *config, struct accounts *accounts,
                        struct certificates *certificates)
{
    struct relay *relay = NEW(struct relay);
    relay->refs = 1;
    relay->io = io;
    relay->current = generation_new(io, &relay->budget, config, accounts, certificates);
    relay->passwords = passwords_new(io->offload);
    guard_init(&relay->guard);
    link_init(&relay->sessions);
    link_init(&relay->transactions);
    link_init(&relay->counts);
    link_init(&relay->introductions);
    lingering_init(&relay->refused, CAP_LINGERING_REFUSED);
    lingering_init(&relay->left, CAP_LINGERING_LEFT);
    relay->names = names_new(io);
    watch_names(relay);
    deferred_init(&relay->tell_drained, tell_drained, relay);
    return relay;
}

void relay_reload(struct relay *relay, struct config *config, struct accounts *accounts,
                  struct certificates *certificates)
{
    generation_unref(&relay->current);
    relay->current = generation_new(relay->io, &relay->budget, config, accounts, certificates);
    watch_names(relay);
}

void relay_free(struct relay **relay)
{
    struct relay *r = *relay;
    *relay = NULL;
    if (!r)
        return;
    r->freed = true;
    deferred_cancel(&r->tell_drained);
    introductions_end(r);
    names_free(&r->names);
    transactions_abandon(r);
    LIST_EACH (&r->sessions, it) {
        struct session *s = CONTAINER(it, struct session, link);
        session_abandon(s);
        /* Sessions are told now. Their server halves may live a moment longer than the relay. */
        generation_let_accounts_go(s->generation);
    }
    passwords_free(&r->passwords);
    guard_free(&r->guard);
    generation_unref(&r->current);
    relay_state_unref(r);
}

/* ------------------------------------------------------------------ clients */

struct listener_count *relay_count_of(struct relay *relay, const char *name)
{
    LIST_EACH (&relay->counts, it) {
        struct listener_count *count = CONTAINER(it, struct listener_count, link);
        if (strcmp(count->name, name) == 0)
            return count;
    }
    struct listener_count *count = NEW(struct listener_count);
    uint64_t seed;
    loop_random(relay->io->loop, &seed, sizeof seed);
    count->name = mem_string(name);
    count->visitors = visitors_new(seed);
    list_push_back(&relay->counts, &count->link);
    return count;
}

/* This connection came through a listener that the newest configuration no longer has. */
static void hear_nothing(void *ctx, struct stream *s, enum stream_event event)
{
    (void)ctx, (void)s, (void)event;
}

static void cut_off(const struct arrival *a)
{
    const struct stream_caps caps = {.input = 1, .output = 1};
    struct stream *s =
        a->stream ? a->stream : stream_accepted(a->transport, caps, hear_nothing, NULL);
    stream_close(&s);
}

static void let_in_or_refuse(struct relay *relay, const struct listener_view *view,
                             const struct arrival *a, enum own refuse)
{
    struct listener_count *count = relay_count_of(relay, view->config->name);
    if (refuse != OWN_NOTHING) {
        admission_tell_refused(relay, view->config, count, a, refuse);
        session_begin(relay, view, NULL, a, refuse);
        return;
    }
    admission_watch_gateway(relay, count, a);
    session_begin(relay, view, count, a, OWN_NOTHING);
}

/* Takes the connection. It becomes a session of the listener, or is refused, as the newest
 * configuration says. */
static void admit(struct relay *relay, const char *listener, const struct arrival *a)
{
    const struct listener_view *view = generation_listener(relay->current, listener);
    if (view)
        let_in_or_refuse(relay, view, a,
                         admission_judge(relay, view, relay_count_of(relay, listener), a));
    else
        cut_off(a);
}

void relay_accept(struct relay *relay, const char *listener, struct transport *t)
{
    const struct listener_view *view = generation_listener(relay->current, listener);
    const struct arrival a = {
        .transport = t, .peer = t->peer, .local = t->local, .original = t->original};
    if (!view || relay->draining || !admission_is_balancer(view->config, &t->peer)) {
        admit(relay, listener, &a);
        return;
    }
    /* They have a limit of their own, so that they and the clients cannot keep each other out. */
    struct listener_count *count = relay_count_of(relay, listener);
    if (count->introductions < view->config->max_clients)
        introduction_begin(relay, count, t, admit);
    else
        let_in_or_refuse(relay, view, &a, OWN_TOO_MANY_CLIENTS);
}

size_t relay_clients(const struct relay *relay)
{
    return relay->clients;
}

static const struct listener_count *find_count(const struct relay *relay, const char *listener)
{
    LIST_EACH (&relay->counts, it) {
        const struct listener_count *count = CONTAINER(it, struct listener_count, link);
        if (strcmp(count->name, listener) == 0)
            return count;
    }
    return NULL;
}

unsigned relay_listener_clients(const struct relay *relay, const char *listener)
{
    const struct listener_count *count = find_count(relay, listener);
    return count ? count->clients : 0;
}

const struct refused_clients *relay_refusals(const struct relay *relay)
{
    return &relay->refusals;
}

uint64_t relay_refused(const struct relay *relay, const char *listener, enum client_refusal why)
{
    const struct listener_count *count = find_count(relay, listener);
    return count ? count->refused[why] : 0;
}

void relay_watch(struct relay *relay, struct message_watch watch)
{
    relay->watch = watch;
}

const struct names *relay_names(const struct relay *relay)
{
    return relay->names;
}

void relay_set_keep(struct relay *relay, const struct relay_keep *keep)
{
    relay->keep = *keep;
}

bool relay_may_keep(const struct relay *relay)
{
    return transactions_may_keep(relay);
}

/* ------------------------------------------------------------------ drain */

void relay_drain(struct relay *relay, void (*drained)(void *ctx), void *ctx)
{
    relay->draining = true;
    relay->drained = drained;
    relay->drained_ctx = ctx;
    introductions_end(relay);
    LIST_EACH (&relay->sessions, it)
        smtp_server_drain(CONTAINER(it, struct session, link)->server);
    relay_state_ended(relay);
}

void relay_send_away(struct relay *relay)
{
    LIST_EACH (&relay->sessions, it)
        session_send_away(CONTAINER(it, struct session, link));
}
