/* One client's connection: its beginning, the stream's events, and the pump. */
#include "smtp/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "smtp/server_private.h"
#include "wire/reply.h"

/* At shutdown, a client has this long to finish a handshake that it has begun. */
#define DRAIN_HANDSHAKE (1 * USEC_PER_SEC)

void smtp_server_schedule(struct smtp_server *s)
{
    if (!s->told)
        loop_defer(s->io->loop, &s->turn);
}

static void greet(struct smtp_server *s)
{
    s->greeted = true;
    struct buf text;
    buf_init(&text, CAP_REPLY_LINE);
    struct buf reply;
    buf_init(&reply, CAP_CLIENT_OUTPUT);
    if (buf_printf(&text, "%s ESMTP smtp-detour", s->settings->hostname) &&
        reply_write(&reply, 220, "", buf_view(&text)))
        smtp_server_write(s, buf_view(&reply));
    buf_free(&text);
    buf_free(&reply);
}

static void pump(struct smtp_server *s)
{
    if (s->why) {
        smtp_server_tell_closed(s);
        return;
    }
    if (s->tls == TLS_BEGUN)
        return;
    if (!s->greeted)
        greet(s);
    smtp_server_queue_flush(s);
    enum smtp_server_step step = STEP_DONE;
    while (step == STEP_DONE && !s->why && s->tls != TLS_BEGUN && !smtp_server_is_sent_away(s))
        step = s->body ? smtp_server_read_body(s) : smtp_server_read_command(s);
    /* The handshake has its own clock. */
    if (s->tls == TLS_BEGUN)
        return;
    if (!s->why && step == STEP_NEEDS_CLIENT && stream_is_at_eof(s->stream))
        smtp_server_end_at_eof(s);
    if (!s->why)
        smtp_server_clock_update(s, step);
}

static void turn(void *arg)
{
    pump(arg);
}

static void on_stream(void *ctx, struct stream *stream, enum stream_event event)
{
    struct smtp_server *s = ctx;
    switch (event) {
    case STREAM_INPUT:
    case STREAM_LOW:
    case STREAM_EOF: pump(s); break;
    case STREAM_SECURED:
        smtp_server_tls_done(s);
        pump(s);
        break;
    case STREAM_FAILED: {
        if (s->tls == TLS_BEGUN) {
            smtp_server_tls_failed(s, stream_error(stream));
            break;
        }
        char why[sizeof((struct err *)0)->words + 64];
        snprintf(why, sizeof why, "the link to the client failed%s: %s",
                 s->body ? " in mid-message" : "", stream_error(stream)->words);
        smtp_server_cut(s, why);
        break;
    }
    case STREAM_CONNECTED: break;
    }
}

static struct smtp_server *server_make(const struct io *io,
                                       const struct smtp_server_settings *settings,
                                       const struct smtp_server_handlers *handlers, void *ctx)
{
    struct smtp_server *s = NEW(struct smtp_server);
    s->io = io;
    s->settings = settings;
    s->handlers = handlers;
    s->ctx = ctx;
    link_init(&s->commands);
    deferred_init(&s->turn, turn, s);
    s->clock = timer_new(io->loop, smtp_server_clock_fired, s);
    s->client.helo = mem_string("");
    s->quiet_since = loop_now(io->loop);
    /* It greets at the end of this turn, so that the caller may say 554 or 421 instead. */
    smtp_server_schedule(s);
    return s;
}

/* Acts before the stream reads another octet: what comes now is the handshake. */
static void secure_at_once(struct smtp_server *s)
{
    if (s->settings->tls == SMTP_SERVER_TLS_IMPLICIT)
        smtp_server_tls_begin(s);
}

struct smtp_server *smtp_server_new(const struct io *io, struct transport *t,
                                    const struct smtp_server_settings *settings,
                                    const struct smtp_server_handlers *handlers, void *ctx)
{
    struct smtp_server *s = server_make(io, settings, handlers, ctx);
    s->stream = stream_accepted(
        t, (struct stream_caps){.input = CAP_CLIENT_INPUT, .output = CAP_CLIENT_OUTPUT}, on_stream,
        s);
    s->client.peer = *stream_peer(s->stream);
    s->client.local = *stream_local(s->stream);
    secure_at_once(s);
    return s;
}

struct smtp_server *smtp_server_new_on_stream(const struct io *io, struct stream *stream,
                                              const struct addr *peer, const struct addr *local,
                                              const struct smtp_server_settings *settings,
                                              const struct smtp_server_handlers *handlers,
                                              void *ctx)
{
    struct smtp_server *s = server_make(io, settings, handlers, ctx);
    s->stream = stream;
    stream_set_input_cap(stream, CAP_CLIENT_INPUT);
    stream_set_owner(stream, on_stream, s);
    s->client.peer = *peer;
    s->client.local = *local;
    secure_at_once(s);
    return s;
}

const struct smtp_server_client *smtp_server_client(const struct smtp_server *s)
{
    return &s->client;
}

void smtp_server_drain(struct smtp_server *s)
{
    s->draining = true;
    /* A reply cannot be sent in clear, and the client may never finish its handshake. */
    if (s->tls == TLS_BEGUN)
        timer_arm(s->clock, DRAIN_HANDSHAKE);
    smtp_server_schedule(s);
}

void smtp_server_set_message_id(struct smtp_server *s, const char *id)
{
    free(s->message_id);
    s->message_id = id ? mem_string(id) : NULL;
}
