/* This file tells where a session stands, what may be said there, and how long it may stay. */
#include "smtp/client_private.h"

#include "base/log.h"

enum smtp_client_state smtp_client_now(const struct smtp_client *c)
{
    const struct asked *oldest = smtp_client_oldest(c);
    return oldest && c->rest != CS_GONE ? (enum smtp_client_state)oldest->state : c->rest;
}

static bool is_rest(enum smtp_client_state s)
{
    return s >= CS_CONNECTING;
}

static void say_change(const struct smtp_client *c, enum smtp_client_state from,
                       enum smtp_client_state to)
{
    char peer[ADDR_TEXT];
    if (from != to && c->io.log && log_wants(c->io.log, LOG_DEBUG))
        log_event(c->io.log, LOG_DEBUG, "upstream session",
                  log_str("peer", addr_text_with_port(stream_peer(c->stream), peer)),
                  log_str("from", smtp_client_rows[from].name),
                  log_str("to", smtp_client_rows[to].name));
}

enum smtp_client_state smtp_client_enter(struct smtp_client *c, enum smtp_client_state next)
{
    enum smtp_client_state before = smtp_client_now(c);
    if (is_rest(next) && c->rest != CS_GONE)
        c->rest = next;
    if (c->rest != CS_GONE)
        say_change(c, before, smtp_client_now(c));
    return smtp_client_now(c);
}

enum smtp_client_state smtp_client_stay(const struct smtp_client *c)
{
    return c->rest;
}

bool smtp_client_is_mute(const struct smtp_client *c)
{
    return c->rest == CS_GONE || c->excess || c->failure_due;
}

/* A command that is sent now stands behind all that were asked. So the newest of these decides, or
 * the state of rest if none is left. Once there is a verdict we only wait for the replies to the
 * commands that are left, and the state of rest decides. */
enum smtp_client_hears smtp_client_hears(const struct smtp_client *c)
{
    const struct asked *newest = smtp_client_newest(c);
    bool rests = !newest || c->transaction == TRANSACTION_JUDGED || c->rest == CS_GONE;
    return smtp_client_rows[rests ? c->rest : (enum smtp_client_state)newest->state].hears;
}

/* ---- the clock ---- */

/* After the end of data an upstream may take its time, even if it is late to answer a chunk before
 * the last. */
enum smtp_client_clock smtp_client_clock_now(const struct smtp_client *c)
{
    enum smtp_client_state now = smtp_client_now(c);
    return now == CS_CHUNK && c->end_at ? CLOCK_FINAL : smtp_client_rows[now].clock;
}

usec smtp_client_allowed(const struct smtp_client *c, enum smtp_client_clock clock)
{
    if (clock == CLOCK_FINAL)
        return c->settings->final_timeout;
    if (c->fresh_from_pool && c->settings->first_reply_timeout)
        return c->settings->first_reply_timeout;
    return c->settings->reply_timeout;
}

void smtp_client_watch(struct smtp_client *c)
{
    enum smtp_client_clock clock = smtp_client_clock_now(c);
    if (c->rest == CS_GONE || c->excess)
        return;
    c->active_at = loop_now(c->io.loop);
    c->handed_seen = stream_handed(c->stream);
    if (clock == CLOCK_OWNER)
        timer_stop(c->timer);
    else if (clock == CLOCK_REPLY)
        timer_arm(c->timer, smtp_client_allowed(c, clock));
    else
        /* The bytes that were just queued leave in a moment. The timer looks soon, so that the
         * deadline counts from about then. */
        timer_arm(c->timer, smtp_client_allowed(c, clock) / PROGRESS_CHECKS < USEC_PER_SEC
                                ? smtp_client_allowed(c, clock) / PROGRESS_CHECKS
                                : USEC_PER_SEC);
}
