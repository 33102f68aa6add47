/* Histories from a seed: what goes beyond one account and plain clients. A stream of chance of its
 * own: what the other files draw stays the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_history.h"

static const char other_host[] = "smtp.other.example";
static const char other_user[] = "you@other.example";
static const char other_password[] = "Quite;another~Secret!77";

static bool chance(struct sim_rng *rng, unsigned percent)
{
    return sim_rng_chance(rng, percent);
}

/* ---- headers ---- */

static void prepend(struct sim_plan *plan, struct sim_message *m, const char *text)
{
    size_t n = strlen(text);
    char *all = malloc(n + m->len + 1);
    if (!all)
        abort();
    memcpy(all, text, n);
    memcpy(all + n, m->body, m->len);
    m->body = sim_plan_octets(plan, all, n + m->len);
    m->len += n;
    free(all);
}

static void some_header(struct sim_plan *plan, struct sim_message *m, const char *end,
                        struct sim_rng *rng)
{
    static const char *const lines[] = {"Date: Thu, 1 Jan 2026 00:00:00 +0000",
                                        "date : yesterday",
                                        "Message-ID: <1@client.lan>",
                                        "MESSAGE-ID:x",
                                        "From: me <me@client.lan>",
                                        "From :me",
                                        "X-Long: a%s\tb%s c",
                                        "To: Date: x",
                                        "Dates: none",
                                        "X:"};
    for (unsigned n = (unsigned)sim_rng_below(rng, 5); n > 0; n--) {
        char line[200];
        const char *l = lines[sim_rng_below(rng, sizeof lines / sizeof *lines)];
        if (strchr(l, '%'))
            snprintf(line, sizeof line, "X-Long: a%s\tb%s c%s", end, end, end);
        else
            snprintf(line, sizeof line, "%s%s", l, end);
        prepend(plan, m, line);
    }
}

static void with_headers(struct sim_plan *plan, struct sim_rng *rng)
{
    plan->fix_headers = true;
    plan->ini = sim_plan_text(plan, "%sfix_headers = yes\n", plan->ini);
    for (size_t i = 0; i < plan->nclients; i++)
        for (size_t k = 0; k < plan->clients[i].n && plan->clients[i].piece == 0; k++)
            some_header(plan, &plan->clients[i].messages[k], plan->clients[i].lf ? "\n" : "\r\n",
                        rng);
}

/* ---- accounts ---- */

/* A second provider, whose only port works: mail from @c1.example is its, and what the first one
 * cannot take if it is the fallback. */
static void with_two_accounts(struct sim_plan *plan, struct sim_rng *rng)
{
    bool falls_back = chance(rng, 50);
    const char *first = strstr(plan->ini, "[upstream]");
    plan->accounts[0] = (struct sim_account){plan->user, plan->password, NULL, falls_back};
    plan->accounts[1] = (struct sim_account){other_user, other_password, "@c1.example", false};
    plan->naccounts = 2;
    /* it stands in `first` already, or must be said */
    plan->ini = sim_plan_text(
        plan,
        "%.*s[upstream other]\nsenders = @c1.example\nhost = %s\nports = 587\nusername = "
        "%s\npassword = %s\n"
        "reply_timeout = 30s\nfinal_timeout = 60s\nmax_connections = %d\nfix_headers = %s\n%s%s%s",
        (int)(first - plan->ini), plan->ini, other_host, other_user, other_password,
        SIM_DRAWN_CLIENTS, plan->fix_headers ? "yes" : "no", first,
        falls_back ? "fallback = other\n" : "", plan->fix_headers ? "" : "fix_headers = no\n");
    struct sim_upstream_script script = plan->places[0].script,
                               kind = sim_upstream_kind(other_host, other_user, other_password);
    memcpy(kind.mail, script.mail, sizeof kind.mail);
    memcpy(kind.rcpt, script.rcpt, sizeof kind.rcpt);
    kind.size = 2000000;
    kind.account = 1;
    kind.chunking = chance(rng, 50);
    kind.dsn = chance(rng, 50);
    sim_plan_place(plan, "198.51.100.1:587", &kind);
    plan->names[plan->nnames++] =
        (struct sim_plan_name){.host = other_host, .addresses = "198.51.100.1"};
}

/* Each sender logs in by its own name; the first client's are refused, perhaps. */
static void with_identities(struct sim_plan *plan, struct sim_rng *rng)
{
    bool some_refused = chance(rng, 50);
    plan->by_sender = true;
    plan->ini = sim_plan_text(plan, "%sidentity = sender\n", plan->ini);
    for (size_t i = 0; i < plan->nplaces; i++) {
        plan->places[i].script.any_user = true;
        plan->places[i].script.refused_user = some_refused ? "@c0.example" : NULL;
    }
    plan->must_arrive = plan->must_arrive && !some_refused;
    if (some_refused)
        plan->notes =
            sim_plan_text(plan, "%s; @c0.example is refused", plan->notes ? plan->notes : "");
}

/* ---- turns ---- */

static const char *changed_ini(struct sim_plan *plan, struct sim_rng *rng)
{
    static const char *const lines[] = {"idle_timeout = 20s\n", "acquire_timeout = 21s\n"};
    return sim_plan_text(plan, "%s%s", plan->ini, lines[sim_rng_below(rng, 2)]);
}

static void some_turns(struct sim_plan *plan, struct sim_rng *rng, enum sim_kind kind)
{
    usec at = 0;
    plan->must_finish = plan->must_arrive;
    for (unsigned n = 1 + (unsigned)sim_rng_below(rng, SIM_CHANGES); n > 0; n--) {
        struct sim_change *c = &plan->changes[plan->nchanges++];
        at += (usec)sim_rng_below(rng, chance(rng, 70) ? 300000 : 40000000);
        static const enum sim_turn calm[] = {SIM_TURN_RELOAD, SIM_TURN_NETWORK, SIM_TURN_RESTART};
        enum sim_turn what = (enum sim_turn)sim_rng_below(rng, SIM_TURN_COUNT);
        *c = (struct sim_change){.what =
                                     kind == SIM_KIND_LADDER ? calm[sim_rng_below(rng, 3)] : what,
                                 .at = at,
                                 .ini = plan->ini};
        /* who comes then is told to come later */
        if (c->what == SIM_TURN_RESTART)
            plan->must_arrive = false;
        if (c->what == SIM_TURN_RELOAD && chance(rng, 60))
            c->ini = changed_ini(plan, rng);
        /* one end is enough */
        if (c->what > SIM_TURN_NETWORK)
            plan->drain_at = 0;
    }
}

/* ---- clients ---- */

static void with_parameters(struct sim_client_script *c, struct sim_rng *rng)
{
    static const char *const mail[] = {"RET=HDRS", "RET=FULL ENVID=QQ314159", "ENVID=a+2Bb"};
    static const char *const rcpt[] = {
        "NOTIFY=NEVER", "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@c.example", "NOTIFY=DELAY"};
    for (size_t i = 0; i < c->n && !c->helo; i++) {
        if (chance(rng, 50)) {
            c->messages[i].dsn_mail = mail[sim_rng_below(rng, 3)];
            c->messages[i].dsn_rcpt = rcpt[sim_rng_below(rng, 3)];
        }
        c->messages[i].utf8 = chance(rng, 25);
    }
}

/* Lines that are no command: a flight that meets a refusal is read as commands. */
static void plain_bodies(struct sim_plan *plan, struct sim_client_script *c, struct sim_rng *rng)
{
    char text[3000];
    for (size_t i = 0; i < c->n; i++) {
        const char *end = c->lf ? "\n" : "\r\n";
        int n = snprintf(text, sizeof text, "Subject: in one flight%s%s", end, end);
        for (unsigned lines = (unsigned)sim_rng_below(rng, chance(rng, 50) ? 5 : 90); lines > 0;
             lines--)
            n += snprintf(text + n, sizeof text - (size_t)n, "%sa line of plain text%s",
                          chance(rng, 10) ? "." : "", end);
        c->messages[i].body = sim_plan_octets(plan, text, (size_t)n);
        c->messages[i].len = (size_t)n;
        c->messages[i].rset_before = false;
        c->messages[i].parameters = NULL;
    }
}

static void odd_habit(struct sim_plan *plan, struct sim_client_script *c, struct sim_rng *rng)
{
    size_t longest = 0;
    for (size_t i = 0; i < c->n; i++)
        longest = c->messages[i].len > longest ? c->messages[i].len : longest;
    switch (sim_rng_below(rng, 6)) {
    /* one octet per segment */
    case 0:
        if (longest < 3000) {
            c->piece = 1;
            c->gap = (usec)sim_rng_below(rng, 1500);
        }
        break;
    /* everything in one flight */
    case 1:
    case 2:
        plain_bodies(plan, c, rng);
        c->blast = true;
        c->piece = 0;
        c->half = chance(rng, 40);
        c->parts_at = SIM_CLIENT_NEVER;
        c->parting = SIM_PART_QUIT;
        c->deaf = chance(rng, 10);
        c->excused = c->deaf || c->helo;
        break;
    case 3:
        c->quit_behind = true;
        c->half = chance(rng, 50);
        break;
    /* slower than a body may be, at last: then it is silence */
    case 4:
        if (longest < 400) {
            c->piece = 1 + sim_rng_index(rng, 8);
            c->gap = (usec)sim_rng_below(rng, 900000);
            c->excused = true;
        }
        break;
    case 5:
        c->helo = true;
        c->pipelining = c->eager = false;
        /* HELO was answered with none */
        for (size_t i = 0; i < c->n; i++)
            c->messages[i].parameters = NULL;
        break;
    }
}

static void some_pest(struct sim_plan *plan, struct sim_rng *rng)
{
    /* Each many times what it takes to reach the limits of PROMISES 7 and every cap; more would
     * only cost other histories their time. */
    static const struct {
        const char *text;
        size_t n;
        unsigned times;
    } junk[] = {{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 1},
                {"\x16\x03\x01\x00\x05hello", 10, 1},
                {"PROXY TCP4 1.2.3.4 5.6.7.8 1 25\r\n", 33, 1},
                {"NOOP\r\n", 6, 2000},
                {"EHLO x\r\n", 8, 2000},
                {"\0\xff junk \r\n", 10, 1000},
                {"xxxxxxxxxxxxxxxx", 16, 5000},
                {"\r\n", 2, 2000},
                {"EHLO x\r\nMAIL FROM:<a@b>\r\nRSET\r\n", 32, 500},
                {"EHLO x\r\nVRFY ", 13, 1},
                {"", 0, 0}};
    struct sim_client_script *c = &plan->clients[plan->nclients];
    size_t i = sim_rng_index(rng, sizeof junk / sizeof *junk);
    *c = (struct sim_client_script){
        .at = plan->listener, .parts_at = SIM_CLIENT_NEVER, .excused = true};
    c->junk = junk[i].text;
    c->junk_len = junk[i].n;
    c->junk_times = junk[i].times;
    c->deaf = chance(rng, 40);
    c->piece = chance(rng, 20) ? 1 + sim_rng_index(rng, 4000) : 0;
    c->gap = (usec)sim_rng_below(rng, 2000);
    plan->delays[plan->nclients++] = (usec)sim_rng_below(rng, 200000);
}

void sim_generate_turns(struct sim_plan *plan, uint64_t seed, enum sim_kind kind)
{
    struct sim_rng rng = {seed * UINT64_C(0x2545f4914f6cdd1d) + 1};
    for (size_t i = 0; i < plan->nclients; i++) {
        if (chance(&rng, 25))
            odd_habit(plan, &plan->clients[i], &rng);
        if (chance(&rng, 30))
            with_parameters(&plan->clients[i], &rng);
    }
    if (chance(&rng, 25))
        with_headers(plan, &rng);
    if (chance(&rng, 15))
        with_two_accounts(plan, &rng);
    struct sim_rng own = {seed * UINT64_C(0xbf58476d1ce4e5b9) + 5};
    if (chance(&own, 15) && plan->naccounts == 0)
        with_identities(plan, &own);
    if (chance(&rng, 15))
        some_turns(plan, &rng, kind);
    if (chance(&rng, 10) && plan->nclients < SIM_DRAWN_CLIENTS)
        some_pest(plan, &rng);
}
