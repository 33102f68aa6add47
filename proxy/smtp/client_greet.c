/* The connection machine takes a session through greeting, EHLO, STARTTLS, handshake and EHLO
 * again, up to the point where AUTH or the first message may begin. */
#include "smtp/client_private.h"

#include <stdio.h>

static void tell_step(struct smtp_client *c, enum smtp_client_step step)
{
    if (c->events->step)
        c->events->step(c->ctx, step);
}

/* The session is idle and sound, unless bytes that nobody asked for came along. Then `lost` follows
 * instead. */
enum smtp_client_state client_arrive_idle(struct smtp_client *c, const struct reply *r)
{
    (void)r;
    c->transaction = TRANSACTION_NONE;
    smtp_client_watch(c);
    if (!smtp_client_is_mute(c))
        c->events->ready(c->ctx);
    return smtp_client_stay(c);
}

void smtp_client_start(struct smtp_client *c)
{
    struct err err;
    if (c->settings->tls != SMTP_CLIENT_TLS_IMPLICIT)
        smtp_client_expect_greeting(c);
    else if (stream_start_tls(c->stream, c->settings->context, false, c->settings->resume_key,
                              &err) < 0)
        smtp_client_fail_later(c, SMTP_CLIENT_FAULT_TLS, err.kind, err.words);
}

/* ---- who is there? ---- */

/* Returns whether this begins an alert or a handshake record. */
static bool is_tls(struct slice first)
{
    return first.len >= 2 && (first.data[0] == 0x15 || first.data[0] == 0x16) &&
           first.data[1] == 0x03;
}

static const char *stranger(struct slice first)
{
    if (is_tls(first))
        return "the port speaks TLS from the first byte";
    if (slice_starts(first, "HTTP/"))
        return "the port speaks HTTP, not SMTP";
    if (slice_starts(first, "SSH-"))
        return "the port speaks SSH, not SMTP";
    return "the port does not speak SMTP";
}

/* The greeting's first bytes are kept until they tell SMTP from something else, however they are
 * cut into segments. */
bool smtp_client_knows_peer(struct smtp_client *c, struct slice view, size_t *used_r)
{
    enum { ENOUGH = 5 };
    *used_r = 0;
    c->knows_peer = c->knows_peer || (c->nfirst == 0 && ascii_is_digit(view.data[0]));
    if (c->knows_peer)
        return true;
    for (; *used_r < view.len && c->nfirst < sizeof c->first; ++*used_r)
        c->first[c->nfirst++] = view.data[*used_r];
    struct slice first = slice_make(c->first, c->nfirst);
    stream_consume(c->stream, *used_r);
    bool is_told = first.len >= ENOUGH || slice_find(first, '\n') < first.len ||
                   (first.len >= 2 && !ascii_is_alpha(first.data[0]));
    c->speaks_tls = is_tls(first);
    if (is_told)
        smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, NULL, ERR_PROTOCOL, "%s", stranger(first));
    return false;
}

/* ---- greeting and EHLO ---- */

static enum smtp_client_state say_hello(struct smtp_client *c, const char *verb,
                                        enum smtp_client_state state)
{
    char literal[ADDR_TEXT], line[512];
    const char *helo = c->settings->helo;
    if (!helo || !helo[0])
        helo = addr_text_literal(stream_local(c->stream), literal);
    int n = snprintf(line, sizeof line, "%s %s\r\n", verb, helo);
    if (n < 0 || (size_t)n >= sizeof line || !smtp_client_is_safe(slice_of(helo)))
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_LINK, NULL, ERR_INVALID,
                                "our own name can't be said in EHLO");
    return smtp_client_ask(c, state, slice_make(line, (size_t)n));
}

static enum smtp_client_state refused(struct smtp_client *c, const struct reply *r)
{
    return r->code >= 400 ? smtp_client_lose_to_reply(c, r) : smtp_client_lose_out_of_step(c, r);
}

enum smtp_client_state client_judge_greeting(struct smtp_client *c, const struct reply *r)
{
    if (r->code != 220)
        return refused(c, r);
    enum smtp_client_state next = say_hello(c, "EHLO", CS_EHLO);
    if (c->rest != CS_GONE)
        tell_step(c, SMTP_CLIENT_STEP_GREETING);
    return c->rest == CS_GONE ? CS_GONE : next;
}

/* Call this when the EHLO that counts was answered. */
static enum smtp_client_state after_ehlo(struct smtp_client *c)
{
    c->pipelining = c->ehlo.pipelining;
    if (c->settings->auth == AUTH_NONE)
        return CS_IDLE;
    return smtp_client_want_auth(c);
}

static enum smtp_client_state want_tls(struct smtp_client *c)
{
    bool optional = c->settings->tls == SMTP_CLIENT_TLS_MAY;
    if (c->ehlo.starttls)
        return smtp_client_ask(c, CS_STARTTLS, slice_of("STARTTLS\r\n"));
    if (optional)
        return after_ehlo(c);
    return smtp_client_lose(
        c, SMTP_CLIENT_FAULT_NO_STARTTLS, NULL, ERR_PROTOCOL, "%s",
        c->ehlo.starttls_mangled
            ? "STARTTLS was overwritten on the way (a firewall's mail inspection)"
            : "STARTTLS is not offered");
}

/* HELO offers neither STARTTLS nor AUTH. A machine on the way that refuses EHLO must not talk us
 * out of them. */
static bool may_say_helo(const struct smtp_client *c)
{
    return c->settings->tls == SMTP_CLIENT_TLS_NONE && c->settings->auth == AUTH_NONE;
}

/* The server is ancient. Nothing that it says behind its name is an extension. */
enum smtp_client_state client_judge_helo(struct smtp_client *c, const struct reply *r)
{
    if (!reply_is(r, 2))
        return refused(c, r);
    tell_step(c, SMTP_CLIENT_STEP_EHLO);
    return c->rest == CS_GONE ? CS_GONE : after_ehlo(c);
}

enum smtp_client_state client_judge_ehlo(struct smtp_client *c, const struct reply *r)
{
    bool clear = !stream_tls(c->stream);
    if (reply_is(r, 5) && may_say_helo(c))
        return say_hello(c, "HELO", CS_HELO);
    if (!reply_is(r, 2))
        return refused(c, r);
    ehlo_parse(r, &c->ehlo);
    tell_step(c, SMTP_CLIENT_STEP_EHLO);
    if (c->rest == CS_GONE)
        return CS_GONE;
    return clear && c->settings->tls != SMTP_CLIENT_TLS_NONE ? want_tls(c) : after_ehlo(c);
}

enum smtp_client_state client_judge_ehlo_again(struct smtp_client *c, const struct reply *r)
{
    if (!reply_is(r, 2))
        return refused(c, r);
    ehlo_parse(r, &c->ehlo);
    tell_step(c, SMTP_CLIENT_STEP_EHLO_AGAIN);
    return c->rest == CS_GONE ? CS_GONE : after_ehlo(c);
}

/* ---- TLS ---- */

enum smtp_client_state client_judge_starttls(struct smtp_client *c, const struct reply *r)
{
    if (r->code >= 400 && c->settings->tls == SMTP_CLIENT_TLS_MAY)
        return after_ehlo(c);
    if (r->code != 220)
        return refused(c, r);
    /* An attacker on the line would have spoken under our TLS (RFC 3207 section 6). */
    if (c->excess)
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, r, ERR_PROTOCOL,
                                "unprotected bytes came after the answer to STARTTLS");
    tell_step(c, SMTP_CLIENT_STEP_STARTTLS);
    return CS_HANDSHAKE;
}

enum smtp_client_state client_arrive_handshake(struct smtp_client *c, const struct reply *r)
{
    struct err err;
    (void)r;
    if (stream_start_tls(c->stream, c->settings->context, false, c->settings->resume_key, &err) < 0)
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_TLS, NULL, err.kind, "%s", err.words);
    return CS_HANDSHAKE;
}

void smtp_client_secured(struct smtp_client *c)
{
    /* Nothing that was said in clear counts any more (RFC 3207 section 4.2). */
    smtp_client_enter(c, CS_CONNECTING);
    c->ehlo = (struct ehlo){0};
    reply_parser_free(&c->parser);
    if (c->settings->tls == SMTP_CLIENT_TLS_IMPLICIT)
        smtp_client_expect_greeting(c);
    else
        say_hello(c, "EHLO", CS_EHLO_AGAIN);
    if (c->rest != CS_GONE)
        tell_step(c, SMTP_CLIENT_STEP_TLS);
}
