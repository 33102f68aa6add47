#include "app/status_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/attr.h"
#include "spool/spool.h"
#include "spool/trouble.h"
#include "upstream/account.h"

struct status_text {
    char *out;
    size_t size, len;
};

static void say(struct status_text *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct status_text *w, const char *fmt, ...)
{
    va_list args;
    if (w->len + 1 >= w->size)
        return;
    va_start(args, fmt);
    int n = vsnprintf(w->out + w->len, w->size - w->len, fmt, args);
    va_end(args);
    if (n > 0)
        w->len += (size_t)n < w->size - w->len ? (size_t)n : w->size - w->len - 1;
}

static void say_broken(struct status_text *w, const struct accounts *accounts)
{
    size_t stuck = 0;
    char findings[200];
    for (size_t i = 0; i < accounts_count(accounts); i++) {
        const struct account *a = accounts_at(accounts, i);
        enum standing standing = account_standing(a);
        if (standing == STANDING_UNKNOWN || standing == STANDING_WORKS)
            continue;
        if (stuck++ == 0)
            say(w, "; account %s cannot send: %s", account_config(a)->name,
                standing == STANDING_NO_PORT    ? account_summary(a, findings, sizeof findings)
                : standing == STANDING_NO_TOKEN ? "there is no access token"
                                                : "its credentials are refused");
    }
    if (stuck > 1)
        say(w, "; %zu more cannot send either", stuck - 1);
}

static void say_trouble(void *ctx, const struct spool_trouble *t)
{
    struct status_text *w = ctx;
    switch (t->kind) {
    case SPOOL_TROUBLE_OLD: say(w, "; kept mail of %s waits for too long", t->account); return;
    case SPOOL_TROUBLE_FULL: say(w, "; the spool is full"); return;
    case SPOOL_TROUBLE_CORRUPT: say(w, "; the spool holds damaged mail"); return;
    }
}

static void say_spool(struct status_text *w, struct spool *spool)
{
    size_t waiting = store_index(spool_store(spool))->counts[PLACE_QUEUE];
    spool_troubles(spool, say_trouble, w);
    if (waiting)
        say(w, "; %zu message%s kept for later", waiting, waiting == 1 ? "" : "s");
}

/* The first port that works is the one that new sessions go to. A detour says what it goes
 * round. */
static void say_port(struct status_text *w, const struct account *a)
{
    size_t n, used = 0;
    const struct port_report *r = account_reports(a, &n);
    while (used < n && r[used].finding != FINDING_WORKS)
        used++;
    if (used == n)
        return;
    say(w, "; %s by %u", account_config(a)->name, (unsigned)r[used].port.number);
    if (used > 0 && r[0].finding != FINDING_UNTRIED)
        say(w, " (%u %s)", (unsigned)r[0].port.number, finding_name(r[0].finding));
}

/* To the minute: the manager is told of every change. */
static void say_delivery(struct status_text *w, int64_t delivered_ms)
{
    char text[32];
    struct tm parts;
    time_t at = (time_t)(delivered_ms / 1000);
    if (!delivered_ms || !localtime_r(&at, &parts))
        return;
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
    say(w, "; last delivery %s", text);
}

void status_words(const struct status_view *v, char *out, size_t size)
{
    struct status_text w = {.out = out, .size = size};
    say(&w, "%s: %zu client%s", v->draining ? "Shutting down" : "Serving", v->clients,
        v->clients == 1 ? "" : "s");
    say_broken(&w, v->accounts);
    if (v->reload_failed)
        say(&w, "; the last reload failed, what was in force still is (the log says why)");
    if (v->spool)
        say_spool(&w, v->spool);
    say_delivery(&w, v->delivered_ms);
    for (size_t i = 0; i < accounts_count(v->accounts); i++)
        if (account_standing(accounts_at(v->accounts, i)) == STANDING_WORKS)
            say_port(&w, accounts_at(v->accounts, i));
}
