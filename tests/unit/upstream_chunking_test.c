/* What a port is known to make of BDAT, which a message of one session teaches the next. */
#include "upstream_world.h"

static void on_rcpt(void *ctx, size_t index, const struct reply *reply)
{
    struct wish *x = ctx;
    (void)index, (void)reply;
    carrier_begin_body(lease_carrier(x->lease));
}

static void on_go_ahead(void *ctx, const struct reply *refusal)
{
    struct wish *x = ctx;
    assert_null(refusal);
    carrier_body(lease_carrier(x->lease), slice_of("Subject: x\r\n\r\nhello\r\n"));
    carrier_end_body(lease_carrier(x->lease));
}

static void on_verdict(void *ctx, const struct reply *reply)
{
    struct wish *x = ctx;
    assert_true(reply_is(reply, 2));
    lease_return(&x->lease, true);
}

static void ignore_reply(void *ctx, const struct reply *reply)
{
    (void)ctx, (void)reply;
}

static void ignore(void *ctx)
{
    (void)ctx;
}

static const struct smtp_client_events message_events = {.ready = ignore,
                                                         .mail_reply = ignore_reply,
                                                         .rcpt_reply = on_rcpt,
                                                         .go_ahead = on_go_ahead,
                                                         .low = ignore,
                                                         .verdict = on_verdict,
                                                         .lost = wish_lost};

static void send_one(struct wish *x, const struct smtp_client_events *events)
{
    struct carrier *c = lease_carrier(x->lease);
    carrier_set_owner(c, events, x);
    carrier_mail(c, &(struct smtp_client_mail){.from = slice_of("a@example.com")});
    carrier_rcpt(c, slice_of("b@example.com"), slice_of(""), slice_of(""));
}

static void what_bdat_is_worth_is_kept(void **state)
{
    (void)state;
    for (int unknown = 0; unknown < 2; unknown++) {
        struct world w;
        struct wish x;
        world_begin_with(&w, BASIC);
        sim_upstream_script(w.up[0])->bdat_unknown = unknown;
        wish_hold(&x, &w);
        send_one(&x, &message_events);
        sim_run_for(w.sim, 5 * S);
        assert_null(x.lease);
        assert_int_equal(w.ledger->nmails, 1);
        assert_non_null(
            strstr(sim_file_text(w.sim, "/state/upstreams"), unknown ? " broken\n" : " proven\n"));
        assert_int_equal(account_pool_counts(world_account(&w)).idle, 1);
        sim_run_for(w.sim, 60 * S);
        /* another session knows it from the start */
        wish_hold(&x, &w);
        assert_int_equal(w.ledger->sessions, 2);
        assert_int_equal(carrier_chunking(lease_carrier(x.lease)),
                         unknown ? CHUNKING_BROKEN : CHUNKING_PROVEN);
        wish_return(&x);
        world_end(&w);
    }
}

static void on_denial(void *ctx, const struct reply *reply)
{
    struct wish *x = ctx;
    struct carrier *c = lease_carrier(x->lease);
    assert_int_equal(reply->code, 502);
    carrier_quit(&c);
    lease_drop(&x->lease, false, NULL);
}

static void a_denial_of_bdat_outlives_its_session(void **state)
{
    (void)state;
    struct world w;
    struct wish x, other;
    struct smtp_client_events denied = message_events;
    denied.verdict = on_denial;
    world_begin_with(&w, BASIC);
    sim_upstream_script(w.up[0])->bdat_forgotten_after = 2;
    sim_upstream_script(w.up[0])->bdat_reply = "502 5.5.1 what?";
    wish_hold(&x, &w);
    send_one(&x, &message_events);
    sim_run_for(w.sim, 5 * S);
    assert_non_null(strstr(sim_file_text(w.sim, "/state/upstreams"), " proven\n"));
    wish_hold(&x, &w);
    wish_hold(&other, &w);
    assert_int_equal(carrier_chunking(lease_carrier(other.lease)), CHUNKING_PROVEN);
    send_one(&x, &denied);
    sim_run_for(w.sim, 5 * S);
    assert_null(x.lease);
    assert_non_null(strstr(sim_file_text(w.sim, "/state/upstreams"), " broken\n"));
    assert_int_equal(carrier_chunking(lease_carrier(other.lease)), CHUNKING_BROKEN);
    /* As a session that had begun before the denial. */
    carrier_set_chunking(lease_carrier(other.lease), CHUNKING_PROVEN);
    wish_return(&other);
    sim_run_for(w.sim, 5 * S);
    assert_non_null(strstr(sim_file_text(w.sim, "/state/upstreams"), " broken\n"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_bdat_is_worth_is_kept),
        cmocka_unit_test(a_denial_of_bdat_outlives_its_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
