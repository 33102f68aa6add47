/* A message that another spool has kept is taken in with its past: its times on this clock, its log
 * before its name, its bounces free; and wherever the power goes it is in one of the two. */
#include "spool_store_world.h"

#include "spool/clock.h"

#define HOUR (3600 * USEC_PER_SEC)

static struct store *other;

static void on_done(void *arg, const struct err *err)
{
    (void)arg;
    assert_true(!err || sim_disk_has_halted(sim));
    got.done++;
}

/* Lines of a log as another spool wrote them. */
static struct slice past_of(const char *id, bool is_given_up)
{
    static struct buf log;
    const size_t second[] = {1};
    buf_free(&log);
    buf_init(&log, 4096);
    assert_true(history_add_dot(&log, id, 1));
    assert_true(history_add_fate(&log, id, 0, FATE_SERVED, 0, ""));
    assert_true(history_add_fate(&log, id, 1, FATE_REFUSED, 550, "5.1.1 no such user"));
    if (is_given_up)
        assert_true(history_add_failed(&log, id, second, 1, 1, 5 * HOUR));
    else
        assert_true(history_add_again(&log, id, 5 * HOUR));
    return buf_view(&log);
}

static struct store_writer *adopt(const char *id, struct slice log, usec queued, usec now,
                                  enum store_no *no)
{
    static char word[] = "w";
    struct spool_recipient people[2] = {{word, word, word}, {word, word, word}};
    char name[SPOOL_ID_SIZE];
    struct spool_envelope e = {.id = name,
                               .queued = queued,
                               .account = word,
                               .sender = word,
                               .reason = word,
                               .recipients = people,
                               .nrecipients = 2};
    const struct store_past past = {.log = log, .now = now};
    snprintf(name, sizeof name, "%s", id);
    e.bounce = strchr(id, '.') ? SPOOL_BOUNCE : SPOOL_MAIL;
    return store_begin_adopted(store, &e, &past, 4, &taker, no);
}

static struct spool_entry *adopt_whole(const char *id, struct slice log, usec queued, usec now)
{
    enum store_no no;
    unsigned before = got.taken;
    struct store_writer *w = adopt(id, log, queued, now, &no);
    assert_non_null(w);
    assert_true(store_write(w, slice_of("body")));
    store_end(w);
    settle();
    assert_int_equal(got.taken, before + 1);
    return store_find(store, id);
}

static void its_times_are_moved(void **state)
{
    (void)state;
    sim_run_for(sim, 10 * HOUR);
    usec ahead = store_now(store) - 7 * HOUR;
    struct spool_entry *e = adopt_whole("m1", past_of("m1", false), 4 * HOUR, 7 * HOUR);
    assert_true(e->queued - (4 * HOUR + ahead) < USEC_PER_SEC);
    assert_true(e->since - (5 * HOUR + ahead) < USEC_PER_SEC && e->since > e->queued);
    assert_int_equal(e->waiting, 1);
    assert_int_equal(e->place, PLACE_QUEUE);
    assert_int_equal(got.ready, 1);
    /* and so they are after a start */
    usec since = e->since;
    store_close(&store);
    sim_disk_crash(sim, true);
    open_store();
    e = store_find(store, "m1");
    assert_int_equal(e->since, since);
    open_message(e);
    const struct history *h = store_message_history(got.message);
    assert_int_equal(h->recipients[0].fate, FATE_SERVED);
    assert_int_equal(h->recipients[1].fate, FATE_WAITING);
    assert_int_equal(h->tries, 1);
}

/* The clock here has just begun, or the other one was wrong. */
static void no_time_is_before_the_beginning_or_in_the_future(void **state)
{
    (void)state;
    struct spool_entry *e = adopt_whole("m1", past_of("m1", false), 4 * HOUR, 700 * HOUR);
    assert_int_equal(e->queued, 0);
    e = adopt_whole("m2", past_of("m2", false), 900 * HOUR, 4 * HOUR);
    assert_in_range(e->queued, 0, store_now(store));
    assert_int_equal(spool_clock_shift(INT64_MAX, INT64_MAX, 7), 7);
    assert_int_equal(spool_clock_shift(INT64_MAX, 1 - INT64_MAX, 7), 1);
    assert_int_equal(spool_clock_shift(3, -4, 7), 0);
    assert_int_equal(spool_clock_shift(3, 2, 7), 5);
}

static void what_was_given_up_goes_to_failed(void **state)
{
    (void)state;
    struct spool_entry *e = adopt_whole("m1", past_of("m1", true), 4 * HOUR, 7 * HOUR);
    assert_int_equal(e->place, PLACE_FAILED);
    assert_int_equal(e->log_place, PLACE_FAILED);
    assert_false(e->is_busy);
    assert_string_equal(e->reason, "550 5.1.1 no such user");
    assert_int_equal(e->bounces, 1);
    assert_int_equal(got.ready, 0);
    assert_int_equal(sim_disk_count(sim, "s/failed"), 2);
    assert_int_equal(sim_disk_count(sim, "s/queue"), 0);
    /* its bounce is born, and is sent; so it is after a start */
    e = adopt_whole("m1.b1", slice_make(NULL, 0), 5 * HOUR, 7 * HOUR);
    assert_false(e->is_held);
    assert_int_equal(got.ready, 1);
    store_close(&store);
    sim_disk_crash(sim, true);
    open_store();
    assert_false(store_find(store, "m1.b1")->is_held);
    assert_int_equal(store_find(store, "m1")->place, PLACE_FAILED);
}

static void what_can_not_be_taken_in(void **state)
{
    enum store_no no;
    struct slice log = past_of("m1", false);
    (void)state;
    /* it is there, and stays as it is */
    take("m1", "another");
    assert_null(adopt("m1", log, 0, 0, &no));
    assert_int_equal(no, STORE_NO_MESSAGE);
    assert_int_equal(store_find(store, "m1")->waiting, 2);
    /* a log of another message, and one that ends in the middle of a line */
    assert_null(adopt("m2", log, 0, 0, &no));
    assert_null(adopt("m1x", slice_head(log, log.len - 1), 0, 0, &no));
    assert_int_equal(sim_disk_count(sim, "s/queue"), 1);
    /* an end before the last octet leaves nothing behind */
    struct store_writer *w = adopt("m3", past_of("m3", false), 0, 0, &no);
    assert_non_null(w);
    store_abort(&w);
    settle();
    assert_int_equal(sim_disk_count(sim, "s/queue"), 1);
}

/* ---- a stop anywhere ---- */

static bool other_is_idle(void *arg)
{
    (void)arg;
    return sim_disk_has_halted(sim) || store_is_idle(other);
}

static bool is_over(void *arg)
{
    (void)arg;
    return sim_disk_has_halted(sim) || got.taken || got.failed;
}

static void open_both(void)
{
    struct err err;
    struct spool_settings there = settings;
    there.directory = "t";
    other = store_open(sim_io(sim), &there, &err);
    assert_non_null(other);
    assert_int_equal(store_start(other, &err), 0);
    open_store();
}

static void close_both(bool power_cut)
{
    store_close(&store);
    store_close(&other);
    sim_disk_crash(sim, power_cut);
}

/* Where it is, it has its octets, and whom it served it does not serve again. */
static void assert_knows_its_past(struct store *s)
{
    struct spool_entry *e = store_find(s, "m1");
    if (!e)
        return;
    store_message_open(s, e, on_opened, NULL);
    settle();
    assert_non_null(got.message);
    assert_int_equal(store_message_history(got.message)->recipients[0].fate, FATE_SERVED);
    assert_int_equal(store_message_size(got.message), 4);
    store_message_close(&got.message);
}

/* Returns whether the machine stopped before it was over. */
static bool stop_after(uint64_t half_steps, bool power_cut, bool is_given_up)
{
    struct slice log = past_of("m1", is_given_up);
    bool was_taken = false;
    memset(&got, 0, sizeof got);
    /* There it is as the other spool would have it. */
    struct store *here = store;
    store = other;
    adopt_whole("m1", log, 4 * HOUR, 7 * HOUR);
    store = here;
    memset(&got, 0, sizeof got);
    sim_disk_halt_after(sim, half_steps);
    enum store_no no;
    struct store_writer *w = adopt("m1", log, 4 * HOUR, 7 * HOUR, &no);
    assert_non_null(w);
    assert_true(store_write(w, slice_of("body")));
    store_end(w);
    sim_run_until(sim, is_over, NULL, HOUR);
    was_taken = got.taken > 0;
    if (was_taken && !sim_disk_has_halted(sim)) {
        store_remove(other, store_find(other, "m1"), on_done, NULL);
        sim_run_until(sim, other_is_idle, NULL, HOUR);
    }
    bool has_halted = sim_disk_has_halted(sim);
    close_both(power_cut);
    open_both();
    settle();
    assert_true(store_find(store, "m1") || store_find(other, "m1"));
    assert_true(!was_taken || store_find(store, "m1"));
    assert_true(has_halted || !store_find(other, "m1"));
    assert_knows_its_past(store);
    assert_knows_its_past(other);
    return has_halted;
}

static void wherever_it_stops_it_is_somewhere(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        uint64_t n = 0;
        bool has_halted;
        do {
            store_close(&store);
            sim_free(&sim);
            sim = sim_new(n + 1);
            open_both();
            has_halted = stop_after(n++, how & 1, how & 2);
            store_close(&other);
        } while (has_halted);
        /* it was stopped at each of its steps */
        assert_true(n > 20);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(its_times_are_moved),
        TEST(no_time_is_before_the_beginning_or_in_the_future),
        TEST(what_was_given_up_goes_to_failed),
        TEST(what_can_not_be_taken_in),
        TEST(wherever_it_stops_it_is_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
