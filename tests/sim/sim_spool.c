#include "sim_spool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/io.h"
#include "spool/store.h"

enum { MAILS = 24, PEOPLE = 3, ACTS = 4, CYCLES = 32 };

struct person {
    unsigned copies, allowed;
    /* told by a callback */
    bool is_served, is_failed;
    /* served, but nobody knows whether the disk knows */
    bool in_window;
    /* retries so far; bounces that were sent for each */
    unsigned cycle;
    unsigned char reports[CYCLES];
};

struct mail {
    char id[SPOOL_ID_SIZE];
    char *body;
    size_t len, n;
    struct person people[PEOPLE];
    /* It must be there; it must not; neither: it may. */
    bool must, must_not;
    bool is_leaving;
    /* of a bounce: its message, and whom it is about in which cycle */
    struct mail *parent;
    bool is_about[PEOPLE];
    unsigned about_cycle[PEOPLE];
    bool was_sent;
    /* unknown outcomes that must be known; ... after a power cut, too; that may be */
    unsigned must_unknown, synced_unknown, may_unknown;
    bool dot_is_open;
};

enum kind { IDLE, TAKE, SEND, GIVE_UP, RETRY, REMOVE };

struct act {
    struct play *play;
    enum kind kind;
    struct mail *mail, *bounce;
    struct store_writer *writer;
    struct store_message *message;
    size_t offset;
    bool differs;
    size_t people[PEOPLE], npeople;
    /* the end of data went out; its answer, which comes later */
    bool awaits;
    struct store_fate fates[PEOPLE];
    struct store_outcome outcome;
};

struct play {
    struct sim *sim;
    struct store *store;
    struct sim_rng rng;
    struct mail mails[MAILS];
    size_t nmails;
    struct act acts[ACTS];
    struct sim_disk_faults faults;
    /* the last run: all is served */
    bool drains;
    bool is_broken;
    char words[256];
    struct sim_spool_totals *totals;
};

static void broken(struct play *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void broken(struct play *p, const char *fmt, ...)
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

static bool chance(struct play *p, unsigned percent)
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
    return store_begin(a->play->store, &e, chance(a->play, 50) ? mail->len : 0, &t, &no);
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
    size_t n = sim_rng_below(&p->rng, chance(p, 3) ? 200000 : 600);
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
    if (chance(p, 10)) {
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
                broken(p, "%s reports what was reported before", mail->id);
        }
    mail->was_sent = true;
}

/* The end of data goes out to those who wait. */
static void on_dot(void *arg, const struct err *err)
{
    struct act *a = arg;
    struct play *p = a->play;
    struct mail *mail = a->mail;
    bool lost = !p->drains && chance(p, 15);
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
                broken(p, "%s was served %u times", mail->id, one->copies);
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
            broken(p, "%s ended with octets that it never had", mail->id);
        if (!p->drains && chance(p, 15))
            not_sent(a);
        else if (++mail->may_unknown)
            store_message_dot(a->message, on_dot, a);
        return;
    case STORE_DAMAGED: broken(p, "%s: %s", mail->id, err->words); break;
    case STORE_READ_FAILED: break;
    }
    end_act(a);
}

/* What the history must still know. */
static void check_history(struct play *p, const struct mail *mail, const struct store_message *m)
{
    const struct history *h = store_message_history(m);
    if (h->n != mail->n || strcmp(store_message_envelope(m)->id, mail->id) != 0) {
        broken(p, "%s has another envelope", mail->id);
        return;
    }
    for (size_t i = 0; i < mail->n; i++) {
        if (mail->people[i].is_served && h->recipients[i].fate != FATE_SERVED)
            broken(p, "%s: a recipient who was served waits again", mail->id);
        if (mail->people[i].is_failed && h->recipients[i].fate != FATE_FAILED &&
            h->recipients[i].fate != FATE_SERVED)
            broken(p, "%s: a recipient who was given up waits again", mail->id);
    }
    if (history_unknown(h) < mail->must_unknown)
        broken(p, "%s: an unknown outcome was forgotten", mail->id);
    if (history_unknown(h) > mail->may_unknown)
        broken(p, "%s: %u unknown outcomes, there were %u", mail->id, history_unknown(h),
               mail->may_unknown);
}

static bool is_opened(struct act *a, struct store_message *m, const struct err *err)
{
    a->message = m;
    if (!m) {
        if (err->kind == ERR_PROTOCOL || err->kind == ERR_NOT_FOUND)
            broken(a->play, "%s can't be opened: %s", a->mail->id, err->words);
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
        broken(p, "%s was sent, and is written again", id);
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
             chance(p, 50)))
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
        broken(p, "%s: nobody gave it", e->id);
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
        if (e->place == PLACE_QUEUE && !e->is_held && !e->is_gone && (e->refused || chance(p, 10)))
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
    enum spool_place place = chance(p, 75) ? PLACE_QUEUE : PLACE_FAILED;
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

static void begin_something(struct play *p)
{
    for (size_t i = 0; i < ACTS; i++)
        if (p->acts[i].awaits && chance(p, 50))
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

/* ---- a run, a stop ---- */

static void check_presence(struct play *p)
{
    for (size_t i = 0; i < p->nmails; i++) {
        struct mail *mail = &p->mails[i];
        const struct spool_entry *e = store_find(p->store, mail->id);
        if (mail->must && !e)
            broken(p, "%s was taken and is gone", mail->id);
        if (mail->must_not && e)
            broken(p, "%s is gone and is back", mail->id);
        if (e && e->is_held)
            broken(p, "%s is held after a start", mail->id);
        /* what is there now stays there */
        mail->must = e != NULL;
        if (!e && mail->body && (mail->was_sent || !mail->parent))
            mail->must_not = true;
    }
    if (store_corrupt(p->store))
        broken(p, "something went to corrupt/");
}

static bool open_store(struct play *p)
{
    struct err err;
    const struct spool_settings settings = {.directory = "spool",
                                            .max_size = 1 << 30,
                                            .max_messages = 1000,
                                            .min_free = 5,
                                            .max_age = 432000 * USEC_PER_SEC,
                                            .failed_age = 2592000 * USEC_PER_SEC};
    struct sim_disk_faults *f = sim_disk_faults(p->sim);
    f->writes = f->syncs = f->renames = f->directory_syncs = f->reads = 0;
    f->full = false;
    p->store = store_open(sim_io(p->sim), &settings, &err);
    if (!p->store && !sim_disk_has_halted(p->sim))
        broken(p, "the start failed: %s", err.words);
    if (!p->store || sim_disk_has_halted(p->sim))
        return false;
    check_presence(p);
    if (store_start(p->store, &err) < 0)
        abort();
    f->writes = p->faults.writes;
    f->syncs = p->faults.syncs;
    f->renames = p->faults.renames;
    f->directory_syncs = p->faults.directory_syncs;
    f->reads = p->faults.reads;
    return true;
}

/* What a stop means for the promises. */
static void stop(struct play *p, bool power_cut)
{
    for (size_t i = 0; i < ACTS; i++)
        p->acts[i] = (struct act){.play = p};
    store_close(&p->store);
    sim_disk_crash(p->sim, power_cut);
    p->totals->stops++;
    for (size_t i = 0; i < p->nmails; i++) {
        struct mail *mail = &p->mails[i];
        for (size_t k = 0; k < mail->n; k++) {
            struct person *one = &mail->people[k];
            one->allowed += one->in_window;
            one->in_window = false;
        }
        /* only the end of the process keeps a line that was not synced */
        if (power_cut)
            mail->must_unknown = mail->synced_unknown;
        else
            mail->must_unknown += mail->dot_is_open;
        mail->dot_is_open = false;
    }
}

static void run(struct play *p, unsigned steps)
{
    for (unsigned i = 0; i < steps && !p->is_broken && !sim_disk_has_halted(p->sim); i++) {
        if (chance(p, 2) && p->faults.writes)
            sim_disk_faults(p->sim)->full = !sim_disk_faults(p->sim)->full;
        begin_something(p);
        sim_run_for(p->sim, chance(p, 1) ? 11 * USEC_PER_SEC : (usec)sim_rng_below(&p->rng, 1500));
    }
}

static bool is_empty(struct play *p)
{
    const struct spool_index *index = store_index(p->store);
    return index->counts[0] + index->counts[1] == 0 && store_is_idle(p->store);
}

static void drain(struct play *p)
{
    memset(&p->faults, 0, sizeof p->faults);
    sim_disk_halt_after(p->sim, SIM_NEVER);
    p->drains = true;
    if (!open_store(p))
        return;
    for (int i = 0; i < 2000 && !p->is_broken && !is_empty(p); i++) {
        begin_something(p);
        sim_run_for(p->sim, USEC_PER_MS);
    }
    if (!p->is_broken && !is_empty(p))
        broken(p, "not everything ends: %zu wait, %zu failed, %s", store_index(p->store)->counts[0],
               store_index(p->store)->counts[1], store_is_idle(p->store) ? "idle" : "busy");
    if (!p->is_broken &&
        (sim_disk_count(p->sim, "spool/queue") || sim_disk_count(p->sim, "spool/failed")))
        broken(p, "files are left");
    store_close(&p->store);
}

bool sim_spool_play(uint64_t seed, const struct sim_disk_faults *lies, bool verbose,
                    struct sim_spool_totals *totals, char words[256])
{
    struct play *p = NEW(struct play);
    p->sim = sim_new(seed);
    p->rng = *sim_script_rng(p->sim);
    p->totals = totals;
    sim_be_verbose(p->sim, verbose);
    if (lies)
        *sim_disk_faults(p->sim) = *lies;
    if (chance(p, 50))
        p->faults = (struct sim_disk_faults){
            .writes = 15, .syncs = 10, .renames = 10, .directory_syncs = 10, .reads = 5};
    unsigned runs = 1 + (unsigned)sim_rng_below(&p->rng, 6);
    for (size_t i = 0; i < ACTS; i++)
        p->acts[i].play = p;
    for (unsigned i = 0; i < runs && !p->is_broken; i++) {
        sim_disk_halt_after(p->sim, sim_rng_below(&p->rng, chance(p, 35) ? 40 : 600));
        if (open_store(p))
            run(p, 150);
        stop(p, chance(p, 60));
    }
    if (!p->is_broken)
        drain(p);
    store_close(&p->store);
    totals->histories++;
    bool holds = !p->is_broken;
    memcpy(words, p->words, sizeof p->words);
    for (size_t i = 0; i < p->nmails; i++)
        free(p->mails[i].body);
    sim_free(&p->sim);
    free(p);
    return holds;
}
