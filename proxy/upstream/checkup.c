#include "upstream/checkup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop.h"
#include "upstream/account.h"
#include "upstream/api_account.h"
#include "upstream/credential.h"
#include "upstream/race.h"
#include "upstream/settings.h"
#include "upstream/share.h"

/* The promise is two seconds. Half a second of it is for the beginning and the end. */
#define GRACE (3 * USEC_PER_SEC / 2)
#define WATCH_EVERY (20 * USEC_PER_MS)

/* Port 25, and what may get through where the configured ports do not. */
static const struct port unasked[] = {
    {25, PORT_STARTTLS},   {587, PORT_STARTTLS},  {465, PORT_IMPLICIT},
    {2525, PORT_STARTTLS}, {2587, PORT_STARTTLS}, {443, PORT_IMPLICIT},
};
enum { UNASKED = sizeof unasked / sizeof *unasked };

/* One port. Its race has no other port. */
struct examined {
    struct checkup *checkup;
    struct checkup_port *port;
    const struct upstream_env *env;
    struct rung rung;
    struct smtp_client_listener listener;
    struct race *race;
    /* The session, until a trial has it. */
    struct carrier *carrier;
    /* NULL: none runs. */
    void *trial;
    bool over;
    /* An offer begins when it is wanted. */
    bool begun;
};

struct checkup {
    struct config *config;
    const struct upstream_config *cfg;
    const struct checkup_trial *trial;
    /* This is the account with the ports that nobody configured, and without a login. It borrows
     * all else from cfg. */
    struct upstream_config cfg_bare;
    struct port bare[UNASKED];
    size_t nbare;
    struct upstream_env env, env_bare;
    const char *helo;
    bool offers_begun, is_late;
    struct credential *credential;
    struct share *share;
    struct tls_context *tls;
    struct timer *deadline;
    /* Holds the gate until the first port has reached it. A password that the first port refuses
     * must not go to a quicker one. */
    struct gate_pass opening;
    struct login *login;
    /* The latest loop time at which the gate opens. */
    usec opens;
    /* Looks which ports have come as far as the login. */
    struct timer *watch;
    char refusal[80];
    struct checkup_port *ports;
    struct examined *examined;
    size_t n, left, shown;
    struct deferred finished;
    void (*done)(void *ctx);
    void *ctx;
};

/* ---- the end of one port ---- */

/* A port that shows no way to log in is of no use to an account that has to. */
static void judge_offer(struct examined *x)
{
    struct port_report *r = &x->port->report;
    if (r->finding != FINDING_WORKS)
        return;
    if (x->checkup->cfg->username && !x->port->sight.offered[0]) {
        r->finding = FINDING_AUTH_UNAVAILABLE;
        snprintf(r->words, sizeof r->words, "%u can be reached, but offers no login",
                 (unsigned)r->port.number);
        return;
    }
    size_t len = strlen(r->words);
    snprintf(r->words + len, sizeof r->words - len, "; no login was tried");
}

static void end(struct examined *x)
{
    if (x->over || !x->begun)
        return;
    x->over = true;
    x->port->sight = x->rung.sight;
    if (x->port->role == CHECKUP_OFFER)
        judge_offer(x);
    if (x->race)
        race_free(&x->race);
    if (x->trial)
        x->checkup->trial->end(x->trial);
    x->trial = NULL;
    if (x->carrier)
        carrier_quit(&x->carrier);
    if (--x->checkup->left == 0)
        loop_defer(x->env->io->loop, &x->checkup->finished);
}

/* What the configured ports came to decides whether others are of any use. */
static bool wants_offers(const struct checkup *c)
{
    const struct port_report *first = &c->ports[0].report;
    return !c->refusal[0] && first->finding != FINDING_WORKS && first->finding != FINDING_DNS &&
           first->finding != FINDING_PROXY && !c->examined[0].rung.loops;
}

static void begin_offers(struct checkup *c);

static void on_finished(void *arg)
{
    struct checkup *c = arg;
    if (wants_offers(c) && !c->offers_begun && !c->is_late) {
        begin_offers(c);
        if (c->left > 0)
            return;
    }
    while (c->shown > 0 && c->ports[c->shown - 1].role == CHECKUP_OFFER &&
           (!wants_offers(c) || !c->examined[c->shown - 1].begun))
        c->shown--;
    timer_stop(c->deadline);
    timer_stop(c->watch);
    c->done(c->ctx);
}

/* Keeps what a port has shown on its way to the gate: its address, its certificate and its
 * mechanisms. */
static void refuse_at_gate(struct examined *x)
{
    struct port_report *r = &x->port->report;
    race_report_so_far(x->race);
    r->finding = FINDING_AUTH_REFUSED;
    snprintf(r->words, sizeof r->words, "%u %s", (unsigned)r->port.number, x->checkup->refusal);
}

static bool stands_at_closed_gate(const struct examined *x)
{
    return !x->over && x->race && x->checkup->refusal[0] && race_waits_for_gate(x->race);
}

static void give_up(struct examined *x)
{
    if (stands_at_closed_gate(x))
        refuse_at_gate(x);
    else if (x->race)
        race_report_so_far(x->race);
    else
        snprintf(x->port->mail_words, sizeof x->port->mail_words, "it did not answer in time");
}

/* First examines all ports, because the end of one would let another through the gate. */
static void on_deadline(void *arg)
{
    struct checkup *c = arg;
    c->is_late = true;
    for (size_t i = 0; i < c->n; i++)
        if (c->examined[i].begun && !c->examined[i].over)
            give_up(&c->examined[i]);
    for (size_t i = 0; i < c->n; i++)
        end(&c->examined[i]);
}

static void on_opening(void *ctx)
{
    (void)ctx;
}

/* The server starts the next port when the first made no progress for port_patience. The gate does
 * the same here. */
static void open_gate(struct checkup *c)
{
    const struct examined *first = &c->examined[0];
    if (!first->race || race_waits_for_gate(first->race) || loop_now(c->env.io->loop) >= c->opens)
        share_login_leave(c->share, c->login, &c->opening);
}

/* After a refusal the gate stays closed. A port that waits at it has shown everything it will. The
 * others continue until they have their findings. */
static void on_watch(void *arg)
{
    struct checkup *c = arg;
    if (c->opening.state == GATE_HOLDING)
        open_gate(c);
    const struct examined *first = &c->examined[0];
    if (!c->offers_begun && (first->over ? wants_offers(c) : loop_now(c->env.io->loop) >= c->opens))
        begin_offers(c);
    for (size_t i = 0; i < c->n; i++)
        if (stands_at_closed_gate(&c->examined[i])) {
            refuse_at_gate(&c->examined[i]);
            end(&c->examined[i]);
        }
    timer_arm(c->watch, WATCH_EVERY);
}

/* ---- the trial of one port ---- */

struct account *checkup_account(struct checkup *c, size_t port, const char *identity)
{
    struct examined *x = &c->examined[port];
    struct carrier *carrier = x->carrier;
    x->carrier = NULL;
    return account_of_session(c->env.io, c->config, c->cfg, carrier, &x->rung, identity);
}

void checkup_tried(struct checkup *c, size_t port, const char *words)
{
    struct examined *x = &c->examined[port];
    snprintf(x->port->mail_words, sizeof x->port->mail_words, "%s", words);
    x->port->mail_accepted = words[0] == 0;
    end(x);
}

static void try_mail(struct examined *x)
{
    x->port->mail_tried = true;
    x->trial = x->checkup->trial->begin(x->checkup, x->rung.index);
}

/* ---- the race of one port ---- */

static void on_won(void *ctx, struct carrier *carrier, struct rung *rung)
{
    struct examined *x = ctx;
    (void)rung;
    x->carrier = carrier;
    /* This opens the gate for the next port. */
    race_free(&x->race);
    /* The API says nothing about an address before it has a message. */
    if (x->port->role != CHECKUP_CONFIGURED || !checkup_own_address(x->checkup) ||
        rung_is_api(&x->rung))
        end(x);
    else
        try_mail(x);
}

static void on_failed(void *ctx)
{
    end(ctx);
}

static void on_refused(void *ctx)
{
    struct examined *x = ctx;
    struct checkup *c = x->checkup;
    snprintf(c->refusal, sizeof c->refusal, "was not asked: %u refused the credentials already",
             (unsigned)x->port->report.port.number);
    x->port->sight = x->rung.sight;
    /* Its race keeps the gate closed until checkup_free. */
    x->over = true;
    if (--c->left == 0)
        loop_defer(x->env->io->loop, &c->finished);
}

static void on_stalled(void *ctx)
{
    (void)ctx;
}

static const struct race_events race_handlers = {
    .won = on_won, .failed = on_failed, .refused = on_refused, .stalled = on_stalled};

/* ---- life ---- */

static bool has_port(const struct upstream_config *cfg, const struct port *port)
{
    for (size_t i = 0; i < cfg->ports.n; i++)
        if (cfg->ports.items[i].number == port->number &&
            (port->number == unasked[0].number || cfg->ports.items[i].mode == port->mode))
            return true;
    return false;
}

/* Without TLS there is no implicit TLS, and nothing to offer on its ports. */
static void prepare_bare(struct checkup *c)
{
    for (size_t i = 0; i < UNASKED; i++) {
        struct port port = unasked[i];
        if (c->cfg->tls == TLS_OFF && port.mode == PORT_IMPLICIT)
            continue;
        if (c->cfg->tls == TLS_OFF)
            port.mode = PORT_PLAIN;
        if (!has_port(c->cfg, &port))
            c->bare[c->nbare++] = port;
    }
    c->cfg_bare = *c->cfg;
    c->cfg_bare.ports = (struct ports){c->bare, c->nbare};
    c->cfg_bare.auth = AUTH_NONE;
    c->env_bare = c->env;
    c->env_bare.cfg = &c->cfg_bare;
}

static void on_line(void *ctx, bool from_server, struct slice line)
{
    struct examined *x = ctx;
    struct buf *dialog = &x->port->dialog;
    /* Beyond the cap nothing more is shown. */
    bool fits = buf_printf(dialog, "%c %.*s\n", from_server ? '<' : '>', (int)line.len, line.data);
    (void)fits;
}

static void place(struct checkup *c, size_t i)
{
    struct examined *x = &c->examined[i];
    bool is_bare = i >= c->cfg->ports.n;
    x->checkup = c;
    x->port = &c->ports[i];
    x->env = is_bare ? &c->env_bare : &c->env;
    size_t index = is_bare ? i - c->cfg->ports.n : i;
    if (is_bare)
        x->port->role =
            c->bare[index].number == unasked[0].number ? CHECKUP_COMPARISON : CHECKUP_OFFER;
    buf_init(&x->port->dialog, CAP_DIALOG);
    rung_init(&x->rung, index, &x->port->report, x->env, c->helo, c->tls);
    x->listener = (struct smtp_client_listener){on_line, x};
    x->rung.settings.listener = &x->listener;
}

static void examine(struct checkup *c, struct examined *x)
{
    struct rung *only = &x->rung;
    x->begun = true;
    c->left++;
    x->race = race_new(x->env, &only, 1, credential_user(c->credential), &race_handlers, x);
}

static void begin_offers(struct checkup *c)
{
    c->offers_begun = true;
    for (size_t i = 0; i < c->n; i++)
        if (c->ports[i].role == CHECKUP_OFFER)
            examine(c, &c->examined[i]);
}

struct checkup *checkup_new(const struct io *io, struct config *config,
                            const struct upstream_config *cfg, const struct checkup_trial *trial,
                            void (*done)(void *ctx), void *ctx, struct err *err)
{
    struct tls_context *tls;
    if (settings_tls(cfg, NULL, &tls, err) < 0)
        return NULL;
    struct checkup *c = NEW(struct checkup);
    c->config = config;
    c->cfg = cfg;
    c->trial = trial;
    c->tls = tls;
    c->done = done;
    c->ctx = ctx;
    c->credential = credential_new(io, cfg, NULL);
    c->share = share_alone(io, cfg, c->credential);
    c->login = logins_hold(c->share->logins, credential_user(c->credential));
    c->env =
        (struct upstream_env){.io = io, .cfg = cfg, .credential = c->credential, .share = c->share};
    c->env.api = api_account_new(io, cfg, &config->server.aliases);
    c->env.nown = settings_listeners(config, &c->env.own);
    c->helo = settings_helo(config, cfg);
    prepare_bare(c);
    c->n = c->shown = cfg->ports.n + c->nbare;
    c->ports = mem_alloc(c->n * sizeof *c->ports);
    c->examined = mem_alloc(c->n * sizeof *c->examined);
    deferred_init(&c->finished, on_finished, c);
    c->deadline = timer_new(io->loop, on_deadline, c);
    c->watch = timer_new(io->loop, on_watch, c);
    timer_arm(c->deadline, cfg->connect_timeout + GRACE);
    timer_arm(c->watch, WATCH_EVERY);
    c->opens = loop_now(io->loop) + cfg->port_patience;
    gate_pass_init(&c->opening, 0, 0, on_opening, c);
    share_login_enter(c->share, c->login, &c->opening);
    for (size_t i = 0; i < c->n; i++)
        place(c, i);
    for (size_t i = 0; i < c->n; i++)
        if (c->ports[i].role != CHECKUP_OFFER)
            examine(c, &c->examined[i]);
    return c;
}

void checkup_free(struct checkup **checkup)
{
    struct checkup *c = *checkup;
    *checkup = NULL;
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        end(&c->examined[i]);
        if (c->examined[i].race)
            race_free(&c->examined[i].race);
        rung_free(&c->examined[i].rung);
        buf_free(&c->ports[i].dialog);
    }
    deferred_cancel(&c->finished);
    timer_free(&c->deadline);
    timer_free(&c->watch);
    logins_release(c->login);
    share_free(&c->share);
    api_account_free(&c->env.api);
    credential_free(&c->credential);
    free(c->env.own);
    tls_context_unref(&c->tls);
    free(c->examined);
    free(c->ports);
    free(c);
}

const struct checkup_port *checkup_ports(const struct checkup *c, size_t *n_r)
{
    *n_r = c->shown;
    return c->ports;
}

const struct io *checkup_io(const struct checkup *c)
{
    return c->env.io;
}

struct config *checkup_whole_config(const struct checkup *c)
{
    return c->config;
}

const struct upstream_config *checkup_config(const struct checkup *c)
{
    return c->cfg;
}

/* Returns the address that the account sends as. */
const char *checkup_own_address(const struct checkup *c)
{
    const char *user = c->cfg->username;
    if (c->cfg->envelope_from)
        return c->cfg->envelope_from;
    return user && strchr(user, '@') ? user : NULL;
}

bool checkup_token(const struct checkup *c, struct token_view *view_r)
{
    bool api = c->env.api && !ports_have_smtp(&c->cfg->ports);
    return credential_token_view(api ? c->env.api->credential : c->credential, view_r);
}
