#include "upstream/credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "upstream/credential_source.h"

/* A failed ask is remembered for this long. Otherwise every port of a race would ask again. */
#define FAILURE_REMEMBERED (10 * USEC_PER_SEC)

struct credential {
    const struct io *io;
    char *account, *user;
    /* Whose login it is; NULL: user's. */
    char *identity;
    const struct source_kind *kind;
    /* The key of its file. NULL: as the kind says. */
    const char *file_key;
    struct source *source;
    /* The last answer of the source, or the configured secret. NULL if there is none yet. */
    struct secret *secret;
    /* The source was asked and has not answered. */
    bool asking;
    /* The secret was refused, or is older than a reload. The next need asks again. */
    bool stale;
    /* One more AUTH was granted after this refusal. */
    bool second_chance;
    /* The source is asked because of a refusal. */
    bool after_refusal;
    /* Its life's end is why: nothing is wrong with what there was. */
    bool renewing;
    usec failed_until;
    /* Loop time until which the secret is used without asking. */
    usec good_until;
    /* Of the last failure. */
    struct err err;
    struct link waiting;
    struct timer *watch;
    void (*fetched)(void *ctx, bool differs);
    void *fetched_ctx;
    usec first, longest;
    bool refused;
    /* The length of the last wait. 0 if there was none yet. */
    usec wait;
    /* The loop time when the wait ends. */
    usec until;
};

static void on_answer(void *ctx, struct secret *secret, const struct err *err);
static void on_watch(void *arg);

/* ---- what it is made of ---- */

static void adopt(struct credential *c, const struct upstream_config *cfg)
{
    free(c->user);
    c->user = mem_string(cfg->username ? cfg->username : "");
    c->first = cfg->retry_auth_first;
    c->longest = cfg->retry_auth_longest;
}

static void adopt_source(struct credential *c, const struct upstream_config *cfg)
{
    const struct source_owner owner = {.io = c->io,
                                       .identity = c->identity ? c->identity : c->user,
                                       .answered = on_answer,
                                       .ctx = c};
    c->kind = source_kind_of(cfg);
    c->source = c->kind->make(&owner, cfg);
    c->asking = c->stale = c->after_refusal = false;
    c->failed_until = 0;
    c->err = (struct err){0};
    secret_free(&c->secret);
}

static void adopt_configured(struct credential *c, const struct upstream_config *cfg)
{
    secret_free(&c->secret);
    c->secret = secret_copy(cfg->password);
    c->good_until = INT64_MAX;
}

static void forgive(struct credential *c)
{
    c->refused = false;
    c->wait = 0;
    c->until = 0;
    timer_stop(c->watch);
}

struct credential *credential_new(const struct io *io, const struct upstream_config *cfg,
                                  const char *identity)
{
    struct credential *c = NEW(struct credential);
    c->io = io;
    c->account = mem_string(cfg->name ? cfg->name : "");
    c->identity = identity ? mem_string(identity) : NULL;
    link_init(&c->waiting);
    c->watch = timer_new(io->loop, on_watch, c);
    adopt(c, cfg);
    adopt_source(c, cfg);
    adopt_configured(c, cfg);
    return c;
}

void credential_free(struct credential **credential)
{
    struct credential *c = *credential;
    *credential = NULL;
    if (!c)
        return;
    while (!link_is_alone(&c->waiting))
        link_remove(c->waiting.next);
    c->kind->free(c->source);
    timer_free(&c->watch);
    free(c->account);
    free(c->identity);
    free(c->user);
    secret_free(&c->secret);
    free(c);
}

void credential_set_listener(struct credential *c, void (*fetched)(void *ctx, bool differs),
                             void *ctx)
{
    c->fetched = fetched;
    c->fetched_ctx = ctx;
}

/* ---- the source ---- */

static usec now_of(const struct credential *c)
{
    return loop_now(c->io->loop);
}

static void answer_all(struct credential *c)
{
    while (!link_is_alone(&c->waiting)) {
        struct credential_request *r =
            CONTAINER(c->waiting.next, struct credential_request, waiting);
        link_remove(&r->waiting);
        loop_defer(c->io->loop, &r->later);
    }
}

/* Keeps the answer. Returns true if it is another secret than before. */
static bool keep(struct credential *c, struct secret *secret)
{
    bool differs = !secret_equal(c->secret, secret);
    secret_free(&c->secret);
    c->secret = secret;
    c->stale = false;
    c->err = (struct err){0};
    c->failed_until = 0;
    usec life = c->kind->life ? c->kind->life(c->source) : INT64_MAX;
    c->good_until = life == INT64_MAX ? INT64_MAX : now_of(c) + life;
    return differs;
}

/* Keeps the previous answer: after a refusal it is useless, but on a reload it may still be right.
 * A source that is asked again and again complains once. */
static void remember_failure(struct credential *c, const struct err *err)
{
    char words[120];
    bool is_news = !c->kind->outlives_failure || strcmp(c->err.words, err->words) != 0;
    c->err = *err;
    c->failed_until = now_of(c) + FAILURE_REMEMBERED;
    /* The room oauth/ has logged the failure, and it has waits of its own. */
    if (c->kind->gives_tokens)
        c->failed_until = 0;
    if (!is_news || c->kind->gives_tokens)
        return;
    snprintf(words, sizeof words,
             c->kind->outlives_failure ? "%s: the secret stays the same" : "%s failed",
             credential_key(c));
    log_event(c->io->log, c->kind->outlives_failure ? LOG_WARN : LOG_ERROR, words,
              log_str("account", c->account), log_str("why", err->words));
}

static void on_answer(void *ctx, struct secret *secret, const struct err *err)
{
    struct credential *c = ctx;
    bool after_refusal = c->after_refusal, differs = false;
    bool asked_again = c->secret != NULL && !c->renewing;
    c->asking = false;
    c->after_refusal = false;
    if (secret)
        differs = keep(c, secret);
    else
        remember_failure(c, err);
    if (after_refusal && !differs) {
        c->stale = true;
        c->second_chance = false;
    }
    /* A token service that gives none just now has a wait of its own; then comes the one more
     * AUTH. */
    if (after_refusal && !secret && c->kind->gives_tokens)
        c->second_chance = true;
    if (differs || (after_refusal && !secret && c->kind->gives_tokens))
        c->until = 0;
    answer_all(c);
    if (asked_again && c->fetched)
        c->fetched(c->fetched_ctx, differs);
}

static void fetch(struct credential *c)
{
    if (c->asking)
        return;
    c->asking = true;
    c->renewing = false;
    c->kind->ask(c->source);
}

/* At a need. */
static void fetch_or_renew(struct credential *c)
{
    bool renewing = !c->asking && c->secret && !c->stale;
    fetch(c);
    c->renewing = c->renewing || renewing;
}

/* A corrected secret need not wait for the next try: it ends the wait. */
static void on_watch(void *arg)
{
    struct credential *c = arg;
    if (credential_wait_left(c) == 0 || !c->kind->watched)
        return;
    timer_arm(c->watch, c->kind->watched);
    fetch(c);
}

/* The configuration has the current secret, unless its file cannot be read any more. An older
 * answer that is on its way is dropped. */
static bool update_configured(struct credential *c, const struct upstream_config *cfg)
{
    bool differs = !cfg->password_kept && !secret_equal(c->secret, cfg->password);
    if (differs)
        adopt_configured(c, cfg);
    c->stale = c->stale && !differs;
    answer_all(c);
    return differs;
}

/* Asks the source again, unless the secret was never needed. */
static void update_asked(struct credential *c, bool another)
{
    bool was_fetched = c->secret != NULL;
    c->stale = c->stale || (another && was_fetched);
    c->failed_until = 0;
    if (was_fetched || !link_is_alone(&c->waiting))
        fetch(c);
}

bool credential_update(struct credential *c, const struct upstream_config *cfg)
{
    bool moved = source_kind_of(cfg) != c->kind, changed = moved;
    bool another = moved || c->kind->update(c->source, cfg);
    adopt(c, cfg);
    if (moved) {
        c->kind->free(c->source);
        adopt_source(c, cfg);
    }
    if (another)
        c->asking = c->after_refusal = false;
    if (c->kind->configured)
        changed = update_configured(c, cfg) || moved;
    else
        update_asked(c, another);
    /* The right that a token lacked is given elsewhere: who reloads may have given it. */
    changed = changed || (c->refused && c->kind->gives_tokens);
    if (changed)
        forgive(c);
    return changed;
}

/* ---- questions for the secret ---- */

static bool rests_on_failure(const struct credential *c)
{
    return now_of(c) < c->failed_until;
}

static bool is_at_hand(const struct credential *c)
{
    if (!c->kind->ask || rests_on_failure(c))
        return true;
    return c->secret && !c->stale && now_of(c) < c->good_until;
}

static void answer(void *arg)
{
    struct credential_request *r = arg;
    const struct credential *c = r->credential;
    struct err err = c->err;

    bool usable = c->secret && (!c->stale || (c->kind->outlives_failure && rests_on_failure(c)));
    /* A token that was given before is no answer to a question that failed. */
    usable = usable && !(c->kind->gives_tokens && err.kind != ERR_NONE);
    if (!usable && err.kind == ERR_NONE)
        err_set(&err, ERR_NOT_FOUND, "no %s is configured", c->file_key ? "key" : "password");
    r->answer(r->ctx, usable ? c->secret : NULL, usable ? NULL : &err);
}

void credential_request_init(struct credential_request *r)
{
    deferred_init(&r->later, answer, r);
    link_init(&r->waiting);
}

void credential_ask(struct credential *c, struct credential_request *r,
                    void (*fn)(void *ctx, const struct secret *secret, const struct err *err),
                    void *ctx)
{
    r->credential = c;
    r->answer = fn;
    r->ctx = ctx;
    if (is_at_hand(c) && !c->asking) {
        loop_defer(c->io->loop, &r->later);
        return;
    }
    list_push_back(&c->waiting, &r->waiting);
    fetch_or_renew(c);
}

void credential_cancel(struct credential_request *r)
{
    deferred_cancel(&r->later);
    link_remove(&r->waiting);
}

void credential_prepare(struct credential *c)
{
    if (c->kind->gives_tokens && !is_at_hand(c))
        fetch_or_renew(c);
}

const char *credential_user(const struct credential *c)
{
    return c->user;
}

void credential_set_file_key(struct credential *c, const char *key)
{
    c->file_key = key;
}

const char *credential_key(const struct credential *c)
{
    return c->kind == &credential_file && c->file_key ? c->file_key : c->kind->key;
}

/* ---- what the upstream thinks of it ---- */

/* The one more AUTH that a rotated password gets belongs to the same refusal, so its wait is not
 * doubled. */
static void begin_wait(struct credential *c)
{
    if (!c->second_chance || !c->wait)
        c->wait = c->refused && c->wait ? c->wait * 2 : c->first;
    if (c->wait > c->longest)
        c->wait = c->longest;
    c->refused = true;
    c->until = now_of(c) + c->wait;
    if (c->kind->watched)
        timer_arm(c->watch, c->kind->watched);
}

void credential_rest(struct credential *c)
{
    c->second_chance = false;
    begin_wait(c);
}

void credential_refused(struct credential *c)
{
    begin_wait(c);
    if (!c->kind->refused(c->source))
        return;
    if (c->second_chance) {
        c->second_chance = false;
        c->stale = true;
        return;
    }
    c->second_chance = c->after_refusal = true;
    fetch(c);
}

bool credential_ask_again(struct credential *c)
{
    if (!c->kind->refused(c->source))
        return false;
    fetch(c);
    return true;
}

void credential_accepted(struct credential *c)
{
    if (c->kind->accepted)
        c->kind->accepted(c->source);
    forgive(c);
    c->second_chance = false;
}

void credential_take_over(struct credential *c, const struct credential *before)
{
    secret_free(&c->secret);
    c->secret = secret_copy(before->secret);
    c->good_until = before->good_until;
}

/* A secret that was not fetched yet equals none. One that is read again may be right at the next
 * try. */
void credential_inherit(struct credential *c, const struct credential *before)
{
    bool unknown = (c->kind->ask && !c->secret) || (before->kind->ask && !before->secret);
    if (unknown || strcmp(c->user, before->user) != 0 || !secret_equal(c->secret, before->secret))
        return;
    c->refused = before->refused;
    c->wait = before->wait;
    c->until = before->until;
    c->stale = c->refused && c->kind->ask;
    if (c->refused && c->kind->watched)
        timer_arm(c->watch, c->kind->watched);
}

usec credential_wait_left(const struct credential *c)
{
    usec left = c->until - loop_now(c->io->loop);
    return c->refused && left > 0 ? left : 0;
}

bool credential_is_refused(const struct credential *c)
{
    return c->refused;
}

bool credential_is_asked_again(const struct credential *c)
{
    return c->refused && c->asking && c->after_refusal;
}

/* ---- tokens ---- */

bool credential_gives_tokens(const struct credential *c)
{
    return c->kind->gives_tokens;
}

usec credential_denied_for(const struct credential *c)
{
    return c->kind->wait_left ? c->kind->wait_left(c->source) : 0;
}

const char *credential_denial(const struct credential *c)
{
    struct token_view view;
    if (c->kind->view && c->kind->view(c->source, &view) && view.words[0])
        return view.words;
    return c->err.kind == ERR_NONE ? "" : c->err.words;
}

bool credential_token_view(const struct credential *c, struct token_view *view_r)
{
    return c->kind->view && c->kind->view(c->source, view_r);
}
