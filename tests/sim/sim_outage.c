#include "sim_outage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/io.h"
#include "sim_config.h"
#include "sim_upstream.h"
#include "spool/spool.h"
#include "spool/store_private.h"
#include "upstream/contexts.h"

enum { MAILS = 16, PEOPLE = 3, MAX_UNKNOWN = 3 };

#define HOST "mail.example.net"
#define AT "192.0.2.1:587"
#define DAY (86400 * USEC_PER_SEC)

struct mail {
    char id[SPOOL_ID_SIZE], sender[40], to[PEOPLE][40];
    char *body;
    size_t len, n;
    /* it was said to be taken; an administrator removed it; a bit of it was turned */
    bool is_taken, is_removed, is_damaged;
    /* stops while nobody could know its outcome; how often an administrator had it tried again */
    unsigned windows, retries;
};

struct outage {
    struct sim *sim;
    struct sim_ledger *ledger;
    struct sim_upstream *upstream;
    struct sim_upstream_script works;
    struct accounts *accounts;
    struct config *config;
    struct spool *spool;
    struct sim_rng rng;
    struct mail mails[MAILS];
    size_t nmails;
    struct sim_disk_faults faults;
    bool is_broken;
    char words[256];
    struct sim_outage_totals *totals;
};

static void broken(struct outage *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void broken(struct outage *o, const char *fmt, ...)
{
    va_list args;
    if (o->is_broken)
        return;
    o->is_broken = true;
    va_start(args, fmt);
    vsnprintf(o->words, sizeof o->words, fmt, args);
    va_end(args);
    sim_say(o->sim, "BROKEN %s", o->words);
}

static bool chance(struct outage *o, unsigned percent)
{
    return sim_rng_chance(&o->rng, percent);
}

/* ---- taking ---- */

static void on_taken(void *ctx, struct spool_entry *entry)
{
    struct mail *mail = ctx;
    (void)entry;
    mail->is_taken = true;
}

static void on_failed(void *ctx, enum store_no why, const struct err *err)
{
    (void)ctx;
    (void)why;
    (void)err;
}

static void fill(struct outage *o, struct mail *mail)
{
    size_t n = 60 + sim_rng_below(&o->rng, chance(o, 5) ? 150000 : 600);
    mail->body = mem_alloc(n + 80);
    mail->len = (size_t)sprintf(mail->body, "Subject: %s\r\n\r\n", mail->id);
    while (mail->len < n) {
        bool ends = mail->len % 70 == 0;
        if (ends)
            mail->body[mail->len++] = '\r';
        mail->body[mail->len++] = ends ? '\n' : (char)('a' + sim_rng_below(&o->rng, 26));
    }
    memcpy(mail->body + mail->len, "\r\n", 2);
    mail->len += 2;
}

static void take(struct outage *o)
{
    static char empty[] = "", account[] = "default", client[] = "192.0.2.9";
    struct spool_recipient to[PEOPLE];
    enum store_no no;
    if (o->nmails == MAILS)
        return;
    struct mail *mail = &o->mails[o->nmails];
    size_t number = o->nmails++;
    snprintf(mail->id, sizeof mail->id, "m%zu", number);
    snprintf(mail->sender, sizeof mail->sender, "m%zu@example.net", number);
    mail->n = 1 + sim_rng_below(&o->rng, PEOPLE);
    for (size_t i = 0; i < mail->n; i++) {
        static const char *const kinds[] = {"good", "bad", "grey"};
        snprintf(mail->to[i], sizeof mail->to[i], "%s%zu-m%zu@example.org",
                 kinds[sim_rng_below(&o->rng, 3)], i, number);
        to[i] = (struct spool_recipient){.address = mail->to[i], .notify = empty, .orcpt = empty};
    }
    fill(o, mail);
    struct spool_envelope e = {.id = mail->id,
                               .account = account,
                               .listener = empty,
                               .client = client,
                               .login = empty,
                               .destination = empty,
                               .reason = empty,
                               .date = empty,
                               .message_id = empty,
                               .sender = mail->sender,
                               .ret = empty,
                               .envid = empty,
                               .recipients = to,
                               .nrecipients = mail->n};
    const struct store_taker taker = {.taken = on_taken, .failed = on_failed, .ctx = mail};
    struct store_writer *w = store_begin(spool_store(o->spool), &e, mail->len, &taker, &no);
    if (!w)
        return;
    store_write(w, slice_make(mail->body, mail->len));
    store_end(w);
}

/* ---- what else happens ---- */

static const char *const configs[] = {
    "[upstream]\nhost = " HOST "\nusername = user\npassword = right\nports = 587\n",
    /* its account is gone, and another takes everything; ... or what only some have */
    "[upstream other]\nhost = " HOST "\nusername = user\npassword = right\nports = 587\n",
    "[upstream some]\nhost = " HOST "\nusername = user\npassword = right\nports = 587\n"
    "senders = m1@example.net m2@example.net <>\n"};

static void reload(struct outage *o)
{
    struct err err = {0};
    struct config *old = o->config;
    const struct spool_options options = *spool_options_of(o->spool);
    o->config = sim_config(configs[sim_rng_below(&o->rng, 3)]);
    o->accounts = accounts_reload(&o->accounts, o->config, contexts_new(o->config), &err);
    if (!o->accounts)
        abort();
    spool_reload(o->spool, &options, o->config, o->accounts, NULL);
    config_unref(&old);
}

static struct mail *any_mail(struct outage *o)
{
    return o->nmails ? &o->mails[sim_rng_below(&o->rng, o->nmails)] : NULL;
}

static void on_done(void *arg, const struct err *err)
{
    (void)arg;
    (void)err;
}

static void administrate(struct outage *o)
{
    struct mail *mail = any_mail(o);
    struct spool_entry *entry = mail ? store_find(spool_store(o->spool), mail->id) : NULL;
    if (!entry || entry->is_busy || entry->is_gone)
        return;
    if (chance(o, 30)) {
        mail->is_removed = true;
        o->totals->removed++;
        spool_remove(o->spool, entry, on_done, NULL);
    } else {
        mail->retries++;
        spool_retry(o->spool, entry, on_done, NULL);
    }
}

/* A disk that turns an octet of a body. */
static void damage(struct outage *o)
{
    struct mail *mail = any_mail(o);
    struct spool_entry *entry = mail ? store_find(spool_store(o->spool), mail->id) : NULL;
    struct slice octets;
    if (!entry || entry->is_busy || entry->place != PLACE_QUEUE || mail->is_damaged ||
        !sim_disk_get(o->sim, "spool/queue", mail->id, &octets))
        return;
    char *copy = mem_copy(octets.data, octets.len);
    size_t at = octets.len - SPOOL_TAIL_SIZE - 3 - sim_rng_below(&o->rng, mail->len / 2);
    /* a letter stays one that a server takes without a complaint */
    while (copy[at] < 'a' || copy[at] > 'z')
        at--;
    copy[at] = (char)(copy[at] ^ 32);
    sim_disk_put(o->sim, "spool/queue", mail->id, slice_make(copy, octets.len));
    free(copy);
    mail->is_damaged = true;
    o->totals->damaged++;
}

/* The upstream has another day. */
static void change_upstream(struct outage *o)
{
    static const enum sim_fault faults[] = {SIM_FAULT_CLOSE, SIM_FAULT_RESET, SIM_FAULT_STALL};
    static const enum sim_step steps[] = {SIM_AT_MAIL, SIM_AT_RCPT, SIM_AT_DATA, SIM_AT_BODY,
                                          SIM_AT_VERDICT};
    struct sim_upstream_script *s = sim_upstream_script(o->upstream);
    *s = o->works;
    if (chance(o, 80))
        s->rcpt[0] = (struct sim_address_rule){"bad", "550 5.1.1 no such user"};
    if (chance(o, 50))
        s->rcpt[1] = (struct sim_address_rule){"grey", "450 4.2.0 later"};
    if (chance(o, 15))
        s->greeting = "421 4.3.2 later";
    if (chance(o, 20))
        s->delay = (usec)sim_rng_below(&o->rng, 3000) * USEC_PER_MS;
    if (chance(o, 10)) {
        s->mail[0] = (struct sim_address_rule){"@", NULL};
        s->mail[1] = (struct sim_address_rule){"", "501 5.1.7 bad sender"};
    }
    if (chance(o, 40))
        s->faults[0] = (struct sim_fault_rule){.step = steps[sim_rng_below(&o->rng, 5)],
                                               .fault = faults[sim_rng_below(&o->rng, 3)],
                                               .times = (unsigned)sim_rng_below(&o->rng, 4),
                                               .commits = chance(o, 60)};
    if (chance(o, 10))
        s->faults[1] = (struct sim_fault_rule){.step = SIM_AT_VERDICT,
                                               .fault = SIM_FAULT_REPLY,
                                               .times = 1,
                                               .text = "421 4.3.2 closing\r\n"};
}

static void act(struct outage *o)
{
    struct sim_disk_faults *f = sim_disk_faults(o->sim);
    switch (sim_rng_below(&o->rng, 12)) {
    case 0:
    case 1:
    case 2:
    case 3: take(o); break;
    case 4: administrate(o); break;
    case 5: change_upstream(o); break;
    case 6: spool_awake(o->spool, NULL); break;
    case 7:
    case 10:
        if (chance(o, 50))
            damage(o);
        break;
    case 9:
        if (chance(o, 20))
            reload(o);
        break;
    case 8: f->full = o->faults.writes && !f->full; break;
    default: break;
    }
}

/* ---- runs and stops ---- */

static bool begin(struct outage *o)
{
    struct err err = {0};
    const struct spool_options options = {.store = {.directory = "spool",
                                                    .max_size = 1 << 30,
                                                    .max_messages = 1000,
                                                    .min_free = 5,
                                                    .max_age = 5 * DAY,
                                                    .failed_age = 3000 * DAY},
                                          .retry_first = 30 * USEC_PER_SEC,
                                          .retry_longest = 3600 * USEC_PER_SEC,
                                          .max_unknown = MAX_UNKNOWN};
    struct sim_disk_faults *f = sim_disk_faults(o->sim);
    f->writes = f->syncs = f->renames = f->directory_syncs = f->reads = 0;
    f->full = false;
    /* an account takes its password out of the configuration */
    config_unref(&o->config);
    o->config = sim_config(configs[0]);
    o->accounts = accounts_new(sim_io(o->sim), o->config, &err);
    o->spool = spool_new(sim_io(o->sim), &options, &err);
    if (!o->spool) {
        if (!sim_disk_has_halted(o->sim))
            broken(o, "the start failed: %s", err.words);
        return false;
    }
    spool_reload(o->spool, &options, o->config, o->accounts, NULL);
    if (spool_start(o->spool, &err) < 0)
        abort();
    f->writes = o->faults.writes;
    f->syncs = o->faults.syncs;
    f->renames = o->faults.renames;
    f->directory_syncs = o->faults.directory_syncs;
    f->reads = o->faults.reads;
    return true;
}

static void on_drained(void *ctx)
{
    *(bool *)ctx = true;
}

/* An orderly end: what awaits its verdict gets the time for it. */
static void drain(struct outage *o)
{
    bool is_drained = false;
    spool_drain(o->spool, on_drained, &is_drained);
    for (int i = 0; i < 1300 && !is_drained && !sim_disk_has_halted(o->sim); i++)
        sim_run_for(o->sim, USEC_PER_SEC);
    if (!is_drained && !sim_disk_has_halted(o->sim))
        broken(o, "it never drains");
}

static void stop(struct outage *o, bool power_cut)
{
    if (o->spool && !sim_disk_has_halted(o->sim) && chance(o, 50))
        drain(o);
    for (size_t i = 0; o->spool && i < o->nmails; i++) {
        struct spool_entry *e = store_find(spool_store(o->spool), o->mails[i].id);
        if (e && (e->is_busy || !store_is_settled(e)))
            o->mails[i].windows++;
    }
    spool_free(&o->spool);
    accounts_free(&o->accounts);
    sim_disk_crash(o->sim, power_cut);
    o->totals->stops++;
    sim_run_for(o->sim, 20 * USEC_PER_SEC);
}

static void run(struct outage *o, unsigned steps)
{
    for (unsigned i = 0; i < steps && !o->is_broken && !sim_disk_has_halted(o->sim); i++) {
        usec most = chance(o, 10)   ? 4 * 3600 * USEC_PER_SEC
                    : chance(o, 30) ? 60 * USEC_PER_SEC
                                    : 200 * USEC_PER_MS;
        act(o);
        for (usec left = (usec)sim_rng_below(&o->rng, (uint64_t)most);
             left > 0 && !sim_disk_has_halted(o->sim); left -= most / 20)
            sim_run_for(o->sim, most / 20);
    }
}

/* ---- the oracle ---- */

static bool has_text(struct slice in, const char *text)
{
    return memmem(in.data, in.len, text, strlen(text)) != NULL;
}

static bool went_to(const struct sim_mail *m, const char *to)
{
    for (size_t i = 0; i < m->nto; i++)
        if (strcmp(m->to[i], to) == 0)
            return true;
    return false;
}

static struct mail *mail_of(struct outage *o, const struct sim_mail *m)
{
    for (size_t i = 0; i < o->nmails; i++)
        if (strcmp(o->mails[i].sender, m->from) == 0)
            return &o->mails[i];
    return NULL;
}

static void check_octets(struct outage *o)
{
    for (size_t i = 0; i < o->ledger->nmails; i++) {
        const struct sim_mail *m = &o->ledger->mails[i];
        const struct mail *mail = mail_of(o, m);
        struct slice body = buf_view(&m->body);
        if (!mail) {
            if (!has_text(body, "smtp-detour spool retry m") || !has_text(body, "_0--\r\n"))
                broken(o, "something arrived that was never given");
            o->totals->bounces++;
        } else if (!slice_equal(body, slice_make(mail->body, mail->len))) {
            broken(o, "%s arrived with other octets", mail->id);
        }
        o->totals->arrived++;
    }
}

/* A line of the log for each end of data that had no answer. */
static unsigned count_unknown(struct outage *o, const struct mail *mail)
{
    char what[64];
    unsigned n = 0;
    snprintf(what, sizeof what, "msg=lost-link id=%s ", mail->id);
    for (size_t i = 0; i < sim_log_count(o->sim); i++)
        n += strstr(sim_log_line(o->sim, i), what) != NULL;
    return n;
}

static bool is_bounced(struct outage *o, const struct mail *mail, const char *to)
{
    char what[100], id[SPOOL_ID_SIZE + 4];
    snprintf(what, sizeof what, "Final-Recipient: rfc822; %s\r\n", to);
    for (size_t i = 0; i < o->ledger->nmails; i++)
        if (!mail_of(o, &o->ledger->mails[i]) &&
            has_text(buf_view(&o->ledger->mails[i].body), what))
            return true;
    /* it failed itself */
    for (unsigned k = 1; k < 20; k++)
        for (int again = 0; again < 2; again++) {
            snprintf(id, sizeof id, "%s.b%u%s", mail->id, k, again ? ".b1" : "");
            if (store_find(spool_store(o->spool), id))
                return true;
        }
    return false;
}

static void check_mail(struct outage *o, struct mail *mail)
{
    const struct spool_entry *entry = store_find(spool_store(o->spool), mail->id);
    unsigned unknown = count_unknown(o, mail);
    o->totals->unknown += unknown;
    o->totals->failed += entry != NULL;
    if (entry && entry->place != PLACE_FAILED)
        broken(o, "%s never ends", mail->id);
    /* What no disk could take, a stop forgets: all of a run. */
    if (unknown > MAX_UNKNOWN * (1 + mail->retries + mail->windows))
        broken(o, "%s had %u unknown outcomes", mail->id, unknown);
    for (size_t i = 0; i < mail->n; i++) {
        unsigned copies = 0;
        for (size_t k = 0; k < o->ledger->nmails; k++)
            copies += mail_of(o, &o->ledger->mails[k]) == mail &&
                      went_to(&o->ledger->mails[k], mail->to[i]);
        o->totals->copies += copies > 1;
        if (copies > 1 + unknown + mail->windows)
            broken(o, "%s went to %s %u times, %u outcomes were unknown, %u stops", mail->id,
                   mail->to[i], copies, unknown, mail->windows);
        if (!mail->is_taken || mail->is_removed || mail->is_damaged || copies)
            continue;
        if (!entry)
            broken(o, "%s was taken, never reached %s, and is gone", mail->id, mail->to[i]);
        else if (!is_bounced(o, mail, mail->to[i]))
            broken(o, "%s never reached %s, and nobody was told", mail->id, mail->to[i]);
    }
}

static void check(struct outage *o)
{
    check_octets(o);
    for (size_t i = 0; i < o->nmails; i++) {
        o->totals->taken += o->mails[i].is_taken;
        check_mail(o, &o->mails[i]);
    }
    for (size_t i = 0; i < o->ledger->ncomplaints; i++)
        broken(o, "complaint: %s", o->ledger->complaints[i]);
}

/* The last run: calm, or with an upstream that never answers an end of data. */
static void finish(struct outage *o)
{
    struct sim_upstream_script *s = sim_upstream_script(o->upstream);
    memset(&o->faults, 0, sizeof o->faults);
    sim_disk_halt_after(o->sim, SIM_NEVER);
    *s = o->works;
    s->rcpt[0] = (struct sim_address_rule){"bad", "550 5.1.1 no such user"};
    if (!begin(o))
        return;
    if (chance(o, 30)) {
        s->faults[0] = (struct sim_fault_rule){
            .step = SIM_AT_VERDICT, .fault = SIM_FAULT_CLOSE, .commits = true};
        sim_run_for(o->sim, 2 * DAY);
        s->faults[0] = (struct sim_fault_rule){0};
    }
    for (int i = 0; i < 240 && store_index(spool_store(o->spool))->counts[PLACE_QUEUE]; i++)
        sim_run_for(o->sim, 3600 * USEC_PER_SEC);
    sim_run_for(o->sim, 60 * USEC_PER_SEC);
    check(o);
}

bool sim_outage_play(uint64_t seed, const struct sim_disk_faults *lies, bool verbose,
                     struct sim_outage_totals *totals, char words[256])
{
    struct outage *o = NEW(struct outage);
    o->sim = sim_new(seed);
    o->rng = *sim_script_rng(o->sim);
    o->totals = totals;
    o->ledger = sim_ledger_new();
    sim_be_verbose(o->sim, verbose);
    sim_name(o->sim, HOST, "192.0.2.1");
    o->works = sim_upstream_kind(HOST, "user", "right");
    o->works.chunking = chance(o, 50);
    o->upstream = sim_upstream_new(o->sim, o->ledger, AT, &o->works);
    if (lies)
        *sim_disk_faults(o->sim) = *lies;
    if (chance(o, 30))
        o->faults = (struct sim_disk_faults){
            .writes = 8, .syncs = 5, .renames = 5, .directory_syncs = 5, .reads = 3};
    unsigned runs = 1 + (unsigned)sim_rng_below(&o->rng, 4);
    for (unsigned i = 0; i < runs && !o->is_broken; i++) {
        sim_disk_halt_after(o->sim, 20 + sim_rng_below(&o->rng, chance(o, 60) ? 150 : 1500));
        if (begin(o))
            run(o, 60);
        stop(o, chance(o, 50));
    }
    if (!o->is_broken)
        finish(o);
    spool_free(&o->spool);
    accounts_free(&o->accounts);
    sim_run_for(o->sim, 20 * USEC_PER_SEC);
    totals->histories++;
    bool holds = !o->is_broken;
    memcpy(words, o->words, sizeof o->words);
    for (size_t i = 0; i < o->nmails; i++)
        free(o->mails[i].body);
    sim_upstream_free(&o->upstream);
    sim_ledger_free(&o->ledger);
    config_unref(&o->config);
    sim_free(&o->sim);
    free(o);
    return holds;
}
