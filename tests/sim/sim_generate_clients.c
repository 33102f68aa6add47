/* Histories from a seed: what clients do and what their mail looks like. */
#include <stdio.h>
#include <string.h>

#include "sim_history.h"

enum { BODY = 64 * 1024, HUGE_BODY = 1300 * 1024 };

struct scratch {
    char *data;
    size_t len, size;
};

static bool chance(struct sim_rng *rng, unsigned percent)
{
    return sim_rng_chance(rng, percent);
}

static void add(struct scratch *s, const char *text, size_t n)
{
    if (s->len + n > s->size)
        n = s->size - s->len;
    memcpy(s->data + s->len, text, n);
    s->len += n;
}

/* A line and its end, in one of the many ways in which software gets them wrong. */
static void some_line(struct scratch *s, struct sim_rng *rng, const char *tidy)
{
    static const struct {
        const char *text;
        size_t n;
    } lines[] = {
        {"Hello", 5},
        {"", 0},
        {".", 1},
        {"..", 2},
        {".dot at the beginning", 21},
        {"dot at the end.", 15},
        {"MAIL FROM:<evil@x>", 18},
        {"QUIT", 4},
        {"DATA", 4},
        {"RCPT TO:<evil@x>", 16},
        {"\xc3\xa4\xff\x80 eight bits", 15},
        {"nul \0 byte", 10},
        {"250 not a reply", 15},
        {"\t tabs", 6},
        {"BDAT 5 LAST", 11},
        {".\0", 2},
        {"From here", 9},
    };
    static const char *const ends[] = {"\n", "\r", "\r\r\n", "\n\n", "\n\r", "\r\n\r\n"};
    size_t i = sim_rng_index(rng, sizeof lines / sizeof *lines);
    add(s, lines[i].text, lines[i].n);
    if (chance(rng, 4)) {
        char run[1200];
        memset(run, 'x', sizeof run);
        add(s, run, sim_rng_index(rng, sizeof run));
    }
    const char *end = tidy              ? tidy
                      : chance(rng, 60) ? "\r\n"
                                        : ends[sim_rng_below(rng, sizeof ends / sizeof *ends)];
    add(s, end, strlen(end));
}

static void some_body(struct sim_plan *plan, struct sim_message *m, struct sim_rng *rng,
                      const char *tidy, const char *subject)
{
    /* scratch only: nothing is kept in it */
    static char space[HUGE_BODY];
    struct scratch s = {space, 0, BODY};
    size_t want = chance(rng, 70) ? sim_rng_index(rng, 300)
                                  : sim_rng_index(rng, chance(rng, 20) ? 60000 : 5000);
    if (sim_rng_below(rng, 400) == 0) {
        s.size = HUGE_BODY;
        want = 900 * 1024 + sim_rng_index(rng, 300 * 1024);
    }
    if (!chance(rng, 10) || tidy)
        add(&s, subject, strlen(subject));
    while (s.len < want)
        some_line(&s, rng, tidy);
    m->body = sim_plan_octets(plan, s.data, s.len);
    m->len = s.len;
}

static void some_message(struct sim_plan *plan, struct sim_message *m, struct sim_rng *rng,
                         size_t client, size_t message, const struct sim_client_script *c)
{
    bool lf = c->lf;
    static const char *const domains[] = {"ok.example",    "ok.example",   "ok.example",
                                          "ok.example",    "ok.example",   "bad.example",
                                          "later.example", "moved.example"};
    const char *local = chance(rng, 3) ? "blocked" : chance(rng, 3) ? "slow" : "sender";
    m->from = chance(rng, 6) ? "" : sim_plan_text(plan, "%s@c%zu.example", local, client);
    m->nto = 1 + (chance(rng, 40) ? sim_rng_index(rng, 5) : 0);
    for (size_t i = 0; i < m->nto; i++)
        m->to[i] = sim_plan_text(plan, "r%zu.c%zu.m%zu@%s", i, client, message,
                                 domains[sim_rng_below(rng, 8)]);
    m->rset_before = chance(rng, 5);
    const char *tidy = lf                            ? "\n"
                       : plan->lf || chance(rng, 60) ? "\r\n"
                                                     : NULL,
               *end = lf ? "\n" : "\r\n";
    some_body(
        plan, m, rng, tidy,
        sim_plan_text(plan, "Subject: client %zu message %zu%s%s", client, message, end, end));
    /* listed in every EHLO reply of ours */
    if (!c->helo && chance(rng, 30))
        m->parameters =
            sim_plan_text(plan, "%s%sSIZE=%zu", chance(rng, 50) ? "BODY=8BITMIME" : "BODY=7BIT",
                          " ", chance(rng, 80) ? m->len : 0);
}

static void some_parting(struct sim_client_script *c, struct sim_rng *rng)
{
    c->parts_at = chance(rng, 80) ? SIM_CLIENT_NEVER
                                  : (enum sim_client_step)sim_rng_below(rng, SIM_CLIENT_NEVER);
    c->parting = c->parts_at == SIM_CLIENT_NEVER
                     ? (chance(rng, 80) ? SIM_PART_QUIT : SIM_PART_CLOSE)
                     : (enum sim_parting)(SIM_PART_CLOSE + sim_rng_below(rng, 4));
    c->parts_after = sim_rng_index(rng, c->messages[c->n - 1].len + 1);
}

static void some_client(struct sim_plan *plan, struct sim_client_script *c, struct sim_rng *rng,
                        size_t client)
{
    *c = (struct sim_client_script){.at = plan->listener,
                                    .n = 1 + (chance(rng, 40) ? sim_rng_index(rng, 4) : 0)};
    c->helo = chance(rng, 20);
    c->bare_lf = chance(rng, 10);
    c->lf = plan->lf && chance(rng, 50);
    c->pipelining = !c->helo && chance(rng, 50);
    c->eager = c->pipelining && chance(rng, 20);
    c->piece = chance(rng, 15) ? 1 + sim_rng_index(rng, 60) : 0;
    c->gap = (usec)sim_rng_below(rng, 3000);
    c->pause = chance(rng, 10) ? (usec)sim_rng_below(rng, 60000000) : 0;
    for (size_t i = 0; i < c->n; i++)
        some_message(plan, &c->messages[i], rng, client, i, c);
    /* a trickle below 500 bytes a second would be silence */
    for (size_t i = 0; i < c->n && c->piece > 0; i++)
        if (c->messages[i].len > 5000)
            c->piece = 0;
    some_parting(c, rng);
}

void sim_generate_clients(struct sim_plan *plan, struct sim_rng *rng)
{
    plan->nclients = 1 + (chance(rng, 50) ? sim_rng_index(rng, 4) : 0);
    for (size_t i = 0; i < plan->nclients; i++) {
        some_client(plan, &plan->clients[i], rng, i);
        plan->delays[i] =
            chance(rng, 60) ? (usec)sim_rng_below(rng, 20000) : (usec)sim_rng_below(rng, 40000000);
    }
}

void sim_plan_print(const struct sim_plan *plan)
{
    fprintf(stderr, "seed %llu: %s%s%s\n%s\n", (unsigned long long)plan->seed,
            plan->notes ? plan->notes : "", plan->calm ? "; calm" : "",
            plan->must_arrive ? "; must arrive" : "", plan->ini);
    for (size_t i = 0; i < plan->nplaces; i++) {
        const struct sim_place *p = &plan->places[i];
        const struct sim_upstream_script *s = &p->script;
        fprintf(stderr, "%s: latency %lld us, window %zu%s%s%s%s%s%s\n", p->at,
                (long long)p->path.latency, p->path.window, s->pipelining ? ", PIPELINING" : "",
                s->chunking ? ", CHUNKING" : "", s->bdat_unknown ? " (unknown)" : "",
                s->has_size ? ", SIZE" : "", s->eightbit ? ", 8BITMIME" : "",
                s->dsn ? ", DSN" : "");
        for (size_t r = 0; r < SIM_RULES; r++)
            if (s->faults[r].fault != SIM_FAULT_NONE)
                fprintf(stderr, "    %s at %s, after %u, %u times%s %s",
                        sim_fault_name(s->faults[r].fault), sim_step_name(s->faults[r].step),
                        s->faults[r].skip, s->faults[r].times,
                        s->faults[r].commits ? ", commits" : "",
                        s->faults[r].text ? s->faults[r].text : "\n");
    }
    for (size_t i = 0; i < plan->nclients; i++) {
        const struct sim_client_script *c = &plan->clients[i];
        fprintf(stderr, "client %zu: %zu messages%s%s%s, parts at %d by %d\n", i, c->n,
                c->helo ? ", HELO" : "", c->pipelining ? ", pipelining" : "",
                c->eager ? ", eager" : "", (int)c->parts_at, (int)c->parting);
    }
}
