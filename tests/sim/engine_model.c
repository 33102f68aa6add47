/* The model's frame, and its sessions: take, hold, give. */
#include "engine_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine_model_internal.h"

/* No lease is longer, so a later end is of a clock that was set back. */
enum { LONGEST = 600000 };

/* ---- lists ---- */

void *rows_add(struct rows *r, size_t record)
{
    if (r->n == r->size) {
        r->size = r->size ? 2 * r->size : 4;
        r->at = mem_resize(r->at, r->size * record);
    }
    void *row = (char *)r->at + r->n++ * record;
    memset(row, 0, record);
    return row;
}

void rows_remove(struct rows *r, size_t record, size_t i)
{
    char *at = (char *)r->at + i * record;
    memmove(at, at + record, (r->n - i - 1) * record);
    r->n--;
}

/* ---- arguments and answers ---- */

static struct slice argument(const struct model_run *r, size_t i)
{
    return i < r->call->nargs ? r->call->args[i] : slice_make(NULL, 0);
}

bool model_is(const struct model_run *r, size_t arg, const char *word)
{
    return slice_is(argument(r, arg), word);
}

char *model_text(const struct model_run *r, size_t arg)
{
    return slice_string(argument(r, arg));
}

int64_t model_number(const struct model_run *r, size_t arg)
{
    char *text = model_text(r, arg);
    int64_t n = strtoll(text, NULL, 10);
    free(text);
    return n;
}

static void say(struct model_run *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct model_run *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    bool fits = buf_vprintf(r->out, fmt, args);
    va_end(args);
    if (!fits)
        abort();
}

void model_array(struct model_run *r, size_t n)
{
    say(r, "*%zu\r\n", n);
}

void model_say_number(struct model_run *r, int64_t n)
{
    say(r, ":%" PRId64 "\r\n", n);
}

void model_say_text(struct model_run *r, struct slice text)
{
    say(r, "$%zu\r\n", text.len);
    if (!buf_append_slice(r->out, text) || !buf_append(r->out, "\r\n", 2))
        abort();
}

/* ---- an account's sessions ---- */

static struct held *held_at(const struct slots *s, size_t i)
{
    return (struct held *)s->held.at + i;
}

static struct waiter *waiter_at(const struct slots *s, size_t i)
{
    return (struct waiter *)s->waiters.at + i;
}

static struct statement *statement_at(const struct slots *s, size_t i)
{
    return (struct statement *)s->statements.at + i;
}

static struct slots *find_slots(const struct engine_model *m, const char *key)
{
    for (size_t i = 0; i < m->slots.n; i++)
        if (strcmp(((struct slots *)m->slots.at)[i].key, key) == 0)
            return (struct slots *)m->slots.at + i;
    return NULL;
}

static struct slots *slots_of(struct model_run *r)
{
    char *key = slice_string(r->call->keys[0]);
    struct slots *s = find_slots(r->m, key);
    if (!s) {
        s = rows_add(&r->m->slots, sizeof *s);
        s->key = mem_string(key);
    }
    free(key);
    return s;
}

/* Slots and epoch of an account have the same tag, and names of their own behind it. */
int64_t model_epoch(struct model_run *r, struct slice epoch_key)
{
    size_t tag = slice_find(epoch_key, '}');
    struct buf key;
    buf_init(&key, 300);
    if (!buf_append_slice(&key, slice_head(epoch_key, tag)) || !buf_append(&key, "}:slots", 8))
        abort();
    struct slots *s = find_slots(r->m, buf_view(&key).data);
    if (!s) {
        s = rows_add(&r->m->slots, sizeof *s);
        s->key = mem_string(buf_view(&key).data);
    }
    buf_free(&key);
    if (s->epoch == 0 || s->epoch > r->now)
        s->epoch = r->now;
    return s->epoch;
}

static void drop_held(struct slots *s, size_t i)
{
    free(held_at(s, i)->name);
    rows_remove(&s->held, sizeof(struct held), i);
}

static void drop_waiter(struct slots *s, size_t i)
{
    free(waiter_at(s, i)->instance);
    rows_remove(&s->waiters, sizeof(struct waiter), i);
}

static bool is_over(int64_t till, int64_t now)
{
    return till <= now || till > now + LONGEST;
}

static void forget_what_is_over(struct slots *s, int64_t now)
{
    for (size_t i = s->held.n; i-- > 0;)
        if (is_over(held_at(s, i)->when, now))
            drop_held(s, i);
    for (size_t i = s->waiters.n; i-- > 0;)
        if (is_over(waiter_at(s, i)->till, now))
            drop_waiter(s, i);
}

/* SIZE_MAX: none. */
static size_t find_held(const struct slots *s, const char *name)
{
    for (size_t i = 0; i < s->held.n; i++)
        if (strcmp(held_at(s, i)->name, name) == 0)
            return i;
    return SIZE_MAX;
}

static size_t find_waiter(const struct slots *s, const char *instance)
{
    for (size_t i = 0; i < s->waiters.n; i++)
        if (strcmp(waiter_at(s, i)->instance, instance) == 0)
            return i;
    return SIZE_MAX;
}

static void keep(struct slots *s, const char *name, int64_t till)
{
    size_t i = find_held(s, name);
    if (i == SIZE_MAX) {
        struct held *h = rows_add(&s->held, sizeof *h);
        h->name = mem_string(name);
        i = s->held.n - 1;
    }
    held_at(s, i)->when = till;
}

static bool waits_before(const struct waiter *a, const struct waiter *b)
{
    return a->since != b->since ? a->since < b->since : strcmp(a->instance, b->instance) < 0;
}

/* How many wait before this one; all, if it does not wait itself. */
static size_t waiters_before(const struct slots *s, const char *instance)
{
    size_t me = find_waiter(s, instance), n = 0;
    if (me == SIZE_MAX)
        return s->waiters.n;
    for (size_t i = 0; i < s->waiters.n; i++)
        n += waits_before(waiter_at(s, i), waiter_at(s, me));
    return n;
}

static int64_t others_waiting(const struct slots *s, const char *instance)
{
    return (int64_t)s->waiters.n - (find_waiter(s, instance) != SIZE_MAX);
}

static int64_t cap_in_force(const struct slots *s, int64_t mine)
{
    for (size_t i = 0; i < s->statements.n; i++)
        if (statement_at(s, i)->cap < mine)
            mine = statement_at(s, i)->cap;
    return mine;
}

static void begin(struct slots *s, int64_t now)
{
    if (s->epoch == 0 || s->epoch > now)
        s->epoch = now;
    forget_what_is_over(s, now);
    for (size_t i = s->statements.n; i-- > 0;)
        if (statement_at(s, i)->till <= now) {
            free(statement_at(s, i)->instance);
            rows_remove(&s->statements, sizeof(struct statement), i);
        }
}

static void say_epoch(struct model_run *r, const struct slots *s)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, s->epoch);
    model_say_text(r, slice_of(text));
}

static void answer_take(struct model_run *r, const struct slots *s, int verdict, const char *me)
{
    model_array(r, 5);
    model_say_number(r, verdict);
    model_say_number(r, others_waiting(s, me));
    say_epoch(r, s);
    model_say_number(r, (int64_t)s->held.n);
    model_say_number(r, cap_in_force(s, model_number(r, 2)));
}

static bool is_settling(const struct model_run *r, const struct slots *s)
{
    int64_t age = r->now - s->epoch;
    bool all_have_spoken = (int64_t)s->statements.n >= model_number(r, 6);
    return age < model_number(r, 4) && !(all_have_spoken && age >= model_number(r, 7));
}

static void tell(const struct model_run *r, const char *prefix, const char *instance,
                 const char *message)
{
    char channel[300];
    snprintf(channel, sizeof channel, "%s%s", prefix, instance);
    if (r->m->publish)
        r->m->publish(r->m->ctx, channel, message);
}

static int by_end(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    return x->when != y->when ? (x->when > y->when ? 1 : -1) : strcmp(x->name, y->name);
}

/* Each instance with a session hears once that somebody waits, that one left aside. */
static void tell_holders(struct model_run *r, struct slots *s, const char *me)
{
    char *prefix = model_text(r, 8), *message = model_text(r, 9);
    if (s->held.n)
        qsort(s->held.at, s->held.n, sizeof(struct held), by_end);
    for (size_t i = 0; i < s->held.n; i++) {
        const char *name = held_at(s, i)->name;
        size_t len = strcspn(name, ":"), k = 0;
        while (k < i && strncmp(held_at(s, k)->name, name, len + 1) != 0)
            k++;
        char *holder = mem_copy(name, len);
        if (k == i && strcmp(holder, me) != 0)
            tell(r, prefix, holder, message);
        free(holder);
    }
    free(prefix);
    free(message);
}

static int decide(struct model_run *r, struct slots *s, const char *me, const char *name)
{
    bool has_it = find_held(s, name) != SIZE_MAX;
    if (!has_it && is_settling(r, s) && !r->m->lies)
        return -1;
    int64_t room = cap_in_force(s, model_number(r, 2)) - (int64_t)s->held.n;
    if (has_it || r->m->lies || room > (int64_t)waiters_before(s, me)) {
        keep(s, name, r->now + model_number(r, 3));
        size_t i = find_waiter(s, me);
        if (!has_it && i != SIZE_MAX)
            drop_waiter(s, i);
        return 1;
    }
    size_t i = find_waiter(s, me);
    if (i == SIZE_MAX) {
        struct waiter *w = rows_add(&s->waiters, sizeof *w);
        *w = (struct waiter){.instance = mem_string(me), .since = r->now};
        i = s->waiters.n - 1;
        tell_holders(r, s, me);
    }
    waiter_at(s, i)->till = r->now + model_number(r, 5);
    return 0;
}

static void model_take(struct model_run *r)
{
    struct slots *s = slots_of(r);
    char *me = model_text(r, 0), *name = model_text(r, 1);
    begin(s, r->now);
    answer_take(r, s, decide(r, s, me, name), me);
    free(me);
    free(name);
}

/* Whether a member of this instance was there when the call was made that does not name it. */
static bool is_stale(const struct model_run *r, const char *name, const char *me)
{
    size_t len = strlen(me);
    if (strncmp(name, me, len) != 0 || name[len] != ':')
        return false;
    for (size_t i = 6; i < r->call->nargs; i++)
        if (slice_is(r->call->args[i], name))
            return false;
    const char *boot = name + len + 1, *n = strchr(boot, ':');
    char *mine = model_text(r, 1);
    int order = strncmp(boot, mine, (size_t)(n - boot));
    free(mine);
    return order < 0 || (order == 0 && strtoll(n + 1, NULL, 10) <= model_number(r, 2));
}

static void state_cap(struct model_run *r, struct slots *s, const char *me)
{
    struct statement *mine = NULL;
    for (size_t i = 0; i < s->statements.n; i++)
        if (strcmp(statement_at(s, i)->instance, me) == 0)
            mine = statement_at(s, i);
    if (!mine) {
        mine = rows_add(&s->statements, sizeof *mine);
        mine->instance = mem_string(me);
    }
    mine->cap = (unsigned)model_number(r, 4);
    mine->till = r->now + model_number(r, 3);
}

static void model_hold(struct model_run *r)
{
    struct slots *s = slots_of(r);
    char *me = model_text(r, 0);
    size_t nheld = (size_t)model_number(r, 5);
    begin(s, r->now);
    for (size_t i = 6; i < r->call->nargs; i++) {
        char *name = model_text(r, i);
        if (i - 6 < nheld || find_held(s, name) != SIZE_MAX)
            keep(s, name, r->now + model_number(r, 3));
        free(name);
    }
    for (size_t i = s->held.n; i-- > 0;)
        if (is_stale(r, held_at(s, i)->name, me))
            drop_held(s, i);
    state_cap(r, s, me);
    model_array(r, 4);
    model_say_number(r, (int64_t)s->held.n);
    model_say_number(r, others_waiting(s, me));
    say_epoch(r, s);
    model_say_number(r, cap_in_force(s, model_number(r, 4)));
    free(me);
}

static void model_give(struct model_run *r)
{
    struct slots *s = slots_of(r);
    char *me = model_text(r, 0), *name = model_text(r, 1);
    char *prefix = model_text(r, 2), *message = model_text(r, 3);
    forget_what_is_over(s, r->now);
    size_t i = find_held(s, name);
    if (i != SIZE_MAX)
        drop_held(s, i);
    const struct waiter *first = s->waiters.n ? waiter_at(s, 0) : NULL;
    for (size_t k = 1; k < s->waiters.n; k++)
        if (waits_before(waiter_at(s, k), first))
            first = waiter_at(s, k);
    if (first)
        tell(r, prefix, first->instance, message);
    model_say_number(r, others_waiting(s, me));
    free(me);
    free(name);
    free(prefix);
    free(message);
}

/* ---- the frame ---- */

struct engine_model *engine_model_new(engine_model_fn *publish, void *ctx)
{
    struct engine_model *m = NEW(struct engine_model);
    m->publish = publish;
    m->ctx = ctx;
    return m;
}

void engine_model_flush(struct engine_model *m)
{
    for (size_t i = 0; i < m->slots.n; i++) {
        struct slots *s = (struct slots *)m->slots.at + i;
        while (s->held.n)
            drop_held(s, 0);
        while (s->waiters.n)
            drop_waiter(s, 0);
        for (size_t k = 0; k < s->statements.n; k++)
            free(statement_at(s, k)->instance);
        free(s->held.at);
        free(s->waiters.at);
        free(s->statements.at);
        free(s->key);
    }
    free(m->slots.at);
    m->slots = (struct rows){0};
    model_free_rest(m);
}

void engine_model_free(struct engine_model **m)
{
    if (!*m)
        return;
    engine_model_flush(*m);
    free(*m);
    *m = NULL;
}

void engine_model_lie(struct engine_model *m)
{
    m->lies = true;
}

size_t engine_model_held(const struct engine_model *m, const char *slots_key)
{
    const struct slots *s = find_slots(m, slots_key);
    return s ? s->held.n : 0;
}

bool engine_model_run(struct engine_model *m, int64_t now, const struct model_call *call,
                      struct buf *out)
{
    static const struct {
        const char *name;
        void (*run)(struct model_run *r);
    } scripts[] = {{"take", model_take},      {"hold", model_hold}, {"give", model_give},
                   {"rate", model_rate},      {"auth", model_auth}, {"token", model_token},
                   {"members", model_members}};
    struct model_run r = {.m = m, .now = now, .call = call, .out = out};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (strcmp(scripts[i].name, call->script) == 0) {
            scripts[i].run(&r);
            return true;
        }
    return false;
}
