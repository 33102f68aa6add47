#include "app/control_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/control_take.h"
#include "app/status.h"
#include "base/mem.h"

/* Messages of one step. */
enum { STEP_MESSAGES = 16 };
/* Octets of a reason that a listing shows, and that 48 KiB of escapes can't come of. */
enum { REASON_SHOWN = 200 };
_Static_assert(STEP_MESSAGES *(3 * (REASON_SHOWN + 64) + 200) <= CONTROL_STEP_ROOM,
               "a step's answer fits");

struct control_task {
    /* The task is in the host's list if it was left while a call to the spool had not come back. */
    struct link link;
    struct spool *spool;
    struct control_request request;
    const struct control_host *host;
    void (*more)(void *ctx);
    void *ctx;
    /* Where a walk through the lists goes on: behind this message of this list. */
    enum spool_place place;
    uint64_t behind;
    size_t done, busy;
    /* It is NULL until the drain begins. */
    struct control_drain *drain;
    struct control_take *take;
    /* A call to the spool has not come back; it came back before it returned. */
    bool is_waiting, is_calling, is_left;
    /* Its result. */
    struct err err;
    bool failed;
};

/* Told at the next step. */
static void begin_take(struct control_task *t)
{
    t->take = control_take_new(spool_store(t->spool), &t->request.offer, t->more, t->ctx);
    if (t->host->takes && !t->host->takes(t->host->ctx))
        control_take_refuse(t->take, EXIT_TRY_LATER,
                            "nothing new is kept here: the server ends, the spool is drained, or "
                            "[spool] has gone from its configuration");
}

struct control_task *control_task_new(struct spool *spool, struct control_request *request,
                                      const struct control_host *host, void (*more)(void *ctx),
                                      void *ctx)
{
    struct control_task *t = NEW(struct control_task);
    link_init(&t->link);
    t->spool = spool;
    t->request = *request;
    *request = (struct control_request){0};
    t->host = host;
    t->more = more;
    t->ctx = ctx;
    if (t->request.verb == CONTROL_TAKE)
        begin_take(t);
    t->place = t->request.verb == CONTROL_RETRY_FAILED ? PLACE_FAILED : PLACE_QUEUE;
    return t;
}

static void task_free(struct control_task *t)
{
    link_remove(&t->link);
    control_request_free(&t->request);
    free(t);
}

void control_task_leave(struct control_task **task)
{
    struct control_task *t = *task;
    *task = NULL;
    if (!t)
        return;
    t->is_left = true;
    control_drain_free(&t->drain);
    control_take_free(&t->take);
    if (!t->is_waiting)
        task_free(t);
    else if (t->host->left)
        list_push_back(t->host->left, &t->link);
}

void control_tasks_forget(struct link *left)
{
    while (!link_is_alone(left))
        task_free(CONTAINER(left->next, struct control_task, link));
}

static enum control_step end(struct buf *out, enum exit_status status, const char *words)
{
    /* The room of a step is enough for any words of an error. */
    if (!control_end_write(out, (unsigned)status, words))
        abort();
    return CONTROL_ENDED;
}

/* ---- walking ---- */

static const char *account_of(const struct spool_view *view, const struct spool_entry *entry)
{
    return view->account ? view->account : entry->account;
}

/* A bounce that its message does not name yet, and what only the disk still has, are nobody's
 * business. */
static bool is_shown(const struct spool_entry *entry)
{
    return !entry->is_held && !entry->is_gone;
}

/* The next of the list behind the last one, of the request's account; *left counts down. NULL: the
 * list is over, or *left is 0. */
static struct spool_entry *next_of(struct control_task *t, struct spool_view *view_r, size_t *left)
{
    const struct link *list = &store_index(spool_store(t->spool))->lists[t->place];
    LIST_EACH (list, it) {
        struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
        if (entry->sequence <= t->behind)
            continue;
        if (*left == 0)
            return NULL;
        --*left;
        t->behind = entry->sequence;
        spool_view_of(t->spool, entry, view_r);
        if (is_shown(entry) &&
            (!t->request.account || strcmp(account_of(view_r, entry), t->request.account) == 0))
            return entry;
    }
    return NULL;
}

/* ---- list ---- */

static bool tell(const struct control_task *t, const struct spool_entry *entry,
                 const struct spool_view *view, struct buf *out)
{
    usec now = store_now(spool_store(t->spool));
    char reason[REASON_SHOWN + 1], state[16], account[64 + 1];
    snprintf(reason, sizeof reason, "%s", view->reason);
    snprintf(state, sizeof state, "%s", spool_state_name(view->state));
    snprintf(account, sizeof account, "%s", account_of(view, entry));
    struct control_entry e = {
        .state = state,
        .account = account,
        .reason = reason,
        .age = now > entry->since ? (now - entry->since) / USEC_PER_SEC : 0,
        .next = CONTROL_NO_NEXT,
        .size = entry->size,
        .tries = entry->tries,
    };
    if (t->host->is_served && view->state == SPOOL_WAITING)
        e.next = view->next > now ? (view->next - now) / USEC_PER_SEC : 0;
    snprintf(e.id, sizeof e.id, "%s", entry->id);
    return control_entry_write(out, &e);
}

static enum control_step list(struct control_task *t, struct buf *out)
{
    struct spool_view view;
    struct spool_entry *entry;
    size_t left = STEP_MESSAGES;
    while ((entry = next_of(t, &view, &left)))
        if (!tell(t, entry, &view, out))
            abort();
    if (left == 0)
        return CONTROL_GOES_ON;
    if (t->place == PLACE_FAILED)
        return end(out, EXIT_FINE, "");
    t->place = PLACE_FAILED;
    t->behind = 0;
    return CONTROL_GOES_ON;
}

/* ---- retry and remove ---- */

static void on_done(void *arg, const struct err *err)
{
    struct control_task *t = arg;
    t->is_waiting = false;
    t->failed = err != NULL;
    if (err)
        t->err = *err;
    if (t->is_left && !t->is_calling)
        task_free(t);
    else if (!t->is_calling)
        t->more(t->ctx);
}

typedef void spool_deed(struct spool *spool, struct spool_entry *entry, store_done *fn, void *arg);

static void begin(struct control_task *t, struct spool_entry *entry, spool_deed *deed)
{
    t->is_waiting = t->is_calling = true;
    t->done++;
    deed(t->spool, entry, on_done, t);
    t->is_calling = false;
}

static enum exit_status status_of(const struct err *err)
{
    return err->kind == ERR_IN_USE      ? EXIT_TRY_LATER
           : err->kind == ERR_NOT_FOUND ? EXIT_ANSWER_BAD
                                        : EXIT_SYSTEM;
}

static enum control_step one(struct control_task *t, struct buf *out)
{
    bool removes = t->request.verb == CONTROL_REMOVE;
    char words[SPOOL_ID_SIZE + sizeof t->err.words + 64];
    if (!t->done) {
        struct spool_entry *entry = store_find(spool_store(t->spool), t->request.id);
        if (!entry || !is_shown(entry)) {
            snprintf(words, sizeof words,
                     "there is no message %s in the spool: it was sent, removed, or never there",
                     t->request.id);
            return end(out, EXIT_ANSWER_BAD, words);
        }
        begin(t, entry, removes ? spool_remove : spool_retry);
    }
    if (t->is_waiting)
        return CONTROL_WAITS;
    if (t->failed)
        return end(out, status_of(&t->err), t->err.words);
    snprintf(words, sizeof words, "%s %s", t->request.id,
             removes              ? "is removed"
             : t->host->is_served ? "is tried now"
                                  : "is tried when the server starts");
    return end(out, EXIT_FINE, words);
}

static void say_how_many(const struct control_task *t, size_t n, char *words, size_t size)
{
    snprintf(words, size, "%zu message%s %s", n, n == 1 ? "" : "s",
             t->host->is_served ? "tried now" : "tried when the server starts");
}

static enum control_step retry_waiting(struct control_task *t, struct buf *out)
{
    char words[80];
    say_how_many(t, spool_retry_all(t->spool, t->request.account), words, sizeof words);
    return end(out, EXIT_FINE, words);
}

/* One after the other; those that are being sent are no error of the others. */
static enum control_step retry_failed(struct control_task *t, struct buf *out)
{
    struct spool_view view;
    struct spool_entry *entry;
    size_t left = STEP_MESSAGES;
    char words[160];
    if (t->is_waiting)
        return CONTROL_WAITS;
    if (t->failed && t->err.kind != ERR_IN_USE && t->err.kind != ERR_NOT_FOUND)
        return end(out, status_of(&t->err), t->err.words);
    t->busy += t->failed;
    t->failed = false;
    entry = next_of(t, &view, &left);
    if (entry) {
        begin(t, entry, spool_retry);
        return t->is_waiting ? CONTROL_WAITS : CONTROL_GOES_ON;
    }
    if (left == 0)
        return CONTROL_GOES_ON;
    say_how_many(t, t->done - t->busy, words, sizeof words);
    if (!t->busy)
        return end(out, EXIT_FINE, words);
    size_t n = strlen(words);
    snprintf(words + n, sizeof words - n, ", %zu in other hands just now", t->busy);
    return end(out, EXIT_TRY_LATER, words);
}

/* ---- drain ---- */

static void on_drained(void *ctx)
{
    struct control_task *t = ctx;
    t->done++;
    t->more(t->ctx);
}

static enum control_step drain(struct control_task *t, struct buf *out)
{
    if (!t->drain)
        t->drain = control_drain_new(t->spool, t->host, (usec)t->request.seconds * USEC_PER_SEC,
                                     on_drained, t);
    if (!t->done)
        return CONTROL_WAITS;
    if (!control_drain_end(t->drain, out))
        abort();
    return CONTROL_ENDED;
}

/* ---- take ---- */

static enum control_step take(struct control_task *t, struct buf *out)
{
    unsigned status;
    const char *words;
    return control_take_answer(t->take, &status, &words) ? end(out, status, words) : CONTROL_WAITS;
}

size_t control_task_feed(struct control_task *t, struct slice octets)
{
    return t->take ? control_take_feed(t->take, octets) : 0;
}

bool control_task_is_hungry(const struct control_task *t)
{
    return t->take && control_take_is_hungry(t->take);
}

enum control_step control_task_step(struct control_task *t, struct buf *out)
{
    switch (t->request.verb) {
    case CONTROL_LIST: return list(t, out);
    case CONTROL_RETRY:
    case CONTROL_REMOVE: return one(t, out);
    case CONTROL_RETRY_WAITING: return retry_waiting(t, out);
    case CONTROL_RETRY_FAILED: return retry_failed(t, out);
    case CONTROL_DRAIN: return drain(t, out);
    case CONTROL_TAKE: return take(t, out);
    }
    abort();
}
