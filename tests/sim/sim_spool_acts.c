/* Taking, sending, giving up, retrying, removing: each act holds what it was told against the
 * model. */
#include "sim_spool_acts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void sim_spool_broken(struct play *p, const char *fmt, ...)
{
    va_list args;
    if (p->is_broken)
        return;
    p->is_broken = true;
    va_start(args, fmt);
    vsnprintf(p->words, sizeof p->words, fmt, args);
    va_end(args);
    sim_say(p->sim, "BROKEN %s", p->words);
}

static struct mail *mail_find(struct play *p, const char *id)
{
    for (size_t i = 0; i < p->nmails; i++)
        if (strcmp(p->mails[i].id, id) == 0)
            return &p->mails[i];
    return NULL;
}

bool sim_spool_chance(struct play *p, unsigned percent)
{
    return sim_rng_chance(&p->rng, percent);
}

static void end_act(struct act *a)
{
    store_message_close(&a->message);
    a->kind = IDLE;
    a->mail = a->bounce = NULL;
    a->writer = NULL;
    a->awaits = false;
}

/* ---- taking ---- */

static void give_up_with(struct act *a, struct spool_entry *bounce);

static void on_taken(void *ctx, struct spool_entry *entry)
{
    struct act *a = ctx;
    struct mail *mail = a->kind == GIVE_UP ? a->bounce : a->mail;
    sim_say(a->play->sim, "taken  %s", mail->id);
    a->writer = NULL;
    a->play->totals->taken++;
    if (a->kind == GIVE_UP) {
        give_up_with(a, entry);
        return;
    }
    mail->must = true;
    end_act(a);
}

static void on_failed(void *ctx, enum store_no why, const struct err *err)
{
    struct act *a = ctx;
    sim_say(a->play->sim, "not taken (%s: %s)", store_no_name(why), err->words);
    a->writer = NULL;
    end_act(a);
}

static const struct store_taker taker = {.taken = on_taken, .failed = on_failed};

static struct store_writer *begin(struct act *a, struct mail *mail)
{
    static char text[] = "word";
    struct spool_recipient people[PEOPLE];
    struct store_taker t = taker;
    enum store_no no;
    for (size_t i = 0; i < mail->n; i++)
        people[i] = (struct spool_recipient){text, text, text};
    struct spool_envelope e = {.id = mail->id,
                               .account = text,
                               .listener = text,
                               .client = text,
                               .login = text,
                               .destination = text,
                               .reason = text,
                               .date = text,
                               .message_id = text,
                               .sender = text,
                               .ret = text,
                               .envid = text,
                               .bounce = mail->parent ? SPOOL_BOUNCE : SPOOL_MAIL,
                               .recipients = people,
                               .nrecipients = mail->n};
    t.ctx = a;
    return store_begin(a->play->store, &e, sim_spool_chance(a->play, 50) ? mail->len : 0, &t, &no);
}

static void write_body(struct act *a, struct mail *mail)
{
    struct slice rest = slice_make(mail->body, mail->len);
    while (rest.len && a->writer) {
        size_t n = 1 + sim_rng_below(&a->play->rng, rest.len);
        store_write(a->writer, slice_head(rest, n));
        rest = slice_from(rest, n);
    }
}

static void fill(struct play *p, struct mail *mail)
{
    size_t n = sim_rng_below(&p->rng, sim_spool_chance(p, 3) ? 200000 : 600);
    mail->body = mem_alloc(n + 1);
    mail->len = n;
    for (size_t i = 0; i < n; i++)
        mail->body[i] = (char)('a' + sim_rng_next(&p->rng) % 20);
}

static void begin_take(struct act *a)
{
    struct play *p = a->play;
    if (p->nmails == MAILS) {
        a->kind = IDLE;
        return;
    }
    struct mail *mail = a->mail = &p->mails[p->nmails++];
    snprintf(mail->id, sizeof mail->id, "m%zu", p->nmails);
    mail->n = 1 + sim_rng_below(&p->rng, PEOPLE);
    fill(p, mail);
    a->writer = begin(a, mail);
    if (!a->writer) {
        end_act(a);
        return;
    }
    write_body(a, mail);
    if (sim_spool_chance(p, 10)) {
        store_abort(&a->writer);
        end_act(a);
    } else if (a->writer) {
        store_end(a->writer);
    }
}

/* ---- sending ---- */

static void on_outcome(void *arg, const struct err *err)
{
    struct act *a = arg;
    struct mail *mail = a->mail;
    sim_say(a->play->sim, "ended  %s: %s", mail->id, err ? err->words : "on the disk");
    if (!err) {
        mail->must_unknown += a->outcome.lost;
        mail->synced_unknown = mail->must_unknown;
        for (size_t i = 0; i < mail->n; i++)
            if (mail->people[i].in_window) {
                mail->people[i].in_window = false;
                mail->people[i].is_served = true;
            }
        if (!store_message_entry(a->message)) {
            mail->must = false;
            mail->must_not = true;
        }
    }
    end_act(a);
}

/* The first time that a bounce goes out. */
static void report(struct play *p, struct mail *mail)
{
    for (size_t i = 0; i < PEOPLE && mail->parent && !mail->was_sent; i++)
        if (mail->is_about[i]) {
            struct person *one = &mail->parent->people[i];
            if (++one->reports[mail->about_cycle[i] % CYCLES] > 1)
                sim_spool_broken(p, "%s reports what was reported before", mail->id);
        }
    mail->was_sent = true;
}

/* The end of data goes out to those who wait. */
static void on_dot(void *arg, const struct err *err)
{
    struct act *a = arg;
    struct play *p = a->play;
    struct mail *mail = a->mail;
    bool lost = !p->drains && sim_spool_chance(p, 15);
    mail->dot_is_open = !err;
    a->outcome = (struct store_outcome){.lost = lost, .fates = a->fates};
    a->awaits = true;
    p->totals->sent++;
    for (size_t i = 0; i < a->npeople; i++) {
        struct person *one = &mail->people[a->people[i]];
        unsigned lot = p->drains ? 0 : (unsigned)sim_rng_below(&p->rng, 100);
        bool is_served = lost ? lot < 50 : lot < 55;
        if (is_served && ++one->copies > 1) {
            p->totals->copies++;
            if (one->copies > 1 + one->allowed)
                sim_spool_broken(p, "%s was served %u times", mail->id, one->copies);
        }
        one->allowed += lost;
        one->in_window = is_served && !lost;
        enum fate fate = is_served ? FATE_SERVED : lot < 75 ? FATE_PUT_OFF : FATE_REFUSED;
        if (!lost)
            a->fates[a->outcome.n++] =
                (struct store_fate){a->people[i], fate, 450, lot % 2 ? "later" : "not now, please"};
    }
    report(p, mail);
}

/* The answer to an end of data, or the time when none is awaited any more. */
static void answer(struct act *a)
{
    bool all_go = !a->outcome.lost;
    const struct spool_entry *e = store_message_entry(a->message);
    for (size_t i = 0; i < a->outcome.n; i++)
        all_go = all_go && a->fates[i].fate == FATE_SERVED;
    a->awaits = false;
    a->mail->dot_is_open = false;
    /* from here on it may be gone */
    if (all_go && e->refused == 0 && e->failed == 0)
        a->mail->must = false;
    store_message_outcome(a->message, &a->outcome, on_outcome, a);
}

static void not_sent(struct act *a)
{
    a->outcome = (struct store_outcome){.fates = a->fates, .n = a->npeople};
    for (size_t i = 0; i < a->npeople; i++)
        a->fates[i] = (struct store_fate){a->people[i], FATE_PUT_OFF, 451, "no session"};
    store_message_outcome(a->message, &a->outcome, on_outcome, a);
}

static void on_octets(void *arg, enum store_read what, struct slice octets, const struct err *err)
{
    struct act *a = arg;
    struct play *p = a->play;
    struct mail *mail = a->mail;
    switch (what) {
    case STORE_OCTETS:
        if (a->offset + octets.len > mail->len ||
            memcmp(mail->body + a->offset, octets.data, octets.len) != 0)
            a->differs = true;
        a->offset += octets.len;
        store_message_read(a->message, on_octets, a);
        return;
    case STORE_END:
        if (a->differs || a->offset != mail->len)
            sim_spool_broken(p, "%s ended with octets that it never had", mail->id);
        if (!p->drains && sim_spool_chance(p, 15))
            not_sent(a);
        else if (++mail->may_unknown)
            store_message_dot(a->message, on_dot, a);
        return;
    case STORE_DAMAGED: sim_spool_broken(p, "%s: %s", mail->id, err->words); break;
    case STORE_READ_FAILED: break;
    }
    end_act(a);
}

/* What the history must still know. */
static void check_history(struct play *p, const struct mail *mail, const struct store_message *m)
{
    const struct history *h = store_message_history(m);
    if (h->n != mail->n || strcmp(store_message_envelope(m)->id, mail->id) != 0) {
        sim_spool_broken(p, "%s has another envelope", mail->id);
        return;
    }
    for (size_t i = 0; i < mail->n; i++) {
        if (mail->people[i].is_served && h->recipients[i].fate != FATE_SERVED)
            sim_spool_broken(p, "%s: a recipient who was served waits again", mail->id);
        if (mail->people[i].is_failed && h->recipients[i].fate != FATE_FAILED &&
            h->recipients[i].fate != FATE_SERVED)
            sim_spool_broken(p, "%s: a recipient who was given up waits again", mail->id);
    }
    if (history_unknown(h) < mail->must_unknown)
        sim_spool_broken(p, "%s: an unknown outcome was forgotten", mail->id);
    if (history_unknown(h) > mail->may_unknown)
        sim_spool_broken(p, "%s: %u unknown outcomes, there were %u", mail->id, history_unknown(h),
                         mail->may_unknown);
}

static bool is_opened(struct act *a, struct store_message *m, const struct err *err)
{
    a->message = m;
    if (!m) {
        if (err->kind == ERR_PROTOCOL || err->kind == ERR_NOT_FOUND)
            sim_spool_broken(a->play, "%s can't be opened: %s", a->mail->id, err->words);
        end_act(a);
        return false;
    }
    check_history(a->play, a->mail, m);
    return true;
}

static void on_opened_to_send(void *arg, struct store_message *m, const struct err *err)
{
    struct act *a = arg;
    if (!is_opened(a, m, err))
        return;
    const struct history *h = store_message_history(m);
    a->npeople = 0;
    for (size_t i = 0; i < h->n; i++)
        if (h->recipients[i].fate == FATE_WAITING || h->recipients[i].fate == FATE_PUT_OFF)
            a->people[a->npeople++] = i;
    a->offset = 0;
    a->differs = false;
    store_message_read(m, on_octets, a);
}

/* ---- giving up ---- */

static void on_given_up(void *arg, const struct err *err)
{
    struct act *a = arg;
    if (!err) {
        for (size_t i = 0; i < a->npeople; i++)
            a->mail->people[a->people[i]].is_failed = true;
        /* it may have been sent by now */
        if (a->bounce && !a->bounce->was_sent && !a->bounce->is_leaving)
            a->bounce->must = true;
        a->mail->synced_unknown = a->mail->must_unknown;
        a->play->totals->bounced++;
    }
    end_act(a);
}

static void give_up_with(struct act *a, struct spool_entry *bounce)
{
    store_message_give_up(a->message, a->people, a->npeople, bounce, on_given_up, a);
}

/* The model's record of a bounce, new or once more under the same name. */
static struct mail *bounce_of(struct play *p, struct act *a)
{
    char id[SPOOL_ID_SIZE];
    store_bounce_id(store_message_entry(a->message), id);
    struct mail *b = mail_find(p, id);
    if (b && b->was_sent)
        sim_spool_broken(p, "%s was sent, and is written again", id);
    if (!b && p->nmails == MAILS)
        return NULL;
    if (!b)
        b = &p->mails[p->nmails++];
    free(b->body);
    memset(b, 0, sizeof *b);
    strcpy(b->id, id);
    b->n = 1;
    b->parent = a->mail;
    fill(p, b);
    for (size_t i = 0; i < a->npeople; i++) {
        b->is_about[a->people[i]] = true;
        b->about_cycle[a->people[i]] = a->mail->people[a->people[i]].cycle;
    }
    return b;
}

static void on_opened_to_give_up(void *arg, struct store_message *m, const struct err *err)
{
    struct act *a = arg;
    struct play *p = a->play;
    if (!is_opened(a, m, err))
        return;
    const struct history *h = store_message_history(m);
    a->npeople = 0;
    for (size_t i = 0; i < h->n; i++)
        if (h->recipients[i].fate == FATE_REFUSED ||
            (h->recipients[i].fate != FATE_SERVED && h->recipients[i].fate != FATE_FAILED &&
             sim_spool_chance(p, 50)))
            a->people[a->npeople++] = i;
    if (a->npeople == 0) {
        end_act(a);
        return;
    }
    if (a->mail->parent || !(a->bounce = bounce_of(p, a))) {
        give_up_with(a, NULL);
        return;
    }
    a->writer = begin(a, a->bounce);
    if (!a->writer) {
        end_act(a);
        return;
    }
    write_body(a, a->bounce);
    store_end(a->writer);
}

/* ---- commands ---- */

static void on_retried(void *arg, const struct err *err)
{
    struct act *a = arg;
    a->play->totals->retried += !err;
    end_act(a);
}

static void on_removed(void *arg, const struct err *err)
{
    struct act *a = arg;
    if (!err)
        a->mail->must_not = true;
    a->play->totals->removed += !err;
    end_act(a);
}

static void begin_retry(struct act *a, struct spool_entry *e)
{
    struct mail *mail = a->mail;
    for (size_t i = 0; i < mail->n; i++)
        if (!mail->people[i].is_served) {
            mail->people[i].is_failed = false;
            mail->people[i].cycle++;
        }
    mail->must_unknown = mail->synced_unknown = 0;
    store_retry(a->play->store, e, on_retried, a);
}

static void begin_on(struct act *a, struct spool_entry *e)
{
    struct play *p = a->play;
    a->mail = mail_find(p, e->id);
    if (!a->mail) {
        sim_spool_broken(p, "%s: nobody gave it", e->id);
        a->kind = IDLE;
        return;
    }
    sim_say(p->sim, "act    %d on %s", (int)a->kind, e->id);
    if (p->drains)
        a->kind = e->place == PLACE_FAILED ? RETRY : e->waiting ? SEND : GIVE_UP;
    switch (a->kind) {
    case SEND:
        if (e->place == PLACE_QUEUE && e->waiting && !e->is_held && !e->is_gone)
            store_message_open(p->store, e, on_opened_to_send, a);
        else
            end_act(a);
        break;
    case GIVE_UP:
        if (e->place == PLACE_QUEUE && !e->is_held && !e->is_gone &&
            (e->refused || sim_spool_chance(p, 10)))
            store_message_open(p->store, e, on_opened_to_give_up, a);
        else
            end_act(a);
        break;
    case RETRY: begin_retry(a, e); break;
    default:
        a->mail->must = false;
        a->mail->is_leaving = true;
        store_remove(p->store, e, on_removed, a);
        break;
    }
}

static struct spool_entry *pick(struct play *p)
{
    const struct spool_index *index = store_index(p->store);
    enum spool_place place = sim_spool_chance(p, 75) ? PLACE_QUEUE : PLACE_FAILED;
    if (index->counts[place] == 0)
        place = place == PLACE_QUEUE ? PLACE_FAILED : PLACE_QUEUE;
    if (index->counts[place] == 0)
        return NULL;
    size_t n = sim_rng_below(&p->rng, index->counts[place]);
    LIST_EACH (&index->lists[place], it)
        if (n-- == 0) {
            struct spool_entry *e = CONTAINER(it, struct spool_entry, link);
            return e->is_busy ? NULL : e;
        }
    return NULL;
}

void sim_spool_act(struct play *p)
{
    for (size_t i = 0; i < ACTS; i++)
        if (p->acts[i].awaits && sim_spool_chance(p, 50))
            answer(&p->acts[i]);
    for (size_t i = 0; i < ACTS; i++) {
        struct act *a = &p->acts[i];
        if (a->kind != IDLE)
            continue;
        unsigned lot = (unsigned)sim_rng_below(&p->rng, 100);
        if (!p->drains && lot < 25) {
            a->kind = TAKE;
            begin_take(a);
            return;
        }
        struct spool_entry *e = pick(p);
        a->kind = lot < 65 ? SEND : lot < 85 ? GIVE_UP : lot < 95 ? RETRY : REMOVE;
        if (a->kind == RETRY && e && e->place != PLACE_FAILED)
            a->kind = SEND;
        if (e)
            begin_on(a, e);
        else
            a->kind = IDLE;
        return;
    }
}
