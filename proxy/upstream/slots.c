#include "upstream/slots_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/loop.h"
#include "upstream/phrase.h"
#include "upstream/scripts.h"

/* A session's goodbye takes a round trip, and the provider counts it until then. */
#define GOODBYE (300 * USEC_PER_MS)
/* And a provider that is slow may count it for so long. */
#define GOODBYE_LONGEST (10 * USEC_PER_SEC)
/* Asked again, in case that nobody said that a slot is free. */
#define ASK_AGAIN (1 * USEC_PER_SEC)
/* How long a place in the queue lasts without being asked for again. */
#define PATIENCE (1500 * USEC_PER_MS)
#define ASK_SETTLING (250 * USEC_PER_MS)

/* All users of one credential in this process. */
struct slots {
    struct cluster_seat seat;
    struct link users;
    char keys[SLOT_KEYS][SLOT_KEY_TEXT];
    struct engine_question *taking, *holding;
    /* The slot that is asked for, under a name that stays the same until it is had. 0: none. */
    uint64_t asking;
    /* What was heard last. */
    unsigned all, waiting, cap;
    char epoch[32];
    /* This instance stands in the queue itself. */
    bool queued;
    /* Another statement is due when the one under way is answered. */
    bool again;
    /* The loop time at which the last answered statement was asked. 0: none was answered. */
    usec stated, state_asked;
    /* When the others had a session last, as far as is known. */
    usec others_seen;
    /* Asks again; gives back; and notices the fence. */
    struct timer *ask, *give, *fence;
};

static const struct cluster_seat_events seat_events;

static struct cluster *cluster_of(const struct slots *s)
{
    return s->seat.cluster;
}

static usec now_of(const struct slots *s)
{
    return cluster_now(cluster_of(s));
}

static void tell(struct slots *s)
{
    LIST_EACH (&s->users, it) {
        struct slot_user *user = CONTAINER(it, struct slot_user, link);
        user->changed(user->ctx);
    }
}

/* ---- what is known ---- */

/* A provider asks no fence of us, so the holder is the fence: two thirds of the lease after the
 * last word it knows that others may soon have its slots. */
static usec fence_after(const struct slots *s)
{
    return cluster_config(cluster_of(s))->lease / 3 * 2;
}

static bool is_vouched_for(const struct slots *s)
{
    return s->stated && now_of(s) - s->stated < fence_after(s);
}

static bool is_together(const struct slots *s)
{
    return cluster_is_up(cluster_of(s)) && is_vouched_for(s);
}

static unsigned cap_of(const struct slot_user *user)
{
    const struct slots *s = user->slots;
    return s->cap && s->cap < user->cap ? s->cap : user->cap;
}

/* An engine that has just come back first hears what there is, which takes one answer: until then
 * nothing is begun, and nothing ended. */
static bool is_by_itself(const struct slots *s)
{
    const struct cluster *c = cluster_of(s);
    return !cluster_is_up(c) && !cluster_is_starting(c);
}

unsigned slots_room(const struct slot_user *user, unsigned used, unsigned limit)
{
    const struct slots *s = user->slots;
    unsigned may = user->held - user->owed;
    if (is_by_itself(s))
        may = cluster_part(cluster_of(s), cap_of(user));
    if (may > limit)
        may = limit;
    return used < may ? may - used : 0;
}

static bool is_in_need(const struct slot_user *user)
{
    return user->held - user->owed < user->used + user->wanted;
}

/* Another account of this process that has the same credential. */
static bool another_needs(const struct slot_user *user)
{
    LIST_EACH (&user->slots->users, it) {
        const struct slot_user *other = CONTAINER(it, struct slot_user, link);
        if (other != user && is_in_need(other))
            return true;
    }
    return false;
}

bool slots_are_contended(const struct slot_user *user)
{
    const struct slots *s = user->slots;
    return is_together(s) && (s->waiting > 0 || another_needs(user));
}

bool slots_are_short(const struct slot_user *user)
{
    const struct slots *s = user->slots;
    return is_by_itself(s) || s->queued;
}

unsigned slots_excess(const struct slot_user *user, unsigned used)
{
    const struct slots *s = user->slots;
    unsigned part = cluster_part(cluster_of(s), cap_of(user));
    return s->stated && is_by_itself(s) && used > part ? used - part : 0;
}

static unsigned count_mine(const struct slots *s)
{
    unsigned n = 0;
    LIST_EACH (&s->users, it)
        n += CONTAINER(it, struct slot_user, link)->held;
    return n;
}

static void note_all(struct slots *s, const struct engine_value *value, size_t i)
{
    /* A slot that was just given is not among those that are counted as ours. */
    if (s->all > count_mine(s))
        s->others_seen = now_of(s);
    s->all = phrase_count(value, i);
    if (s->all > count_mine(s) + (s->asking != 0))
        s->others_seen = now_of(s);
}

bool slots_others_have(const struct slot_user *user)
{
    const struct slots *s = user->slots;
    if (!is_together(s))
        return cluster_instances(cluster_of(s)) > 1;
    return slots_elsewhere(user) > 0 ||
           (s->others_seen && now_of(s) - s->others_seen < GOODBYE_LONGEST);
}

unsigned slots_elsewhere(const struct slot_user *user)
{
    const struct slots *s = user->slots;
    unsigned mine = count_mine(s);
    return s->all > mine ? s->all - mine : 0;
}

void slots_view(const struct slot_user *user, struct slots_view *view_r)
{
    const struct slots *s = user->slots;
    *view_r = (struct slots_view){.mine = is_together(s) ? count_mine(s) : user->used,
                                  .all = s->all,
                                  .cap = cap_of(user),
                                  .waiting = s->waiting};
}

/* ---- what is said and asked ---- */

/* Returns whether the engine was born anew since it was last asked. */
static bool note_epoch(struct slots *s, const struct engine_value *value, size_t i)
{
    if (value->kind != ENGINE_ARRAY || i >= value->n || value->items[i].kind != ENGINE_TEXT)
        return false;
    struct slice text = value->items[i].text;
    if (text.len >= sizeof s->epoch || slice_is(text, s->epoch))
        return false;
    bool had_one = s->epoch[0] != '\0';
    memcpy(s->epoch, text.data, text.len);
    s->epoch[text.len] = '\0';
    return had_one;
}

static size_t fill_keys(const struct slots *s, struct slice keys[SLOT_KEYS])
{
    for (size_t i = 0; i < SLOT_KEYS; i++)
        keys[i] = slice_of(s->keys[i]);
    return SLOT_KEYS;
}

static unsigned smallest_cap(const struct slots *s)
{
    unsigned cap = 0;
    LIST_EACH (&s->users, it) {
        unsigned theirs = CONTAINER(it, struct slot_user, link)->cap;
        cap = !cap || theirs < cap ? theirs : cap;
    }
    return cap;
}

static void push(struct slot_user *user, uint64_t member)
{
    if (user->held == user->size) {
        user->size = user->size ? 2 * user->size : 4;
        user->members = mem_resize(user->members, user->size * sizeof *user->members);
    }
    user->members[user->held++] = member;
}

static struct slot_user *first_in_need(const struct slots *s)
{
    LIST_EACH (&s->users, it) {
        struct slot_user *user = CONTAINER(it, struct slot_user, link);
        if (is_in_need(user))
            return user;
    }
    return NULL;
}

static void state(struct slots *s);

static void on_stated(void *ctx, enum engine_state how, const struct engine_value *value)
{
    struct slots *s = ctx;
    s->holding = NULL;
    if (how == ENGINE_UP && value) {
        bool was = is_together(s);
        s->stated = s->state_asked;
        timer_arm(s->fence, s->stated + fence_after(s) - now_of(s));
        unsigned waiting = s->waiting;
        note_all(s, value, 0);
        s->waiting = phrase_count(value, 1);
        s->cap = phrase_count(value, 3);
        s->again = note_epoch(s, value, 2) || s->again;
        if (!was || s->waiting != waiting)
            tell(s);
    }
    if (s->again && cluster_is_up(cluster_of(s)))
        state(s);
}

/* Sessions begun while the engine was away exist, whatever the limit says. */
static void cover_what_is_used(struct slots *s)
{
    LIST_EACH (&s->users, it) {
        struct slot_user *user = CONTAINER(it, struct slot_user, link);
        while (user->held < user->used)
            push(user, cluster_next(cluster_of(s)));
    }
}

/* Says all that is held, and what is asked for and not answered yet. */
static void state(struct slots *s)
{
    struct cluster *c = cluster_of(s);
    if (s->holding) {
        s->again = true;
        return;
    }
    s->again = false;
    cover_what_is_used(s);
    unsigned held = count_mine(s);
    char numbers[4][24], (*names)[CLUSTER_MEMBER] = mem_alloc((held + 1) * sizeof *names);
    struct slice keys[SLOT_KEYS], *args = mem_alloc((held + 7) * sizeof *args);
    size_t n = 0, named = 0;
    args[n++] = slice_of(cluster_config(c)->instance);
    args[n++] = slice_of(cluster_boot(c));
    args[n++] = phrase_number((int64_t)cluster_newest(c), numbers[0]);
    args[n++] = phrase_ms(cluster_config(c)->lease, numbers[1]);
    args[n++] = phrase_number(smallest_cap(s), numbers[2]);
    args[n++] = phrase_number(held, numbers[3]);
    LIST_EACH (&s->users, it) {
        const struct slot_user *user = CONTAINER(it, struct slot_user, link);
        for (unsigned i = 0; i < user->held; i++)
            args[n++] = cluster_member(c, user->members[i], names[named++]);
    }
    if (!s->taking && !first_in_need(s))
        s->asking = 0;
    if (s->asking)
        args[n++] = cluster_member(c, s->asking, names[named]);
    s->state_asked = now_of(s);
    s->holding = cluster_ask(c,
                             &(struct engine_call){.script = &script_hold,
                                                   .keys = keys,
                                                   .nkeys = fill_keys(s, keys),
                                                   .args = args,
                                                   .nargs = n},
                             on_stated, s);
    free(args);
    free(names);
}

static void take(struct slots *s);

static void on_taken(void *ctx, enum engine_state how, const struct engine_value *value)
{
    struct slots *s = ctx;
    s->taking = NULL;
    if (how != ENGINE_UP || !value)
        return;
    int64_t verdict = phrase_read(value, 0);
    s->waiting = phrase_count(value, 1);
    note_all(s, value, 3);
    s->cap = phrase_count(value, 4);
    s->queued = verdict == 0;
    if (note_epoch(s, value, 2))
        state(s);
    if (verdict == 1) {
        struct slot_user *user = first_in_need(s);
        if (!user)
            user = CONTAINER(s->users.next, struct slot_user, link);
        push(user, s->asking);
        s->asking = 0;
        /* The next one is another's, if there are several. */
        link_remove(&user->link);
        list_push_back(&s->users, &user->link);
        user->changed(user->ctx);
        take(s);
    } else {
        timer_arm(s->ask, verdict == 0 ? ASK_AGAIN : ASK_SETTLING);
    }
}

/* Asks for one more slot if one is needed. One question at a time keeps the queue fair. */
static void take(struct slots *s)
{
    struct cluster *c = cluster_of(s);
    const struct cluster_config *cfg = cluster_config(c);
    if (s->taking || !first_in_need(s) || !cluster_is_up(c))
        return;
    /* What stands there under our name is ours only once we have said what we hold. */
    if (!is_vouched_for(s)) {
        if (!s->holding)
            state(s);
        return;
    }
    if (!s->asking)
        s->asking = cluster_next(c);
    char name[CLUSTER_MEMBER], numbers[6][24];
    struct slice keys[SLOT_KEYS];
    struct slice args[] = {
        slice_of(cfg->instance),
        cluster_member(c, s->asking, name),
        phrase_number(smallest_cap(s), numbers[0]),
        phrase_ms(cfg->lease, numbers[1]),
        phrase_ms(cfg->lease / 3 * 2, numbers[2]),
        phrase_ms(PATIENCE, numbers[3]),
        phrase_number(cluster_known(c), numbers[4]),
        phrase_ms(cfg->timeout, numbers[5]),
        slice_of(CLUSTER_CHANNEL),
        slice_of(s->seat.id),
    };
    timer_stop(s->ask);
    s->taking = cluster_ask(c,
                            &(struct engine_call){.script = &script_take,
                                                  .keys = keys,
                                                  .nkeys = fill_keys(s, keys),
                                                  .args = args,
                                                  .nargs = sizeof args / sizeof args[0]},
                            on_taken, s);
}

/* ---- giving back ---- */

/* What is lost on the way is noticed by the next statement, which does not name it. */
static void on_given(void *ctx, enum engine_state how, const struct engine_value *value)
{
    (void)ctx;
    (void)how;
    (void)value;
}

static void give_one(struct slots *s, struct slot_user *user)
{
    user->owed -= user->owed > 0;
    struct cluster *c = cluster_of(s);
    char name[CLUSTER_MEMBER];
    struct slice keys[SLOT_KEYS];
    struct slice args[] = {slice_of(cluster_config(c)->instance),
                           cluster_member(c, user->members[--user->held], name),
                           slice_of(CLUSTER_CHANNEL), slice_of(s->seat.id)};
    (void)cluster_ask(c,
                      &(struct engine_call){.script = &script_give,
                                            .keys = keys,
                                            .nkeys = fill_keys(s, keys),
                                            .args = args,
                                            .nargs = sizeof args / sizeof args[0]},
                      on_given, NULL);
}

static void note_surplus(struct slot_user *user)
{
    struct slots *s = user->slots;
    if (!user->owed && user->held <= user->used + user->wanted) {
        user->surplus_since = 0;
    } else if (!user->surplus_since) {
        user->surplus_since = now_of(s);
        if (!timer_is_armed(s->give))
            timer_arm(s->give, GOODBYE);
    }
}

void slots_owe(struct slot_user *user)
{
    if (user->owed == user->held)
        return;
    user->owed++;
    note_surplus(user);
}

static void on_give(void *arg)
{
    struct slots *s = arg;
    usec next = 0;
    LIST_EACH (&s->users, it) {
        struct slot_user *user = CONTAINER(it, struct slot_user, link);
        if (!user->surplus_since)
            continue;
        usec left = user->surplus_since + GOODBYE - now_of(s);
        if (left > 0) {
            next = !next || left < next ? left : next;
            continue;
        }
        while (user->owed || user->held > user->used + user->wanted)
            give_one(s, user);
        user->surplus_since = 0;
    }
    if (next)
        timer_arm(s->give, next);
}

void slots_wish(struct slot_user *user, unsigned used, unsigned wanted)
{
    struct slots *s = user->slots;
    unsigned most = cap_of(user);
    bool needed = is_in_need(user);
    user->used = used;
    user->wanted = used >= most ? 0 : wanted < most - used ? wanted : most - used;
    note_surplus(user);
    /* Whoever asks no more stands in no queue, and what was asked for is not wanted. */
    if (!first_in_need(s)) {
        s->queued = false;
        s->asking = s->taking ? s->asking : 0;
    }
    if (is_in_need(user) && !timer_is_armed(s->ask))
        take(s);
    /* Those beside it may have idle ones. */
    if (!needed && is_in_need(user) && s->users.next != s->users.prev)
        tell(s);
}

/* ---- what the cluster says ---- */

static void on_state(void *ctx)
{
    struct slots *s = ctx;
    state(s);
}

static void on_changed(void *ctx)
{
    struct slots *s = ctx;
    if (!cluster_is_up(cluster_of(s)))
        s->queued = false;
    tell(s);
}

static void on_heard(void *ctx)
{
    struct slots *s = ctx;
    if (s->queued && first_in_need(s))
        take(s);
    else if (count_mine(s))
        state(s);
}

static const struct cluster_seat_events seat_events = {
    .state = on_state, .changed = on_changed, .heard = on_heard};

static void on_ask(void *arg)
{
    take(arg);
}

static void on_fence(void *arg)
{
    tell(arg);
}

/* ---- life ---- */

static struct slots *slots_new(struct cluster *c, const char *id)
{
    struct slots *s = NEW(struct slots);
    struct loop *loop = cluster_loop(c);
    link_init(&s->users);
    slots_name_keys(id, s->keys);
    s->ask = timer_new(loop, on_ask, s);
    s->give = timer_new(loop, on_give, s);
    s->fence = timer_new(loop, on_fence, s);
    cluster_sit(c, &s->seat, id, &seat_events, s);
    return s;
}

static void slots_free(struct slots *s)
{
    cluster_cancel(cluster_of(s), &s->taking);
    cluster_cancel(cluster_of(s), &s->holding);
    timer_free(&s->ask);
    timer_free(&s->give);
    timer_free(&s->fence);
    cluster_rise(&s->seat);
    free(s);
}

void slots_join(struct cluster *c, const char *id, struct slot_user *user, unsigned cap,
                void (*changed)(void *ctx), void *ctx)
{
    struct cluster_seat *seat = cluster_seat_of(c, id, &seat_events);
    *user = (struct slot_user){.cap = cap, .changed = changed, .ctx = ctx};
    user->slots = seat ? CONTAINER(seat, struct slots, seat) : slots_new(c, id);
    list_push_back(&user->slots->users, &user->link);
    state(user->slots);
}

void slots_leave(struct slot_user *user)
{
    struct slots *s = user->slots;
    if (!s)
        return;
    while (user->held)
        give_one(s, user);
    link_remove(&user->link);
    free(user->members);
    user->members = NULL;
    user->slots = NULL;
    if (link_is_alone(&s->users))
        slots_free(s);
}
