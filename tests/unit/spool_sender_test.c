/* The sending half, over a simulated disk and scripted upstreams: what is tried, when, and what
 * becomes of it. */
#include "spool_world.h"

static bool is_empty(void *ctx)
{
    const struct depot *d = ctx;
    return depot_waiting(d) == 0 && store_is_idle(spool_store(d->spool));
}

static bool all_taken(void *ctx)
{
    return store_is_idle(spool_store(((const struct depot *)ctx)->spool));
}

static void run_until_empty(struct depot *d, usec limit)
{
    assert_true(sim_run_until(d->w.sim, all_taken, d, 60 * S));
    assert_true(sim_run_until(d->w.sim, is_empty, d, limit));
}

static void what_lies_there_is_sent(void **state)
{
    struct depot d;
    (void)state;
    depot_init(&d, ONE "fix_headers = yes\n");
    depot_put(&d, "m1", "a@example.net", "b@example.org c@example.org", "X: y\r\n\r\nbody\r\n",
              NULL);
    run_until_empty(&d, 60 * S);
    assert_int_equal(d.w.ledger->nmails, 1);
    assert_string_equal(depot_mail(&d, 0)->from, "a@example.net");
    assert_int_equal(depot_mail(&d, 0)->nto, 2);
    /* the same at each try */
    assert_true(depot_holds(depot_mail(&d, 0), "Date: pinned date\r\n"));
    assert_true(depot_holds(depot_mail(&d, 0), "Message-ID: <pinned@here>\r\n"));
    assert_true(sim_log_has(d.w.sim, "msg=delivered id=m1"));
    assert_true(sim_log_has(d.w.sim, "via=spool queued=0 tries=1"));
    struct spool_counts counts;
    spool_count(d.spool, "default", &counts);
    assert_int_equal(counts.tries[SPOOL_TRY_DELIVERED], 1);
    depot_end(&d);
}

static void an_outage_rests_the_account(void **state)
{
    struct depot d;
    struct spool_view view;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    const char *greeting = script->greeting;
    script->greeting = "554 go away";
    for (int i = 0; i < 6; i++) {
        char id[8];
        snprintf(id, sizeof id, "m%d", i);
        depot_put(&d, id, "a@example.net", "b@example.org", BODY, NULL);
    }
    sim_run_for(d.w.sim, 20 * S);
    assert_int_equal(depot_waiting(&d), 6);
    struct spool_counts counts;
    spool_count(d.spool, NULL, &counts);
    /* one alone was tried */
    assert_int_equal(counts.tries[SPOOL_TRY_NO_SESSION], 1);
    assert_int_equal(counts.waiting, 6);
    spool_view_of(d.spool, depot_find(&d, "m5"), &view);
    assert_non_null(strstr(view.reason, "no port of"));
    assert_true(view.next > store_now(spool_store(d.spool)));
    /* twice as long each time, to an hour: few tries in a day */
    sim_run_for(d.w.sim, DAY);
    spool_count(d.spool, NULL, &counts);
    assert_in_range(counts.tries[SPOOL_TRY_NO_SESSION], 24, 45);
    /* nothing is written for a try that no session came of */
    assert_int_equal(depot_find(&d, "m0")->tries, 0);
    script->greeting = greeting;
    spool_awake(d.spool, "default");
    run_until_empty(&d, 3700 * S);
    assert_int_equal(d.w.ledger->nmails, 6);
    depot_end(&d);
}

static void a_refusal_is_bounced_and_kept(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->rcpt[0] = (struct sim_address_rule){"bad@", "550 5.1.1 no such user"};
    depot_put(&d, "m1", "a@example.net", "good@example.org bad@example.org", BODY, NULL);
    run_until_empty(&d, 60 * S);
    assert_int_equal(d.w.ledger->nmails, 2);
    assert_int_equal(depot_mail(&d, 0)->nto, 1);
    const struct sim_mail *bounce = depot_mail(&d, 1);
    assert_string_equal(bounce->from, "");
    assert_string_equal(bounce->to[0], "a@example.net");
    assert_true(depot_holds(bounce, "smtp-detour spool retry m1"));
    assert_true(depot_holds(bounce, "Final-Recipient: rfc822; bad@example.org\r\n"));
    assert_true(depot_holds(bounce, "Diagnostic-Code: smtp; 550 5.1.1 no such user"));
    assert_false(depot_holds(bounce, "good@example.org"));
    assert_true(sim_log_has(d.w.sim, "msg=bounced id=m1"));
    assert_int_equal(depot_failures(&d), 1);
    assert_true(depot_find(&d, "m1")->place == PLACE_FAILED);
    /* mended and tried again: whoever was served is not served again */
    script->rcpt[0] = (struct sim_address_rule){0};
    spool_retry(d.spool, depot_find(&d, "m1"), depot_done, &d);
    run_until_empty(&d, 60 * S);
    assert_int_equal(d.done, 1);
    assert_int_equal(d.w.ledger->nmails, 3);
    assert_int_equal(depot_mail(&d, 2)->nto, 1);
    assert_string_equal(depot_mail(&d, 2)->to[0], "bad@example.org");
    assert_null(depot_find(&d, "m1"));
    depot_end(&d);
}

/* The copy goes with the first try that serves anybody, and with no bounce. */
static void the_journal_gets_one_copy(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE "journal = keep@example.org\n");
    script->rcpt[0] = (struct sim_address_rule){"bad@", "550 5.1.1 no such user"};
    depot_put(&d, "m1", "a@example.net", "good@example.org bad@example.org", BODY, NULL);
    run_until_empty(&d, 600 * S);
    assert_int_equal(d.w.ledger->nmails, 2);
    assert_int_equal(depot_mail(&d, 0)->nto, 2);
    assert_string_equal(depot_mail(&d, 0)->to[1], "keep@example.org");
    assert_int_equal(depot_mail(&d, 1)->nto, 1);
    assert_string_equal(depot_mail(&d, 1)->to[0], "a@example.net");
    script->rcpt[0] = (struct sim_address_rule){0};
    spool_retry(d.spool, depot_find(&d, "m1"), depot_done, &d);
    run_until_empty(&d, 60 * S);
    assert_int_equal(d.w.ledger->nmails, 3);
    assert_int_equal(depot_mail(&d, 2)->nto, 1);
    assert_string_equal(depot_mail(&d, 2)->to[0], "bad@example.org");
    depot_end(&d);
}

static void a_refused_null_sender_goes_once_more(void **state)
{
    struct depot d;
    (void)state;
    for (int own_too = 0; own_too < 2; own_too++) {
        struct sim_upstream_script *script =
            depot_init(&d, ONE "envelope_from = own@example.net\n");
        /* whatever has an "@" passes */
        script->mail[0] = (struct sim_address_rule){"@", NULL};
        script->mail[1] = (struct sim_address_rule){"", "501 5.1.7 Invalid MAIL FROM"};
        script->rcpt[0] = (struct sim_address_rule){"bad@", "550 5.1.1 no such user"};
        if (own_too)
            script->rcpt[1] = (struct sim_address_rule){"own@", "550 5.1.1 no such user"};
        depot_put(&d, "m1", "own@example.net", "bad@example.org", BODY, NULL);
        run_until_empty(&d, 600 * S);
        assert_int_equal(d.w.ledger->nmails, own_too ? 0 : 1);
        if (!own_too) {
            assert_string_equal(depot_mail(&d, 0)->from, "own@example.net");
            assert_true(depot_holds(depot_mail(&d, 0), "smtp-detour spool retry m1\x60"));
        }
        /* the message; and the last bounce, where that went nowhere: never a bounce of it */
        assert_int_equal(depot_failures(&d), own_too ? 2 : 1);
        assert_null(depot_find(&d, "m1.b1"));
        struct spool_counts counts;
        spool_count(d.spool, NULL, &counts);
        assert_int_equal(counts.bounces, 2);
        depot_end(&d);
    }
}

static void no_answer_is_believed_three_times(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_VERDICT, .fault = SIM_FAULT_CLOSE, .times = 3, .commits = true};
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    run_until_empty(&d, DAY);
    /* three copies, and the bounce that says so */
    assert_int_equal(d.w.ledger->nmails, 4);
    assert_true(depot_holds(depot_mail(&d, 3), "may have arrived up to 3 times"));
    assert_true(sim_log_has(d.w.sim, "msg=lost-link id=m1"));
    assert_true(sim_log_has(d.w.sim, "and it may be sent again (RFC 1047)\" id=m1"));
    assert_false(sim_log_has(d.w.sim, "the client will send it again"));
    assert_int_equal(depot_failures(&d), 1);
    depot_end(&d);
}

static void two_tries_were_unknown(struct spool_envelope *e)
{
    e->unknown = 2;
}

static void the_clients_own_try_counts(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_VERDICT, .fault = SIM_FAULT_CLOSE, .times = 1, .commits = true};
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, two_tries_were_unknown);
    sim_run_for(d.w.sim, 20 * S);
    /* not at once: it may have arrived a moment ago */
    assert_int_equal(d.w.ledger->nmails, 0);
    run_until_empty(&d, DAY);
    assert_int_equal(d.w.ledger->nmails, 2);
    assert_int_equal(depot_failures(&d), 1);
    depot_end(&d);
}

/* The end of data went out, and the process ended before it heard of it. */
static void a_stop_after_the_end_counts(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_VERDICT, .fault = SIM_FAULT_STALL, .commits = true};
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    for (unsigned i = 1; i <= 3; i++) {
        sim_run_for(d.w.sim, 60 * S);
        assert_int_equal(d.w.ledger->nmails, i);
        depot_stop(&d, false);
        accounts_free(&d.w.accounts);
        sim_run_for(d.w.sim, 20 * S);
        depot_load(&d, ONE);
        if (i == 3)
            script->faults[0] = (struct sim_fault_rule){0};
        depot_start(&d);
        assert_int_equal(depot_find(&d, "m1")->unknown, i);
    }
    run_until_empty(&d, 600 * S);
    assert_int_equal(d.w.ledger->nmails, 4);
    assert_true(depot_holds(depot_mail(&d, 3), "may have arrived up to 3 times"));
    depot_end(&d);
}

static void bounces_go_to_nobody(struct depot *d)
{
    d->options.bounce_to = SPOOL_BOUNCE_TO_NOBODY;
}

static void bounces_go_to_people(struct depot *d)
{
    static char one[] = "ops@example.net", two[] = "night@example.net";
    static char *both[] = {one, two};
    d->options.bounce_to = SPOOL_BOUNCE_TO_ADDRESSES;
    d->options.bounce_addresses = (struct strings){.items = both, .n = 2};
}

static void wants_no_failure(struct spool_envelope *e)
{
    static char never[] = "NEVER";
    e->recipients[0].notify = never;
}

static void wants_all_of_it(struct spool_envelope *e)
{
    static char full[] = "FULL", envid[] = "QQ314";
    e->ret = full;
    e->envid = envid;
}

static void whom_it_concerns_is_told(void **state)
{
    static const struct {
        void (*options)(struct depot *d);
        void (*edit)(struct spool_envelope *e);
        const char *to, *also, *holds, *lacks;
    } rows[] = {{NULL, NULL, "a@example.net", NULL, "Subject: x\r\n", "body\r\n\r\n--"},
                {bounces_go_to_nobody, NULL, NULL, NULL, NULL, NULL},
                {bounces_go_to_people, NULL, "ops@example.net", "night@example.net", NULL, NULL},
                {NULL, wants_no_failure, NULL, NULL, NULL, NULL},
                {NULL, wants_all_of_it, "a@example.net", NULL, "body\r\n", "text/rfc822-headers"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct depot d;
        struct sim_upstream_script *script = depot_init(&d, ONE);
        script->rcpt[0] = (struct sim_address_rule){"bad@", "550 5.1.1 no such user"};
        if (rows[i].options) {
            rows[i].options(&d);
            depot_reload(&d, ONE);
        }
        depot_put(&d, "m1", "a@example.net", "bad@example.org", BODY, rows[i].edit);
        run_until_empty(&d, 600 * S);
        assert_int_equal(depot_failures(&d), 1);
        assert_int_equal(d.w.ledger->nmails, rows[i].to ? 1 : 0);
        if (rows[i].to)
            assert_string_equal(depot_mail(&d, 0)->to[0], rows[i].to);
        if (rows[i].also)
            assert_string_equal(depot_mail(&d, 0)->to[1], rows[i].also);
        if (rows[i].holds)
            assert_true(depot_holds(depot_mail(&d, 0), rows[i].holds));
        if (rows[i].lacks)
            assert_false(depot_holds(depot_mail(&d, 0), rows[i].lacks));
        depot_end(&d);
    }
}

static void what_is_damaged_gets_no_end(void **state)
{
    struct depot d;
    struct slice octets;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    const char *greeting = script->greeting;
    script->greeting = "421 later";
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 20 * S);
    assert_true(sim_disk_get(d.w.sim, "spool/queue", "m1", &octets));
    char *damaged = mem_copy(octets.data, octets.len);
    struct slice copy = slice_make(damaged, octets.len);
    char *at = memmem(damaged, octets.len, "body\r\n", 6);
    *at = 'B';
    sim_disk_put(d.w.sim, "spool/queue", "m1", copy);
    script->greeting = greeting;
    spool_awake(d.spool, NULL);
    depot_put(&d, "m2", "a@example.net", "b@example.org", BODY, NULL);
    run_until_empty(&d, 600 * S);
    assert_int_equal(d.w.ledger->nmails, 1);
    assert_int_equal(store_corrupt(spool_store(d.spool)), 1);
    assert_true(sim_log_has(d.w.sim, "msg=corrupt id=m1"));
    free(damaged);
    depot_end(&d);
}

static void put_off_it_waits_by_itself(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->rcpt[0] = (struct sim_address_rule){"grey@", "450 4.2.0 greylisted"};
    depot_put(&d, "m1", "a@example.net", "grey@example.org", BODY, NULL);
    depot_put(&d, "m2", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 20 * S);
    assert_int_equal(d.w.ledger->nmails, 1);
    assert_int_equal(depot_waiting(&d), 1);
    struct spool_view view;
    spool_view_of(d.spool, depot_find(&d, "m1"), &view);
    assert_string_equal(view.reason, "450 4.2.0 greylisted");
    /* a client's success does not push it */
    spool_awake(d.spool, "default");
    sim_run_for(d.w.sim, 1 * S);
    assert_int_equal(depot_find(&d, "m1")->tries, 1);
    script->rcpt[0] = (struct sim_address_rule){0};
    run_until_empty(&d, 60 * S);
    assert_int_equal(d.w.ledger->nmails, 2);
    depot_end(&d);
}

static void a_try_of_the_old_configuration_rests_nothing(void **state)
{
    struct depot d;
    (void)state;
    /* nobody listens there, which is found out at once and told a second later */
    depot_init(&d, BASIC "ports = 2525\n");
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 500 * MS);
    depot_reload(&d, ONE);
    run_until_empty(&d, 15 * S);
    assert_int_equal(d.w.ledger->nmails, 1);
    depot_end(&d);
}

static void three_in_a_row_rest_the_account(void **state)
{
    struct depot d;
    struct spool_counts counts;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->mail[0] = (struct sim_address_rule){"a@", "450 4.3.2 not now"};
    for (int i = 0; i < 9; i++) {
        char id[8];
        snprintf(id, sizeof id, "m%d", i);
        depot_put(&d, id, "a@example.net", "b@example.org", BODY, NULL);
    }
    sim_run_for(d.w.sim, 20 * S);
    spool_count(d.spool, NULL, &counts);
    assert_int_equal(counts.tries[SPOOL_TRY_DEFERRED], 3);
    assert_string_equal(counts.reason, "450 4.3.2 not now");
    depot_end(&d);
}

static void a_daily_limit_is_the_accounts(void **state)
{
    struct depot d;
    struct spool_counts counts;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->mail[0] = (struct sim_address_rule){"a@", "550 5.4.5 daily limit exceeded"};
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    depot_put(&d, "m2", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 20 * S);
    spool_count(d.spool, NULL, &counts);
    assert_int_equal(depot_waiting(&d), 2);
    assert_int_equal(depot_failures(&d), 0);
    assert_int_equal(counts.tries[SPOOL_TRY_DEFERRED], 1);
    depot_end(&d);
}

static void its_account_is_gone(void **state)
{
    struct depot d;
    struct spool_view view;
    (void)state;
    depot_init(&d, "[upstream other]\nhost = " HOST
                   "\nusername = user\npassword = right\nports = 587\nsenders = z@example.net\n");
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    depot_put(&d, "m2", "z@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 60 * S);
    /* routed anew; nobody takes the other */
    assert_int_equal(d.w.ledger->nmails, 1);
    assert_string_equal(depot_mail(&d, 0)->from, "z@example.net");
    spool_view_of(d.spool, depot_find(&d, "m1"), &view);
    assert_int_equal(view.state, SPOOL_HELD);
    assert_null(view.account);
    depot_reload(&d, ONE);
    run_until_empty(&d, 60 * S);
    assert_int_equal(d.w.ledger->nmails, 2);
    depot_end(&d);
}

static void too_old_it_is_bounced_after_one_try(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->rcpt[0] = (struct sim_address_rule){"b@", "450 4.2.0 later"};
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 4 * DAY);
    assert_int_equal(depot_waiting(&d), 1);
    run_until_empty(&d, 2 * DAY);
    assert_int_equal(d.w.ledger->nmails, 1);
    assert_true(depot_holds(depot_mail(&d, 0), "Status: 4.2.0\r\n"));
    assert_true(depot_holds(depot_mail(&d, 0), "It was tried for 5 days"));
    depot_end(&d);
}

static void a_start_after_the_age_tries_first(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    const char *greeting = script->greeting;
    script->greeting = "421 later";
    depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(d.w.sim, 5 * DAY - 7200 * S);
    depot_stop(&d, false);
    script->greeting = greeting;
    /* an age that was passed while it was off */
    d.options.store.max_age = 3600 * S;
    depot_start(&d);
    run_until_empty(&d, 3600 * S);
    assert_int_equal(d.w.ledger->nmails, 1);
    assert_string_equal(depot_mail(&d, 0)->from, "a@example.net");
    depot_end(&d);
}

static void the_null_sender_hears_nothing(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE);
    script->rcpt[0] = (struct sim_address_rule){"bad@", "550 5.1.1 no such user"};
    depot_put(&d, "m1", "", "bad@example.org", BODY, NULL);
    run_until_empty(&d, 60 * S);
    assert_int_equal(d.w.ledger->nmails, 0);
    assert_int_equal(depot_failures(&d), 1);
    assert_true(sim_log_has(d.w.sim, "msg=gave-up id=m1"));
    depot_end(&d);
}

static unsigned drained;
static void on_drained(void *ctx)
{
    (void)ctx;
    drained++;
}

static void at_a_drain_nothing_is_lost(void **state)
{
    (void)state;
    for (usec at = 0; at < 400 * MS; at += 7 * MS) {
        struct depot d;
        drained = 0;
        depot_init(&d, ONE);
        depot_put(&d, "m1", "a@example.net", "b@example.org", BODY, NULL);
        sim_run_for(d.w.sim, at);
        spool_drain(d.spool, on_drained, NULL);
        sim_run_for(d.w.sim, 20 * S);
        assert_int_equal(drained, 1);
        assert_int_equal(d.w.ledger->nmails + depot_waiting(&d), 1);
        depot_end(&d);
    }
}

static void at_most_half_of_the_sessions(void **state)
{
    struct depot d;
    (void)state;
    struct sim_upstream_script *script = depot_init(&d, ONE "max_connections = 6\n");
    size_t most = 0;
    script->delay = 200 * MS;
    for (int i = 0; i < 30; i++) {
        char id[8];
        snprintf(id, sizeof id, "m%d", i);
        depot_put(&d, id, "a@example.net", "b@example.org", BODY, NULL);
    }
    for (int i = 0; i < 2000 && (i < 100 || depot_waiting(&d)); i++) {
        size_t now = sim_upstream_sessions(d.w.up[0]);
        most = now > most ? now : most;
        sim_run_for(d.w.sim, 50 * MS);
    }
    assert_int_equal(d.w.ledger->nmails, 30);
    assert_int_equal(most, 3);
    depot_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_there_is_sent),
        cmocka_unit_test(an_outage_rests_the_account),
        cmocka_unit_test(a_refusal_is_bounced_and_kept),
        cmocka_unit_test(the_journal_gets_one_copy),
        cmocka_unit_test(a_refused_null_sender_goes_once_more),
        cmocka_unit_test(no_answer_is_believed_three_times),
        cmocka_unit_test(the_clients_own_try_counts),
        cmocka_unit_test(a_stop_after_the_end_counts),
        cmocka_unit_test(whom_it_concerns_is_told),
        cmocka_unit_test(what_is_damaged_gets_no_end),
        cmocka_unit_test(put_off_it_waits_by_itself),
        cmocka_unit_test(a_try_of_the_old_configuration_rests_nothing),
        cmocka_unit_test(three_in_a_row_rest_the_account),
        cmocka_unit_test(a_daily_limit_is_the_accounts),
        cmocka_unit_test(its_account_is_gone),
        cmocka_unit_test(too_old_it_is_bounced_after_one_try),
        cmocka_unit_test(a_start_after_the_age_tries_first),
        cmocka_unit_test(the_null_sender_hears_nothing),
        cmocka_unit_test(at_a_drain_nothing_is_lost),
        cmocka_unit_test(at_most_half_of_the_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
