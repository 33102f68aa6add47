#include "admin/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/busy.h"
#include "admin/http.h"
#include "admin/snapshot.h"
#include "admin/text.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"

#define TICK USEC_PER_SEC
/* After an event there are at most ten snapshots a second. */
#define SOON (100 * USEC_PER_MS)
/* A thousand dials in one turn of the loop would delay everything else. */
#define PROOFS_AT_ONCE 32
/* The next proofs begin this much later. */
#define MORE_PROOFS (100 * USEC_PER_MS)
/* How soon an account that does not work is tried again. */
#define BROKEN_AGAIN (60 * USEC_PER_SEC)
/* And one of which nothing is known, as after a reload with another secret. */
#define UNKNOWN_AGAIN (2 * USEC_PER_SEC)

enum { TURNS = 60 };

struct admin_place {
    struct link link;
    struct admin_http *http;
    bool wanted, fresh;
};

struct proof {
    char name[64];
    usec tried;
};

struct admin {
    const struct io *io;
    struct admin_source source;
    struct published *snapshots;
    struct link places;
    struct timer *tick, *soon, *more;
    struct tally tally;
    struct reloads reloads;
    int64_t started_ms;
    /* The longest turn of each of the last seconds. */
    usec turns[TURNS];
    unsigned next_turn;
    struct busy busy;
    struct proof *proofs;
    size_t nproofs, next_proof;
    /* Accounts are proven without a page, too. */
    bool keeps_proven;
};

/* ---- the snapshot ---- */

static void add_listeners(struct admin *a, struct snapshot *s, const struct config *config)
{
    s->listeners = mem_alloc((config->nlistens + 1) * sizeof *s->listeners);
    for (size_t i = 0; i < config->nlistens; i++) {
        const struct listen_config *l = &config->listens[i];
        struct listener_shown *v = &s->listeners[s->nlisteners++];
        text_clean(v->name, sizeof v->name, slice_of(l->name));
        for (size_t k = 0, used = 0; k < l->address.n && used + ADDR_TEXT < sizeof v->address;
             k++) {
            char text[ADDR_TEXT];
            used += (size_t)snprintf(v->address + used, sizeof v->address - used, "%s%s",
                                     k ? " " : "", addr_text_with_port(&l->address.items[k], text));
        }
        v->clients = a->source.clients(a->source.ctx, l->name);
        v->max_clients = l->max_clients;
        v->expires = a->source.expires(a->source.ctx, i);
    }
}

static void copy_allow(struct snapshot *s, const struct networks *allow)
{
    s->allow.items = mem_alloc((allow->n + 1) * sizeof *s->allow.items);
    s->allow.n = allow->n;
    for (size_t i = 0; i < allow->n; i++)
        s->allow.items[i] = allow->items[i];
}

static void copy_hosts(struct snapshot *s, const struct admin_config *config)
{
    s->own_addresses = config->hosts_are_default;
    s->hosts.items = mem_alloc((config->hosts.n + 1) * sizeof *s->hosts.items);
    for (s->hosts.n = 0; s->hosts.n < config->hosts.n; s->hosts.n++)
        s->hosts.items[s->hosts.n] = mem_string(config->hosts.items[s->hosts.n]);
}

static void make_nonce(struct loop *loop, char out[33])
{
    unsigned char bytes[16];
    loop_random(loop, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void publish(struct admin *a)
{
    const struct config *config = a->source.config(a->source.ctx);
    const struct accounts *accounts = a->source.accounts(a->source.ctx);
    struct snapshot *s = NEW(struct snapshot);
    s->made = loop_now(a->io->loop);
    s->wall_ms = loop_wall_ms(a->io->loop);
    s->started_ms = a->started_ms;
    text_clean(s->host, sizeof s->host, slice_of(config->server.hostname));
    s->draining = a->source.draining(a->source.ctx);
    s->listening = a->source.listening(a->source.ctx);
    s->reloads = a->reloads;
    for (size_t i = 0; i < TURNS; i++)
        s->longest_turn = a->turns[i] > s->longest_turn ? a->turns[i] : s->longest_turn;
    s->busy = busy_ratio(&a->busy);
    make_nonce(a->io->loop, s->nonce);
    for (size_t i = 0; i < accounts_count(accounts); i++) {
        snapshot_add_account(s, accounts_at(accounts, i), s->made);
        /* Counters exist before the first message, because a rate needs two values. */
        tally_account(&a->tally, s->accounts[i].name);
    }
    a->source.spool(a->source.ctx, s);
    snapshot_add_cluster(s, accounts_cluster(accounts), s->made);
    add_listeners(a, s, config);
    a->source.refused(a->source.ctx, s);
    copy_allow(s, &config->admin.allow);
    copy_hosts(s, &config->admin);
    tally_copy(&s->tally, &a->tally);
    snapshot_warn(s);
    published_set(a->snapshots, s);
}

/* ---- proofs ---- */

static usec *last_try(struct admin *a, const char *name)
{
    for (size_t i = 0; i < a->nproofs; i++)
        if (strcmp(a->proofs[i].name, name) == 0)
            return &a->proofs[i].tried;
    a->proofs = mem_resize(a->proofs, (a->nproofs + 1) * sizeof *a->proofs);
    struct proof *p = &a->proofs[a->nproofs++];
    *p = (struct proof){.tried = INT64_MIN / 2};
    snprintf(p->name, sizeof p->name, "%s", name);
    return &p->tried;
}

/* Renews the proof in the last quarter of its life, and at least a tick before its end, so that a
 * reader of the page finds it fresh. */
static bool prove_if_due(struct admin *a, struct account *account)
{
    const struct upstream_config *cfg = account_config(account);
    usec now = loop_now(a->io->loop), validity = snapshot_validity(cfg),
         proven = snapshot_proven(account);
    usec margin = validity / 4 > TICK + TICK / 2 ? validity / 4 : TICK + TICK / 2;
    usec *tried = last_try(a, cfg->name);
    enum standing standing = account_standing(account);
    bool works = standing == STANDING_WORKS && proven > 0;
    usec again = standing == STANDING_UNKNOWN ? UNKNOWN_AGAIN : BROKEN_AGAIN;
    usec due = works ? proven + validity - margin : *tried + (validity < again ? validity : again);
    if (now < due)
        return false;
    *tried = now;
    account_prove(account);
    return true;
}

/* Continues where it stopped, so that the last account of the file is proven as soon as the
 * first. */
static void prove_all(void *arg)
{
    struct admin *a = arg;
    const struct accounts *accounts = a->source.accounts(a->source.ctx);
    size_t n = accounts_count(accounts), looked = 0, begun = 0;
    if (a->source.draining(a->source.ctx))
        return;
    for (; looked < n && begun < PROOFS_AT_ONCE; looked++)
        begun += prove_if_due(a, accounts_at(accounts, (a->next_proof + looked) % n));
    if (looked == n)
        return;
    a->next_proof = (a->next_proof + looked) % n;
    timer_arm(a->more, MORE_PROOFS);
}

/* ---- time ---- */

static void note_load(struct admin *a)
{
    const struct config *config = a->source.config(a->source.ctx);
    const struct accounts *accounts = a->source.accounts(a->source.ctx);
    unsigned clients = 0, sessions = 0;
    for (size_t i = 0; i < config->nlistens; i++)
        clients += a->source.clients(a->source.ctx, config->listens[i].name);
    for (size_t i = 0; i < accounts_count(accounts); i++) {
        struct pool_counts counts = account_pool_counts(accounts_at(accounts, i));
        sessions += counts.idle + counts.leased;
    }
    tally_load(&a->tally, loop_wall_ms(a->io->loop), clients, sessions);
}

static bool is_dialing(const struct admin *a)
{
    const struct accounts *accounts = a->source.accounts(a->source.ctx);
    for (size_t i = 0; i < accounts_count(accounts); i++)
        if (account_pool_counts(accounts_at(accounts, i)).dialing)
            return true;
    return false;
}

static bool is_on(const struct admin *a)
{
    return !link_is_alone(&a->places);
}

static void on_tick(void *arg)
{
    struct admin *a = arg;
    timer_arm(a->tick, TICK);
    if (!is_on(a)) {
        prove_all(a);
        return;
    }
    a->turns[a->next_turn++ % TURNS] = loop_longest_turn(a->io->loop);
    busy_note(&a->busy, loop_now(a->io->loop), loop_worked(a->io->loop));
    note_load(a);
    prove_all(a);
    if (is_dialing(a))
        timer_arm(a->soon, SOON);
    LIST_EACH (&a->places, it)
        http_expire(CONTAINER(it, struct admin_place, link)->http);
    publish(a);
}

/* While something is being found out, it is published as soon as it is known. */
static void on_soon(void *arg)
{
    struct admin *a = arg;
    if (is_dialing(a))
        timer_arm(a->soon, SOON);
    publish(a);
}

static void publish_soon(struct admin *a)
{
    if (is_on(a) && !timer_is_armed(a->soon))
        timer_arm(a->soon, SOON);
}

void admin_keep_proven(struct admin *a, bool wanted)
{
    a->keeps_proven = wanted;
}

/* ---- what is told ---- */

void admin_message(struct admin *a, const struct message *m)
{
    tally_message(&a->tally, m);
    /* The session that carried it may have ended by the next tick. */
    if (is_on(a))
        note_load(a);
    publish_soon(a);
}

void admin_reloaded(struct admin *a, bool good)
{
    a->reloads.last_failed = !good;
    if (good) {
        a->reloads.good++;
        a->reloads.last_good_ms = loop_wall_ms(a->io->loop);
    } else {
        a->reloads.bad++;
    }
    publish_soon(a);
}

void admin_draining(struct admin *a)
{
    if (is_on(a))
        publish(a);
}

void admin_network_changed(struct admin *a)
{
    const struct accounts *accounts = a->source.accounts(a->source.ctx);
    bool wanted = is_on(a) || a->keeps_proven;
    for (size_t i = 0; wanted && i < accounts_count(accounts); i++)
        account_prove(accounts_at(accounts, i));
}

/* ---- addresses ---- */

static void place_free(struct admin_place *p)
{
    link_remove(&p->link);
    http_close(&p->http);
    free(p);
}

static struct admin_place *find(struct admin *a, const struct addr *asked)
{
    LIST_EACH (&a->places, it) {
        struct admin_place *p = CONTAINER(it, struct admin_place, link);
        if (!p->wanted && addr_equal(http_asked(p->http), asked) &&
            http_asked(p->http)->port == asked->port)
            return p;
    }
    return NULL;
}

static void drop(struct admin *a, bool fresh)
{
    LIST_EACH (&a->places, it) {
        struct admin_place *p = CONTAINER(it, struct admin_place, link);
        if (fresh ? p->fresh : !p->wanted)
            place_free(p);
    }
}

int admin_apply(struct admin *a, const struct config *config, struct addr *at_r, struct err *err)
{
    LIST_EACH (&a->places, it)
        CONTAINER(it, struct admin_place, link)->wanted =
            CONTAINER(it, struct admin_place, link)->fresh = false;
    for (size_t i = 0; i < config->admin.address.n; i++) {
        const struct addr *at = &config->admin.address.items[i];
        struct admin_place *p = find(a, at);
        if (!p) {
            struct admin_http *http = http_bind(at, err);
            if (!http) {
                *at_r = *at;
                drop(a, true);
                return -1;
            }
            p = NEW(struct admin_place);
            p->http = http;
            p->fresh = true;
            link_init(&p->link);
            list_push_back(&a->places, &p->link);
        }
        p->wanted = true;
    }
    drop(a, false);
    return 0;
}

void admin_serve(struct admin *a)
{
    char address[ADDR_TEXT], url[ADDR_TEXT + 16];
    struct err err = {0};
    if (!is_on(a))
        timer_stop(a->soon);
    if (!is_on(a) && !a->keeps_proven) {
        timer_stop(a->tick);
        timer_stop(a->more);
        return;
    }
    on_tick(a);
    LIST_EACH (&a->places, it) {
        struct admin_place *p = CONTAINER(it, struct admin_place, link);
        if (http_is_serving(p->http))
            continue;
        snprintf(url, sizeof url, "http://%s/",
                 addr_text_with_port(http_address(p->http), address));
        if (http_serve(p->http, a->snapshots, &err) != 0)
            log_say(a->io->log, LOG_ERROR, "[admin] address %s: %s", address, err.words);
        else
            log_event(a->io->log, LOG_INFO, "admin page", log_str("url", url));
    }
}

/* ---- life ---- */

struct admin *admin_new(const struct io *io, const struct admin_source *source)
{
    struct admin *a = NEW(struct admin);
    a->io = io;
    a->source = *source;
    a->snapshots = published_new(snapshot_free);
    link_init(&a->places);
    a->tick = timer_new(io->loop, on_tick, a);
    a->soon = timer_new(io->loop, on_soon, a);
    a->more = timer_new(io->loop, prove_all, a);
    a->started_ms = a->reloads.last_good_ms = loop_wall_ms(io->loop);
    return a;
}

void admin_free(struct admin **admin)
{
    struct admin *a = *admin;
    *admin = NULL;
    if (!a)
        return;
    LIST_EACH (&a->places, it)
        place_free(CONTAINER(it, struct admin_place, link));
    published_free(&a->snapshots);
    timer_free(&a->tick);
    timer_free(&a->soon);
    timer_free(&a->more);
    tally_free(&a->tally);
    free(a->proofs);
    free(a);
}
