#include "alert/alarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "alert/alert.h"
#include "base/mem.h"
#include "io/loop.h"
#include "oauth/expiry.h"
#include "oauth/token.h"
#include "relay/certificates.h"
#include "spool/trouble.h"
#include "upstream/account.h"
#include "upstream/rung.h"

#define LOOK_EVERY (2 * USEC_PER_SEC)

struct alarm {
    const struct io *io;
    void (*view)(void *ctx, struct alarm_view *view_r);
    void *ctx;
    struct alert *alert;
    struct timer *timer;
    /* This is copied from the view at the beginning of each look. */
    bool keeps;
};

/* ---- accounts ---- */

static void look_at_sending(struct alarm *m, const struct account *a)
{
    const struct upstream_config *cfg = account_config(a);
    struct token_view token;
    char words[800], list[512];
    struct alert_event e = {.account = cfg->name, .what = "", .words = words};
    switch (account_standing(a)) {
    case STANDING_WORKS: return;
    case STANDING_UNKNOWN: alert_doubts(m->alert, cfg->name); return;
    case STANDING_NO_PORT:
        e.kind = ALERT_ACCOUNT_DOWN;
        snprintf(words, sizeof words, "no port of %s works: %s", cfg->host,
                 account_summary(a, list, sizeof list));
        break;
    case STANDING_AUTH_REFUSED:
        e.kind = ALERT_CREDENTIALS;
        snprintf(words, sizeof words, "%s %s", cfg->host,
                 cfg->username
                     ? "refuses the configured credentials: correct them, then reload"
                     : "wants a login, and the account has none: set username and password_file");
        break;
    case STANDING_NO_TOKEN:
        e.kind = ALERT_TOKEN;
        snprintf(words, sizeof words, "there is no access token for %s: %s", cfg->host,
                 account_token(a, &token) && token.words[0] ? token.words
                                                            : "the token service does not answer");
        break;
    }
    alert_lasts(m->alert, &e);
}

/* ---- what expires ---- */

/* A step below `first` does not count. */
static void look_at_end(struct alarm *m, struct alert_event *e, const char *whose, int64_t end,
                        unsigned first)
{
    int64_t now = loop_wall_ms(m->io->loop) / 1000;
    char words[400];
    unsigned step = expiry_step(end, now);
    if (step < first)
        return;
    int64_t days = (end - now + 86399) / 86400;
    if (step == EXPIRY_STEPS)
        snprintf(words, sizeof words, "the %s has expired: put a new one in place", whose);
    else
        snprintf(words, sizeof words,
                 "the %s expires in %" PRId64 " day%s: put a new one in place in time", whose, days,
                 days == 1 ? "" : "s");
    e->step = step;
    e->words = words;
    alert_lasts(m->alert, e);
}

static void look_at_certificate(struct alarm *m, const char *account, const char *what,
                                const char *whose, int64_t end)
{
    struct alert_event e = {.kind = ALERT_CERTIFICATE_EXPIRES, .account = account, .what = what};
    look_at_end(m, &e, whose, end, EXPIRY_STEP_14);
}

static int64_t port_end(const struct account *a, size_t port)
{
    const struct sight *sight = account_sight(a, port);
    return sight && sight->has_tls ? sight->tls.not_after : 0;
}

/* One certificate is often used on all ports; the first of them stands for it. */
static void look_at_ports(struct alarm *m, const struct account *a)
{
    char whose[300], what[16];
    size_t n;
    const struct port_report *reports = account_reports(a, &n);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < i && port_end(a, k) != port_end(a, i))
            k++;
        if (k < i)
            continue;
        snprintf(what, sizeof what, "%u", (unsigned)reports[i].port.number);
        snprintf(whose, sizeof whose, "certificate of %.250s (port %s)", account_config(a)->host,
                 what);
        look_at_certificate(m, account_config(a)->name, what, whose, port_end(a, i));
    }
}

static void look_at_account(struct alarm *m, const struct account *a)
{
    const char *name = account_config(a)->name;
    struct token_view token;
    look_at_sending(m, a);
    look_at_ports(m, a);
    look_at_certificate(m, name, "tls_cert", "certificate of the account (tls_cert)",
                        account_certificate_expires(a));
    if (!account_token(a, &token))
        return;
    struct alert_event e = {.kind = ALERT_SECRET_EXPIRES, .account = name, .what = "client secret"};
    look_at_end(m, &e, "client secret of the account (oauth_secret_expires)", token.secret_expires,
                1);
    e = (struct alert_event){
        .kind = ALERT_SECRET_EXPIRES, .account = name, .what = "client certificate"};
    look_at_end(m, &e, "client certificate of the account (oauth_client_cert)",
                token.certificate_expires, 1);
}

static void look_at_listeners(struct alarm *m, const struct alarm_view *v)
{
    char what[80], whose[120];
    for (size_t i = 0; v->certificates && i < v->config->nlistens; i++) {
        const struct tls_context *tls = certificates_tls(v->certificates, i);
        snprintf(what, sizeof what, "listener %.64s", v->config->listens[i].name);
        snprintf(whose, sizeof whose, "certificate of %s", what);
        if (tls)
            look_at_certificate(m, "", what, whose, tls_context_expires(tls));
    }
}

/* ---- the spool ---- */

static void on_trouble(void *ctx, const struct spool_trouble *t)
{
    static const enum alert_kind kinds[] = {[SPOOL_TROUBLE_OLD] = ALERT_SPOOL_OLD,
                                            [SPOOL_TROUBLE_FULL] = ALERT_SPOOL_FULL,
                                            [SPOOL_TROUBLE_CORRUPT] = ALERT_SPOOL_CORRUPT};
    struct alarm *m = ctx;
    if (t->kind == SPOOL_TROUBLE_FULL && !m->keeps)
        return;
    alert_lasts(m->alert, &(struct alert_event){.kind = kinds[t->kind],
                                                .account = t->account,
                                                .what = "",
                                                .words = t->words,
                                                .since_ms = t->since_ms});
}

/* ---- life ---- */

static void look(void *arg)
{
    struct alarm *m = arg;
    struct alarm_view v;
    m->view(m->ctx, &v);
    m->keeps = v.keeps;
    alert_look_begins(m->alert);
    for (size_t i = 0; i < accounts_count(v.accounts); i++)
        look_at_account(m, accounts_at(v.accounts, i));
    look_at_listeners(m, &v);
    if (v.spool)
        spool_troubles(v.spool, on_trouble, m);
    alert_look_ends(m->alert);
    timer_arm(m->timer, LOOK_EVERY);
}

struct alarm *alarm_new(const struct io *io, void (*view)(void *ctx, struct alarm_view *view_r),
                        void *ctx)
{
    struct alarm *m = NEW(struct alarm);
    m->io = io;
    m->view = view;
    m->ctx = ctx;
    m->alert = alert_new(io);
    m->timer = timer_new(io->loop, look, m);
    return m;
}

void alarm_apply(struct alarm *m)
{
    struct alarm_view v;
    m->view(m->ctx, &v);
    alert_set(m->alert, &v.config->alert, v.config->server.hostname);
    if (!v.config->alert.is_on)
        timer_stop(m->timer);
    else if (!timer_is_armed(m->timer))
        timer_arm(m->timer, LOOK_EVERY);
}

void alarm_stop(struct alarm *m)
{
    timer_stop(m->timer);
}

void alarm_free(struct alarm **alarm)
{
    struct alarm *m = *alarm;
    *alarm = NULL;
    if (!m)
        return;
    timer_free(&m->timer);
    alert_free(&m->alert);
    free(m);
}
