/* The share of the time in which the loop worked: from counters, and in the answers. */
#include "admin_world.h"

#include "admin/busy.h"
#include "admin/metrics.h"
#include "admin/page.h"
#include "admin/status.h"

#define SECOND USEC_PER_SEC

static unsigned percent(const struct busy *b)
{
    return (unsigned)(busy_ratio(b) * 100 + 0.5);
}

static void the_last_minute_counts(void **state)
{
    struct busy b = {0};
    usec now = 500 * SECOND, worked = 7 * SECOND;
    (void)state;
    assert_int_equal(percent(&b), 0);
    busy_note(&b, now, worked);
    assert_int_equal(percent(&b), 0);
    /* a quarter, from the first second on */
    for (int i = 0; i < 200; i++) {
        now += SECOND;
        worked += SECOND / 4;
        busy_note(&b, now, worked);
        assert_int_equal(percent(&b), 25);
    }
    /* all of it: a minute later nothing else is left */
    for (int i = 1; i <= 60; i++) {
        now += SECOND;
        worked += SECOND;
        busy_note(&b, now, worked);
        assert_int_equal((unsigned)(busy_ratio(&b) * 10000 + 0.5), 2500 + 125 * i);
    }
    assert_int_equal(percent(&b), 100);
    /* nothing: and it is forgotten */
    for (int i = 1; i <= 60; i++)
        busy_note(&b, now += SECOND, worked);
    assert_int_equal(percent(&b), 0);
}

/* A tick that came late is a longer second, not a busier one. */
static void late_ticks_are_weighed(void **state)
{
    struct busy b = {0};
    (void)state;
    busy_note(&b, 0, 0);
    busy_note(&b, SECOND, SECOND);
    busy_note(&b, 10 * SECOND, SECOND);
    assert_int_equal(percent(&b), 10);
}

/* A turn counts when it ends: one that began before the oldest mark must not make more than all. */
static void never_more_than_all(void **state)
{
    struct busy b = {0};
    (void)state;
    busy_note(&b, 0, 0);
    busy_note(&b, SECOND, 9 * SECOND);
    assert_true(busy_ratio(&b) <= 1);
    assert_int_equal(percent(&b), 100);
    /* the clock stands */
    busy_note(&b, SECOND, 9 * SECOND);
    struct busy still = {0};
    busy_note(&still, SECOND, 0);
    busy_note(&still, SECOND, SECOND);
    assert_int_equal(percent(&still), 0);
}

static void assert_in(char *text, const char *part, bool there)
{
    if ((strstr(text, part) != NULL) != there)
        fail_msg("\"%s\" is%s in: %s", part, there ? " not" : "", text);
    free(text);
}

static char *metrics_of(const struct snapshot *s)
{
    struct out o;
    out_init(&o);
    metrics_write(s, s->made, &o);
    return written(&o);
}

static char *page_of(const struct snapshot *s)
{
    struct out o;
    out_init(&o);
    page_write(s, false, &o);
    return written(&o);
}

static void assert_shown(double busy, const char *metric, const char *foot, bool warned)
{
    struct snapshot *s = a_snapshot();
    s->busy = busy;
    snapshot_warn(s);
    assert_in(metrics_of(s), metric, true);
    assert_in(page_of(s), foot, true);
    assert_in(page_of(s), "This instance is full", warned);
    assert_in(status_json(s, s->made), "This instance is full", warned);
    assert_in(status_json(s, s->made), "\"busy\":0.", true);
    snapshot_free(s);
}

static void it_is_shown(void **state)
{
    (void)state;
    assert_shown(0.125, "\nsmtp_detour_loop_busy_ratio 0.125000\n",
                 "The loop worked 12 % of the last minute", false);
    assert_shown(0.9375, "\nsmtp_detour_loop_busy_ratio 0.937500\n",
                 "The loop worked 94 % of the last minute", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_minute_counts),
        cmocka_unit_test(late_ticks_are_weighed),
        cmocka_unit_test(never_more_than_all),
        cmocka_unit_test(it_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
