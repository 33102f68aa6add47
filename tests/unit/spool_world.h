/* What the tests of the spool's sending half share: a simulated world with a disk, accounts and
 * scripted upstreams, and messages that lie in the store. */
#ifndef SPOOL_WORLD_H
#define SPOOL_WORLD_H

#include "base/mem.h"
#include "sim/sim_disk.h"
#include "spool/spool.h"
#include "upstream/contexts.h"
#include "upstream_world.h"

#define BODY "Subject: x\r\n\r\nbody\r\n"
#define DAY (86400 * S)

struct depot {
    struct world w;
    struct config *config;
    struct spool *spool;
    struct spool_options options;
    unsigned taken, failed, done;
    enum err_kind kind;
};

static inline void depot_taken(void *ctx, struct spool_entry *entry)
{
    (void)entry;
    ((struct depot *)ctx)->taken++;
}

static inline void depot_failed(void *ctx, enum store_no why, const struct err *err)
{
    (void)why;
    (void)err;
    ((struct depot *)ctx)->failed++;
}

static inline void depot_done(void *ctx, const struct err *err)
{
    struct depot *d = ctx;
    d->done++;
    d->kind = err ? err->kind : ERR_NONE;
}

/* The configuration of `ini` from here on. */
static inline void depot_load(struct depot *d, const char *ini)
{
    struct err err = {0};
    struct config *config = sim_config(ini);
    struct accounts *accounts = d->w.accounts;
    if (accounts) {
        struct contexts *contexts = contexts_new(config);
        assert_non_null(contexts);
        d->w.accounts = accounts_reload(&accounts, config, contexts, &err);
    } else {
        d->w.accounts = accounts_new(sim_io(d->w.sim), config, &err);
    }
    assert_non_null(d->w.accounts);
    config_unref(&d->config);
    d->config = config;
}

static inline void depot_start(struct depot *d)
{
    struct err err = {0};
    d->spool = spool_new(sim_io(d->w.sim), &d->options, &err);
    assert_non_null(d->spool);
    spool_reload(d->spool, &d->options, d->config, d->w.accounts, NULL);
    assert_int_equal(spool_start(d->spool, &err), 0);
}

static inline void depot_reload(struct depot *d, const char *ini)
{
    depot_load(d, ini);
    spool_reload(d->spool, &d->options, d->config, d->w.accounts, NULL);
}

#define ONE BASIC "ports = 587\n"

/* One account and one server, which works. */
static inline struct sim_upstream_script *depot_init(struct depot *d, const char *ini)
{
    *d = (struct depot){.options = {.store = {.directory = "spool",
                                              .max_size = 1 << 30,
                                              .max_messages = 1000,
                                              .min_free = 5,
                                              .max_age = 5 * DAY,
                                              .failed_age = 30 * DAY},
                                    .retry_first = 30 * S,
                                    .retry_longest = 3600 * S,
                                    .max_unknown = 3}};
    world_begin(&d->w);
    struct sim_upstream_script *script = world_server(&d->w, AT587);
    depot_load(d, ini);
    depot_start(d);
    return script;
}

/* recipients: "a@b c@d"; edit (may be NULL) changes the envelope before it is taken. */
static inline void depot_put(struct depot *d, const char *id, const char *sender,
                             const char *recipients, const char *body,
                             void (*edit)(struct spool_envelope *e))
{
    static char empty[] = "";
    char from[200], list[400], name[32], account[] = "default", listener[] = "lan",
                                         client[] = "192.0.2.77", date[] = "pinned date",
                                         message_id[] = "<pinned@here>";
    struct spool_recipient to[8];
    struct store_taker taker = {.taken = depot_taken, .failed = depot_failed, .ctx = d};
    enum store_no no;
    snprintf(from, sizeof from, "%s", sender);
    snprintf(list, sizeof list, "%s", recipients);
    snprintf(name, sizeof name, "%s", id);
    struct spool_envelope e = {.id = name,
                               .account = account,
                               .listener = listener,
                               .client = client,
                               .login = empty,
                               .destination = empty,
                               .reason = empty,
                               .date = date,
                               .message_id = message_id,
                               .sender = from,
                               .ret = empty,
                               .envid = empty,
                               .recipients = to};
    for (char *at = strtok(list, " "); at; at = strtok(NULL, " "))
        to[e.nrecipients++] =
            (struct spool_recipient){.address = at, .notify = empty, .orcpt = empty};
    if (edit)
        edit(&e);
    struct store_writer *w = store_begin(spool_store(d->spool), &e, strlen(body), &taker, &no);
    assert_non_null(w);
    store_write(w, slice_of(body));
    store_end(w);
}

static inline size_t depot_waiting(const struct depot *d)
{
    return store_index(spool_store(d->spool))->counts[PLACE_QUEUE];
}

static inline size_t depot_failures(const struct depot *d)
{
    return store_index(spool_store(d->spool))->counts[PLACE_FAILED];
}

static inline struct spool_entry *depot_find(const struct depot *d, const char *id)
{
    return store_find(spool_store(d->spool), id);
}

static inline const struct sim_mail *depot_mail(const struct depot *d, size_t i)
{
    assert_true(d->w.ledger->nmails > i);
    return &d->w.ledger->mails[i];
}

static inline bool depot_holds(const struct sim_mail *mail, const char *text)
{
    struct slice body = buf_view(&mail->body);
    return memmem(body.data, body.len, text, strlen(text)) != NULL;
}

/* Lines of the log that have this text. */
static inline size_t depot_lines(const struct depot *d, const char *text)
{
    size_t n = 0;
    for (size_t i = 0; i < sim_log_count(d->w.sim); i++)
        n += strstr(sim_log_line(d->w.sim, i), text) != NULL;
    return n;
}

/* As at the end of the process: what was performed is there. */
static inline void depot_stop(struct depot *d, bool power_cut)
{
    spool_free(&d->spool);
    sim_disk_crash(d->w.sim, power_cut);
}

static inline void depot_end(struct depot *d)
{
    spool_free(&d->spool);
    config_unref(&d->config);
    world_end(&d->w);
}

#endif
