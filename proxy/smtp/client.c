/* The life of a session: made, hearing replies, watched by a clock. What a reply means is judged in
 * the other files. */
#include "smtp/client_private.h"

#include "base/log.h"

enum {
    /* seconds for the rest of a reply that nobody asked for: is it a 421? */
    EXCESS_PATIENCE = 2,
    /* looks at the output queue per timeout */
    PROGRESS_CHECKS = 8,
};

enum client_state client_now(const struct client *c)
{
    const struct asked *oldest = client_oldest(c);
    return oldest && c->rest != CS_GONE ? (enum client_state)oldest->state : c->rest;
}

static bool is_rest(enum client_state s)
{
    return s >= CS_CONNECTING;
}

static void say_change(const struct client *c, enum client_state from, enum client_state to)
{
    char peer[ADDR_TEXT];
    if (from != to && c->io.log && log_wants(c->io.log, LOG_DEBUG))
        log_event(c->io.log, LOG_DEBUG, "upstream session",
                  log_str("peer", addr_text_with_port(stream_peer(c->stream), peer)),
                  log_str("from", client_rows[from].name), log_str("to", client_rows[to].name));
}

enum client_state client_enter(struct client *c, enum client_state next)
{
    enum client_state before = client_now(c);
    if (is_rest(next) && c->rest != CS_GONE)
        c->rest = next;
    if (c->rest != CS_GONE)
        say_change(c, before, client_now(c));
    return client_now(c);
}

bool client_is_mute(const struct client *c)
{
    return c->rest == CS_GONE || c->excess || c->failure_due;
}

/* ---- the clock ---- */

/* After the end of data an upstream may take its time, even where it is a chunk before the last
 * that it answers late. */
static enum client_clock clock_now(const struct client *c)
{
    enum client_state now = client_now(c);
    return now == CS_CHUNK && c->end_queued ? CLOCK_FINAL : client_rows[now].clock;
}

static usec allowed(const struct client *c, enum client_clock clock)
{
    if (clock == CLOCK_FINAL)
        return c->settings->final_timeout;
    if (c->fresh_from_pool && c->settings->first_reply_timeout)
        return c->settings->first_reply_timeout;
    return c->settings->reply_timeout;
}

static void arm(struct client *c, enum client_clock clock, usec left)
{
    usec step = allowed(c, clock) / PROGRESS_CHECKS + 1;
    timer_arm(c->timer, clock == CLOCK_REPLY || left < step ? left : step);
}

void client_watch(struct client *c)
{
    enum client_clock clock = clock_now(c);
    if (c->rest == CS_GONE || c->excess)
        return;
    c->active_at = loop_now(c->io.loop);
    c->handed_seen = stream_handed(c->stream);
    if (clock == CLOCK_OWNER)
        timer_stop(c->timer);
    else if (clock == CLOCK_REPLY)
        timer_arm(c->timer, allowed(c, clock));
    else
        /* what was just queued leaves in a moment: looked at soon, so that the deadline counts from
         * about then */
        timer_arm(c->timer, allowed(c, clock) / PROGRESS_CHECKS < USEC_PER_SEC
                                ? allowed(c, clock) / PROGRESS_CHECKS
                                : USEC_PER_SEC);
}

static void on_timer(void *arg)
{
    struct client *c = arg;
    if (c->excess) {
        client_lose(c, CLIENT_FAULT_PROTOCOL, NULL, ERR_PROTOCOL,
                    "sent bytes that no command asked for");
        return;
    }
    enum client_state now = client_now(c);
    enum client_clock clock = clock_now(c);
    usec time = loop_now(c->io.loop);
    bool moved = stream_handed(c->stream) != c->handed_seen;
    bool waits_for_owner = now == CS_BODY && stream_queued(c->stream) == 0;
    if (clock != CLOCK_REPLY && (moved || waits_for_owner)) {
        c->handed_seen = stream_handed(c->stream);
        c->active_at = time;
    }
    usec left = c->active_at + allowed(c, clock) - time;
    if (left > 0)
        arm(c, clock, left);
    else
        client_lose(c, CLIENT_FAULT_TIMEOUT, NULL, ERR_TIMEOUT, "no answer within %lld s",
                    (long long)(allowed(c, clock) / USEC_PER_SEC));
}

/* ---- hearing ---- */

enum client_state client_judge_unasked(struct client *c, const struct reply *reply)
{
    char words[200];
    if (reply->code == 421)
        return client_lose_to_reply(c, reply);
    return client_lose(c, CLIENT_FAULT_PROTOCOL, reply, ERR_PROTOCOL,
                       "a reply that no command asked for: %s",
                       reply_words(reply, words, sizeof words));
}

/* A reply to a command of which not every byte has left yet: the early verdict on a body is one,
 * everything else is a forgery or a mix-up. */
static bool is_premature(const struct client *c, enum client_state now, const struct reply *r)
{
    const struct asked *oldest = client_oldest(c);
    if (!oldest || stream_taken(c->stream) >= oldest->end)
        return false;
    return !((now == CS_CHUNK || now == CS_END) && r->code >= 400);
}

static void hear(struct client *c, const struct reply *r)
{
    enum client_state now = client_now(c);
    bool asked = c->nsent > 0;
    c->hearing = now;
    client_judge *judge = client_rows[now].judge;
    if (r->code == 421 || c->excess || (!asked && now != CS_BODY) || is_premature(c, now, r)) {
        client_judge_unasked(c, r);
        return;
    }
    c->answered_early = asked && stream_taken(c->stream) < client_oldest(c)->end;
    if (asked)
        client_answered(c);
    c->fresh_from_pool = false;
    /* What follows the last reply that is due was not asked for; only a body that may begin can get
     * its verdict at once. */
    if (c->nsent == 0 && !(now == CS_DATA && r->code == 354) && stream_view(c->stream).len)
        c->excess = true;
    client_enter(c, judge(c, r));
    c->hearing = CS_COUNT;
    if (c->rest == CS_GONE)
        return;
    client_send_waiting(c);
    client_watch(c);
    client_pump_body(c);
}

static void on_input(struct client *c)
{
    while (c->rest != CS_GONE && !c->failure_due) {
        struct slice view = stream_view(c->stream);
        if (!view.len)
            break;
        c->saw_bytes = true;
        if (c->nsent == 0 && c->rest != CS_BODY)
            c->excess = true;
        size_t used = 0;
        if (client_now(c) == CS_GREETING && !client_knows_peer(c, view, &used))
            return;
        enum reply_step step = reply_parser_feed(&c->parser, view, &used);
        stream_consume(c->stream, used);
        if (step == REPLY_BAD)
            client_lose(c, CLIENT_FAULT_PROTOCOL, NULL, ERR_PROTOCOL, "%s", c->parser.bad);
        else if (step == REPLY_DONE)
            hear(c, &c->parser.reply);
    }
    if (c->rest != CS_GONE && c->excess)
        timer_arm(c->timer, EXCESS_PATIENCE * USEC_PER_SEC);
}

static void on_failed(struct client *c)
{
    const struct err *err = stream_error(c->stream);
    enum client_fault fault = CLIENT_FAULT_LINK;
    if (client_now(c) == CS_HANDSHAKE)
        fault = err->kind == ERR_CERTIFICATE ? CLIENT_FAULT_CERTIFICATE : CLIENT_FAULT_TLS;
    client_lose(c, fault, NULL, err->kind, "%s", err->words);
}

static void on_eof(struct client *c)
{
    if (client_now(c) == CS_GREETING && c->nfirst)
        client_lose(c, CLIENT_FAULT_PROTOCOL, NULL, ERR_PROTOCOL, "the port does not speak SMTP");
    else
        client_lose(c, CLIENT_FAULT_LINK, NULL, ERR_CLOSED, "the upstream closed the connection");
}

static void on_stream(void *ctx, struct stream *s, enum stream_event event)
{
    struct client *c = ctx;
    (void)s;
    switch (event) {
    /* the stream came connected */
    case STREAM_CONNECTED: break;
    case STREAM_SECURED: client_secured(c); break;
    case STREAM_INPUT: on_input(c); break;
    case STREAM_LOW:
        client_send_waiting(c);
        client_pump_body(c);
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

struct client *client_new(const struct io *io, struct stream *s,
                          const struct client_settings *settings,
                          const struct client_events *events, void *ctx)
{
    struct client *c = NEW(struct client);
    c->io = *io;
    c->stream = s;
    c->settings = settings;
    c->events = events;
    c->ctx = ctx;
    c->rest = settings->tls == CLIENT_TLS_IMPLICIT ? CS_HANDSHAKE : CS_CONNECTING;
    c->hearing = CS_COUNT;
    c->asked = c->asked_inline;
    c->asked_size = ASKED_INLINE;
    c->mechanism = "";
    reply_parser_init(&c->parser);
    buf_init(&c->lines, CAP_WAITING_LINES);
    buf_init(&c->stage, CAP_CHUNK);
    c->timer = timer_new(io->loop, on_timer, c);
    deferred_init(&c->later, client_late, c);
    stream_set_owner(s, on_stream, c);
    client_start(c);
    return c;
}

void client_set_owner(struct client *c, const struct client_events *events, void *ctx)
{
    c->events = events;
    c->ctx = ctx;
}

void client_set_settings(struct client *c, const struct client_settings *settings)
{
    c->settings = settings;
}

enum client_stage client_stage(const struct client *c)
{
    return client_rows[client_now(c)].stage;
}

int client_code_so_far(const struct client *c)
{
    return reply_parser_code_so_far(&c->parser);
}

bool client_is_idle(const struct client *c)
{
    return client_now(c) == CS_IDLE && !client_is_mute(c);
}

bool client_used_auth_command(const struct client *c)
{
    return c->used_auth;
}

const struct ehlo *client_ehlo(const struct client *c)
{
    return &c->ehlo;
}

const struct tls_facts *client_tls_facts(const struct client *c)
{
    return stream_tls(c->stream);
}

const char *client_mechanism(const struct client *c)
{
    return c->mechanism;
}

const struct addr *client_peer(const struct client *c)
{
    return stream_peer(c->stream);
}

const struct addr *client_local(const struct client *c)
{
    return stream_local(c->stream);
}

const struct err *client_last_error(const struct client *c)
{
    return &c->err;
}

struct stream *client_stream(struct client *c)
{
    return c->stream;
}

unsigned client_flights(const struct client *c)
{
    return c->flights;
}
