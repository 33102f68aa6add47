/* The end of a session: it is cut, or ended after its last reply, or closed with a reason. */
#include <assert.h>
#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "smtp/server_private.h"

/* How long a client may take to read our last reply. */
#define FINISH_PATIENCE (10 * USEC_PER_SEC)

/* PROMISES 7. The command that reaches a limit still gets its own answer. Then the 421 follows
 * unasked, like in Postfix. */

static void destroy(void *arg)
{
    struct smtp_server *s = arg;
    smtp_server_body_free(s);
    smtp_server_auth_forget(s);
    timer_free(&s->clock);
    free((char *)s->client.helo);
    free(s->message_id);
    free(s->why);
    free(s);
}

void smtp_server_tell_closed(struct smtp_server *s)
{
    if (s->told)
        return;
    s->told = true;
    deferred_cancel(&s->turn);
    smtp_server_queue_free(s);
    s->handlers->closed(s->ctx, s->why);
    loop_free_later(s->io->loop, s, destroy);
}

static void begin_end(struct smtp_server *s, const char *why)
{
    s->why = mem_string(why);
    /* They belong to the stream. */
    s->client.tls_facts = NULL;
    timer_stop(s->clock);
    smtp_server_schedule(s);
}

void smtp_server_end(struct smtp_server *s, const char *why)
{
    if (s->why)
        return;
    begin_end(s, why);
    /* Unread input would turn our goodbye into a reset, and the client might never see the last
     * reply. */
    stream_consume(s->stream, stream_view(s->stream).len);
    stream_finish_among(&s->stream, FINISH_PATIENCE, s->lingers_among);
}

void smtp_server_cut(struct smtp_server *s, const char *why)
{
    if (s->why)
        return;
    begin_end(s, why);
    stream_close(&s->stream);
}

static void say_goodbye(struct smtp_server *s, int code, const char *enhanced, const char *text,
                        const char *why)
{
    if (s->why)
        return;
    if (s->tls == TLS_BEGUN ||
        (s->settings->tls == SMTP_SERVER_TLS_IMPLICIT && s->tls != TLS_SECURE)) {
        /* In clear the reply would look like a broken handshake. */
        smtp_server_cut(s, why);
        return;
    }
    /* The reply bypasses the queue: commands that still wait get no answer, and RFC 5321 3.8 allows
     * a 421 anywhere. */
    struct buf reply;
    buf_init(&reply, CAP_CLIENT_OUTPUT);
    if (smtp_server_format_own(s, &reply, code, enhanced, text))
        smtp_server_write(s, buf_view(&reply));
    buf_free(&reply);
    smtp_server_end(s, why);
}

void smtp_server_farewell(struct smtp_server *s, int code, const char *enhanced, const char *text,
                          const char *why)
{
    if (!s->why)
        smtp_server_note(s, code, enhanced, text, true);
    say_goodbye(s, code, enhanced, text, why);
}

bool smtp_server_is_sent_away(struct smtp_server *s)
{
    if (s->pending || s->body)
        return false;
    if (s->draining && !s->transaction)
        smtp_server_farewell(s, 421, "4.3.2", "this server is shutting down, try again later",
                             "shutdown");
    else if (s->junk >= CAP_JUNK_COMMANDS)
        smtp_server_farewell(s, 421, "4.7.0", "too many commands without a message",
                             "too many commands without a message");
    else if (s->failed_logins >= CAP_SESSION_FAILED_LOGINS)
        smtp_server_farewell(s, 421, "4.7.0", "too many failed logins", "too many failed logins");
    else if (s->errors >= CAP_COMMAND_ERRORS)
        smtp_server_farewell(s, 421, "4.7.0", "too many errors", "too many errors of the client");
    return s->why != NULL;
}

void smtp_server_end_at_eof(struct smtp_server *s)
{
    if (s->body)
        smtp_server_end(s, "the client closed the connection in mid-message");
    else if (s->swallowing || stream_view(s->stream).len)
        smtp_server_end(s, "the client closed the connection in mid-command");
    else if (s->transaction)
        smtp_server_end(s, "the client closed the connection in mid-transaction");
    else
        smtp_server_end(s, "the client closed the connection");
}

void smtp_server_close(struct smtp_server *s, int code, const char *enhanced, const char *text)
{
    assert(code == 421 || code == 451 || code == 554);
    /* The caller knows what it says. told() is for what is decided here. */
    say_goodbye(s, code, enhanced, text, text);
}

void smtp_server_linger_among(struct smtp_server *s, struct lingering *among)
{
    s->lingers_among = among;
}
