/* The model's rates, logins, tokens and members. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine_model_internal.h"

/* Gives the record of the call's first key: all records begin with their key. */
static void *record_of(struct model_run *r, struct rows *rows, size_t record)
{
    char *key = slice_string(r->call->keys[0]);
    for (size_t i = 0; i < rows->n; i++) {
        void *at = (char *)rows->at + i * record;
        if (strcmp(*(char **)at, key) == 0) {
            free(key);
            return at;
        }
    }
    char **made = rows_add(rows, record);
    *made = key;
    return made;
}

/* ---- rate ---- */

static struct held *granted_at(const struct rate *x, size_t i)
{
    return (struct held *)x->granted.at + i;
}

static size_t find_granted(const struct rate *x, const char *name)
{
    for (size_t i = 0; i < x->granted.n; i++)
        if (strcmp(granted_at(x, i)->name, name) == 0)
            return i;
    return SIZE_MAX;
}

static void drop_granted(struct rate *x, size_t i)
{
    free(granted_at(x, i)->name);
    rows_remove(&x->granted, sizeof(struct held), i);
}

/* Takes name. What is there already keeps its time. */
static void grant(struct rate *x, char *name, int64_t when)
{
    if (find_granted(x, name) != SIZE_MAX) {
        free(name);
        return;
    }
    struct held *h = rows_add(&x->granted, sizeof *h);
    h->name = name;
    h->when = when;
}

static int by_time(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* When so many of those granted will have left that one more fits. */
static int64_t next_place(const struct model_run *r, const struct rate *x)
{
    int64_t limit = model_number(r, 0), period = model_number(r, 1), at;
    int64_t *times = mem_alloc((x->granted.n + 1) * sizeof *times);
    for (size_t i = 0; i < x->granted.n; i++)
        times[i] = granted_at(x, i)->when;
    qsort(times, x->granted.n, sizeof *times, by_time);
    at = times[x->granted.n - (size_t)limit];
    free(times);
    return at + period + 1 - r->now;
}

void model_rate(struct model_run *r)
{
    struct rate *x = record_of(r, &r->m->rates, sizeof *x);
    int64_t limit = model_number(r, 0), period = model_number(r, 1), granted = 0;
    int64_t age = r->now - model_epoch(r, r->call->keys[1]), settle = model_number(r, 2);
    size_t back = 5 + (size_t)model_number(r, 3), at = back + 2 * (size_t)model_number(r, 4);
    for (size_t i = 5; i < back; i++) {
        char *name = model_text(r, i);
        size_t found = find_granted(x, name);
        if (found != SIZE_MAX)
            drop_granted(x, found);
        free(name);
    }
    for (size_t i = back; i < at; i += 2)
        grant(x, model_text(r, i), r->now - model_number(r, i + 1));
    for (size_t i = x->granted.n; i-- > 0;)
        if (granted_at(x, i)->when < r->now - period)
            drop_granted(x, i);
    size_t i = at;
    for (; i < r->call->nargs; i++) {
        char *name = model_text(r, i);
        bool has = find_granted(x, name) != SIZE_MAX;
        bool full = (int64_t)x->granted.n >= limit || age < settle;
        if (!has && full && !r->m->lies) {
            free(name);
            break;
        }
        grant(x, name, r->now);
        granted++;
    }
    model_array(r, 2);
    model_say_number(r, granted);
    model_say_number(r, i == r->call->nargs             ? 0
                        : (int64_t)x->granted.n < limit ? settle - age
                                                        : next_place(r, x));
}

/* ---- logins ---- */

static void answer_auth(struct model_run *r, int verdict, int64_t wait, unsigned failures)
{
    model_array(r, 3);
    model_say_number(r, verdict);
    model_say_number(r, wait);
    model_say_number(r, failures);
}

static void become(struct try *x, enum try_state state, int64_t till, char *who)
{
    free(x->who);
    x->who = who;
    x->state = state;
    x->till = till;
}

static void refuse(struct model_run *r, struct try *x, bool over)
{
    int64_t step = model_number(r, 2), longest = model_number(r, 3);
    if (x->state != TRY_REFUSED || over) {
        for (unsigned i = 0; i < x->failures && step < longest; i++)
            step *= 2;
        x->failures++;
        become(x, TRY_REFUSED, r->now + (step < longest ? step : longest), model_text(r, 1));
    }
    answer_auth(r, -1, x->till - r->now, x->failures);
}

void model_auth(struct model_run *r)
{
    struct try *x = record_of(r, &r->m->tries, sizeof *x);
    bool over = x->till <= r->now, mine = x->who && model_is(r, 1, x->who);
    if (model_is(r, 0, "ok")) {
        x->failures = 0;
        become(x, TRY_OK, r->now + model_number(r, 2), model_text(r, 1));
        answer_auth(r, 2, 0, 0);
    } else if (model_is(r, 0, "refused")) {
        refuse(r, x, over);
    } else if (model_is(r, 0, "leave")) {
        if (x->state == TRY_ONGOING && mine)
            become(x, TRY_LEFT, r->now, mem_string(""));
        answer_auth(r, 0, 0, x->failures);
    } else if ((x->state == TRY_OK && !over) || r->m->lies) {
        answer_auth(r, 2, 0, 0);
    } else if (x->state == TRY_REFUSED && !over) {
        answer_auth(r, -1, x->till - r->now, x->failures);
    } else if (x->state == TRY_ONGOING && !over && !mine) {
        answer_auth(r, 0, x->till - r->now, x->failures);
    } else {
        become(x, TRY_ONGOING, r->now + model_number(r, 2), model_text(r, 1));
        answer_auth(r, 1, 0, x->failures);
    }
}

/* ---- tokens ---- */

static void answer_numbers(struct model_run *r, size_t n, const int64_t *numbers)
{
    model_array(r, n);
    for (size_t i = 0; i < n; i++)
        model_say_number(r, numbers[i]);
}
#define ANSWER(r, ...)                                                                             \
    answer_numbers((r), sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                        \
                   (const int64_t[]){__VA_ARGS__})

static void lock(struct model_run *r, struct stored_token *x, int64_t ttl)
{
    free(x->holder);
    x->holder = model_text(r, 1);
    x->lock_till = r->now + ttl;
}

static void token_lock(struct model_run *r, struct stored_token *x, bool locked, bool mine)
{
    if (x->born == 0 || x->born > r->now)
        x->born = r->now;
    int64_t left = model_number(r, 3) - (r->now - x->born);
    if (locked && !mine) {
        ANSWER(r, 0, x->lock_till - r->now, x->v);
    } else if (!locked && left > 0) {
        ANSWER(r, -1, left, x->v);
    } else {
        lock(r, x, model_number(r, 2));
        ANSWER(r, 1, ++x->fences, x->v);
    }
}

static void token_write(struct model_run *r, struct stored_token *x)
{
    x->v = model_number(r, 2);
    x->fence = model_number(r, 3);
    if (x->fences < x->fence)
        x->fences = x->fence;
    for (size_t i = 0; i < 4; i++) {
        buf_free(&x->texts[i]);
        buf_init(&x->texts[i], 1024 * 1024);
        if (!buf_append_slice(&x->texts[i], r->call->args[4 + i]))
            abort();
    }
}

static void token_get(struct model_run *r, const struct stored_token *x)
{
    model_array(r, 6);
    model_say_number(r, x->v);
    model_say_number(r, x->fence);
    for (size_t i = 0; i < 4; i++)
        model_say_text(r, buf_view(&x->texts[i]));
}

void model_token(struct model_run *r)
{
    struct stored_token *x = record_of(r, &r->m->tokens, sizeof *x);
    bool locked = x->holder && x->lock_till > r->now;
    bool mine = locked && model_is(r, 1, x->holder);
    bool puts = model_is(r, 0, "put"), states = model_is(r, 0, "state");
    if (model_is(r, 0, "get")) {
        token_get(r, x);
    } else if (model_is(r, 0, "lock")) {
        token_lock(r, x, locked, mine);
    } else if (model_is(r, 0, "unlock")) {
        if (mine)
            x->lock_till = 0;
        ANSWER(r, mine);
    } else if (model_is(r, 0, "renew")) {
        int64_t fence = model_number(r, 3);
        bool may = (!locked || mine) && fence >= x->fence;
        if (may) {
            lock(r, x, model_number(r, 2));
            x->fences = fence > x->fences ? fence : x->fences;
        }
        ANSWER(r, may);
    } else if (puts || states) {
        int64_t v = model_number(r, 2), fence = model_number(r, 3);
        bool may = puts ? v == x->v + 1 && fence >= x->fence : v > x->v;
        if (may)
            token_write(r, x);
        ANSWER(r, may, x->v);
    }
}

/* ---- members ---- */

static struct member *member_at(const struct engine_model *m, size_t i)
{
    return (struct member *)m->members.at + i;
}

static struct member *find_member(const struct engine_model *m, const char *name)
{
    for (size_t i = 0; i < m->members.n; i++)
        if (strcmp(member_at(m, i)->name, name) == 0)
            return member_at(m, i);
    return NULL;
}

static void drop_member(struct engine_model *m, struct member *x)
{
    free(x->name);
    free(x->boot);
    free(x->word);
    rows_remove(&m->members, sizeof *x, (size_t)(x - member_at(m, 0)));
}

static int by_end(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    return x->till != y->till ? (x->till > y->till ? 1 : -1) : strcmp(x->name, y->name);
}

static void say_members(struct model_run *r, const char *other)
{
    size_t living = 0;
    if (r->m->members.n)
        qsort(r->m->members.at, r->m->members.n, sizeof(struct member), by_end);
    for (size_t i = 0; i < r->m->members.n; i++)
        living += member_at(r->m, i)->till > r->now;
    model_array(r, 1 + 4 * living);
    model_say_text(r, slice_of(other));
    for (size_t i = 0; i < r->m->members.n; i++) {
        const struct member *x = member_at(r->m, i);
        char age[32];
        if (x->till <= r->now)
            continue;
        snprintf(age, sizeof age, "%" PRId64, r->now - x->since);
        model_say_text(r, slice_of(x->name));
        model_say_text(r, slice_of(age));
        model_say_text(r, slice_of(x->boot));
        model_say_text(r, slice_of(x->word));
    }
}

static void be_here(struct model_run *r, const char *me, bool other)
{
    struct member *x = find_member(r->m, me);
    if (!x || other) {
        int64_t till = x ? x->till : 0;
        if (x)
            drop_member(r->m, x);
        x = rows_add(&r->m->members, sizeof *x);
        *x = (struct member){.name = mem_string(me), .since = r->now, .till = till};
    }
    free(x->boot);
    free(x->word);
    x->boot = model_text(r, 3);
    x->word = model_text(r, 4);
    x->till = r->now + model_number(r, 2);
}

void model_members(struct model_run *r)
{
    char *me = model_text(r, 1), *other = NULL;
    if (!model_is(r, 0, "look")) {
        for (size_t i = r->m->members.n; i-- > 0;)
            if (member_at(r->m, i)->till <= r->now)
                drop_member(r->m, member_at(r->m, i));
        struct member *x = find_member(r->m, me);
        if (x && !model_is(r, 3, x->boot))
            other = mem_string(x->boot);
        if (model_is(r, 0, "here"))
            be_here(r, me, other != NULL);
        else if (x && !other)
            drop_member(r->m, x);
    }
    say_members(r, other ? other : "");
    free(me);
    free(other);
}

/* ---- the end ---- */

void model_free_rest(struct engine_model *m)
{
    for (size_t i = 0; i < m->rates.n; i++) {
        struct rate *x = (struct rate *)m->rates.at + i;
        while (x->granted.n)
            drop_granted(x, 0);
        free(x->granted.at);
        free(x->key);
    }
    for (size_t i = 0; i < m->tries.n; i++) {
        struct try *x = (struct try *)m->tries.at + i;
        free(x->who);
        free(x->key);
    }
    for (size_t i = 0; i < m->tokens.n; i++) {
        struct stored_token *x = (struct stored_token *)m->tokens.at + i;
        for (size_t k = 0; k < 4; k++)
            buf_free(&x->texts[k]);
        free(x->holder);
        free(x->key);
    }
    while (m->members.n)
        drop_member(m, member_at(m, 0));
    struct rows *all[] = {&m->rates, &m->tries, &m->tokens, &m->members};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]->at);
        *all[i] = (struct rows){0};
    }
}
