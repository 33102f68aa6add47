/* Whole messages through the unmodified product in the simulated world: one upstream, one client,
 * and what came of it. */
#ifndef UNIT_RELAY_WORLD_H
#define UNIT_RELAY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim.h"
#include "sim/sim_history.h"

#define HOST "mail.example.com"
#define ONE_PORT                                                                                   \
    "[upstream]\nhost = " HOST "\nports = 587\nusername = me\npassword = hunter2hunter2\n"

struct scene {
    struct sim_plan plan;
    struct sim_play play;
    struct sim_verdict verdict;
    bool ended;
    /* faults of the first port that really struck */
    unsigned struck;
    /* how often its cap was met */
    unsigned capped;
};

static inline struct sim_upstream_script kind_script(void)
{
    return sim_upstream_kind(HOST, "me", "hunter2hunter2");
}

/* A plan with `ini`, the upstream at 192.0.2.1, and a client without messages. */
static inline void stage_init(struct scene *s, const char *ini)
{
    *s = (struct scene){0};
    sim_plan_init(&s->plan, 1);
    s->plan.ini = ini;
    s->plan.names[0] = (struct sim_plan_name){.host = HOST, .addresses = "192.0.2.1"};
    s->plan.nnames = 1;
    s->plan.user = "me";
    s->plan.password = "hunter2hunter2";
    s->plan.clients[0] =
        (struct sim_client_script){.at = "127.0.0.1:25", .parts_at = SIM_CLIENT_NEVER};
    s->plan.nclients = 1;
    s->plan.delays[0] = USEC_PER_SEC;
}

static inline struct sim_upstream_script *stage_port(struct scene *s, const char *at)
{
    struct sim_upstream_script script = kind_script();
    return &sim_plan_place(&s->plan, at, &script)->script;
}

static inline struct sim_message *stage_message(struct scene *s, const char *to, const char *body)
{
    struct sim_client_script *c = &s->plan.clients[0];
    struct sim_message *m = &c->messages[c->n++];
    *m = (struct sim_message){
        .from = "a@example.com", .to = {to}, .nto = 1, .body = body, .len = strlen(body)};
    return m;
}

static inline void stage_show(const struct scene *s)
{
    fprintf(stderr, "client was told:\n%s", sim_client_replies(s->play.clients[0]));
    for (size_t i = 0; i < sim_log_count(s->play.sim); i++)
        fputs(sim_log_line(s->play.sim, i), stderr);
}

static inline void stage_play(struct scene *s)
{
    sim_play_begin(&s->play, &s->plan, getenv("SIM_VERBOSE") != NULL);
    s->ended = sim_play_run(&s->play);
    s->struck = s->play.upstreams[0] ? sim_upstream_struck(s->play.upstreams[0]) : 0;
    s->capped = s->play.upstreams[0] ? sim_upstream_capped(s->play.upstreams[0]) : 0;
    sim_play_close(&s->play);
    sim_judge(&s->play, s->ended, &s->verdict);
    if (getenv("SIM_SHOW"))
        stage_show(s);
}

static inline const struct sim_outcome *stage_outcome(const struct scene *s, size_t message)
{
    return sim_client_outcome(s->play.clients[0], message);
}

static inline bool stage_said(const struct scene *s, const char *text)
{
    return strstr(sim_client_replies(s->play.clients[0]), text) != NULL;
}

/* The oracle found nothing; frees all. */
static inline void stage_end(struct scene *s)
{
    for (size_t i = 0; i < s->verdict.n && i < SIM_FINDINGS; i++)
        fprintf(stderr, "oracle: %s\n", s->verdict.findings[i]);
    if (s->verdict.n)
        stage_show(s);
    size_t wrong = s->verdict.n;
    sim_verdict_free(&s->verdict);
    sim_play_free(&s->play);
    sim_plan_free(&s->plan);
    assert_int_equal(wrong, 0);
}

#endif
