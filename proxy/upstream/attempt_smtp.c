/* An attempt at a port that speaks SMTP. */
#include "upstream/attempt_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/stream.h"
#include "io/tunnel.h"
#include "upstream/ceiling.h"
#include "upstream/share.h"
#include "upstream/tally.h"

/* The thing that the attempt waits for. It names the timeout. */
enum attempt_phase {
    PHASE_CONNECT,
    PHASE_TUNNEL,
    /* Until EHLO is answered. */
    PHASE_GREETING,
    /* From STARTTLS on, or from the first byte. */
    PHASE_TLS,
    PHASE_AUTH,
    PHASE_OVER,
};

struct smtp_attempt {
    struct attempt base;
    const struct upstream_env *env;
    const struct rung *rung;
    struct addr to;
    const char *identity;
    const struct attempt_events *events;
    void *ctx;
    /* Owned until the SMTP client takes it. */
    struct stream *stream;
    struct tunnel *tunnel;
    struct smtp_client *client;
    struct timer *timer;
    /* The time that is left on the clock while it is stopped. */
    usec left;
    /* Set for a failure inside attempt_new, which is reported later. */
    struct deferred failing;
    /* The reason of that failure. */
    struct err why;
    struct credential_request secret;
    enum attempt_phase phase;
    bool waits, greeted, logging_in;
    usec started, last_step, rtt;
    /* It waits for others since then: for their login, or for the source of the password. This is 0
     * if it does not wait. */
    usec idle_since;
    /* The waits for others that are over took so long. */
    usec idled;
    struct attempt_result result;
};

static struct smtp_attempt *of(struct attempt *a)
{
    return CONTAINER(a, struct smtp_attempt, base);
}

static const struct smtp_attempt *as(const struct attempt *a)
{
    return CONTAINER(a, const struct smtp_attempt, base);
}

/* ---- what is counted ---- */

static void count_handshake(const struct smtp_attempt *a)
{
    struct upstream_tally *tally = a->env->tally;
    const struct tls_facts *facts = smtp_client_tls_facts(a->client);
    if (!tally)
        return;
    tally->handshakes++;
    tally->resumptions += facts && facts->resumed;
}

/* Counts an AUTH that has ended. */
static void count_auth(struct smtp_attempt *a, enum finding finding)
{
    struct upstream_tally *tally = a->env->tally;
    if (!a->logging_in)
        return;
    a->logging_in = false;
    if (!tally)
        return;
    if (finding == FINDING_WORKS)
        tally->auth_accepted++;
    else if (finding == FINDING_AUTH_REFUSED)
        tally->auth_refused++;
    else
        tally->auth_failed++;
}

/* ---- the end ---- */

static enum finding timeout_finding(const struct smtp_attempt *a)
{
    switch (a->phase) {
    case PHASE_CONNECT:
        return a->env->cfg->proxy.kind == PROXY_NONE ? FINDING_TIMEOUT_CONNECT : FINDING_PROXY;
    case PHASE_TUNNEL: return FINDING_PROXY;
    case PHASE_GREETING: return FINDING_TIMEOUT_GREETING;
    case PHASE_TLS: return FINDING_TIMEOUT_TLS;
    default: return FINDING_TIMEOUT_AUTH;
    }
}

static void look(const struct smtp_client *c, struct sight *sight)
{
    const struct tls_facts *facts = smtp_client_tls_facts(c);
    sight->has_tls = facts != NULL;
    if (facts)
        sight->tls = *facts;
    snprintf(sight->offered, sizeof sight->offered, "%s", smtp_client_ehlo(c)->mechanisms_text);
    snprintf(sight->mechanism, sizeof sight->mechanism, "%s", smtp_client_mechanism(c));
}

/* Returns true for a refusal, a reset or a 421 within a second. An upstream that restarts answers
 * like this. */
static bool came_at_once(enum finding finding, const struct reply *reply, usec took)
{
    bool brief =
        finding_row(finding)->kind == FINDING_KIND_AT_ONCE || (reply && reply->code == 421);
    return brief && took < USEC_PER_SEC;
}

/* The port's own time: what it waited for others does not count. */
static usec own_time(const struct smtp_attempt *a)
{
    usec now = loop_now(a->env->io->loop);
    return now - a->started - a->idled - (a->idle_since ? now - a->idle_since : 0);
}

static void describe(const struct smtp_attempt *a, enum finding finding,
                     const struct smtp_client_failure *failure, const struct err *err,
                     struct attempt_result *result_r)
{
    struct finding_detail d = {
        .finding = finding,
        .port = a->rung->report->port,
        .host = a->env->cfg->host,
        .expected = a->env->cfg->tls_name,
        .address = &a->to,
        .auth = a->env->cfg->auth,
        .err = err,
        .greeted = a->greeted,
        .at_gate = a->waits,
        .now_s = loop_wall_ms(a->env->io->loop) / 1000,
    };
    if (failure) {
        d.err = &failure->err;
        d.cause = failure->cause;
        d.speaks_tls = failure->speaks_tls;
        d.reply = failure->reply;
        d.login = failure->login;
        d.login_words = failure->login_words;
        d.stage = failure->stage;
    }
    if (a->client) {
        d.facts = smtp_client_tls_facts(a->client);
        d.ehlo = smtp_client_ehlo(a->client);
        d.mechanism = smtp_client_mechanism(a->client);
    }
    *result_r = a->result;
    result_r->finding = finding;
    result_r->took = own_time(a);
    result_r->is_local = err && err->kind == ERR_PERMISSION && a->phase == PHASE_CONNECT;
    result_r->at_once = came_at_once(finding, d.reply, result_r->took);
    result_r->address = a->to;
    result_r->saw_bytes = a->result.saw_bytes || (failure && failure->saw_bytes);
    if (a->client)
        look(a->client, &result_r->sight);
    finding_words(&d, result_r->words, sizeof result_r->words);
}

static void close_link(struct smtp_attempt *a)
{
    timer_stop(a->timer);
    credential_cancel(&a->secret);
    if (a->tunnel)
        tunnel_cancel(&a->tunnel);
    if (a->client) {
        if (a->greeted)
            smtp_client_quit(&a->client);
        else
            smtp_client_close(&a->client);
    }
    if (a->stream)
        stream_close(&a->stream);
}

static void fail(struct smtp_attempt *a, enum finding finding,
                 const struct smtp_client_failure *failure, const struct err *err)
{
    if (a->phase == PHASE_OVER)
        return;
    describe(a, finding, failure, err, &a->result);
    count_auth(a, finding);
    a->phase = PHASE_OVER;
    a->waits = false;
    close_link(a);
    a->events->failed(a->ctx);
}

/* Returns true if only the beginning of a refusal of AUTH has arrived. The same credentials must
 * not go to another port. */
static bool is_half_refused(const struct smtp_attempt *a)
{
    int code = a->client && a->phase == PHASE_AUTH ? smtp_client_code_so_far(a->client) : 0;
    return code >= 500 && finding_of_auth_code(code) == FINDING_AUTH_REFUSED;
}

static void on_timeout(void *arg)
{
    struct smtp_attempt *a = arg;
    struct err err;
    err_set(&err, ERR_TIMEOUT, "no answer");
    fail(a, is_half_refused(a) ? FINDING_AUTH_REFUSED : timeout_finding(a), NULL, &err);
}

static void on_failing(void *arg)
{
    struct smtp_attempt *a = arg;
    fail(a, a->env->cfg->proxy.kind == PROXY_NONE ? FINDING_REFUSED : FINDING_PROXY, NULL, &a->why);
}

/* ---- the way there ---- */

static void take_step(struct smtp_attempt *a)
{
    a->result.steps++;
    a->last_step = loop_now(a->env->io->loop);
    a->events->step(a->ctx);
}

static void on_step(void *ctx, enum smtp_client_step step)
{
    struct smtp_attempt *a = ctx;
    a->result.saw_bytes = true;
    switch (step) {
    case SMTP_CLIENT_STEP_GREETING: a->greeted = true; break;
    case SMTP_CLIENT_STEP_EHLO:
        if (a->rung->settings.tls == SMTP_CLIENT_TLS_STARTTLS ||
            (a->rung->settings.tls == SMTP_CLIENT_TLS_MAY && smtp_client_ehlo(a->client)->starttls))
            a->phase = PHASE_TLS;
        else
            a->phase = PHASE_AUTH;
        break;
    case SMTP_CLIENT_STEP_STARTTLS: break;
    case SMTP_CLIENT_STEP_TLS:
        count_handshake(a);
        if (a->rung->settings.tls == SMTP_CLIENT_TLS_IMPLICIT)
            a->phase = PHASE_GREETING;
        break;
    case SMTP_CLIENT_STEP_EHLO_AGAIN: a->phase = PHASE_AUTH; break;
    }
    take_step(a);
}

static void on_auth_wanted(void *ctx)
{
    struct smtp_attempt *a = ctx;
    a->phase = PHASE_AUTH;
    a->waits = true;
    a->idle_since = loop_now(a->env->io->loop);
    a->left = timer_left(a->timer);
    timer_stop(a->timer);
    a->events->auth_wanted(a->ctx);
}

static void on_ready(void *ctx)
{
    struct smtp_attempt *a = ctx;
    if (a->phase == PHASE_OVER)
        return;
    timer_stop(a->timer);
    a->result.saw_bytes = true;
    a->result.steps++;
    describe(a, FINDING_WORKS, NULL, NULL, &a->result);
    count_auth(a, FINDING_WORKS);
    a->phase = PHASE_OVER;
    a->events->ready(a->ctx);
}

/* Notes a refusal that was said before or at the login and is not about it (PROMISES 6). For
 * STARTTLS, 454 has another meaning. */
static void note_full(struct smtp_attempt *a, const struct smtp_client_failure *failure)
{
    bool there = failure->stage == SMTP_CLIENT_GREETING || failure->stage == SMTP_CLIENT_EHLO ||
                 failure->stage == SMTP_CLIENT_EHLO_AGAIN || failure->stage == SMTP_CLIENT_AUTH;
    if (there && failure->fault == SMTP_CLIENT_FAULT_REPLY && failure->reply &&
        ceiling_is_meant_by(failure->reply->code))
        reply_words(failure->reply, a->result.full, sizeof a->result.full);
}

static void on_lost(void *ctx, const struct smtp_client_failure *failure)
{
    struct smtp_attempt *a = ctx;
    enum finding finding = is_half_refused(a) && !failure->reply
                               ? FINDING_AUTH_REFUSED
                               : finding_of_failure(failure, timeout_finding(a));
    if (a->phase == PHASE_OVER)
        return;
    describe(a, finding, failure, NULL, &a->result);
    note_full(a, failure);
    count_auth(a, finding);
    /* The client frees itself. */
    a->client = NULL;
    a->phase = PHASE_OVER;
    a->waits = false;
    close_link(a);
    a->events->failed(a->ctx);
}

static const struct smtp_client_events client_handlers = {
    .step = on_step, .auth_wanted = on_auth_wanted, .ready = on_ready, .lost = on_lost};

static void speak(struct smtp_attempt *a)
{
    struct stream *s = a->stream;
    a->stream = NULL;
    a->phase = a->rung->settings.tls == SMTP_CLIENT_TLS_IMPLICIT ? PHASE_TLS : PHASE_GREETING;
    a->client = smtp_client_new(a->env->io, s, &a->rung->settings, &client_handlers, a);
}

static void on_tunnel(void *ctx, const struct err *err)
{
    struct smtp_attempt *a = ctx;
    a->tunnel = NULL;
    if (err) {
        fail(a, FINDING_PROXY, NULL, err);
        return;
    }
    usec now = loop_now(a->env->io->loop);
    /* The part of the way behind the proxy counts, too. */
    if (now - a->last_step > a->rtt)
        a->rtt = now - a->last_step;
    speak(a);
    take_step(a);
}

static void enter_tunnel(struct smtp_attempt *a)
{
    const struct outbound_proxy *p = &a->env->cfg->proxy;
    struct tunnel_target target = {
        .kind = p->kind == PROXY_SOCKS5 ? TUNNEL_SOCKS5 : TUNNEL_HTTP,
        .user = p->user,
        .password = p->password,
        .host = a->env->cfg->host,
        .port = a->rung->report->port.number,
    };
    a->phase = PHASE_TUNNEL;
    a->tunnel = tunnel_start(a->env->io->loop, a->stream, &target, on_tunnel, a);
}

/* An upstream that is one of our own listeners would send us our own mail again and again. A
 * listener on 0.0.0.0 can be reached at every address of this host. Then both ends of the
 * connection have the same address. */
static bool is_ourselves(const struct smtp_attempt *a)
{
    const struct addr *local = stream_local(a->stream);
    if (a->env->cfg->proxy.kind != PROXY_NONE)
        return false;
    for (size_t i = 0; i < a->env->nown; i++) {
        const struct addr *own = &a->env->own[i];
        if (own->port != a->to.port)
            continue;
        if (addr_equal(own, &a->to) || (addr_is_any(own) && (addr_is_loopback(&a->to) ||
                                                             (local && addr_equal(local, &a->to)))))
            return true;
    }
    return false;
}

static void fail_as_loop(struct smtp_attempt *a)
{
    char where[ADDR_TEXT];
    describe(a, FINDING_REFUSED, NULL, NULL, &a->result);
    a->result.loops = true;
    a->result.at_once = false;
    snprintf(
        a->result.words, sizeof a->result.words,
        "%s is this proxy itself: correct host or ports of the upstream, or the listener's address",
        addr_text_with_port(&a->to, where));
    a->phase = PHASE_OVER;
    close_link(a);
    a->events->failed(a->ctx);
}

static void on_connected(struct smtp_attempt *a)
{
    usec now = loop_now(a->env->io->loop);
    a->rtt = now > a->started ? now - a->started : 1;
    if (is_ourselves(a)) {
        fail_as_loop(a);
        return;
    }
    if (a->env->cfg->proxy.kind != PROXY_NONE)
        enter_tunnel(a);
    else
        speak(a);
    take_step(a);
}

static void on_stream(void *ctx, struct stream *s, enum stream_event event)
{
    struct smtp_attempt *a = ctx;
    if (event == STREAM_CONNECTED)
        on_connected(a);
    else if (event == STREAM_FAILED)
        fail(a,
             a->env->cfg->proxy.kind == PROXY_NONE ? finding_of_err(stream_error(s))
                                                   : FINDING_PROXY,
             NULL, stream_error(s));
}

static const struct attempt_kind smtp_kind;

struct attempt *attempt_smtp_new(const struct upstream_env *env, const struct rung *rung,
                                 const struct addr *to, const char *identity, usec clock,
                                 const struct attempt_events *events, void *ctx)
{
    struct smtp_attempt *a = NEW(struct smtp_attempt);
    const struct addr *source = env->cfg->source.family != ADDR_NONE ? &env->cfg->source : NULL;
    *a = (struct smtp_attempt){.base.kind = &smtp_kind,
                               .env = env,
                               .rung = rung,
                               .to = *to,
                               .identity = identity,
                               .events = events,
                               .ctx = ctx};
    a->to.port =
        env->cfg->proxy.kind == PROXY_NONE ? rung->report->port.number : env->cfg->proxy.port;
    a->started = a->last_step = loop_now(env->io->loop);
    a->timer = timer_new(env->io->loop, on_timeout, a);
    deferred_init(&a->failing, on_failing, a);
    credential_request_init(&a->secret);
    timer_arm(a->timer, clock);
    a->stream = stream_connect(env->io->loop, &a->to, source,
                               (struct stream_caps){CAP_UPSTREAM_INPUT, CAP_UPSTREAM_OUTPUT},
                               on_stream, a, &a->why);
    if (!a->stream)
        loop_defer(env->io->loop, &a->failing);
    return &a->base;
}

/* ---- AUTH ---- */

static struct credential *credential_of(const struct smtp_attempt *a)
{
    return logins_credential(a->env->share->logins, a->identity);
}

static enum finding finding_without_secret(const struct smtp_attempt *a)
{
    return credential_gives_tokens(credential_of(a)) ? FINDING_TOKEN : FINDING_AUTH_TEMPORARY;
}

static void on_secret(void *ctx, const struct secret *secret, const struct err *err)
{
    struct smtp_attempt *a = ctx;
    if (!a->client)
        return;
    a->idled += loop_now(a->env->io->loop) - a->idle_since;
    a->idle_since = 0;
    timer_arm(a->timer, a->left);
    if (!secret) {
        fail(a, finding_without_secret(a), NULL, err);
        return;
    }
    a->logging_in = true;
    smtp_client_auth(a->client,
                     &(struct smtp_client_credential){.user = a->identity, .password = secret});
}

static void auth(struct attempt *attempt)
{
    struct smtp_attempt *a = of(attempt);
    if (!a->waits)
        return;
    /* The clock continues when the secret is there, because its source has its own deadline. */
    a->waits = false;
    credential_ask(credential_of(a), &a->secret, on_secret, a);
}

/* ---- questions ---- */

static struct carrier *take(struct attempt *attempt)
{
    struct smtp_attempt *a = of(attempt);
    struct smtp_client *c = a->client;
    a->client = NULL;
    return smtp_client_carrier(c);
}

static const struct attempt_result *result(const struct attempt *attempt)
{
    return &as(attempt)->result;
}

static void result_so_far(const struct attempt *attempt, struct attempt_result *result_r)
{
    const struct smtp_attempt *a = as(attempt);
    struct err err;
    if (a->phase == PHASE_OVER) {
        *result_r = a->result;
    } else if (a->phase == PHASE_AUTH && !a->waits && !a->logging_in) {
        /* The source of the secret is late, and the port is not to blame for that. */
        err_set(&err, ERR_TIMEOUT, "%s has not answered yet", credential_key(credential_of(a)));
        describe(a, finding_without_secret(a), NULL, &err, result_r);
    } else {
        describe(a, timeout_finding(a), NULL, NULL, result_r);
    }
}

static usec rtt(const struct attempt *attempt)
{
    return as(attempt)->rtt;
}

static bool is_logging_in(const struct attempt *attempt)
{
    return as(attempt)->phase == PHASE_AUTH;
}

static void attempt_end(struct attempt *attempt)
{
    struct smtp_attempt *a = of(attempt);
    count_auth(a, FINDING_UNTRIED);
    a->phase = PHASE_OVER;
    deferred_cancel(&a->failing);
    close_link(a);
    timer_free(&a->timer);
    loop_free_later(a->env->io->loop, a, free);
}

static const struct attempt_kind smtp_kind = {.auth = auth,
                                              .take = take,
                                              .result = result,
                                              .result_so_far = result_so_far,
                                              .rtt = rtt,
                                              .is_logging_in = is_logging_in,
                                              .end = attempt_end};
