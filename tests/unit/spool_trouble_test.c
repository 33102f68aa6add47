/* What is wrong with the spool has a begin and an end, each in the log once. */
#include "spool/trouble.h"

#include "spool_world.h"

struct heard {
    size_t n;
    struct {
        enum spool_trouble_kind kind;
        char account[32], words[500];
        int64_t since_ms;
    } all[8];
};

static void hear(void *ctx, const struct spool_trouble *t)
{
    struct heard *h = ctx;
    assert_true(h->n < 8);
    h->all[h->n].kind = t->kind;
    h->all[h->n].since_ms = t->since_ms;
    snprintf(h->all[h->n].account, sizeof h->all[0].account, "%s", t->account);
    snprintf(h->all[h->n].words, sizeof h->all[0].words, "%s", t->words);
    h->n++;
}

static struct heard troubles(const struct depot *d)
{
    struct heard h = {0};
    spool_troubles(d->spool, hear, &h);
    return h;
}

#define TWO                                                                                        \
    BASIC "ports = 587\n"                                                                          \
          "[upstream other]\nhost = " HOST "\nusername = user\npassword = right\nports = 587\n"

static void to_other(struct spool_envelope *e)
{
    static char other[] = "other";
    e->account = other;
}

static void mail_that_waits_too_long(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, TWO);
    const char *greeting = script->greeting;
    d.options.alert_age = 3600 * S;
    depot_reload(&d, TWO);
    script->greeting = "554 go away";
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 1800 * S);
    depot_put(&d, "m2", "a@example.net", "b@example.org", BODY, to_other);
    sim_run_for(d.w.sim, 1700 * S);
    assert_int_equal(depot_lines(&d, "longer than alert_age"), 0);
    assert_int_equal(troubles(&d).n, 0);
    sim_run_for(d.w.sim, 200 * S);
    assert_int_equal(depot_lines(&d, "longer than alert_age"), 1);
    assert_true(sim_log_has(d.w.sim, "account=default id=m1 queued=3600 waiting=1"));
    struct heard h = troubles(&d);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.all[0].kind, SPOOL_TROUBLE_OLD);
    assert_string_equal(h.all[0].account, "default");
    assert_non_null(strstr(h.all[0].words, "no port of"));
    assert_non_null(strstr(h.all[0].words, "`smtp-detour spool list`"));
    /* another account has its own begin, and each is said again hourly */
    sim_run_for(d.w.sim, 1800 * S);
    assert_int_equal(depot_lines(&d, "longer than alert_age"), 2);
    h = troubles(&d);
    assert_int_equal(h.n, 2);
    assert_string_equal(h.all[1].account, "other");
    int64_t apart = h.all[1].since_ms - h.all[0].since_ms;
    assert_in_range(apart, 1790 * 1000, 1811 * 1000);
    sim_run_for(d.w.sim, 3 * 3600 * S);
    assert_int_equal(depot_lines(&d, "longer than alert_age"), 8);
    assert_int_equal(depot_lines(&d, "waits for too long any more"), 0);
    script->greeting = greeting;
    spool_awake(d.spool, NULL);
    sim_run_for(d.w.sim, 60 * S);
    assert_int_equal(depot_waiting(&d), 0);
    assert_int_equal(depot_lines(&d, "waits for too long any more"), 2);
    assert_int_equal(troubles(&d).n, 0);
    depot_end(&d);
}

static void no_room(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->greeting = "554 go away";
    d.options.store.max_messages = 2;
    depot_reload(&d, ONE);
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 30 * S);
    assert_int_equal(depot_lines(&d, "takes no more mail"), 0);
    depot_put(&d, "m2", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 3600 * S);
    assert_int_equal(depot_lines(&d, "level=error msg=\"the spool takes no more mail: it keeps "
                                     "max_messages = 2 messages;"),
                     1);
    assert_int_equal(depot_lines(&d, "takes no more mail"), 1);
    assert_int_equal(troubles(&d).all[0].kind, SPOOL_TROUBLE_FULL);
    /* a reload does not begin it again */
    depot_reload(&d, ONE);
    sim_run_for(d.w.sim, 60 * S);
    assert_int_equal(depot_lines(&d, "takes no more mail"), 1);
    spool_remove(d.spool, depot_find(&d, "m2"), depot_done, &d);
    sim_run_for(d.w.sim, 60 * S);
    assert_int_equal(depot_lines(&d, "the spool takes mail again"), 1);
    assert_int_equal(troubles(&d).n, 0);
    depot_end(&d);
}

/* The store itself says at once what its disk lacks, and not a second time. */
static void a_short_disk_is_said_once(void **state)
{
    struct depot d;
    (void)state;
    depot_init(&d, ONE);
    sim_disk_set_room(d.w.sim, (struct disk_room){4000, 100000, 100, 100});
    sim_run_for(d.w.sim, 3600 * S);
    assert_int_equal(depot_lines(&d, "level=error"), 1);
    assert_int_equal(depot_lines(&d, "min_free = 5%"), 1);
    struct heard h = troubles(&d);
    assert_true(h.n == 1 && h.all[0].kind == SPOOL_TROUBLE_FULL);
    assert_non_null(strstr(h.all[0].words, "make room in the file system of spool"));
    sim_disk_set_room(d.w.sim, (struct disk_room){50000, 100000, 50, 100});
    sim_run_for(d.w.sim, 60 * S);
    assert_int_equal(troubles(&d).n, 0);
    assert_int_equal(depot_lines(&d, "has room again"), 1);
    assert_int_equal(depot_lines(&d, "takes mail again"), 0);
    depot_end(&d);
}

/* It ends when somebody has emptied corrupt/, while the server runs. */
static void damage(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->greeting = "554 go away";
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 20 * S);
    depot_stop(&d, false);
    sim_disk_put(d.w.sim, "spool/queue", "m1", slice_of("rubbish"));
    sim_disk_put(d.w.sim, "spool/corrupt", "m0", slice_of("rubbish"));
    sim_disk_put(d.w.sim, "spool/corrupt", "m0.log", slice_of("rubbish"));
    depot_start(&d);
    sim_run_for(d.w.sim, 3600 * S);
    assert_int_equal(store_corrupt(spool_store(d.spool)), 2);
    assert_int_equal(depot_lines(&d, "2 damaged messages lie in spool/corrupt"), 1);
    assert_int_equal(depot_lines(&d, "damaged message"), 1);
    sim_disk_remove(d.w.sim, "spool/corrupt", "m1");
    sim_run_for(d.w.sim, 30 * S);
    assert_non_null(strstr(troubles(&d).all[0].words, "1 damaged message lies in "));
    assert_int_equal(depot_lines(&d, "no damaged message is left"), 0);
    sim_disk_remove(d.w.sim, "spool/corrupt", "m0");
    sim_run_for(d.w.sim, 30 * S);
    assert_int_equal(depot_lines(&d, "no damaged message is left"), 1);
    assert_int_equal(troubles(&d).n, 0);
    assert_int_equal(store_corrupt(spool_store(d.spool)), 0);
    depot_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_that_waits_too_long),
        cmocka_unit_test(no_room),
        cmocka_unit_test(a_short_disk_is_said_once),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
