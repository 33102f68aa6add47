/* A message that is there: a place at the desk, a token, the request, what the answer means. */
#include <stdio.h>

#include "base/log.h"
#include "io/loop.h"
#include "upstream/api_session_private.h"

/* A service that asks for more is asked again all the same. */
#define LONGEST_WAIT (24 * 3600 * USEC_PER_SEC)

static const char *verdict_words(const struct api_session *s, char *out, size_t size)
{
    return reply_words(&s->verdict.reply, out, size);
}

static void log_answer(const struct api_session *s)
{
    char words[512];
    bool well = s->verdict.end == API_ACCEPTED;
    log_event(s->terms.io->log, well ? LOG_DEBUG : LOG_WARN,
              well ? "the service has taken the message" : "the service has not taken the message",
              log_str("account", s->terms.cfg->name),
              log_str("service", api_service_name(s->terms.service)),
              log_str("request", s->verdict.id), log_str("reason", s->verdict.reason),
              log_str("reply", verdict_words(s, words, sizeof words)));
}

/* 429: the client may be able to wait for as long. */
static void wait_or_answer(struct api_session *s)
{
    usec now = loop_now(s->terms.io->loop);
    /* One that asks for nothing is asked again by the client, in its own time. */
    if (s->verdict.wait < 0) {
        api_session_verdict(s);
        return;
    }
    usec wait = s->verdict.wait > 0 ? s->verdict.wait * USEC_PER_SEC : USEC_PER_SEC;
    if (wait > LONGEST_WAIT)
        wait = LONGEST_WAIT;
    api_desk_hold(s->terms.desk, wait);
    if (now + wait >= s->until) {
        api_session_verdict(s);
        return;
    }
    api_desk_leave(s->terms.desk, &s->pass);
    api_session_ask(s, true);
}

static void bar(struct api_session *s)
{
    char words[512];
    s->told->refused(s->told_ctx, verdict_words(s, words, sizeof words));
    api_session_lose(s, SMTP_CLIENT_FAULT_BARRED);
}

/* A token that was taken back, or whose hour was over on the way. */
static bool asks_for_another_token(struct api_session *s)
{
    if (s->refused_once || !credential_ask_again(s->terms.credential))
        return false;
    s->refused_once = true;
    api_desk_leave(s->terms.desk, &s->pass);
    api_session_ask(s, true);
    return true;
}

static void act_on_verdict(struct api_session *s)
{
    char words[512];
    log_answer(s);
    switch (s->verdict.end) {
    case API_ACCEPTED:
        s->told->accepted(s->told_ctx);
        api_session_verdict(s);
        break;
    case API_REFUSED: api_session_verdict(s); break;
    case API_TOO_LARGE:
        api_session_decline(s, SMTP_CLIENT_DECLINES_SIZE, verdict_words(s, words, sizeof words));
        break;
    case API_UNAUTHORIZED:
        if (!asks_for_another_token(s))
            bar(s);
        break;
    case API_RESTS: bar(s); break;
    case API_THROTTLED: wait_or_answer(s); break;
    case API_FAILED:
    case API_UNKNOWN: api_session_lose(s, SMTP_CLIENT_FAULT_SERVICE); break;
    case API_STRANGE:
        s->told->strange(s->told_ctx, verdict_words(s, words, sizeof words));
        api_session_lose(s, SMTP_CLIENT_FAULT_STRANGE);
        break;
    }
}

/* ---- the request ---- */

static void on_answer(void *ctx, const struct http_answer *answer, const struct err *err)
{
    struct api_session *s = ctx;
    bool sent = http_was_sent(s->request);
    s->request = NULL;
    api_verdict_clear(&s->verdict);
    if (answer)
        api_judge(&s->verdict, s->terms.service, answer);
    else
        api_judge_lost(&s->verdict, s->terms.service, sent, slice_of(err->words));
    act_on_verdict(s);
}

/* A reply of ours in place of the service's. */
static void say_instead(struct api_session *s, enum api_end end, int code, const char *enhanced,
                        const char *text, const char *why)
{
    char words[400];
    api_verdict_clear(&s->verdict);
    s->verdict.end = end;
    s->verdict.wait = -1;
    snprintf(words, sizeof words, "%.300s", why);
    api_session_reply(&s->verdict.reply, code, enhanced, text, words);
}

static void send_request(struct api_session *s, const struct secret *secret)
{
    struct err err;
    const struct upstream_config *cfg = s->terms.cfg;
    struct api_order order = {.service = s->terms.service,
                              .url = s->terms.url,
                              .identity = s->identity,
                              .user = s->terms.user,
                              .secret = secret};
    struct http_ask ask = {.route = s->terms.route,
                           .deadline = s->until - loop_now(s->terms.io->loop),
                           .connect_deadline = cfg->connect_timeout};
    if (ask.deadline < USEC_PER_MS)
        ask.deadline = USEC_PER_MS;
    s->request = parcel_send(s->parcel, s->terms.io->http, &order, &ask, on_answer, s, &err);
    if (!s->request) {
        say_instead(s, API_RESTS, 451, "4.3.5", "no request can be made:", err.words);
        bar(s);
        return;
    }
    s->flights++;
    s->state = API_ASKED;
    timer_stop(s->clock);
}

static void on_secret(void *ctx, const struct secret *secret, const struct err *err)
{
    struct api_session *s = ctx;
    if (secret) {
        send_request(s, secret);
        return;
    }
    say_instead(s, API_FAILED, 451, "4.7.0", "no access token for the API:", err->words);
    api_session_lose(s, SMTP_CLIENT_FAULT_SERVICE);
}

void api_session_on_granted(void *ctx)
{
    struct api_session *s = ctx;
    credential_ask(s->terms.credential, &s->request_secret, on_secret, s);
}

/* The service has asked for longer than the client can wait. */
static void answer_at_once(struct api_session *s, usec wait)
{
    say_instead(s, API_THROTTLED, 451, "4.3.2", "the service takes no more messages for now from",
                s->terms.cfg->name);
    s->verdict.wait = (wait + USEC_PER_SEC - 1) / USEC_PER_SEC;
    api_session_verdict(s);
}

void api_session_on_clock(void *arg)
{
    struct api_session *s = arg;
    if (api_desk_wait(s->terms.desk) > 0) {
        answer_at_once(s, api_desk_wait(s->terms.desk));
        return;
    }
    say_instead(s, API_FAILED, 451, "4.4.1", "no request could begin in time to the API of",
                s->terms.cfg->host);
    api_session_lose(s, SMTP_CLIENT_FAULT_SERVICE);
}

void api_session_ask(struct api_session *s, bool again)
{
    usec left = s->until - loop_now(s->terms.io->loop), wait = api_desk_wait(s->terms.desk);
    if (wait >= left) {
        answer_at_once(s, wait);
        return;
    }
    s->state = API_QUEUED;
    timer_arm(s->clock, left);
    api_desk_enter(s->terms.desk, &s->pass, again);
}
