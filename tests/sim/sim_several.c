/* Several instances of the product in one world, with the engine that they share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/listener.h"
#include "relay/certificates.h"
#include "relay/relay.h"
#include "sim_config.h"
#include "sim_history.h"
#include "sim_world.h"
#include "upstream/account.h"

/* One act to come. */
struct sim_doing {
    struct sim_event event;
    struct sim_play *play;
    const struct sim_act *act;
};

/* ---- an instance ---- */

static void on_accept(void *ctx, struct transport *t)
{
    struct sim_instance *x = ctx;
    relay_accept(x->relay, x->config->listens[0].name, t);
}

static void instance_begin(struct sim_play *play, size_t i)
{
    struct sim_instance *x = &play->others[i];
    struct io *io = sim_io(play->sim);
    struct err err;
    struct addr at;
    x->play = play;
    x->drained = false;
    x->config = sim_config(play->plan->several.ini[i]);
    x->accounts = accounts_new(io, x->config, &err);
    struct certificates *certificates = certificates_new(x->config, NULL, io->log, &err);
    if (!x->accounts || !certificates ||
        !addr_parse_with_port(slice_of(play->plan->several.listeners[i]), &at)) {
        fprintf(stderr, "instance %zu: %s\n", i, err.words);
        abort();
    }
    x->relay = relay_new(io, x->config, x->accounts, certificates);
    certificates_unref(&certificates);
    x->listener = listener_open(io->loop, &at, on_accept, x, &err);
}

static void instance_end(struct sim_instance *x)
{
    if (!x->relay)
        return;
    listener_close(&x->listener);
    relay_free(&x->relay);
    accounts_free(&x->accounts);
    config_unref(&x->config);
}

static void is_drained(void *ctx)
{
    ((struct sim_instance *)ctx)->drained = true;
}

/* ---- what befalls them ---- */

static void do_it(void *arg)
{
    const struct sim_doing *d = arg;
    struct sim_play *play = d->play;
    const struct sim_act *a = d->act;
    switch (a->what) {
    case SIM_ACT_FAULT: sim_engine_fault(play->engine, a->fault, a->delay); break;
    case SIM_ACT_FLUSH: sim_engine_flush(play->engine); break;
    case SIM_ACT_RESTART: sim_engine_restart(play->engine); break;
    case SIM_ACT_KILL:
        if (play->draining)
            break;
        sim_say(play->sim, "instance %zu ends", a->instance);
        instance_end(&play->others[a->instance]);
        play->restarted = true;
        break;
    case SIM_ACT_BEGIN:
        if (play->draining || play->others[a->instance].relay)
            break;
        sim_say(play->sim, "instance %zu begins", a->instance);
        instance_begin(play, a->instance);
        break;
    case SIM_ACT_KINDS: break;
    }
}

void sim_several_engine(struct sim_play *play)
{
    const struct sim_several *s = &play->plan->several;
    const struct sim_engine_script script = {.delay = 100};
    if (!s->instances)
        return;
    play->engine = sim_engine_new(play->sim, s->engine_at, &script);
    if (s->engine_lies)
        engine_model_lie(sim_engine_model(play->engine));
}

void sim_several_begin(struct sim_play *play)
{
    const struct sim_several *s = &play->plan->several;
    if (!s->instances)
        return;
    for (size_t i = 1; i < s->instances; i++)
        instance_begin(play, i);
    play->doing = mem_alloc(SIM_ACTS * sizeof *play->doing);
    for (size_t i = 0; i < s->nacts; i++) {
        struct sim_doing *d = &play->doing[i];
        d->play = play;
        d->act = &s->acts[i];
        sim_event_init(&d->event, do_it, d);
        sim_event_arm(play->sim->loop, &d->event, s->acts[i].at);
    }
}

void sim_several_drain(struct sim_play *play)
{
    for (size_t i = 1; i < play->plan->several.instances; i++) {
        struct sim_instance *x = &play->others[i];
        if (!x->relay)
            continue;
        listener_close(&x->listener);
        relay_drain(x->relay, is_drained, x);
    }
}

bool sim_several_have_drained(const struct sim_play *play)
{
    for (size_t i = 1; i < play->plan->several.instances; i++)
        if (play->others[i].relay && !play->others[i].drained)
            return false;
    return true;
}

void sim_several_end(struct sim_play *play)
{
    const struct sim_several *s = &play->plan->several;
    if (!s->instances)
        return;
    for (size_t i = 0; i < s->nacts; i++)
        sim_event_stop(play->sim->loop, &play->doing[i].event);
    free(play->doing);
    for (size_t i = 1; i < s->instances; i++)
        instance_end(&play->others[i]);
    /* What they say to it at their end. */
    sim_run_for(play->sim, 5 * USEC_PER_SEC);
    sim_engine_free(&play->engine);
}
