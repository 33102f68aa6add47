/* Warnings for an admin before something fails. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "admin/snapshot.h"

#define DAYS_WARNED 14
/* Another way to log in, or another provider, takes longer to arrange than a certificate. */
#define PASSWORD_DAYS_WARNED 90
/* A new secret has to come from whoever runs the tenant. */
#define CLIENT_DAYS_WARNED 31
/* Above this share of the last minute, clients begin to wait for the loop. */
#define BUSY_WARNED 0.9

const char *span_words(int64_t seconds, char out[SPAN_TEXT])
{
    static const struct {
        int64_t seconds;
        const char *word;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t u = 0;
    if (seconds < 0)
        seconds = 0;
    /* Writes "119 seconds" rather than "1 minute". */
    while (u < 3 && seconds < 2 * units[u].seconds)
        u++;
    int64_t n = seconds / units[u].seconds;
    snprintf(out, SPAN_TEXT, "%" PRId64 " %s%s", n, units[u].word, n == 1 ? "" : "s");
    return out;
}

int64_t days_left(int64_t expires, int64_t now_ms)
{
    int64_t left = expires - now_ms / 1000;
    return left >= 0 ? left / 86400 : -((-left + 86399) / 86400);
}

static void warn(struct snapshot *s, enum gravity gravity, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void warn(struct snapshot *s, enum gravity gravity, const char *fmt, ...)
{
    va_list args;
    if (s->nwarnings == CAP_ADMIN_WARNINGS)
        return;
    struct warning *w = &s->warnings[s->nwarnings++];
    w->gravity = gravity;
    va_start(args, fmt);
    vsnprintf(w->words, sizeof w->words, fmt, args);
    va_end(args);
}

static void warn_of_certificate(struct snapshot *s, const char *whose, int64_t expires)
{
    int64_t days = days_left(expires, s->wall_ms);
    if (expires == 0 || days >= DAYS_WARNED)
        return;
    if (days < 0)
        warn(s, GRAVITY_BROKEN, "The certificate of %s has expired.", whose);
    else
        warn(s, GRAVITY_WARNING, "The certificate of %s expires in %" PRId64 " day%s.", whose, days,
             days == 1 ? "" : "s");
}

/* One certificate is often used on all ports. Only the first port is named. */
static void warn_of_certificates(struct snapshot *s, const struct account_view *a)
{
    char whose[300];
    for (size_t i = 0; i < a->nports; i++) {
        size_t k = 0;
        while (k < i && a->ports[k].expires != a->ports[i].expires)
            k++;
        snprintf(whose, sizeof whose, "%s (port %u)", a->host,
                 (unsigned)a->ports[i].report.port.number);
        if (k == i)
            warn_of_certificate(s, whose, a->ports[i].expires);
    }
}

/* After that day the upstream's own answer to the login is the truth. */
static void warn_of_password(struct snapshot *s, const struct account_view *a)
{
    int64_t days = days_left(a->password_until, s->wall_ms);
    if (a->password_until == 0 || days < 0 || days >= PASSWORD_DAYS_WARNED)
        return;
    warn(s, GRAVITY_WARNING,
         "Account %s logs in by password, which %s has announced to end in %" PRId64
         " day%s: see the provider's notes.",
         a->name, a->title, days, days == 1 ? "" : "s");
}

/* What the portal calls a secret's end, and what a certificate says of itself. */
static void warn_of_client(struct snapshot *s, const struct account_view *a, const char *what,
                           int64_t end)
{
    int64_t days = days_left(end, s->wall_ms);
    if (end == 0 || days >= CLIENT_DAYS_WARNED)
        return;
    if (days < 0)
        warn(s, GRAVITY_BROKEN, "The client %s of account %s has ended: put a new one in place.",
             what, a->name);
    else
        warn(s, GRAVITY_WARNING,
             "The client %s of account %s ends in %" PRId64 " day%s: make a new one in time.", what,
             a->name, days, days == 1 ? "" : "s");
}

static void warn_of_account(struct snapshot *s, const struct account_view *a)
{
    char whose[100];
    size_t next = 0;
    while (next < a->nports && !a->ports[next].next)
        next++;
    if (a->standing == STANDING_AUTH_REFUSED)
        warn(s, GRAVITY_BROKEN,
             "%s refuses the credentials of account %s: correct username or password, then reload.",
             a->host, a->name);
    else if (a->standing == STANDING_NO_TOKEN)
        warn(s, GRAVITY_BROKEN, "There is no access token for account %s: %.400s.", a->name,
             a->token.words[0] ? a->token.words : "the token service has not answered yet");
    else if (a->standing == STANDING_NO_PORT)
        warn(s, GRAVITY_BROKEN, "No port of %s works: mail of account %s is %s.", a->host, a->name,
             s->spool.takes     ? "kept in the spool"
             : s->spool.is_full ? "answered 452, because the spool is full"
                                : "answered 451");
    else if (a->works && next > 0 && next < a->nports &&
             a->ports[0].report.finding != FINDING_UNTRIED &&
             a->ports[0].report.finding != FINDING_WORKS)
        warn(s, GRAVITY_WARNING,
             "Account %s makes a detour over port %u: port %u does not work (%s).", a->name,
             (unsigned)a->ports[next].report.port.number, (unsigned)a->ports[0].report.port.number,
             finding_name(a->ports[0].report.finding));
    warn_of_client(s, a, "secret", a->token.secret_expires);
    warn_of_client(s, a, "certificate", a->token.certificate_expires);
    if (a->pool.waiting && a->pool.idle + a->pool.leased >= a->max_connections)
        warn(s, GRAVITY_WARNING,
             "Account %s: %u message%s for one of its %u sessions (max_connections).", a->name,
             a->pool.waiting, a->pool.waiting == 1 ? " waits" : "s wait", a->max_connections);
    warn_of_certificates(s, a);
    snprintf(whose, sizeof whose, "account %s (tls_cert)", a->name);
    warn_of_certificate(s, whose, a->certificate_expires);
    warn_of_password(s, a);
}

static void collect(struct snapshot *s)
{
    char whose[100], span[SPAN_TEXT];
    if (s->draining)
        warn(s, GRAVITY_NOTE, "Shutting down: no new clients, running messages finish.");
    if (s->spool.is_drained)
        warn(s, GRAVITY_WARNING,
             "The spool is drained: nothing new is kept until this server starts again, and "
             "balancers are told to send no more clients.");
    for (size_t i = 0; i < s->naccounts; i++)
        warn_of_account(s, &s->accounts[i]);
    for (size_t i = 0; i < s->nlisteners; i++) {
        snprintf(whose, sizeof whose, "listener %s", s->listeners[i].name);
        warn_of_certificate(s, whose, s->listeners[i].expires);
        if (s->listeners[i].clients >= s->listeners[i].max_clients)
            warn(s, GRAVITY_WARNING, "Listener %s is full: %u clients (max_clients).",
                 s->listeners[i].name, s->listeners[i].clients);
    }
    if (s->cluster.is_on && !s->cluster.up)
        warn(s, GRAVITY_WARNING,
             "The shared engine is away: this instance uses its part of each limit by itself, and "
             "mail goes on.");
    if (s->busy >= BUSY_WARNED)
        warn(
            s, GRAVITY_WARNING,
            "This instance is full: its loop worked %.0f %% of the last minute. Another one beside "
            "it takes half of the clients.",
            s->busy * 100);
    if (s->reloads.last_failed)
        warn(s, GRAVITY_WARNING,
             "The last reload failed: the configuration of %s ago is still used. The log says what "
             "is wrong.",
             span_words((s->wall_ms - s->reloads.last_good_ms) / 1000, span));
}

/* The most serious ones come first, each kind in the order of the file. */
void snapshot_warn(struct snapshot *s)
{
    collect(s);
    for (size_t i = 1; i < s->nwarnings; i++)
        for (size_t k = i; k > 0 && s->warnings[k - 1].gravity < s->warnings[k].gravity; k--) {
            struct warning w = s->warnings[k];
            s->warnings[k] = s->warnings[k - 1];
            s->warnings[k - 1] = w;
        }
}
