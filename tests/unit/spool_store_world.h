/* A store over a simulated disk, and what it has told. */
#ifndef UNIT_SPOOL_STORE_WORLD_H
#define UNIT_SPOOL_STORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "base/mem.h"
#include "sim/sim_disk.h"
#include "spool/store.h"

#define DAY (86400 * USEC_PER_SEC)

static struct sim *sim;
static struct store *store;
static struct spool_settings settings;

static struct {
    unsigned taken, failed, low, done, ready, gone;
    struct spool_entry *entry;
    enum store_no why;
    enum err_kind kind;
    struct store_message *message;
    enum store_read read;
    char body[256];
    size_t len;
} got;

static void on_taken(void *ctx, struct spool_entry *entry)
{
    (void)ctx;
    got.taken++;
    got.entry = entry;
}

static void on_failed(void *ctx, enum store_no why, const struct err *err)
{
    (void)ctx;
    got.failed++;
    got.why = why;
    got.kind = err->kind;
}

static void on_low(void *ctx)
{
    (void)ctx;
    got.low++;
}

static void on_ready(void *ctx, struct spool_entry *entry)
{
    (void)ctx;
    (void)entry;
    got.ready++;
}

static void on_gone(void *ctx, struct spool_entry *entry)
{
    (void)ctx;
    (void)entry;
    got.gone++;
}

static const struct store_taker taker = {on_taken, on_failed, on_low, NULL};
static const struct store_watch ears = {on_ready, on_gone, NULL};

static void open_store(void)
{
    struct err err;
    store = store_open(sim_io(sim), &settings, &err);
    assert_non_null(store);
    store_set_watch(store, &ears);
    assert_int_equal(store_start(store, &err), 0);
}

static int set_up(void **state)
{
    (void)state;
    memset(&got, 0, sizeof got);
    settings = (struct spool_settings){.directory = "s",
                                       .max_size = 100000,
                                       .max_messages = 20,
                                       .min_free = 5,
                                       .max_age = 5 * DAY,
                                       .failed_age = 30 * DAY};
    sim = sim_new(1);
    open_store();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_message_close(&got.message);
    store_close(&store);
    sim_free(&sim);
    return 0;
}

static void settle(void)
{
    sim_run_for(sim, 2 * USEC_PER_SEC);
}

static struct store_writer *begin(const char *id, uint64_t expected, enum store_no *no)
{
    static char word[] = "w";
    struct spool_recipient people[2] = {{word, word, word}, {word, word, word}};
    char name[SPOOL_ID_SIZE];
    struct spool_envelope e = {
        .id = name, .account = word, .sender = word, .recipients = people, .nrecipients = 2};
    snprintf(name, sizeof name, "%s", id);
    e.bounce = strchr(id, '.') ? SPOOL_BOUNCE : SPOOL_MAIL;
    return store_begin(store, &e, expected, &taker, no);
}

static struct spool_entry *take(const char *id, const char *body)
{
    enum store_no no;
    unsigned before = got.taken;
    struct store_writer *w = begin(id, 0, &no);
    assert_non_null(w);
    assert_true(store_write(w, slice_of(body)));
    store_end(w);
    assert_int_equal(got.taken, before);
    settle();
    assert_int_equal(got.taken, before + 1);
    return got.entry;
}

static void on_opened(void *arg, struct store_message *m, const struct err *err)
{
    (void)arg;
    got.message = m;
    got.kind = err ? err->kind : ERR_NONE;
}

static __attribute__((unused)) void open_message(struct spool_entry *entry)
{
    store_message_open(store, entry, on_opened, NULL);
    settle();
}

static __attribute__((unused)) void on_octets(void *arg, enum store_read what, struct slice octets,
                                              const struct err *err)
{
    (void)arg;
    (void)err;
    got.read = what;
    if (what == STORE_OCTETS) {
        memcpy(got.body + got.len, octets.data, octets.len);
        got.len += octets.len;
        store_message_read(got.message, on_octets, NULL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
