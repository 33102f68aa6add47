/* A client half, a stream under it, and a scripted upstream at the other end of the virtual
 * network. Shared by the tests of the client half. */
#ifndef UNIT_SMTP_CLIENT_WORLD_H
#define UNIT_SMTP_CLIENT_WORLD_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/mem.h"
#include "sim/sim.h"
#include "sim/sim_net.h"
#include "smtp/client.h"

#define UPSTREAM "192.0.2.10:587"
/* longer than a round trip of this network */
#define A_WHILE (USEC_PER_MS)
#define PLENTY ((size_t)8 * 1024 * 1024)
enum { MOST_HOOKS = 8 };

struct world;
typedef void world_call(struct world *w, const char *what);

struct world {
    struct sim *sim;
    struct sim_listening *listening;
    /* the upstream's */
    struct sim_end *end;
    /* until the client takes it */
    struct stream *stream;
    /* NULL once closed or lost */
    struct smtp_client *client;
    struct smtp_client_settings settings;
    struct tls_context *context;
    struct sim_tls_server tls;
    /* how often bytes came */
    unsigned reads;
    /* what the upstream read */
    struct buf heard;
    bool deaf, shaking, peer_ended, peer_reset;
    /* a line each */
    struct buf events;
    /* record step events too */
    bool steps;
    /* octets that the client half did not take yet */
    struct buf body;
    bool end_wanted;
    /* what the owner does inside of an event, once */
    char *hook_event[MOST_HOOKS], *hook_call[MOST_HOOKS];
    world_call *call;
    /* TLS begins right behind what is said now */
    bool shake_next;
    /* the upstream's bytes come one by one */
    bool split;
};

static inline void world_note(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline void world_note(struct world *w, const char *fmt, ...)
{
    char line[700];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (!buf_printf(&w->events, "%s\n", line))
        abort();
    for (size_t i = 0; i < MOST_HOOKS; i++) {
        char *event = w->hook_event[i];
        if (!event || strncmp(line, event, strlen(event)) != 0)
            continue;
        w->hook_event[i] = NULL;
        free(event);
        w->call(w, w->hook_call[i]);
        free(w->hook_call[i]);
        return;
    }
}

/* ---- the owner ---- */

static inline void world_pump_body(struct world *w)
{
    if (!w->client)
        return;
    buf_consume(&w->body, smtp_client_body(w->client, buf_view(&w->body)));
    if (!w->body.len && w->end_wanted) {
        w->end_wanted = false;
        smtp_client_end_body(w->client);
    }
}

static inline const char *world_words(const struct reply *r)
{
    static char words[600];
    return reply_words(r, words, sizeof words);
}

static inline void world_on_step(void *ctx, enum smtp_client_step step)
{
    static const char *const names[] = {"greeting", "ehlo", "starttls", "tls", "ehlo-again"};
    struct world *w = ctx;
    if (w->steps)
        world_note(w, "step %s", names[step]);
}

static inline void world_on_auth_wanted(void *ctx)
{
    world_note(ctx, "auth_wanted");
}

static inline void world_on_ready(void *ctx)
{
    world_note(ctx, "ready");
}

static inline void world_on_mail(void *ctx, const struct reply *r)
{
    world_note(ctx, "mail %s", world_words(r));
}

static inline void world_on_rcpt(void *ctx, size_t index, const struct reply *r)
{
    world_note(ctx, "rcpt %zu %s", index, world_words(r));
}

static inline void world_on_go_ahead(void *ctx, const struct reply *refusal)
{
    world_note(ctx, "go_ahead%s%s", refusal ? " " : "", refusal ? world_words(refusal) : "");
}

static inline void world_on_low(void *ctx)
{
    world_pump_body(ctx);
}

static inline void world_on_verdict(void *ctx, const struct reply *r)
{
    world_note(ctx, "verdict %s", world_words(r));
}

static inline void world_on_lost(void *ctx, const struct smtp_client_failure *f)
{
    static const char *const stages[] = {"greeting", "ehlo", "starttls", "handshake", "ehlo-again",
                                         "auth",     "idle", "mail",     "rcpt",      "data",
                                         "body",     "end",  "rset",     "quit"};
    static const char *const faults[] = {"link",        "timeout", "reply",       "protocol",
                                         "no-starttls", "tls",     "certificate", "no-mechanism"};
    static const char *const logins[] = {"", " TOKEN", " TOKEN-ERROR", " TOKEN-MISFIT"};
    struct world *w = ctx;
    w->client = NULL;
    world_note(w, "lost %s %s%s%s%s%s%s%s%s%s", stages[f->stage], faults[f->fault],
               f->reply ? " " : "", f->reply ? world_words(f->reply) : "",
               f->end_of_data_sent ? " SENT" : "", f->first_use ? " FIRST-USE" : "",
               f->saw_bytes ? "" : " NO-BYTES", logins[f->login], f->login_words[0] ? " " : "",
               f->login_words);
    if (getenv("SIM_VERBOSE"))
        fprintf(stderr, "      %s\n", f->err.words);
}

static const struct smtp_client_events world_events = {
    .step = world_on_step,
    .auth_wanted = world_on_auth_wanted,
    .ready = world_on_ready,
    .mail_reply = world_on_mail,
    .rcpt_reply = world_on_rcpt,
    .go_ahead = world_on_go_ahead,
    .low = world_on_low,
    .verdict = world_on_verdict,
    .lost = world_on_lost,
};

/* ---- the upstream ---- */

static inline void world_hear(void *ctx)
{
    struct world *w = ctx;
    struct err err;
    char bytes[4096];
    ssize_t n;
    if (w->shaking) {
        enum transport_step step = sim_end_handshake(w->end, &err);
        if (step == TRANSPORT_AGAIN)
            return;
        w->shaking = false;
        if (step == TRANSPORT_FAILED && w->tls.manner == SIM_TLS_CLOSES)
            sim_end_finish(w->end);
    }
    while (!w->deaf && !w->peer_ended && !w->peer_reset &&
           (n = sim_end_read(w->end, bytes, sizeof bytes, &err)) != 0) {
        if (n < 0) {
            w->peer_ended = err.kind == ERR_CLOSED;
            w->peer_reset = !w->peer_ended;
        } else if (!buf_append(&w->heard, bytes, (size_t)n)) {
            abort();
        }
        w->reads += n > 0;
    }
}

static inline void world_shake(struct world *w)
{
    w->shaking = true;
    sim_end_tls_as_server(w->end, &w->tls);
    world_hear(w);
}

static inline void world_accept(void *ctx, struct sim_end *e)
{
    struct world *w = ctx;
    w->end = e;
    sim_end_set_owner(e, world_hear, w);
    if (w->settings.tls == SMTP_CLIENT_TLS_IMPLICIT)
        world_shake(w);
}

static inline void world_run(struct world *w)
{
    sim_run_for(w->sim, A_WHILE);
}

static inline void world_say(struct world *w, struct slice bytes)
{
    struct err err;
    size_t step = w->split ? 1 : bytes.len;
    for (size_t at = 0; at < bytes.len;) {
        struct slice part = slice_head(slice_from(bytes, at), step);
        ssize_t n = sim_end_write(w->end, part.data, part.len, &err);
        /* the client hung up in the middle: it was right to, or a later expectation fails */
        if (n < 0)
            return;
        at += (size_t)n;
        if (at < bytes.len || !w->shake_next)
            world_run(w);
    }
}

static inline void world_say_line(struct world *w, const char *line)
{
    struct buf b;
    buf_init(&b, PLENTY);
    if (!buf_printf(&b, "%s\r\n", line))
        abort();
    world_say(w, buf_view(&b));
    buf_free(&b);
}

/* Takes one line off what the upstream heard, without CRLF; NULL: there is no whole line. Gives. */
static inline char *world_take_line(struct buf *from, const char *end)
{
    struct slice view = buf_view(from);
    size_t n = strlen(end);
    for (size_t i = 0; i + n <= view.len; i++) {
        if (memcmp(view.data + i, end, n) == 0) {
            char *line = slice_string(slice_head(view, i));
            buf_consume(from, i + n);
            return line;
        }
    }
    return NULL;
}

static inline void world_begin(struct world *w, world_call *call)
{
    struct err err;
    memset(w, 0, sizeof *w);
    w->sim = sim_new(7);
    sim_path_default(w->sim)->latency = 50;
    sim_path_default(w->sim)->window = 256 * 1024;
    buf_init(&w->heard, PLENTY);
    buf_init(&w->events, PLENTY);
    buf_init(&w->body, PLENTY);
    w->call = call;
    w->settings = (struct smtp_client_settings){.helo = "me.test",
                                                .tls = SMTP_CLIENT_TLS_NONE,
                                                .auth = AUTH_NONE,
                                                .needs_verified = true,
                                                .host = "mail.test",
                                                .port = 587,
                                                .reply_timeout = 300 * USEC_PER_SEC,
                                                .final_timeout = 600 * USEC_PER_SEC};
    w->tls = (struct sim_tls_server){.certificate = {.names = "mail.test", .issuer = "public"},
                                     .newest = TLS_V1_3,
                                     .oldest = TLS_V1_2};
    const struct tls_client_settings trust = {.verify = true, .name = "mail.test", .min = TLS_V1_2};
    w->context = tls_context_client(&trust, &err);
    w->settings.context = w->context;
    struct addr at;
    if (!addr_parse_with_port(slice_of(UPSTREAM), &at))
        abort();
    w->listening = sim_listen(w->sim, &at, world_accept, w);
}

static inline void world_on_connected(void *ctx, struct stream *s, enum stream_event event)
{
    (void)ctx;
    (void)s;
    (void)event;
}

static inline void world_connect(struct world *w)
{
    struct addr at;
    struct err err;
    if (!addr_parse_with_port(slice_of(UPSTREAM), &at))
        abort();
    w->stream = stream_connect(sim_loop(w->sim), &at, NULL,
                               (struct stream_caps){CAP_UPSTREAM_INPUT, CAP_UPSTREAM_OUTPUT},
                               world_on_connected, w, &err);
    if (!w->stream)
        abort();
    world_run(w);
    w->client = smtp_client_new(sim_io(w->sim), w->stream, &w->settings, &world_events, w);
    world_run(w);
}

/* Returns the number of things of the product that were left behind. */
static inline size_t world_end(struct world *w)
{
    smtp_client_close(&w->client);
    sim_run_for(w->sim, 10 * USEC_PER_SEC);
    tls_context_unref(&w->context);
    struct sim_living living = sim_living(w->sim);
    size_t left = living.timers + living.transports + living.jobs + living.contexts;
    if (w->end)
        sim_end_close(w->end);
    sim_listening_close(&w->listening);
    sim_free(&w->sim);
    for (size_t i = 0; i < MOST_HOOKS; i++) {
        if (w->hook_event[i])
            free(w->hook_call[i]);
        free(w->hook_event[i]);
    }
    buf_free(&w->heard);
    buf_free(&w->events);
    buf_free(&w->body);
    return left;
}

#endif
