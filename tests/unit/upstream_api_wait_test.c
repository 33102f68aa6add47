/* What a session over HTTPS waits for: a token, the time that the service has asked for, a place
 * among four; and its end at any moment meanwhile. */
#include "upstream_api_session_world.h"

/* 401: a token anew, once; then the service refuses us. */
static void a_token_is_fetched_anew_once(void **state)
{
    (void)state;
    for (size_t refusals = 1; refusals <= 2; refusals++) {
        struct world_of_api a;
        struct mailer m;
        begin_with(&a, "graph", BY_COMMAND);
        sim_program(a.w.sim, "secret", "first\n", S);
        a.v.nfirst = refusals;
        a.v.first[0].status = a.v.first[1].status = 401;
        open_session(&m, &a);
        say_envelope(&m, "me@example.org", to_two);
        say_body(&m, slice_of(plain));
        sim_run_for(a.w.sim, S + 25 * MS);
        assert_int_equal(a.v.n, 1);
        assert_string_equal(a.v.authorization, "Bearer first");
        sim_program(a.w.sim, "secret", "second\n", S);
        await(&m);
        assert_int_equal(a.v.n, 2);
        assert_string_equal(a.v.authorization, "Bearer second");
        assert_int_equal(m.has_verdict, refusals == 1);
        assert_int_equal(m.refused, refusals == 2);
        close_session(&m);
        end(&a);
    }
}

static void without_a_token_nothing_is_sent(void **state)
{
    struct world_of_api a;
    struct mailer m;
    (void)state;
    begin_with(&a, "graph", BY_COMMAND);
    sim_program(a.w.sim, "secret", NULL, S);
    open_session(&m, &a);
    send_plain(&m);
    assert_true(m.has_lost && !m.failure.end_of_data_sent);
    assert_true(says(&m.verdict, "451 4.7.0 no access token for the API: "));
    assert_int_equal(a.v.n + (size_t)m.refused, 0);
    close_session(&m);
    end(&a);
}

/* It waits as long as the client may, and all others of the account with it. */
static void a_throttled_account_waits(void **state)
{
    struct world_of_api a;
    struct mailer m, other;
    (void)state;
    begin(&a, "graph");
    a.v.nfirst = 2;
    a.v.first[0] = a.v.first[1] = (struct sim_http_reply){.status = 429, .retry_after = 30};
    open_session(&m, &a);
    open_session(&other, &a);
    say_envelope(&m, "me@example.org", to_two);
    say_body(&m, slice_of(plain));
    sim_run_for(a.w.sim, S);
    assert_int_equal(a.v.n, 1);
    assert_true(api_desk_wait(a.desk) > 28 * S);
    send_plain(&other);
    assert_true(other.has_verdict && reply_is(&other.verdict, 2));
    await(&m);
    assert_true(m.has_verdict && reply_is(&m.verdict, 2));
    assert_int_equal(a.v.n, 4);
    /* At the second time the other one's went with it. */
    assert_true(a.v.asked[1] - a.v.asked[0] >= 30 * S);
    assert_true(a.v.asked[3] - a.v.asked[1] >= 30 * S);
    close_session(&m);
    close_session(&other);
    end(&a);
}

static void a_longer_wait_is_answered_at_once(void **state)
{
    struct world_of_api a;
    struct mailer m, other;
    (void)state;
    begin_with(&a, "graph", BASIC "final_timeout = 60s\n");
    a.v.reply = (struct sim_http_reply){.status = 429, .retry_after = 61};
    open_session(&m, &a);
    open_session(&other, &a);
    usec before = sim_now(a.w.sim);
    send_plain(&m);
    assert_true(m.has_verdict && says(&m.verdict, "451 4.3.2 Microsoft Graph takes no more"));
    assert_int_equal(carrier_wait(m.c), 61);
    /* The next one does not even ask. */
    send_plain(&other);
    assert_true(other.has_verdict && says(&other.verdict, "451 4.3.2"));
    assert_int_equal(carrier_wait(other.c), 61);
    assert_true(sim_now(a.w.sim) - before < S);
    assert_int_equal(a.v.n, 1);
    /* The wait is over: it asks again, and waits no longer than a day whatever is said. */
    sim_run_for(a.w.sim, 62 * S);
    a.v.reply.retry_after = 999999999;
    send_plain(&m);
    assert_int_equal(a.v.n, 2);
    assert_true(api_desk_wait(a.desk) <= 24 * 3600 * S);
    assert_true(carrier_is_idle(m.c));
    close_session(&m);
    close_session(&other);
    end(&a);
}

static void four_at_a_time(void **state)
{
    enum { N = 7 };
    struct world_of_api a;
    struct mailer m[N];
    (void)state;
    begin(&a, "graph");
    a.v.reply.delay = 2 * S;
    for (int i = 0; i < N; i++) {
        open_session(&m[i], &a);
        say_envelope(&m[i], "me@example.org", to_two);
        say_body(&m[i], slice_of(plain));
    }
    sim_run_for(a.w.sim, S);
    assert_int_equal(a.v.n, CAP_API_REQUESTS);
    /* One that waits may go, and one that is under way makes room. */
    close_session(&m[5]);
    close_session(&m[0]);
    sim_run_for(a.w.sim, S / 2);
    assert_int_equal(a.v.n, CAP_API_REQUESTS + 1);
    sim_run_for(a.w.sim, 10 * S);
    assert_int_equal(a.v.n, N - 1);
    for (int i = 1; i < N; i++)
        if (i != 5) {
            assert_true(m[i].has_verdict);
            close_session(&m[i]);
        }
    end(&a);
}

/* At any moment the owner gives up or quits: nothing is told, nothing is left, and a session that
 * was given up takes the next message. */
static void given_up_at_any_moment(void **state)
{
    (void)state;
    for (usec when = 0; when < 5 * S; when += when < 100 * MS ? MS : 400 * MS) {
        struct world_of_api a;
        struct mailer m;
        char *text = long_message(2000000);
        begin_with(&a, "gmail", BY_COMMAND);
        sim_program(a.w.sim, "secret", "word\n", S);
        a.v.reply.delay = 2 * S;
        open_session(&m, &a);
        say_envelope(&m, "me@example.org", (const char *const[]){"a@x.test", NULL});
        say_body(&m, slice_make(text, 2000000));
        sim_run_for(a.w.sim, when);
        if (m.has_verdict || when / MS % 2) {
            close_session(&m);
        } else {
            m.rest.len = 0;
            m.ends = false;
            assert_true(carrier_abort(m.c));
            assert_true(carrier_is_idle(m.c));
            sim_run_for(a.w.sim, 10 * S);
            assert_false(is_over(&m));
            send_plain(&m);
            assert_true(m.has_verdict);
            close_session(&m);
        }
        end(&a);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_fetched_anew_once),
        cmocka_unit_test(without_a_token_nothing_is_sent),
        cmocka_unit_test(a_throttled_account_waits),
        cmocka_unit_test(a_longer_wait_is_answered_at_once),
        cmocka_unit_test(four_at_a_time),
        cmocka_unit_test(given_up_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
