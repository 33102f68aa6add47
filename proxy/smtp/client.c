/* A session is made here, hears replies, and is ended by a clock. The other files judge what a
 * reply means. */
#include "smtp/client_private.h"

#include "base/log.h"

enum {
    /* After bytes that nobody asked for we wait for the rest of that reply for this many seconds,
     * because it may be a 421. */
    EXCESS_PATIENCE = 2,
};

/* ---- the clock ---- */

static void arm(struct smtp_client *c, enum smtp_client_clock clock, usec left)
{
    usec step = smtp_client_allowed(c, clock) / PROGRESS_CHECKS + 1;
    timer_arm(c->timer, clock == CLOCK_REPLY || left < step ? left : step);
}

static void on_timer(void *arg)
{
    struct smtp_client *c = arg;
    if (c->excess) {
        smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, NULL, ERR_PROTOCOL,
                         "sent bytes that no command asked for");
        return;
    }
    enum smtp_client_state now = smtp_client_now(c);
    enum smtp_client_clock clock = smtp_client_clock_now(c);
    usec time = loop_now(c->io.loop);
    bool moved = stream_handed(c->stream) != c->handed_seen;
    bool waits_for_owner = now == CS_BODY && stream_queued(c->stream) == 0;
    if (clock != CLOCK_REPLY && (moved || waits_for_owner)) {
        c->handed_seen = stream_handed(c->stream);
        c->active_at = time;
    }
    usec left = c->active_at + smtp_client_allowed(c, clock) - time;
    if (left > 0)
        arm(c, clock, left);
    else
        smtp_client_lose(c, SMTP_CLIENT_FAULT_TIMEOUT, NULL, ERR_TIMEOUT, "no answer within %lld s",
                         (long long)(smtp_client_allowed(c, clock) / USEC_PER_SEC));
}

/* ---- hearing ---- */

enum smtp_client_state client_judge_unasked(struct smtp_client *c, const struct reply *reply)
{
    char words[200];
    if (reply->code == 421)
        return smtp_client_lose_to_reply(c, reply);
    return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, reply, ERR_PROTOCOL,
                            "a reply that no command asked for: %s",
                            reply_words(reply, words, sizeof words));
}

/* Returns whether this replies to a command of which not every byte has left yet. The early verdict
 * on a body does so rightly, and does not count. Everything else is a forgery or a mix-up. */
static bool is_premature(const struct smtp_client *c, enum smtp_client_state now,
                         const struct reply *r)
{
    const struct asked *oldest = smtp_client_oldest(c);
    if (!oldest || stream_taken(c->stream) >= oldest->end)
        return false;
    return !((now == CS_CHUNK || now == CS_END) && r->code >= 400);
}

/* Goes to the state that a judge returned. What happens on arrival may send the session on. */
static void go_on(struct smtp_client *c, enum smtp_client_state next, const struct reply *r)
{
    enum smtp_client_state before;
    do {
        before = c->rest;
        smtp_client_enter(c, next);
        if (c->rest != next || next == before || !smtp_client_rows[next].arrive)
            return;
        next = smtp_client_rows[next].arrive(c, r);
    } while (true);
}

static void hear(struct smtp_client *c, const struct reply *r)
{
    enum smtp_client_state now = smtp_client_now(c);
    bool asked = c->nsent > 0;
    c->is_judging = true;
    c->judged_in = now;
    smtp_client_judge *judge = smtp_client_rows[now].judge;
    smtp_client_tell_heard(c, now, r);
    if (r->code == 421 || c->excess || (!asked && now != CS_BODY) || is_premature(c, now, r)) {
        client_judge_unasked(c, r);
        return;
    }
    c->answered_early = asked && stream_taken(c->stream) < smtp_client_oldest(c)->end;
    if (asked)
        smtp_client_answered(c);
    c->fresh_from_pool = false;
    /* Nobody asked for bytes that follow the last reply that is due. Only a body that may begin can
     * get its verdict at once. */
    if (c->nsent == 0 && !(now == CS_DATA && r->code == 354) && stream_view(c->stream).len)
        c->excess = true;
    enum smtp_client_state next = judge(c, r);
    c->is_judging = false;
    go_on(c, next, r);
    if (c->rest == CS_GONE)
        return;
    smtp_client_send_waiting(c);
    smtp_client_watch(c);
    smtp_client_pump_body(c);
}

static void on_input(struct smtp_client *c)
{
    while (c->rest != CS_GONE && !c->failure_due) {
        struct slice view = stream_view(c->stream);
        if (!view.len)
            break;
        c->saw_bytes = true;
        if (c->nsent == 0 && c->rest != CS_BODY)
            c->excess = true;
        size_t used = 0;
        if (smtp_client_now(c) == CS_GREETING && !smtp_client_knows_peer(c, view, &used))
            return;
        enum reply_step step = reply_parser_feed(&c->parser, view, &used);
        stream_consume(c->stream, used);
        if (step == REPLY_BAD)
            smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, NULL, ERR_PROTOCOL, "%s",
                             c->parser.bad);
        else if (step == REPLY_DONE)
            hear(c, &c->parser.reply);
    }
    if (c->rest != CS_GONE && c->excess)
        timer_arm(c->timer, EXCESS_PATIENCE * USEC_PER_SEC);
}

static void on_failed(struct smtp_client *c)
{
    const struct err *err = stream_error(c->stream);
    enum smtp_client_fault fault = SMTP_CLIENT_FAULT_LINK;
    if (smtp_client_now(c) == CS_HANDSHAKE)
        fault =
            err->kind == ERR_CERTIFICATE ? SMTP_CLIENT_FAULT_CERTIFICATE : SMTP_CLIENT_FAULT_TLS;
    smtp_client_lose(c, fault, NULL, err->kind, "%s", err->words);
}

static void on_eof(struct smtp_client *c)
{
    if (smtp_client_now(c) == CS_GREETING && c->nfirst)
        smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, NULL, ERR_PROTOCOL,
                         "the port does not speak SMTP");
    else
        smtp_client_lose(c, SMTP_CLIENT_FAULT_LINK, NULL, ERR_CLOSED,
                         "the upstream closed the connection");
}

static void on_stream(void *ctx, struct stream *s, enum stream_event event)
{
    struct smtp_client *c = ctx;
    (void)s;
    switch (event) {
    /* The stream was connected before the session took it. */
    case STREAM_CONNECTED: break;
    case STREAM_SECURED: smtp_client_secured(c); break;
    case STREAM_INPUT: on_input(c); break;
    case STREAM_LOW:
        smtp_client_send_waiting(c);
        smtp_client_pump_body(c);
        break;
    case STREAM_EOF:
        on_input(c);
        if (c->rest != CS_GONE)
            on_eof(c);
        break;
    case STREAM_FAILED:
        on_input(c);
        if (c->rest != CS_GONE)
            on_failed(c);
        break;
    }
}

/* ---- making, asking ---- */

struct smtp_client *smtp_client_new(const struct io *io, struct stream *s,
                                    const struct smtp_client_settings *settings,
                                    const struct smtp_client_events *events, void *ctx)
{
    struct smtp_client *c = NEW(struct smtp_client);
    c->carrier.kind = &smtp_client_kind;
    c->io = *io;
    c->stream = s;
    c->settings = settings;
    c->events = events;
    c->ctx = ctx;
    c->rest = settings->tls == SMTP_CLIENT_TLS_IMPLICIT ? CS_HANDSHAKE : CS_CONNECTING;
    c->asked = c->asked_inline;
    c->asked_size = ASKED_INLINE;
    c->mechanism = "";
    reply_parser_init(&c->parser);
    buf_init(&c->lines, CAP_WAITING_LINES);
    buf_init(&c->stage, CAP_CHUNK);
    c->timer = timer_new(io->loop, on_timer, c);
    deferred_init(&c->later, smtp_client_late, c);
    stream_set_owner(s, on_stream, c);
    smtp_client_start(c);
    return c;
}

void smtp_client_set_owner(struct smtp_client *c, const struct smtp_client_events *events,
                           void *ctx)
{
    c->events = events;
    c->ctx = ctx;
}

enum smtp_client_stage smtp_client_stage(const struct smtp_client *c)
{
    return smtp_client_rows[smtp_client_now(c)].stage;
}

int smtp_client_code_so_far(const struct smtp_client *c)
{
    return reply_parser_code_so_far(&c->parser);
}

bool smtp_client_is_idle(const struct smtp_client *c)
{
    return smtp_client_now(c) == CS_IDLE && !smtp_client_is_mute(c);
}

bool smtp_client_used_auth_command(const struct smtp_client *c)
{
    return c->used_auth;
}

const struct ehlo *smtp_client_ehlo(const struct smtp_client *c)
{
    return &c->ehlo;
}

const struct tls_facts *smtp_client_tls_facts(const struct smtp_client *c)
{
    return stream_tls(c->stream);
}

const char *smtp_client_mechanism(const struct smtp_client *c)
{
    return c->mechanism;
}

const struct addr *smtp_client_peer(const struct smtp_client *c)
{
    return stream_peer(c->stream);
}

const struct addr *smtp_client_local(const struct smtp_client *c)
{
    return stream_local(c->stream);
}

const struct err *smtp_client_last_error(const struct smtp_client *c)
{
    return &c->err;
}

unsigned smtp_client_flights(const struct smtp_client *c)
{
    return c->flights;
}
