#include "alert/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/process.h"

#define COMMAND_DEADLINE (30 * USEC_PER_SEC)
/* A call that failed is made again. What carries it may be down for the same reason as the mail. */
#define AGAIN_FIRST (60 * USEC_PER_SEC)
#define AGAIN_LONGEST (3600 * USEC_PER_SEC)

/* An end that END_TRIES calls could not tell to anybody is of no use any more. */
enum { WORDS = 640, END_TRIES = 10 };

/* With at_once, `after` is not awaited. With expires, each step is told once and not repeated. */
static const struct {
    const char *name;
    bool at_once, expires, of_sending;
} kinds[ALERT_KINDS] = {
    [ALERT_ACCOUNT_DOWN] = {"account-down", .of_sending = true},
    [ALERT_CREDENTIALS] = {"credentials", .at_once = true, .of_sending = true},
    [ALERT_TOKEN] = {"token", .of_sending = true},
    [ALERT_SECRET_EXPIRES] = {"secret-expires", .expires = true},
    [ALERT_CERTIFICATE_EXPIRES] = {"certificate-expires", .expires = true},
    [ALERT_SPOOL_OLD] = {"spool-old", .at_once = true},
    [ALERT_SPOOL_FULL] = {"spool-full", .at_once = false},
    [ALERT_SPOOL_CORRUPT] = {"spool-corrupt", .at_once = true},
};

enum call { CALL_NONE, CALL_BEGIN, CALL_END };

struct concern {
    struct link link;
    enum alert_kind kind;
    char *account, *what;
    char words[WORDS];
    int64_t since_ms;
    usec first;
    bool is_seen;
    unsigned step;
    /* Somebody has heard of its begin, at this time and of this step. */
    bool was_called;
    usec called;
    unsigned called_step;
    enum call owed;
    unsigned failures;
};

struct alert {
    const struct io *io;
    struct strings command;
    usec after, repeat;
    char *host;
    bool is_on;
    struct link concerns;
    struct process_run *run;
    /* The call that is under way belongs to this concern. It tells its begin or its end. */
    struct concern *telling;
    enum call call;
    /* After a call that failed, the next call waits so long, and until that time. */
    usec wait, waits_until;
};

const char *alert_kind_name(enum alert_kind kind)
{
    return kinds[kind].name;
}

/* ---- what is wrong ---- */

/* A recipe may put it into a header or a form. */
static void clean(char *out, const char *words)
{
    size_t n = 0;
    for (; n < WORDS - 1 && words[n]; n++)
        out[n] = (unsigned char)words[n] < ' ' || words[n] == 127 ? ' ' : words[n];
    /* The cut must not split a character of UTF-8. */
    if (words[n])
        while (n > 0 && ((unsigned char)words[n] & 0xc0) == 0x80)
            n--;
    out[n] = '\0';
}

static void forget(struct concern *t)
{
    link_remove(&t->link);
    free(t->account);
    free(t->what);
    free(t);
}

static struct concern *find(struct alert *a, const struct alert_event *e)
{
    LIST_EACH (&a->concerns, it) {
        struct concern *t = CONTAINER(it, struct concern, link);
        if (t->kind == e->kind && strcmp(t->account, e->account) == 0 &&
            strcmp(t->what, e->what) == 0)
            return t;
    }
    struct concern *t = NEW(struct concern);
    t->kind = e->kind;
    t->account = mem_string(e->account);
    t->what = mem_string(e->what);
    t->first = loop_now(a->io->loop);
    t->since_ms = e->since_ms ? e->since_ms : loop_wall_ms(a->io->loop);
    list_push_back(&a->concerns, &t->link);
    return t;
}

/* ---- the calls ---- */

/* A name, "=", a value. */
static char *variable(const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *text = mem_alloc(size);
    snprintf(text, size, "%s=%s", name, value);
    return text;
}

static void since_text(int64_t ms, char out[32])
{
    struct tm parts;
    time_t at = (time_t)(ms / 1000);
    if (!gmtime_r(&at, &parts) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts))
        out[0] = '\0';
}

static void called(struct alert *a, struct concern *t)
{
    log_event(a->io->log, LOG_INFO, "somebody was called", log_str("alert", kinds[t->kind].name),
              log_str("state", a->call == CALL_BEGIN ? "begin" : "end"),
              log_str("account", t->account[0] ? t->account : NULL));
    a->wait = 0;
    t->failures = 0;
    t->owed = CALL_NONE;
    t->was_called = a->call == CALL_BEGIN;
    t->called = loop_now(a->io->loop);
    t->called_step = t->step;
    /* It came back while its end was told. */
    if (a->call == CALL_END && t->is_seen)
        t->first = t->called;
}

static void not_called(struct alert *a, struct concern *t, const struct err *err)
{
    a->wait = !a->wait ? AGAIN_FIRST : a->wait > AGAIN_LONGEST / 2 ? AGAIN_LONGEST : 2 * a->wait;
    a->waits_until = loop_now(a->io->loop) + a->wait;
    t->failures++;
    log_event(a->io->log, LOG_ERROR, "[alert] command failed, nobody was called",
              log_str("why", err->words), log_str("alert", kinds[t->kind].name),
              log_str("state", a->call == CALL_BEGIN ? "begin" : "end"),
              log_str("account", t->account[0] ? t->account : NULL), log_usec("retry_in", a->wait));
}

static void on_ended(void *ctx, struct secret *output, const struct err *err)
{
    struct alert *a = ctx;
    struct concern *t = a->telling;
    a->run = NULL;
    a->telling = NULL;
    secret_free(&output);
    if (err)
        not_called(a, t, err);
    else
        called(a, t);
}

static void call(struct alert *a, struct concern *t)
{
    char since[32], words[WORDS + 16];
    since_text(t->since_ms, since);
    snprintf(words, sizeof words, "%s%s", t->owed == CALL_END ? "it is over: " : "", t->words);
    char *env[] = {variable("ALERT", kinds[t->kind].name),
                   variable("STATE", t->owed == CALL_END ? "end" : "begin"),
                   variable("ACCOUNT", t->account),
                   variable("HOST", a->host),
                   variable("WORDS", words),
                   variable("SINCE", since),
                   NULL};
    const struct process_order order = {
        .argv = a->command.items, .env = env, .is_mute = true, .deadline = COMMAND_DEADLINE};
    a->telling = t;
    a->call = t->owed;
    a->run = process_run(a->io->loop, a->io->offload, &order, on_ended, a);
    for (size_t i = 0; env[i]; i++)
        free(env[i]);
}

static void next_call(struct alert *a)
{
    if (a->run || loop_now(a->io->loop) < a->waits_until)
        return;
    LIST_EACH (&a->concerns, it) {
        struct concern *t = CONTAINER(it, struct concern, link);
        if (t->owed == CALL_NONE)
            continue;
        call(a, t);
        return;
    }
}

/* ---- the look ---- */

void alert_look_begins(struct alert *a)
{
    LIST_EACH (&a->concerns, it)
        CONTAINER(it, struct concern, link)->is_seen = false;
}

void alert_lasts(struct alert *a, const struct alert_event *e)
{
    if (!a->is_on)
        return;
    struct concern *t = find(a, e);
    t->is_seen = true;
    t->step = e->step;
    /* What was renewed, and expires again, is told from there. */
    if (t->called_step > t->step)
        t->called_step = t->step;
    clean(t->words, e->words);
}

void alert_doubts(struct alert *a, const char *account)
{
    LIST_EACH (&a->concerns, it) {
        struct concern *t = CONTAINER(it, struct concern, link);
        /* What has ended does not begin by a doubt. */
        if (kinds[t->kind].of_sending && t->owed != CALL_END && strcmp(t->account, account) == 0)
            t->is_seen = true;
    }
}

static bool is_due(const struct alert *a, const struct concern *t)
{
    usec now = loop_now(a->io->loop);
    if (!t->was_called)
        return kinds[t->kind].at_once || now - t->first >= a->after;
    if (kinds[t->kind].expires)
        return t->step > t->called_step;
    return a->repeat && now - t->called >= a->repeat;
}

static void decide(struct alert *a, struct concern *t)
{
    if (t == a->telling)
        return;
    if (t->is_seen) {
        /* An end that nobody has heard of yet is none. */
        t->owed = is_due(a, t) ? CALL_BEGIN : CALL_NONE;
    } else if (t->was_called && t->failures < END_TRIES) {
        if (t->owed != CALL_END)
            t->failures = 0;
        t->owed = CALL_END;
    } else {
        forget(t);
    }
}

void alert_look_ends(struct alert *a)
{
    LIST_EACH (&a->concerns, it)
        decide(a, CONTAINER(it, struct concern, link));
    next_call(a);
}

/* ---- life ---- */

static void forget_all(struct alert *a)
{
    process_cancel(&a->run);
    a->telling = NULL;
    a->wait = a->waits_until = 0;
    LIST_EACH (&a->concerns, it)
        forget(CONTAINER(it, struct concern, link));
}

/* The arguments may hold a secret. */
static void forget_command(struct alert *a)
{
    for (size_t i = 0; i < a->command.n; i++)
        secret_erase(a->command.items[i], strlen(a->command.items[i]));
    strings_clear(&a->command);
}

struct alert *alert_new(const struct io *io)
{
    struct alert *a = NEW(struct alert);
    a->io = io;
    link_init(&a->concerns);
    return a;
}

void alert_set(struct alert *a, const struct alert_config *config, const char *host)
{
    /* Perhaps the command was what failed. */
    if (!strings_same(&a->command, &config->command))
        a->wait = a->waits_until = 0;
    forget_command(a);
    a->command = strings_copy(&config->command);
    free(a->host);
    a->host = mem_string(host);
    a->after = config->after;
    a->repeat = config->repeat;
    a->is_on = config->is_on && config->command.n > 0;
    if (!a->is_on)
        forget_all(a);
}

void alert_free(struct alert **alert)
{
    struct alert *a = *alert;
    *alert = NULL;
    if (!a)
        return;
    forget_all(a);
    forget_command(a);
    free(a->host);
    free(a);
}
