#include "oauth/token_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/crypto.h"
#include "oauth/echo.h"
#include "oauth/grant.h"

#define MINUTE (60 * USEC_PER_SEC)
#define DAY (24 * 60 * MINUTE)
/* A token is renewed when so much of its life is left, or a quarter of it if that is less. */
#define AHEAD (15 * MINUTE)
#define FIRST_WAIT USEC_PER_SEC
#define LONGEST_WAIT (5 * MINUTE)
#define LONGEST_RETRY_AFTER (60 * MINUTE)
/* How often a token file that another process holds is tried, and for how long. */
#define LOCK_EVERY (200 * USEC_PER_MS)
#define LOCK_PATIENCE (30 * USEC_PER_SEC)
/* How often the files are looked at while a refusal rests. */
#define WATCH_EVERY (15 * USEC_PER_SEC)
/* A token that was accepted so recently is good, even if another login with it is refused. */
#define PROVEN MINUTE
enum { CLOCKS_DIFFER = 60 };

static void fetch(struct token *t);
static void fail(struct token *t, enum oauth_class class, int64_t retry_after, const char *words);

static usec now_of(const struct token *t)
{
    return loop_now(t->oauth->io->loop);
}

/* Returns a random number below n. */
static usec chance(const struct token *t, usec n)
{
    uint64_t r;
    loop_random(t->oauth->io->loop, &r, sizeof r);
    return n > 0 ? (usec)(r % (uint64_t)n) : 0;
}

bool token_is_alive(const struct token *t)
{
    return t->access && now_of(t) < t->ends_at;
}

/* ---- answering ---- */

static void await(struct token *t, struct token_request *r)
{
    list_push_back(&t->waiting, &r->waiting);
    if (t->doing == IDLE)
        fetch(t);
}

/* Looks again at the end of the turn, because meanwhile the token may have been refused, or a wait
 * may have ended. */
static void answer(void *arg)
{
    struct token_request *r = arg;
    struct token *t = r->token;
    if (token_is_alive(t))
        r->answer(r->ctx, t->access, OAUTH_OK, NULL);
    else if (t->doing == IDLE && now_of(t) < t->until)
        r->answer(r->ctx, NULL, t->class, &t->err);
    else
        await(t, r);
}

static void answer_all(struct token *t)
{
    while (!link_is_alone(&t->waiting)) {
        struct token_request *r = CONTAINER(t->waiting.next, struct token_request, waiting);
        link_remove(&r->waiting);
        loop_defer(t->oauth->io->loop, &r->later);
    }
}

/* ---- upkeep ---- */

static usec earlier(usec a, usec b)
{
    return a < b ? a : b;
}

/* The next thing to do without being asked: renew a token that is in use, refresh daily a grant
 * that would expire without use, or look at the files after a refusal. */
static void arm(struct token *t)
{
    usec next = INT64_MAX, now = now_of(t);
    if (t->access && t->in_use)
        next = t->renew_at;
    if (t->flow->refreshes && t->fetched_at)
        next = earlier(next, t->fetched_at + DAY - chance(t, DAY / 24));
    if (next < t->until)
        next = t->until;
    if (t->class == OAUTH_REFUSED && t->until > now)
        next = earlier(t->until, now + WATCH_EVERY);
    if (next == INT64_MAX)
        timer_stop(t->timer);
    else
        timer_arm(t->timer, next - now);
}

static void on_looked(void *ctx, const struct token_store_news *news)
{
    struct token *t = ctx;
    t->doing = IDLE;
    if (news->inputs && memcmp(news->print, t->print, sizeof t->print) != 0)
        token_forgive(t);
    if (!link_is_alone(&t->waiting))
        fetch(t);
    else
        arm(t);
}

void token_on_timer(void *arg)
{
    struct token *t = arg;
    if (t->doing != IDLE && t->doing != LOCKING)
        return;
    if (t->doing == IDLE && t->class == OAUTH_REFUSED && t->until > now_of(t)) {
        t->doing = LOOKING;
        token_store_take(t->store, false, on_looked, t);
        return;
    }
    fetch(t);
}

/* ---- a request's end ---- */

static void tell_end(struct token *t)
{
    t->doing = IDLE;
    if (t->refs == 0) {
        token_destroy(t);
        return;
    }
    answer_all(t);
    arm(t);
}

static void adopt(struct token *t)
{
    struct log *log = t->oauth->io->log;
    usec life = t->answer.expires_in * USEC_PER_SEC, ahead = earlier(AHEAD, life / 4);
    if (t->err.kind != ERR_NONE)
        log_event(log, LOG_INFO, "the token service gives tokens again",
                  log_str("account", t->settings.account));
    secret_free(&t->access);
    t->access = t->answer.access_token;
    t->answer.access_token = NULL;
    oauth_answer_clear(&t->answer);
    t->fetched_at = t->answered_at;
    t->ends_at = t->answered_at + life;
    /* The times are spread, so that a hundred accounts do not renew at once. */
    t->renew_at = t->ends_at - ahead - chance(t, ahead / 2 + 1);
    t->in_use = !link_is_alone(&t->waiting);
    t->class = OAUTH_OK;
    t->err = (struct err){0};
    t->error[0] = 0;
    t->code = 0;
    t->until = t->wait = 0;
    t->remade = false;
    free(t->accepted_by);
    t->accepted_by = NULL;
    t->requests[TOKEN_GIVEN]++;
    tell_end(t);
}

static void say_failure(const struct token *t, enum oauth_class class)
{
    char words[sizeof t->err.words + 130];
    snprintf(words, sizeof words, "no access token for %.100s: %s", t->settings.account,
             t->err.words);
    log_event(t->oauth->io->log, class == OAUTH_REFUSED ? LOG_ERROR : LOG_WARN, words,
              log_str("account", t->settings.account),
              log_str("flow", token_flow_name(t->settings.flow)), log_str("error", t->error),
              log_num("code", t->code), log_num("retry_in", token_wait_left(t) / USEC_PER_SEC));
}

static usec lengthen(usec wait, usec first, usec longest)
{
    return wait == 0 ? first : earlier(wait * 2, longest);
}

static void fail(struct token *t, enum oauth_class class, int64_t retry_after, const char *words)
{
    bool is_refusal = class == OAUTH_REFUSED;
    usec first = is_refusal ? t->settings.retry_first : FIRST_WAIT;
    usec longest = is_refusal ? t->settings.retry_longest : LONGEST_WAIT;
    if (t->class != class)
        t->wait = 0;
    t->wait = lengthen(t->wait, first, longest);
    /* It is varied by a fifth, so that requests that failed together are not repeated together. */
    usec pause = is_refusal ? t->wait : t->wait - t->wait / 5 + chance(t, t->wait / 5 * 2 + 1);
    usec asked = retry_after > 0 ? earlier(retry_after * USEC_PER_SEC, LONGEST_RETRY_AFTER) : 0;
    t->until = now_of(t) + (asked > pause ? asked : pause);
    t->class = class;
    err_set(&t->err, is_refusal ? ERR_PERMISSION : ERR_TIMEOUT, "%s", words);
    snprintf(t->error, sizeof t->error, "%s", t->answer.error);
    t->code = t->answer.codes[0];
    t->requests[is_refusal ? TOKEN_REFUSED : TOKEN_PUT_OFF]++;
    t->remade = false;
    token_store_release(t->store);
    oauth_answer_clear(&t->answer);
    say_failure(t, class);
    tell_end(t);
}

static void on_put(void *ctx, const struct err *err)
{
    struct token *t = ctx;
    if (err)
        log_event(t->oauth->io->log, LOG_ERROR,
                  "the new refresh token cannot be written: it lives in memory only, and a restart "
                  "loses the login",
                  log_str("account", t->settings.account), log_str("why", err->words));
    adopt(t);
}

static bool is_rotated(const struct token *t)
{
    return t->flow->refreshes && t->answer.refresh_token;
}

static struct oauth_facts facts_of(const struct token *t, int64_t retry_after)
{
    const struct oauth_settings *s = &t->settings;
    return (struct oauth_facts){
        .account = s->account,
        .tenant = s->tenant,
        .client_id = s->client_id,
        .scope = s->scope,
        .secret_file = s->client_secret_file ? s->client_secret_file : s->client_cert,
        .skew = t->skew,
        .retry_after = retry_after > 0 ? retry_after : t->wait / USEC_PER_SEC,
    };
}

static void note_clock(struct token *t, int64_t date)
{
    int64_t skew = date ? date - loop_wall_ms(t->oauth->io->loop) / 1000 : 0;
    bool differs = skew > CLOCKS_DIFFER || skew < -CLOCKS_DIFFER;
    if (date == 0)
        return;
    if (differs && !t->skew)
        log_event(t->oauth->io->log, LOG_WARN,
                  "our clock and the token service's differ: set the time of this machine",
                  log_str("account", t->settings.account), log_num("seconds", skew));
    t->skew = differs ? skew : 0;
}

/* An assertion with a wrong time is made again at once, because the endpoint's time is known now.
 * This happens once. */
static bool is_worth_remaking(const struct token *t)
{
    return t->answer.class == OAUTH_REFUSED && t->skew && !t->remade &&
           oauth_flow_asserts(t->flow, &t->settings) &&
           (strcmp(t->answer.error, "invalid_client") == 0 ||
            strcmp(t->answer.error, "invalid_grant") == 0);
}

static void on_refusal(struct token *t, int64_t retry_after)
{
    char words[300];
    struct oauth_facts facts = facts_of(t, retry_after);
    struct oauth_said said = oauth_answer_said(&t->answer);
    if (is_worth_remaking(t)) {
        t->remade = true;
        token_store_release(t->store);
        oauth_answer_clear(&t->answer);
        fetch(t);
        return;
    }
    oauth_endpoint_words(&said, &facts, words, sizeof words);
    fail(t, t->answer.class, retry_after, words);
}

static void on_answer(void *ctx, const struct http_answer *a, const struct err *err)
{
    struct token *t = ctx;
    t->request = NULL;
    if (!a) {
        fail(t, OAUTH_WAIT, 0, err->words);
        return;
    }
    note_clock(t, a->date);
    t->answered_at = now_of(t);
    oauth_answer_read(&t->answer, a->status, a->body);
    oauth_silence_echo(&t->answer, t->form);
    secret_free(&t->form);
    if (t->answer.class != OAUTH_OK) {
        on_refusal(t, a->retry_after);
    } else if (is_rotated(t)) {
        t->doing = PUTTING;
        token_store_put(t->store, t->answer.refresh_token, on_put, t);
    } else {
        token_store_release(t->store);
        adopt(t);
    }
}

/* ---- a request's beginning ---- */

static void send_form(struct token *t, const struct oauth_inputs *inputs)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    struct err err = {0};
    struct oauth_ingredients in = {.settings = &t->settings, .inputs = inputs};
    in.moment.now = loop_wall_ms(t->oauth->io->loop) / 1000 + t->skew;
    loop_random(t->oauth->io->loop, in.moment.random, sizeof in.moment.random);
    struct secret *form = oauth_form(t->flow, &in, &err);
    if (!form) {
        fail(t, OAUTH_REFUSED, 0, err.words);
        return;
    }
    const struct http_ask ask = {.url = t->settings.token_url,
                                 .headers = headers,
                                 .body = form,
                                 .route = t->settings.route,
                                 .deadline = t->settings.deadline};
    t->doing = ASKING;
    t->request = http_send(t->oauth->http, &ask, on_answer, t);
    secret_free(&t->form);
    t->form = form;
}

/* Another process is renewing the token. Afterwards we use the one that it has written. */
static void await_lock(struct token *t, const struct err *err)
{
    if (t->locking_since == 0)
        t->locking_since = now_of(t);
    if (now_of(t) - t->locking_since > LOCK_PATIENCE) {
        t->locking_since = 0;
        fail(t, OAUTH_WAIT, 0, err->words);
        return;
    }
    t->doing = LOCKING;
    timer_arm(t->timer, LOCK_EVERY);
}

/* Sets the ends of which no endpoint warns. */
static void note_certificate(struct token *t, const struct oauth_inputs *inputs)
{
    const struct secret *pem = inputs ? inputs->items[OAUTH_CLIENT_CERT] : NULL;
    struct certificate_facts facts;
    struct err err;
    if (pem && !t->settings.is_second &&
        certificate_read(secret_reveal(pem), NULL, &facts, &err) == 0)
        expiry_set(t->certificate_end, facts.not_after);
}

static void on_taken(void *ctx, const struct token_store_news *news)
{
    struct token *t = ctx;
    char words[400];
    if (!news->inputs && news->err.kind == ERR_TIMEOUT) {
        await_lock(t, &news->err);
        return;
    }
    t->locking_since = 0;
    memcpy(t->print, news->print, sizeof t->print);
    note_certificate(t, news->inputs);
    if (news->inputs) {
        send_form(t, news->inputs);
        return;
    }
    bool no_login = t->flow->refreshes && news->err.kind == ERR_NOT_FOUND;
    snprintf(words, sizeof words, "%.200s%s%.60s%s", news->err.words,
             no_login ? ": run `smtp-detour login " : "", no_login ? t->settings.account : "",
             no_login ? "`" : "");
    fail(t, OAUTH_REFUSED, 0, words);
}

static void fetch(struct token *t)
{
    t->doing = TAKING;
    timer_stop(t->timer);
    token_store_take(t->store, t->flow->refreshes, on_taken, t);
}

/* ---- questions ---- */

void token_request_init(struct token_request *r)
{
    link_init(&r->waiting);
    deferred_init(&r->later, answer, r);
}

void token_ask(struct token *t, struct token_request *r,
               void (*fn)(void *ctx, const struct secret *secret, enum oauth_class class,
                          const struct err *err),
               void *ctx)
{
    usec now = now_of(t);
    bool wants_another = !token_is_alive(t) || now >= t->renew_at;
    r->token = t;
    r->answer = fn;
    r->ctx = ctx;
    if (!wants_another || (t->doing == IDLE && now < t->until)) {
        bool was_idle = !t->in_use;
        t->in_use = true;
        if (was_idle && t->doing == IDLE)
            arm(t);
        loop_defer(t->oauth->io->loop, &r->later);
        return;
    }
    await(t, r);
}

void token_cancel(struct token_request *r)
{
    link_remove(&r->waiting);
    deferred_cancel(&r->later);
}

bool token_refused(struct token *t, const struct secret *secret, const char *identity)
{
    bool by_another = t->accepted_by && (!identity || strcmp(t->accepted_by, identity) != 0);
    if (!secret_equal(t->access, secret))
        return true;
    if (by_another && now_of(t) - t->accepted_at < PROVEN)
        return false;
    secret_free(&t->access);
    return true;
}

void token_accepted(struct token *t, const char *identity)
{
    const char *name = identity ? identity : "";
    t->accepted_at = now_of(t);
    if (t->accepted_by && strcmp(t->accepted_by, name) == 0)
        return;
    free(t->accepted_by);
    t->accepted_by = mem_string(name);
}

void token_forgive(struct token *t)
{
    t->until = t->wait = 0;
    t->class = OAUTH_OK;
}

usec token_wait_left(const struct token *t)
{
    usec left = t->until - now_of(t);
    return left > 0 ? left : 0;
}

int64_t token_skew(const struct token *t)
{
    return t->skew;
}
