#include "upstream/doors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/list.h"
#include "base/mem.h"
#include "io/loop.h"
#include "upstream/scripts.h"

/* Somebody tries the secret: so often it is asked what came of it. */
#define ASK_AGAIN (200 * USEC_PER_MS)
/* A process that has just begun waits for the engine's first word, so often. */
#define LOOK_AGAIN (20 * USEC_PER_MS)
/* So long nobody asks whether a secret works that has worked. */
#define KNOWN_TO_WORK (3600 * (int64_t)1000)

/* The secret that an identity tried last. */
struct tried {
    struct link link;
    char *identity;
    char id[CLUSTER_ID];
    /* It is "" if the secret was tried without a word of the engine. */
    char fingerprint[CLUSTER_ID];
    /* It was not tried: another instance was refused. */
    bool barred;
};

/* One pass. */
struct door {
    struct link link;
    struct doors *doors;
    struct gate_pass *pass;
    /* What the pass was to be told. */
    void (*granted)(void *ctx);
    void *ctx;
    char *identity;
    struct credential_request request;
    struct engine_question *question;
    struct timer *again;
    /* The others wait for what comes of this one. The engine has no word yet of this secret. */
    bool tries, unasked;
};

struct doors {
    struct cluster *cluster;
    const struct io *io;
    const struct upstream_config *cfg;
    struct logins *logins;
    struct link doors, tried;
    size_t ntried;
};

/* ---- what was tried ---- */

static void forget(struct doors *d, struct tried *t)
{
    link_remove(&t->link);
    d->ntried--;
    free(t->identity);
    free(t);
}

static struct tried *find_tried(const struct doors *d, const char *identity)
{
    bool one = d->cfg->identity == IDENTITY_USERNAME;
    LIST_EACH (&d->tried, it) {
        struct tried *t = CONTAINER(it, struct tried, link);
        if (one || strcmp(t->identity, identity) == 0)
            return t;
    }
    return NULL;
}

/* The one that was not used for longest makes room. */
static struct tried *tried_by(struct doors *d, const char *identity)
{
    struct tried *t = find_tried(d, identity);
    if (t) {
        link_remove(&t->link);
    } else {
        const char *user = d->cfg->username ? d->cfg->username : "";
        if (d->ntried >= CAP_IDENTITIES)
            forget(d, CONTAINER(d->tried.prev, struct tried, link));
        t = NEW(struct tried);
        t->identity = mem_string(identity);
        cluster_id(d->cluster, d->cfg->host,
                   d->cfg->identity == IDENTITY_USERNAME ? user : identity, t->id);
        d->ntried++;
    }
    list_push_front(&d->tried, &t->link);
    return t;
}

/* ---- the engine ---- */

static struct engine_question *ask(struct doors *d, const struct tried *t, const char *operation,
                                   int64_t ms, int64_t longest, engine_answer_fn *answer, void *ctx)
{
    char key[96], who[CLUSTER_MEMBER], first[24], last[24];
    snprintf(key, sizeof key, CLUSTER_PREFIX "{%s}:auth:%s", t->id, t->fingerprint);
    snprintf(who, sizeof who, "%s:%s", cluster_config(d->cluster)->instance,
             cluster_boot(d->cluster));
    snprintf(first, sizeof first, "%" PRId64, ms);
    snprintf(last, sizeof last, "%" PRId64, longest);
    const struct slice keys[] = {slice_of(key)};
    const struct slice args[] = {slice_of(operation), slice_of(who), slice_of(first),
                                 slice_of(last)};
    const struct engine_call call = {
        .script = &script_auth, .keys = keys, .nkeys = 1, .args = args, .nargs = 4};
    return cluster_ask(d->cluster, &call, answer, ctx);
}

static void tell(struct doors *d, const struct tried *t, const char *operation, int64_t ms)
{
    if (t && t->fingerprint[0])
        (void)ask(d, t, operation, ms, d->cfg->retry_auth_longest / USEC_PER_MS, NULL, NULL);
}

/* ---- a door ---- */

static void open_door(struct door *x)
{
    x->granted(x->ctx);
}

static void ask_for(struct door *x);
static void approach(struct door *x);

static void on_again(void *ctx)
{
    struct door *x = ctx;
    if (x->pass->state != GATE_HOLDING)
        return;
    if (x->unasked)
        approach(x);
    else
        ask_for(x);
}

/* Another instance was refused with this very secret. */
static void bar(struct door *x)
{
    if (!x->pass->refused) {
        timer_arm(x->again, ASK_AGAIN);
        return;
    }
    tried_by(x->doors, x->identity)->barred = true;
    x->pass->refused(x->ctx);
}

static void on_answer(void *ctx, enum engine_state state, const struct engine_value *value)
{
    struct door *x = ctx;
    x->question = NULL;
    /* It was sent away meanwhile. */
    if (x->pass->state != GATE_HOLDING)
        return;
    if (state != ENGINE_UP || value->kind != ENGINE_ARRAY || value->n != 3) {
        open_door(x);
        return;
    }
    int64_t verdict = value->items[0].number, wait = value->items[1].number;
    x->tries = verdict == 1;
    if (verdict > 0)
        open_door(x);
    else if (verdict < 0)
        bar(x);
    else
        timer_arm(x->again, wait > 0 && wait * USEC_PER_MS < ASK_AGAIN ? (usec)wait * USEC_PER_MS
                                                                       : ASK_AGAIN);
}

static void ask_for(struct door *x)
{
    struct doors *d = x->doors;
    if (x->question)
        return;
    if (!cluster_is_up(d->cluster)) {
        open_door(x);
        return;
    }
    x->question = ask(d, tried_by(d, x->identity), "ask", d->cfg->connect_timeout / USEC_PER_MS, 0,
                      on_answer, x);
}

static void on_secret(void *ctx, const struct secret *secret, const struct err *err)
{
    struct door *x = ctx;
    (void)err;
    if (x->pass->state != GATE_HOLDING)
        return;
    /* Without a secret there is nothing to be tried: the attempt says so. */
    if (!secret) {
        open_door(x);
        return;
    }
    struct tried *t = tried_by(x->doors, x->identity);
    cluster_key_fingerprint(cluster_key(x->doors->cluster), t->id, secret, t->fingerprint);
    t->barred = false;
    x->unasked = false;
    ask_for(x);
}

static void approach(struct door *x)
{
    struct doors *d = x->doors;
    if (cluster_is_up(d->cluster)) {
        credential_ask(logins_credential(d->logins, x->identity), &x->request, on_secret, x);
    } else if (cluster_is_starting(d->cluster)) {
        timer_arm(x->again, LOOK_AGAIN);
    } else {
        tried_by(d, x->identity)->fingerprint[0] = 0;
        open_door(x);
    }
}

/* The account's own gate has let it in. This may be from inside a change of the gate. */
static void on_granted(void *ctx)
{
    struct door *x = ctx;
    credential_cancel(&x->request);
    timer_stop(x->again);
    x->unasked = true;
    approach(x);
}

static struct door *find_door(const struct doors *d, const struct gate_pass *pass)
{
    LIST_EACH (&d->doors, it) {
        struct door *x = CONTAINER(it, struct door, link);
        if (x->pass == pass)
            return x;
    }
    return NULL;
}

void doors_enter(struct doors *d, struct login *login, struct gate_pass *pass)
{
    struct door *x = find_door(d, pass);
    if (x)
        return;
    x = NEW(struct door);
    *x = (struct door){.doors = d, .pass = pass, .granted = pass->granted, .ctx = pass->ctx};
    x->identity = mem_string(login->identity);
    x->again = timer_new(d->io->loop, on_again, x);
    credential_request_init(&x->request);
    list_push_back(&d->doors, &x->link);
    pass->granted = on_granted;
    pass->ctx = x;
}

static void close_door(struct door *x)
{
    struct doors *d = x->doors;
    link_remove(&x->link);
    x->pass->granted = x->granted;
    x->pass->ctx = x->ctx;
    credential_cancel(&x->request);
    cluster_cancel(d->cluster, &x->question);
    timer_free(&x->again);
    free(x->identity);
    loop_free_later(d->io->loop, x, free);
}

void doors_leave(struct doors *d, struct gate_pass *pass)
{
    struct door *x = find_door(d, pass);
    if (!x)
        return;
    /* Nothing came of it: the next one may try. */
    if (x->tries)
        tell(d, find_tried(d, x->identity), "leave", 0);
    close_door(x);
}

/* ---- what came of it ---- */

static void nobody_tries(struct doors *d, const char *identity)
{
    bool one = d->cfg->identity == IDENTITY_USERNAME;
    LIST_EACH (&d->doors, it) {
        struct door *x = CONTAINER(it, struct door, link);
        if (one || strcmp(x->identity, identity) == 0)
            x->tries = false;
    }
}

void doors_accepted(struct doors *d, const char *identity)
{
    nobody_tries(d, identity);
    tell(d, find_tried(d, identity), "ok", KNOWN_TO_WORK);
}

void doors_refused(struct doors *d, const char *identity)
{
    struct tried *t = find_tried(d, identity);
    nobody_tries(d, identity);
    if (t && !t->barred)
        tell(d, t, "refused", d->cfg->retry_auth_first / USEC_PER_MS);
}

/* ---- life ---- */

struct doors *doors_new(struct cluster *c, const struct io *io, const struct upstream_config *cfg,
                        struct logins *logins)
{
    struct doors *d = NEW(struct doors);
    d->cluster = cluster_ref(c);
    d->io = io;
    d->cfg = cfg;
    d->logins = logins;
    link_init(&d->doors);
    link_init(&d->tried);
    return d;
}

void doors_free(struct doors **doors)
{
    struct doors *d = *doors;
    *doors = NULL;
    if (!d)
        return;
    while (!link_is_alone(&d->doors))
        close_door(CONTAINER(d->doors.next, struct door, link));
    while (!link_is_alone(&d->tried))
        forget(d, CONTAINER(d->tried.next, struct tried, link));
    cluster_unref(&d->cluster);
    free(d);
}
