/* Histories of several instances with one account at a provider that counts, and an engine to which
 * everything happens. Clients and server are calm: whatever the engine does, every message must
 * arrive, except with an instance that was killed. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim_history.h"

static const char host[] = "mail.example.net", user[] = "me@example.net";
static const char password[] = "Correct;horse~Battery$9";
static const char engine_at[] = "192.0.2.99:6379";

static bool chance(struct sim_rng *rng, unsigned percent)
{
    return sim_rng_chance(rng, percent);
}

/* The cluster's key lies in a file that is there for the life of the process. */
static int key_file(void)
{
    static int fd = -1;
    static const char line[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    if (fd < 0) {
        fd = memfd_create("cluster-key", MFD_CLOEXEC);
        if (fd < 0 || fchmod(fd, 0600) != 0 ||
            write(fd, line, sizeof line - 1) != (ssize_t)sizeof line - 1)
            abort();
    }
    return fd;
}

static void some_instances(struct sim_plan *plan, struct sim_rng *rng, unsigned cap)
{
    struct sim_several *s = &plan->several;
    s->instances = 2 + sim_rng_index(rng, SIM_INSTANCES - 1);
    s->engine_at = engine_at;
    if (chance(rng, 25)) {
        s->rate = 3 + (unsigned)sim_rng_below(rng, 10);
        s->period = 60 * USEC_PER_SEC;
        /* A place in the rate may be too far away for a client that waits. */
        plan->must_arrive = false;
    }
    const char *rate = s->rate ? sim_plan_text(plan, "rate = %u/m\n", s->rate) : "";
    for (size_t i = 0; i < s->instances; i++) {
        s->listeners[i] = sim_plan_text(plan, "127.0.0.%zu:25", i + 1);
        s->ini[i] = sim_plan_text(
            plan,
            "[log]\nlevel = debug\n[listen]\naddress = %s\nallow = 127.0.0.0/8\n"
            "[cluster]\nengine = %s\ntls = off\nplaintext_auth = yes\nkey_file = /proc/self/fd/%d\n"
            "instance = mx-%zu\nexpect = %zu\n"
            "[upstream]\nhost = %s\nports = 587\nusername = %s\npassword = %s\n"
            "max_connections = %u\nmax_messages = %u\n%s",
            s->listeners[i], engine_at, key_file(), i + 1, s->instances, host, user, password, cap,
            1 + (unsigned)sim_rng_below(rng, 6), rate);
    }
    plan->ini = s->ini[0];
    plan->listener = s->listeners[0];
}

static void some_clients(struct sim_plan *plan, struct sim_rng *rng)
{
    plan->nclients = 4 + sim_rng_index(rng, 13);
    for (size_t i = 0; i < plan->nclients; i++) {
        struct sim_client_script *c = &plan->clients[i];
        *c = (struct sim_client_script){
            .at = plan->several.listeners[sim_rng_index(rng, plan->several.instances)],
            .source = sim_plan_text(plan, "127.0.1.%zu", i + 1),
            .parts_at = SIM_CLIENT_NEVER};
        c->n = 1 + sim_rng_index(rng, 3);
        c->pause = (usec)sim_rng_below(rng, 3000) * USEC_PER_MS;
        for (size_t m = 0; m < c->n; m++) {
            c->messages[m].from = user;
            c->messages[m].to[0] = sim_plan_text(plan, "r%zu.%zu@example.org", i, m);
            c->messages[m].nto = 1;
            c->messages[m].body = sim_plan_text(plan, "Subject: %zu %zu\r\n\r\nHello\r\n", i, m);
            c->messages[m].len = strlen(c->messages[m].body);
        }
        plan->delays[i] = (usec)sim_rng_below(rng, 40000) * USEC_PER_MS;
    }
}

static void some_act(struct sim_several *s, struct sim_rng *rng, struct sim_act *a)
{
    static const enum sim_engine_fault faults[] = {
        SIM_ENGINE_WELL,   SIM_ENGINE_SLOW,    SIM_ENGINE_STOPPED,  SIM_ENGINE_SILENT,
        SIM_ENGINE_RESETS, SIM_ENGINE_DOWN,    SIM_ENGINE_READONLY, SIM_ENGINE_LOADING,
        SIM_ENGINE_FULL,   SIM_ENGINE_FORBIDS, SIM_ENGINE_DEAF,     SIM_ENGINE_BABBLES};
    unsigned what = (unsigned)sim_rng_below(rng, 10);
    if (what < 6) {
        a->what = SIM_ACT_FAULT;
        a->fault = faults[sim_rng_below(rng, sizeof faults / sizeof *faults)];
        a->delay = (usec)(100 + sim_rng_below(rng, 400)) * USEC_PER_MS;
    } else if (what < 8) {
        a->what = SIM_ACT_FLUSH;
    } else {
        a->what = SIM_ACT_RESTART;
    }
    (void)s;
}

static void some_acts(struct sim_plan *plan, struct sim_rng *rng)
{
    struct sim_several *s = &plan->several;
    usec at = 0;
    s->nacts = 1 + sim_rng_index(rng, SIM_ACTS);
    for (size_t i = 0; i < s->nacts; i++) {
        at += (usec)sim_rng_below(rng, 20000) * USEC_PER_MS;
        s->acts[i].at = at;
        some_act(s, rng, &s->acts[i]);
    }
}

/* An instance dies and comes back. */
static void some_death(struct sim_plan *plan, struct sim_rng *rng)
{
    struct sim_several *s = &plan->several;
    size_t who = 1 + sim_rng_index(rng, s->instances - 1);
    usec at = (usec)sim_rng_below(rng, 40000) * USEC_PER_MS;
    s->nacts = 2;
    s->acts[0] = (struct sim_act){.at = at, .what = SIM_ACT_KILL, .instance = who};
    s->acts[1] = (struct sim_act){.at = at + (usec)sim_rng_below(rng, 60000) * USEC_PER_MS +
                                        100 * USEC_PER_MS,
                                  .what = SIM_ACT_BEGIN,
                                  .instance = who};
    plan->calm = plan->must_arrive = false;
    for (size_t i = 0; i < plan->nclients; i++)
        if (plan->clients[i].at == s->listeners[who])
            plan->clients[i].excused = true;
}

/* What each may have by itself. */
static unsigned part_of(unsigned limit, unsigned n)
{
    return limit < n ? 1 : limit / n;
}

void sim_generate_several(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rng rng = {seed * UINT64_C(0x9e3779b97f4a7c15) + 11};
    unsigned cap = 1 + (unsigned)sim_rng_below(&rng, 5), bound = cap;
    struct sim_upstream_script script = sim_upstream_kind(host, user, password);
    sim_plan_init(plan, seed);
    plan->names[plan->nnames++] = (struct sim_plan_name){.host = host, .addresses = "192.0.2.1"};
    plan->user = user;
    plan->password = password;
    plan->calm = plan->must_arrive = true;
    some_instances(plan, &rng, cap);
    some_clients(plan, &rng);
    unsigned n = (unsigned)plan->several.instances, rate = plan->several.rate;
    unsigned kind = (unsigned)sim_rng_below(&rng, 10);
    if (kind < 6) {
        some_acts(plan, &rng);
        /* Sessions within a transaction, and what each may have by itself. */
        bound = cap + n * part_of(cap, n);
        plan->several.rate = rate ? rate + n * part_of(rate, n) : 0;
    } else if (kind < 8) {
        some_death(plan, &rng);
    } else if (kind < 9) {
        /* The secret is wrong, for half an hour. */
        script.password = "another";
        plan->several.retry = 300 * USEC_PER_SEC;
        plan->must_arrive = false;
        for (size_t i = 0; i < plan->nclients; i++)
            plan->delays[i] *= 45;
    }
    script.cap = bound;
    script.cap_at = SIM_AT_AUTH;
    script.cap_reply = "432 4.3.2 concurrent connections limit exceeded";
    sim_plan_place(plan, "192.0.2.1:587", &script);
    plan->notes = sim_plan_text(
        plan, "%zu instances, cap %u, bound %u, rate %u, at most %u, %zu acts",
        plan->several.instances, cap, bound, rate, plan->several.rate, plan->several.nacts);
}
