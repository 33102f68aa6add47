/* A session ends here with `lost`, smtp_client_close or smtp_client_quit. What was found inside of
 * a call of the owner's waits here for the loop. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "smtp/client_private.h"

/* QUIT, its goodbye and the close may take this many seconds. */
enum { QUIT_PATIENCE = 2 };

static void destroy(void *p)
{
    struct smtp_client *c = p;
    reply_parser_free(&c->parser);
    buf_free(&c->lines);
    buf_wipe(&c->stage);
    if (c->asked != c->asked_inline)
        free(c->asked);
    free(c);
}

/* Frees everything but the stream. The session's memory goes at the end of the turn. */
static void retire(struct smtp_client *c)
{
    c->rest = CS_GONE;
    timer_free(&c->timer);
    deferred_cancel(&c->later);
    smtp_client_forget_login(c);
    loop_free_later(c->io.loop, c, destroy);
}

/* Returns whether nothing is half-way in which QUIT would be taken for something else. */
static bool can_hear_quit(const struct smtp_client *c)
{
    bool may_follow = c->nasked == 0 || (c->pipelining && c->nsent == c->nasked);
    return !c->excess && may_follow && smtp_client_hears(c) == HEARS_COMMANDS;
}

static void part_politely(struct smtp_client *c, bool quit)
{
    if (quit && !stream_write_slice(c->stream, slice_of("QUIT\r\n")))
        stream_close(&c->stream);
    else
        stream_finish(&c->stream, QUIT_PATIENCE * USEC_PER_SEC);
}

static bool peer_was_there(const struct smtp_client *c, enum smtp_client_fault fault,
                           enum err_kind kind)
{
    const struct tls_facts *facts = stream_tls(c->stream);
    bool handshake_spoke = (fault == SMTP_CLIENT_FAULT_TLS && kind == ERR_TLS) ||
                           fault == SMTP_CLIENT_FAULT_CERTIFICATE;
    return c->saw_bytes || handshake_spoke || (facts && (facts->version[0] || facts->sha256[0]));
}

/* Returns the state to which a failure belongs. It is the one whose reply is being judged, if there
 * is one. */
static enum smtp_client_state failing_state(const struct smtp_client *c)
{
    return c->is_judging ? c->judged_in : smtp_client_now(c);
}

static enum smtp_client_state lose(struct smtp_client *c, enum smtp_client_fault fault,
                                   const struct reply *reply)
{
    if (c->rest == CS_GONE)
        return CS_GONE;
    enum smtp_client_state at = failing_state(c);
    char login_words[CAP_TOKEN_COMPLAINT];
    enum smtp_client_login_refusal login = smtp_client_login_refusal(c, reply, login_words);
    struct smtp_client_failure failure = {
        .login = login,
        .login_words = login_words,
        .stage = smtp_client_rows[at].stage,
        .fault = fault,
        .reply = reply,
        .saw_bytes = peer_was_there(c, fault, c->err.kind),
        .end_of_data_sent = smtp_client_end_is_sent(c),
        .unasked = c->excess,
        .first_use = c->fresh_from_pool,
        .err = c->err,
        .cause = c->err.words + c->cause_at,
        .speaks_tls = c->speaks_tls,
    };
    /* A refusal while connecting leaves a peer that can be told goodbye. After anything else the
     * link cannot be trusted to carry it. */
    bool heard_421 = reply && reply->code == 421;
    bool polite = (fault == SMTP_CLIENT_FAULT_REPLY || fault == SMTP_CLIENT_FAULT_NO_STARTTLS ||
                   fault == SMTP_CLIENT_FAULT_NO_MECHANISM) &&
                  !heard_421;
    bool quit = polite && can_hear_quit(c);
    retire(c);
    c->events->lost(c->ctx, &failure);
    if (polite)
        part_politely(c, quit);
    else
        stream_close(&c->stream);
    return CS_GONE;
}

static void note_err(struct smtp_client *c, enum smtp_client_stage stage, enum err_kind kind,
                     const char *cause)
{
    const char *before = smtp_client_stage_words(stage);
    err_set(&c->err, kind, "%s: %s", before, cause);
    c->cause_at = strlen(before) + 2;
}

enum smtp_client_state smtp_client_lose(struct smtp_client *c, enum smtp_client_fault fault,
                                        const struct reply *reply, enum err_kind kind,
                                        const char *fmt, ...)
{
    char words[sizeof c->err.words];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    if (c->rest == CS_GONE)
        return CS_GONE;
    enum smtp_client_state at = failing_state(c);
    note_err(c, smtp_client_rows[at].stage, kind, words);
    return lose(c, fault, reply);
}

enum smtp_client_state smtp_client_lose_to_reply(struct smtp_client *c, const struct reply *reply)
{
    char words[256];
    return smtp_client_lose(c, SMTP_CLIENT_FAULT_REPLY, reply, ERR_REFUSED, "the answer was %s",
                            reply_words(reply, words, sizeof words));
}

enum smtp_client_state smtp_client_lose_out_of_step(struct smtp_client *c,
                                                    const struct reply *reply)
{
    char words[200];
    return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, reply, ERR_PROTOCOL,
                            "an answer that makes no sense: %s",
                            reply_words(reply, words, sizeof words));
}

void smtp_client_fail_later(struct smtp_client *c, enum smtp_client_fault fault, enum err_kind kind,
                            const char *words)
{
    if (smtp_client_is_mute(c))
        return;
    note_err(c, smtp_client_stage(c), kind, words);
    c->late_fault = fault;
    c->failure_due = true;
    loop_defer(c->io.loop, &c->later);
}

void smtp_client_go_ahead_later(struct smtp_client *c)
{
    c->go_ahead_due = true;
    loop_defer(c->io.loop, &c->later);
}

void smtp_client_late(void *arg)
{
    struct smtp_client *c = arg;
    bool go_ahead = c->go_ahead_due;
    c->go_ahead_due = false;
    if (c->failure_due)
        lose(c, c->late_fault, NULL);
    else if (go_ahead && c->rest == CS_CHUNKS && !c->excess)
        c->events->go_ahead(c->ctx, NULL);
}

void smtp_client_close(struct smtp_client **cp)
{
    struct smtp_client *c = *cp;
    *cp = NULL;
    if (!c || c->rest == CS_GONE)
        return;
    retire(c);
    stream_close(&c->stream);
}

void smtp_client_quit(struct smtp_client **cp)
{
    struct smtp_client *c = *cp;
    *cp = NULL;
    if (!c || c->rest == CS_GONE)
        return;
    bool quit = can_hear_quit(c);
    bool half_way =
        smtp_client_rows[smtp_client_now(c)].hears == HEARS_BODY || c->nsent != c->nasked;
    retire(c);
    if (half_way)
        stream_close(&c->stream);
    else
        part_politely(c, quit);
}
