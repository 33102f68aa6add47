/* An attempt at a rung `443/api`. It works when the service has answered over verified TLS and a
 * token or a key is at hand. No message is sent, so the login itself is proven by the first one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "io/http.h"
#include "io/loop.h"
#include "oauth/route.h"
#include "upstream/api_account.h"
#include "upstream/api_session.h"
#include "upstream/attempt_private.h"

/* What a session borrows. It lives until the session is over. */
struct holding {
    const struct upstream_env *env;
    struct rung *rung;
    struct login *login;
    struct oauth_route way;
    char *identity;
};

struct api_attempt {
    struct attempt base;
    const struct upstream_env *env;
    struct rung *rung;
    const struct attempt_events *events;
    void *ctx;
    struct http_request *request;
    struct credential_request secret;
    /* NULL once the session has taken it. */
    struct holding *holding;
    /* It rests: that is told later, on the loop. */
    struct deferred failing;
    usec started;
    /* The service has answered. */
    bool answered, over;
    struct attempt_result result;
};

static struct api_attempt *of(struct attempt *a)
{
    return CONTAINER(a, struct api_attempt, base);
}

static const struct api_attempt *as(const struct attempt *a)
{
    return CONTAINER(a, const struct api_attempt, base);
}

/* ---- what a session borrows ---- */

static struct holding *holding_new(const struct upstream_env *env, struct rung *rung,
                                   const char *identity)
{
    struct holding *h = NEW(struct holding);
    h->env = env;
    h->rung = rung;
    h->identity = mem_string(identity);
    h->login = logins_hold(env->api->logins, identity);
    api_route_of(env->cfg, &h->way);
    return h;
}

static void holding_free(struct holding *h)
{
    if (!h)
        return;
    logins_release(h->login);
    free(h->identity);
    free(h);
}

static struct credential *credential_of(const struct holding *h)
{
    return logins_credential(h->env->api->logins, h->identity);
}

static void on_accepted(void *ctx)
{
    const struct holding *h = ctx;
    logins_accepted(h->env->api->logins, h->identity);
}

static void on_refused(void *ctx, const char *words)
{
    const struct holding *h = ctx;
    rung_api_refused(h->rung, h->identity, words);
}

static void on_strange(void *ctx, const char *words)
{
    const struct holding *h = ctx;
    rung_api_strange(h->rung, words);
}

static void on_gone(void *ctx)
{
    holding_free(ctx);
}

static const struct api_session_events session_events = {
    .accepted = on_accepted, .refused = on_refused, .strange = on_strange, .gone = on_gone};

/* ---- the end ---- */

static void describe(const struct api_attempt *a, enum finding finding, const struct err *err,
                     struct attempt_result *result_r)
{
    const struct finding_detail d = {
        .finding = finding,
        .port = a->rung->report->port,
        .host = a->env->api->host,
        .err = err,
        .now_s = loop_wall_ms(a->env->io->loop) / 1000,
    };
    *result_r = a->result;
    result_r->finding = finding;
    result_r->took = loop_now(a->env->io->loop) - a->started;
    result_r->at_once =
        finding_row(finding)->kind == FINDING_KIND_AT_ONCE && result_r->took < USEC_PER_SEC;
    result_r->saw_bytes = a->answered || finding_is_tls(finding);
    finding_words(&d, result_r->words, sizeof result_r->words);
}

static void stop(struct api_attempt *a)
{
    a->over = true;
    http_cancel(&a->request);
    credential_cancel(&a->secret);
    deferred_cancel(&a->failing);
}

static void fail(struct api_attempt *a, enum finding finding, const struct err *err)
{
    describe(a, finding, err, &a->result);
    stop(a);
    a->events->failed(a->ctx);
}

static enum finding finding_without_secret(const struct api_attempt *a)
{
    return credential_gives_tokens(credential_of(a->holding)) ? FINDING_TOKEN
                                                              : FINDING_AUTH_TEMPORARY;
}

/* The rung rests, so that nothing is asked. Its last words say why. */
static void on_failing(void *arg)
{
    struct api_attempt *a = arg;
    const struct port_report *last = a->rung->report;
    const struct credential *c = credential_of(a->holding);
    struct err err;
    if (credential_denied_for(c) > 0) {
        err_set(&err, ERR_PERMISSION, "%s", credential_denial(c));
        fail(a, FINDING_TOKEN, &err);
        return;
    }
    err_set(&err, ERR_PERMISSION, "it was refused a while ago");
    describe(a, FINDING_AUTH_REFUSED, &err, &a->result);
    if (last->finding == FINDING_AUTH_REFUSED)
        snprintf(a->result.words, sizeof a->result.words, "%s", last->words);
    stop(a);
    a->events->failed(a->ctx);
}

/* ---- the way there ---- */

static void on_secret(void *ctx, const struct secret *secret, const struct err *err)
{
    struct api_attempt *a = ctx;
    if (!secret) {
        fail(a, finding_without_secret(a), err);
        return;
    }
    a->result.steps++;
    describe(a, FINDING_WORKS, NULL, &a->result);
    stop(a);
    a->events->ready(a->ctx);
}

static enum finding finding_of(const struct err *err)
{
    switch (err->kind) {
    case ERR_NOT_FOUND: return FINDING_DNS;
    case ERR_CERTIFICATE:
    case ERR_PERMISSION: return FINDING_CERTIFICATE;
    case ERR_TLS: return FINDING_TLS_HANDSHAKE;
    case ERR_PROTOCOL:
    case ERR_INVALID: return FINDING_API;
    default: return finding_of_err(err);
    }
}

/* Whatever it answers without a login, the certificate was verified before it could. */
static void on_answer(void *ctx, const struct http_answer *answer, const struct err *err)
{
    struct api_attempt *a = ctx;
    a->request = NULL;
    /* An answer that is too long is one, too. */
    if (!answer && err->kind != ERR_LIMIT) {
        fail(a, finding_of(err), err);
        return;
    }
    a->answered = true;
    a->result.steps++;
    a->events->step(a->ctx);
    credential_ask(credential_of(a->holding), &a->secret, on_secret, a);
}

static const struct attempt_kind api_kind;

struct attempt *attempt_api_new(const struct upstream_env *env, struct rung *rung,
                                const char *identity, usec clock,
                                const struct attempt_events *events, void *ctx)
{
    struct api_attempt *a = NEW(struct api_attempt);
    *a = (struct api_attempt){.base.kind = &api_kind,
                              .env = env,
                              .rung = rung,
                              .events = events,
                              .ctx = ctx,
                              .holding = holding_new(env, rung, identity),
                              .started = loop_now(env->io->loop)};
    credential_request_init(&a->secret);
    deferred_init(&a->failing, on_failing, a);
    if (api_account_rests(env->api, identity)) {
        loop_defer(env->io->loop, &a->failing);
        return &a->base;
    }
    credential_prepare(credential_of(a->holding));
    const struct http_ask ask = {.url = env->cfg->api_url ? env->cfg->api_url
                                                          : api_service_url(env->api->service),
                                 .route = a->holding->way.route,
                                 .deadline = clock};
    a->request = http_send(env->io->http, &ask, on_answer, a);
    return &a->base;
}

/* ---- questions ---- */

static struct carrier *take(struct attempt *attempt)
{
    struct api_attempt *a = of(attempt);
    struct holding *h = a->holding;
    const struct api_terms terms = {.io = a->env->io,
                                    .cfg = a->env->cfg,
                                    .service = a->env->api->service,
                                    .url = a->env->cfg->api_url,
                                    .user = a->env->cfg->api_user,
                                    .identity = h->identity,
                                    .credential = credential_of(h),
                                    .desk = a->env->api->desk,
                                    .route = h->way.route,
                                    .complete = api_account_complete,
                                    .complete_ctx = a->env->api};
    a->holding = NULL;
    return api_session_new(&terms, &session_events, h);
}

static const struct attempt_result *result(const struct attempt *attempt)
{
    return &as(attempt)->result;
}

static void result_so_far(const struct attempt *attempt, struct attempt_result *result_r)
{
    const struct api_attempt *a = as(attempt);
    struct err err;
    if (a->over) {
        *result_r = a->result;
        return;
    }
    err_set(&err, ERR_TIMEOUT, "no answer");
    describe(a, a->answered ? finding_without_secret(a) : finding_of(&err), &err, result_r);
}

/* Returns 0, because libcurl does not tell how long its connect took. */
static usec rtt(const struct attempt *attempt)
{
    (void)attempt;
    return 0;
}

static bool is_logging_in(const struct attempt *attempt)
{
    (void)attempt;
    return false;
}

static void attempt_end(struct attempt *attempt)
{
    struct api_attempt *a = of(attempt);
    stop(a);
    holding_free(a->holding);
    loop_free_later(a->env->io->loop, a, free);
}

static const struct attempt_kind api_kind = {.take = take,
                                             .result = result,
                                             .result_so_far = result_so_far,
                                             .rtt = rtt,
                                             .is_logging_in = is_logging_in,
                                             .end = attempt_end};
