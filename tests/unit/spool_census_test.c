/* What is told of the spool as a whole: each account has its share, one that is gone too, and what
 * was given up says why, after a restart as before it. */
#include "spool_world.h"

static void for_old(struct spool_envelope *e)
{
    static char old[] = "old";
    e->account = old;
}

static const struct spool_counts *share(struct depot *d, struct spool_census *c,
                                        const char *account)
{
    spool_census_free(c);
    spool_census_take(d->spool, c);
    return spool_census_find(c, account);
}

/* What b@ is refused with ends in failed/; what c@ is put off with waits. */
static void script_answers(struct sim_upstream_script *script)
{
    script->rcpt[0] = (struct sim_address_rule){"b@", "550 5.1.1 no such user"};
    script->rcpt[1] = (struct sim_address_rule){"c@", "450 4.2.0 later"};
}

static void each_account_has_its_share(void **state)
{
    struct depot d;
    struct spool_census census = {.n = 0};
    struct spool_counts all;
    (void)state;
    script_answers(depot_init(&d, ONE));
    d.options.bounce_to = SPOOL_BOUNCE_TO_NOBODY;
    depot_reload(&d, ONE);
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    depot_put(&d, "m2", "a@example.net", "c@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 20 * S);
    const struct spool_counts *c = share(&d, &census, "default");
    assert_non_null(c);
    assert_int_equal(c->waiting, 1);
    assert_int_equal(c->failed, 1);
    assert_string_equal(c->reason, "450 4.2.0 later");
    assert_string_equal(c->failed_reason, "550 5.1.1 no such user");
    spool_count(d.spool, NULL, &all);
    assert_memory_equal(&all, &census.all, sizeof all);
    spool_count(d.spool, "default", &all);
    assert_memory_equal(&all, c, sizeof all);
    assert_null(share(&d, &census, "old"));
    spool_census_free(&census);
    depot_end(&d);
}

static void what_failed_says_why_after_a_restart(void **state)
{
    struct depot d;
    struct spool_census census = {.n = 0};
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script_answers(script);
    d.options.bounce_to = SPOOL_BOUNCE_TO_NOBODY;
    depot_reload(&d, ONE);
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 20 * S);
    depot_stop(&d, true);
    depot_start(&d);
    assert_int_equal(depot_failures(&d), 1);
    assert_string_equal(share(&d, &census, "default")->failed_reason, "550 5.1.1 no such user");
    /* Why the account rests today is not why that one failed. */
    script->mail[0] = (struct sim_address_rule){"z@", "550 5.4.5 daily limit exceeded"};
    depot_put(&d, "m2", "z@example.net", "d@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 20 * S);
    const struct spool_counts *c = share(&d, &census, "default");
    assert_non_null(strstr(c->reason, "daily limit"));
    assert_string_equal(c->failed_reason, "550 5.1.1 no such user");
    spool_census_free(&census);
    depot_end(&d);
}

static void an_account_that_is_gone_has_a_share(void **state)
{
    struct depot d;
    struct spool_census census = {.n = 0};
    (void)state;
    script_answers(depot_init(&d, "[upstream old]\nhost = " HOST
                                  "\nusername = user\npassword = right\nports = 587\n"));
    d.options.bounce_to = SPOOL_BOUNCE_TO_NOBODY;
    depot_reload(&d, "[upstream old]\nhost = " HOST
                     "\nusername = user\npassword = right\nports = 587\n");
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, for_old);
    sim_run_for(d.w.sim, 20 * S);
    depot_stop(&d, true);
    depot_load(&d, ONE);
    depot_start(&d);
    sim_run_for(d.w.sim, 20 * S);
    const struct spool_counts *c = share(&d, &census, "old");
    assert_non_null(c);
    assert_int_equal(c->failed, 1);
    assert_string_equal(c->failed_reason, "550 5.1.1 no such user");
    assert_int_equal(census.all.failed, 1);
    spool_census_free(&census);
    depot_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_account_has_its_share),
        cmocka_unit_test(what_failed_says_why_after_a_restart),
        cmocka_unit_test(an_account_that_is_gone_has_a_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
