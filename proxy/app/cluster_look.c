#include "app/cluster_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop.h"
#include "upstream/scripts.h"

/* Long enough for TLS over a slow line; an engine of use answers a thousand times sooner. */
#define PATIENCE (5 * USEC_PER_SEC)

struct looking {
    const struct io *io;
    struct config *config;
    struct cluster *cluster;
    struct cluster_look *look;
    /* The account that is asked for next. */
    size_t next;
    struct slots_look slots;
};

/* ---- what its memory does ---- */

static void on_policy(void *ctx, enum engine_state how, const struct engine_value *value)
{
    struct looking *l = ctx;
    if (how == ENGINE_UP && value && value->kind == ENGINE_TEXT)
        snprintf(l->look->policy, sizeof l->look->policy, "%.*s", (int)value->text.len,
                 value->text.data);
    loop_stop(l->io->loop);
}

static void ask_policy(struct looking *l)
{
    const struct slice key = slice_of(CLUSTER_PREFIX "{members}");
    const struct slice arg = slice_of("policy");
    (void)cluster_ask(
        l->cluster,
        &(struct engine_call){
            .script = &script_policy, .keys = &key, .nkeys = 1, .args = &arg, .nargs = 1},
        on_policy, l);
}

/* ---- sessions of each account ---- */

static void ask_next(struct looking *l);

static void on_slots(void *ctx, const struct slots_view *view)
{
    struct looking *l = ctx;
    const struct upstream_config *u = &l->config->upstreams[l->next++];
    if (view)
        l->look->accounts[l->look->naccounts++] = (struct cluster_account){
            .name = u->name, .slots = *view, .unused = view->cap >= CAP_CLUSTER_SESSIONS};
    ask_next(l);
}

static void ask_next(struct looking *l)
{
    char id[CLUSTER_ID];
    while (l->next < l->config->nupstreams && !l->config->upstreams[l->next].shared)
        l->next++;
    if (l->next == l->config->nupstreams) {
        ask_policy(l);
        return;
    }
    const struct upstream_config *u = &l->config->upstreams[l->next];
    cluster_id(l->cluster, u->host, u->username ? u->username : "", id);
    slots_look(l->cluster, id, &l->slots);
}

/* ---- who is there ---- */

static void on_looked(void *ctx)
{
    struct looking *l = ctx;
    struct cluster_look *look = l->look;
    struct cluster_view v;
    cluster_view(l->cluster, &v);
    /* It is up before it was asked who is there. */
    if (look->works || !v.up || !v.heard)
        return;
    look->works = true;
    look->latency = v.latency;
    memcpy(look->shown, v.shown, v.nshown * sizeof *v.shown);
    look->nshown = v.nshown;
    ask_next(l);
}

static void on_late(void *arg)
{
    const struct looking *l = arg;
    loop_stop(l->io->loop);
}

static void note_engine(const struct looking *l)
{
    struct cluster_view v;
    cluster_view(l->cluster, &v);
    snprintf(l->look->place, sizeof l->look->place, "%s",
             v.place[0] ? v.place : l->config->cluster.engine.items[0].host);
    if (!l->look->works)
        snprintf(l->look->words, sizeof l->look->words, "%s",
                 v.words[0] ? v.words : "it does not answer");
}

int cluster_look(const struct io *io, struct config *config, struct cluster_look *look_r,
                 struct err *err)
{
    struct looking l = {.io = io, .config = config, .look = look_r};
    *look_r = (struct cluster_look){.is_on = config->cluster.is_on};
    if (!look_r->is_on)
        return 0;
    look_r->accounts = mem_alloc((config->nupstreams + 1) * sizeof *look_r->accounts);
    l.slots = (struct slots_look){.answer = on_slots, .ctx = &l};
    l.cluster = cluster_new_looking(io, config, on_looked, &l, err);
    if (!l.cluster)
        return -1;
    struct timer *timer = timer_new(io->loop, on_late, &l);
    timer_arm(timer, PATIENCE);
    loop_run(io->loop);
    note_engine(&l);
    timer_free(&timer);
    cluster_unref(&l.cluster);
    return 0;
}

void cluster_look_free(struct cluster_look *look)
{
    free(look->accounts);
    look->accounts = NULL;
}

/* ---- what is to be mended ---- */

static const struct cluster_instance *first_of_another_key(const struct cluster_look *look)
{
    for (size_t i = 0; i < look->nshown; i++)
        if (look->shown[i].other_key)
            return &look->shown[i];
    return NULL;
}

bool cluster_look_advice(const struct cluster_look *look, size_t i, char out[CLUSTER_ADVICE])
{
    const struct cluster_instance *other = first_of_another_key(look);
    bool evicts = look->policy[0] && strcmp(look->policy, "noeviction") != 0;
    if (look->is_on && !look->works && i-- == 0) {
        snprintf(out, CLUSTER_ADVICE,
                 "mend the shared engine %s (%s): until then each instance uses its part of each "
                 "limit, and mail goes on",
                 look->place, look->words);
        return true;
    }
    if (other && i-- == 0) {
        snprintf(out, CLUSTER_ADVICE,
                 "give all instances the same key_file: that of %s is another one than this "
                 "configuration's, and they share nothing",
                 other->name);
        return true;
    }
    if (evicts && i-- == 0) {
        snprintf(out, CLUSTER_ADVICE,
                 "set maxmemory-policy noeviction in the shared engine: with %s it may throw away "
                 "what instances hold, and limits waver",
                 look->policy);
        return true;
    }
    return false;
}
