/* Who is called when, on a virtual clock: begin, end, repeat, one command at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alert.h"
#include "sim/sim.h"

#define S USEC_PER_SEC
#define MINUTE (60 * S)
#define HOUR (3600 * S)
#define DAY (24 * HOUR)
#define COMMAND "/bin/call"

static struct sim *sim;
static struct alert *alert;
static struct alert_config config;

static void apply(void)
{
    alert_set(alert, &config, "gateway");
}

static int set_up(void **state)
{
    static char program[] = COMMAND;
    static char *command[] = {program, NULL};
    (void)state;
    sim = sim_new(1);
    config = (struct alert_config){
        .is_on = true, .command = {command, 1}, .after = 5 * MINUTE, .repeat = DAY};
    alert = alert_new(sim_io(sim));
    sim_program(sim, COMMAND, "", 100 * USEC_PER_MS);
    apply();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    alert_free(&alert);
    sim_free(&sim);
    return 0;
}

static const struct alert_event down = {
    .kind = ALERT_ACCOUNT_DOWN, .account = "work", .what = "", .words = "no port works"};

/* A look every two seconds, in which this is wrong; NULL: nothing. */
static void look(const struct alert_event *e, usec time)
{
    for (usec passed = 0; passed < time; passed += 2 * S) {
        alert_look_begins(alert);
        if (e)
            alert_lasts(alert, e);
        alert_look_ends(alert);
        sim_run_for(sim, 2 * S);
    }
}

static unsigned calls(void)
{
    return sim_program_runs(sim, COMMAND);
}

static bool told(const char *line)
{
    return strstr(sim_program_env(sim, COMMAND), line) != NULL;
}

static void begin_and_end(void **state)
{
    (void)state;
    look(&down, 290 * S);
    assert_int_equal(calls(), 0);
    look(&down, 20 * S);
    assert_int_equal(calls(), 1);
    assert_true(told("ALERT=account-down\nSTATE=begin\nACCOUNT=work\nHOST=gateway\n"
                     "WORDS=no port works\nSINCE=20"));
    assert_true(told("Z\n"));
    assert_true(sim_log_has(sim, "\"somebody was called\" alert=account-down state=begin"));
    look(&down, HOUR);
    assert_int_equal(calls(), 1);
    look(NULL, 10 * S);
    assert_int_equal(calls(), 2);
    assert_true(told("STATE=end\nACCOUNT=work\nHOST=gateway\nWORDS=it is over: no port works\n"));
    look(NULL, HOUR);
    assert_int_equal(calls(), 2);
    /* and from the start again */
    look(&down, 290 * S);
    assert_int_equal(calls(), 2);
    look(&down, 20 * S);
    assert_int_equal(calls(), 3);
}

static void what_is_short_calls_nobody(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        look(&down, 200 * S);
        look(NULL, 2 * S);
    }
    assert_int_equal(calls(), 0);
    config.after = 0;
    apply();
    look(&down, 2 * S);
    assert_int_equal(calls(), 1);
}

static void some_call_at_once(void **state)
{
    struct alert_event e = down;
    static const enum alert_kind kinds[] = {ALERT_CREDENTIALS, ALERT_SPOOL_OLD,
                                            ALERT_SPOOL_CORRUPT};
    static const enum alert_kind later[] = {ALERT_TOKEN, ALERT_SPOOL_FULL, ALERT_SECRET_EXPIRES};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        e.kind = kinds[i];
        look(&e, 4 * S);
        assert_int_equal(calls(), 2 * i + 1);
        look(NULL, 4 * S);
    }
    for (unsigned i = 0; i < 3; i++) {
        e.kind = later[i];
        look(&e, 200 * S);
        look(NULL, 4 * S);
    }
    assert_int_equal(calls(), 6);
}

static void it_is_repeated(void **state)
{
    (void)state;
    look(&down, 3 * DAY + HOUR);
    assert_int_equal(calls(), 4);
    assert_true(told("STATE=begin\n"));
    config.repeat = 0;
    apply();
    look(&down, 3 * DAY);
    assert_int_equal(calls(), 4);
}

static void each_threshold_once(void **state)
{
    struct alert_event e = {.kind = ALERT_SECRET_EXPIRES,
                            .account = "work",
                            .what = "client secret",
                            .step = 1,
                            .words = "30 days"};
    (void)state;
    look(&e, 5 * DAY);
    assert_int_equal(calls(), 1);
    e.step = 2;
    e.words = "14 days";
    look(&e, 5 * DAY);
    assert_int_equal(calls(), 2);
    assert_true(told("WORDS=14 days\n"));
    /* another has its own, of the same account */
    struct alert_event other = e;
    other.what = "client certificate";
    for (int i = 0; i < 300; i++) {
        alert_look_begins(alert);
        alert_lasts(alert, &e);
        alert_lasts(alert, &other);
        alert_look_ends(alert);
        sim_run_for(sim, 2 * S);
    }
    assert_int_equal(calls(), 3);
    /* renewed, to a shorter end than before: told from there */
    e.step = 1;
    look(&e, HOUR);
    assert_int_equal(calls(), 4);
    assert_true(told("STATE=end\n"));
    e.step = 2;
    look(&e, HOUR);
    assert_int_equal(calls(), 5);
}

static void a_reload_calls_nobody_again(void **state)
{
    (void)state;
    look(&down, HOUR);
    assert_int_equal(calls(), 1);
    for (int i = 0; i < 5; i++) {
        apply();
        /* its ports are not known yet */
        alert_look_begins(alert);
        alert_doubts(alert, "work");
        alert_look_ends(alert);
        sim_run_for(sim, 10 * S);
        look(&down, MINUTE);
    }
    assert_int_equal(calls(), 1);
    alert_look_begins(alert);
    alert_doubts(alert, "other");
    alert_look_ends(alert);
    sim_run_for(sim, 10 * S);
    assert_int_equal(calls(), 2);
    assert_true(told("STATE=end\n"));
    /* without [alert] nobody is called, and with it again from the start */
    look(&down, HOUR);
    assert_int_equal(calls(), 3);
    config.is_on = false;
    apply();
    look(&down, HOUR);
    look(NULL, HOUR);
    assert_int_equal(calls(), 3);
}

static void one_at_a_time(void **state)
{
    struct alert_event e[3] = {down, down, down};
    e[1].account = "home";
    e[2].account = "third";
    (void)state;
    config.after = 0;
    apply();
    sim_program(sim, COMMAND, "", 9 * S);
    for (int i = 0; i < 20; i++) {
        alert_look_begins(alert);
        for (int k = 0; k < 3; k++)
            alert_lasts(alert, &e[k]);
        alert_look_ends(alert);
        assert_true(sim_living(sim).processes <= 1);
        sim_run_for(sim, 2 * S);
    }
    assert_int_equal(calls(), 3);
    /* at the end a command that runs goes with it */
    look(NULL, 2 * S);
    assert_int_equal(sim_living(sim).processes, 1);
    alert_free(&alert);
    assert_int_equal(sim_living(sim).processes, 0);
}

/* The network that the call needs may be what is broken. */
static void a_call_that_fails_is_made_again(void **state)
{
    (void)state;
    sim_program(sim, COMMAND, NULL, 100 * USEC_PER_MS);
    look(&down, 310 * S);
    assert_int_equal(calls(), 1);
    assert_true(sim_log_has(sim, "level=error msg=\"[alert] command failed, nobody was called\" "
                                 "why=\"/bin/call: exit status 1\" alert=account-down "
                                 "state=begin account=work retry_in=60.000"));
    look(&down, MINUTE);
    assert_int_equal(calls(), 2);
    look(&down, DAY);
    assert_in_range(calls(), 25, 33);
    /* too slow is a failure, too */
    unsigned before = calls();
    sim_program(sim, COMMAND, "", 31 * S);
    look(&down, 2 * HOUR);
    assert_in_range(calls(), before + 1, before + 2);
    sim_program(sim, COMMAND, "", 100 * USEC_PER_MS);
    look(&down, 2 * HOUR);
    before = calls();
    look(&down, 2 * HOUR);
    assert_int_equal(calls(), before);
    /* an end that cannot be told is given up at last */
    sim_program(sim, COMMAND, NULL, 100 * USEC_PER_MS);
    look(NULL, 2 * DAY);
    assert_int_equal(calls(), before + 10);
    /* a begin that ended before anybody heard of it has no end */
    look(&down, 310 * S);
    sim_program(sim, COMMAND, "", 100 * USEC_PER_MS);
    before = calls();
    look(NULL, 2 * DAY);
    assert_int_equal(calls(), before);
}

static void it_came_back_while_its_end_was_told(void **state)
{
    (void)state;
    sim_program(sim, COMMAND, "", 20 * S);
    look(&down, HOUR);
    look(NULL, 4 * S);
    look(&down, 200 * S);
    assert_int_equal(calls(), 2);
    assert_true(told("STATE=end\n"));
    look(&down, 200 * S);
    assert_int_equal(calls(), 3);
    assert_true(told("STATE=begin\n"));
}

static void words_are_one_line(void **state)
{
    struct alert_event e = down;
    char long_words[2000];
    (void)state;
    config.after = 0;
    apply();
    e.words = "evil\r\nTitle: x\x1b[2J\x7f";
    look(&e, 4 * S);
    assert_true(told("WORDS=evil  Title: x [2J \nSINCE="));
    look(NULL, 4 * S);
    /* no half of a character at the cut */
    for (size_t i = 0; i + 1 < sizeof long_words; i++)
        long_words[i] = i % 2 ? '\xa4' : '\xc3';
    long_words[sizeof long_words - 1] = '\0';
    e.words = long_words;
    look(&e, 4 * S);
    assert_true(told("\xc3\xa4\nSINCE="));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(begin_and_end),
        TEST(what_is_short_calls_nobody),
        TEST(some_call_at_once),
        TEST(it_is_repeated),
        TEST(each_threshold_once),
        TEST(a_reload_calls_nobody_again),
        TEST(one_at_a_time),
        TEST(a_call_that_fails_is_made_again),
        TEST(it_came_back_while_its_end_was_told),
        TEST(words_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
