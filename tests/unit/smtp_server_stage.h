/* A client and scripted handlers around one server half in the simulated world: for the dialogs and
 * for the tests that text cannot say. Part of a test program: everything is static. */
#ifndef UNIT_SMTP_SERVER_STAGE_H
#define UNIT_SMTP_SERVER_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/listener.h"
#include "sim/sim.h"
#include "sim/sim_net.h"
#include "smtp/server.h"

#define PLENTY (4 * 1024 * 1024)
/* longer than a round trip of this network; short enough that a byte each is no slow body */
#define SHORT_WHILE ((usec)400)

enum kind { KIND_MAIL, KIND_RCPT, KIND_DATA, KIND_END, KIND_BODY, KIND_LOGIN, KIND_REFUSED, KINDS };
static const char *const kind_names[KINDS] = {"mail", "rcpt",  "data",   "end",
                                              "body", "login", "refused"};
static const char *const usual_answers[KINDS] = {"250 2.1.0 sender ok",
                                                 "250 2.1.5 recipient ok",
                                                 "354 - go ahead",
                                                 "250 2.0.0 queued as test",
                                                 "",
                                                 "right",
                                                 ""};

/* a list of strings */
struct lines {
    char **items;
    size_t n;
};

/* everything of one dialog */
struct stage {
    struct sim *sim;
    struct listener *listener;
    /* the client's */
    struct sim_end *end;
    /* its address, if it matters */
    struct addr from;
    /* NULL once closed */
    struct smtp_server *server;
    struct smtp_server_settings settings;
    struct smtp_server_offer offer;
    /* answers, in the order in which they are used up */
    struct lines scripted[KINDS];
    size_t used[KINDS];
    struct smtp_server_command *waiting[CAP_PENDING_COMMANDS * 2];
    char *waiting_answer[CAP_PENDING_COMMANDS * 2];
    size_t nwaiting;
    /* what the handlers saw */
    struct lines events;
    /* octets of all bodies */
    struct buf message;
    /* ... of this one */
    size_t octets;
    bool held;
    /* what the client read */
    struct buf heard;
    /* sent away before the greeting */
    bool unwelcome;
    /* it does not read */
    bool deaf;
    /* its handshake runs */
    bool securing;
    bool eof, reset;
    bool said_goodbye;
    unsigned closed;
};

static void add(struct lines *l, char *taken)
{
    l->items = mem_resize(l->items, (l->n + 1) * sizeof *l->items);
    l->items[l->n++] = taken;
}

static void lines_free(struct lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i]);
    free(l->items);
    *l = (struct lines){0};
}

PRINTF_LIKE(2, 3) static void saw(struct stage *st, const char *fmt, ...)
{
    char text[3000];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add(&st->events, mem_string(text));
}

/* ---- the handlers ---- */

/* "upstream 550 5.1.1 no such user"; "-" is no enhanced code, "|" separates lines. */
static void parse_answer(char *text, struct answer *a)
{
    a->from_upstream = strncmp(text, "upstream ", 9) == 0;
    char *save, *p = a->from_upstream ? text + 9 : text;
    a->code = atoi(strtok_r(p, " ", &save));
    a->enhanced = strtok_r(NULL, " ", &save);
    a->text = slice_of(strtok_r(NULL, "", &save));
    for (char *c = strchr(a->text.data, '|'); c; c = strchr(c, '|'))
        *c = '\n';
    if (strcmp(a->enhanced, "-") == 0)
        a->enhanced = "";
}

static void give(struct smtp_server_command *cmd, const char *text)
{
    char *copy = mem_string(text);
    struct answer a;
    parse_answer(copy, &a);
    smtp_server_answer(cmd, &a);
    free(copy);
}

static enum smtp_server_login verdict_of(const char *text)
{
    static const char *const names[] = {"right", "wrong", "busy", "locked"};
    for (int i = 0; i < 4; i++)
        if (strcmp(text, names[i]) == 0)
            return (enum smtp_server_login)i;
    fail_msg("%s: no verdict", text);
    return SMTP_SERVER_LOGIN_BUSY;
}

static void respond(struct stage *st, enum kind kind, struct smtp_server_command *cmd)
{
    const char *text = usual_answers[kind];
    if (st->used[kind] < st->scripted[kind].n)
        text = st->scripted[kind].items[st->used[kind]++];
    /* and answers in the same turn, before it hears of the end */
    if (strcmp(text, "shut") == 0) {
        smtp_server_close(st->server, 421, "4.3.2", "shut by the handler");
        text = usual_answers[kind];
    }
    if (strncmp(text, "later ", 6) != 0) {
        if (kind == KIND_LOGIN)
            smtp_server_answer_login(cmd, verdict_of(text));
        else
            give(cmd, text);
        return;
    }
    st->waiting[st->nwaiting] = cmd;
    st->waiting_answer[st->nwaiting++] = mem_string(text + 6);
}

static void answer_waiting(struct stage *st, size_t i)
{
    assert_true(i < st->nwaiting);
    struct smtp_server_command *cmd = st->waiting[i];
    char *text = st->waiting_answer[i];
    st->nwaiting--;
    memmove(st->waiting + i, st->waiting + i + 1, (st->nwaiting - i) * sizeof *st->waiting);
    memmove(st->waiting_answer + i, st->waiting_answer + i + 1,
            (st->nwaiting - i) * sizeof *st->waiting_answer);
    if (strchr(text, ' '))
        give(cmd, text);
    else
        smtp_server_answer_login(cmd, verdict_of(text));
    free(text);
}

static void on_hello(void *ctx, struct smtp_server_offer *offer)
{
    struct stage *st = ctx;
    const struct smtp_server_client *c = smtp_server_client(st->server);
    *offer = st->offer;
    saw(st, "%s %s", c->esmtp ? "ehlo" : "helo", c->helo);
}

static void on_mail(void *ctx, struct smtp_server_command *cmd, const struct address *from,
                    const struct mail_params *p)
{
    struct stage *st = ctx;
    char size[40] = "";
    if (p->has_size)
        snprintf(size, sizeof size, " size=%llu", (unsigned long long)p->size);
    const char *user = smtp_server_client(st->server)->user;
    saw(st, "mail <%.*s>%s%s%s%s%s%s%.*s%s%.*s", (int)from->text.len, from->text.data, size,
        p->body == BODY_8BITMIME ? " 8bit" : "", p->smtputf8 ? " utf8" : "", user ? " user=" : "",
        user ? user : "", p->ret.len ? " ret=" : "", (int)p->ret.len, p->ret.data,
        p->envid.len ? " envid=" : "", (int)p->envid.len, p->envid.data);
    respond(st, KIND_MAIL, cmd);
}

static void on_rcpt(void *ctx, struct smtp_server_command *cmd, const struct address *to,
                    const struct rcpt_params *p)
{
    struct stage *st = ctx;
    saw(st, "rcpt <%.*s>%s%.*s", (int)to->text.len, to->text.data, p->notify.len ? " notify=" : "",
        (int)p->notify.len, p->notify.data);
    respond(st, KIND_RCPT, cmd);
}

static void on_data(void *ctx, struct smtp_server_command *cmd)
{
    struct stage *st = ctx;
    saw(st, "data");
    st->octets = 0;
    respond(st, KIND_DATA, cmd);
}

static void on_body(void *ctx, struct slice octets)
{
    struct stage *st = ctx;
    assert_true(octets.len > 0 && octets.len <= CAP_CHUNK);
    assert_false(st->held);
    assert_true(buf_append_slice(&st->message, octets));
    st->octets += octets.len;
    if (st->used[KIND_BODY] == st->scripted[KIND_BODY].n)
        return;
    char *what = st->scripted[KIND_BODY].items[st->used[KIND_BODY]++];
    if (strcmp(what, "hold") == 0) {
        st->held = true;
        smtp_server_hold_body(st->server, true);
        return;
    }
    struct answer a;
    parse_answer(what, &a);
    smtp_server_refuse_body(st->server, &a);
}

static void on_body_end(void *ctx, struct smtp_server_command *cmd)
{
    struct stage *st = ctx;
    assert_false(st->held);
    saw(st, "end %zu", st->octets);
    respond(st, KIND_END, cmd);
}

static void on_reset(void *ctx, enum smtp_server_end why)
{
    static const char *const names[] = {"rset", "overrun", "refused"};
    struct stage *st = ctx;
    assert_int_equal(st->nwaiting, 0);
    saw(st, "reset %s", names[why]);
}

static void on_login(void *ctx, struct smtp_server_command *cmd, struct slice user,
                     struct slice password)
{
    struct stage *st = ctx;
    saw(st, "login %.*s %.*s", (int)user.len, user.data, (int)password.len, password.data);
    respond(st, KIND_LOGIN, cmd);
}

static void on_refused(void *ctx, struct slice from, const struct answer *a)
{
    struct stage *st = ctx;
    if (st->used[KIND_REFUSED] == st->scripted[KIND_REFUSED].n)
        return;
    saw(st, "refused %.*s %d", (int)from.len, from.data, a->code);
    smtp_server_set_message_id(st->server,
                               st->scripted[KIND_REFUSED].items[st->used[KIND_REFUSED]++]);
}

static void on_told(void *ctx, const struct answer *a, bool goodbye)
{
    struct stage *st = ctx;
    assert_true(a->code >= 400 && !a->from_upstream);
    assert_false(st->said_goodbye);
    st->said_goodbye = goodbye;
}

static void on_closed(void *ctx, const char *why)
{
    struct stage *st = ctx;
    saw(st, "closed %s", why);
    st->closed++;
    st->server = NULL;
}

static const struct smtp_server_handlers handlers = {on_hello, on_mail,     on_rcpt,  on_data,
                                                     on_body,  on_body_end, on_reset, on_closed,
                                                     on_login, on_refused,  on_told};

/* ---- the client ---- */

static void on_client(void *ctx)
{
    struct stage *st = ctx;
    char chunk[4096];
    struct err err;
    ssize_t n = 0;
    if (st->securing && sim_end_handshake(st->end, &err) == TRANSPORT_AGAIN)
        return;
    if (st->securing)
        saw(st, "client %s", sim_end_is_sealed(st->end) ? "secured" : "failed");
    st->securing = false;
    while (!st->deaf && !st->eof && !st->reset &&
           (n = sim_end_read(st->end, chunk, sizeof chunk, &err)) > 0)
        assert_true(buf_append(&st->heard, chunk, (size_t)n));
    if (n < 0) {
        st->eof = err.kind == ERR_CLOSED;
        st->reset = !st->eof;
    }
}

static void on_accept(void *ctx, struct transport *t)
{
    struct stage *st = ctx;
    st->server = smtp_server_new(sim_io(st->sim), t, &st->settings, &handlers, st);
    if (st->unwelcome)
        smtp_server_close(st->server, 554, "5.7.1", "not allowed");
}

static void stage_begin(struct stage *st, uint64_t seed)
{
    memset(st, 0, sizeof *st);
    st->settings = (struct smtp_server_settings){.hostname = "proxy.example",
                                                 .listener = "lan",
                                                 .max_message_size = 50 * 1024 * 1024,
                                                 .max_recipients = 1000,
                                                 .timeout = 300 * USEC_PER_SEC};
    buf_init(&st->heard, PLENTY);
    buf_init(&st->message, PLENTY);
    st->sim = sim_new(seed);
    sim_path_default(st->sim)->latency = 50;
}

static void stage_connect(struct stage *st)
{
    struct addr at;
    struct err err;
    assert_true(addr_parse_with_port(slice_of("192.0.2.25:25"), &at));
    st->listener = listener_open(sim_loop(st->sim), &at, on_accept, st, &err);
    assert_non_null(st->listener);
    st->end = sim_connect(st->sim, &at, st->from.family ? &st->from : NULL, on_client, st);
    assert_non_null(st->end);
}

static void push(struct stage *st, const char *data, size_t n)
{
    struct err err;
    while (n && !st->reset) {
        ssize_t sent = sim_end_write(st->end, data, n, &err);
        if (sent < 0)
            return;
        data += sent;
        n -= (size_t)sent;
        sim_run_for(st->sim, SHORT_WHILE);
    }
}

static void stage_end(struct stage *st)
{
    sim_end_close(st->end);
    while (st->nwaiting)
        free(st->waiting_answer[--st->nwaiting]);
    sim_run_for(st->sim, 60 * USEC_PER_SEC);
    assert_int_equal(st->closed, 1);
    listener_close(&st->listener);
    struct sim_living living = sim_living(st->sim);
    assert_int_equal(living.timers, 0);
    assert_int_equal(living.transports, 0);
    tls_context_unref(&st->settings.tls_context);
    sim_free(&st->sim);
    for (int k = 0; k < KINDS; k++)
        lines_free(&st->scripted[k]);
    lines_free(&st->events);
    buf_free(&st->heard);
    buf_free(&st->message);
}

#endif
