/* One message to one account, without a client: what a spool and `send` build upon. */
#include "delivery_world.h"

#define SMALL "Subject: x\r\n\r\nbody\r\n"

/* larger than what is kept for a replay */
enum { LARGE = CAP_REPLAY + 300000 };

static const char *large(void)
{
    static char body[LARGE];
    memcpy(body, "Subject: large\r\n\r\n", 18);
    for (size_t i = 18; i < LARGE; i++)
        body[i] = i % 64 == 0 ? '\r' : i % 64 == 1 ? '\n' : (char)('a' + i / 64 % 26);
    memcpy(body + LARGE - 2, "\r\n", 2);
    return body;
}

static bool is_same(struct slice a, struct slice b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static void a_body_is_pushed(void **state)
{
    struct party p;
    (void)state;
    party_init(&p);
    party_begin(&p, SMALL, strlen(SMALL), false);
    assert_false(delivery_has_promised(p.d));
    assert_null(delivery_outcome(p.d));
    party_run(&p);
    assert_int_equal(p.verdicts, 1);
    assert_int_equal(p.result, RESULT_DELIVERED);
    assert_false(p.may_be_taken);
    assert_int_equal(p.codes[0], 250);
    assert_true(p.upstreams[0] && delivery_has_promised(p.d));
    assert_int_equal(party_arrived(&p), 1);
    assert_true(is_same(party_body(&p), p.body));
    assert_string_equal(p.w.ledger->mails[0].from, "a@example.net");
    /* what is told of the message */
    assert_string_equal(p.message.to, "b@example.org");
    assert_int_equal(p.message.nrcpt, 1);
    assert_int_equal(p.message.port, 587);
    assert_int_equal(p.message.size, p.body.len);
    assert_true(p.message.tls[0] && p.message.rtts);
    party_end(&p);
}

static void a_body_is_read(void **state)
{
    struct party p;
    (void)state;
    party_init(&p);
    party_begin(&p, large(), LARGE, true);
    party_run(&p);
    assert_int_equal(p.result, RESULT_DELIVERED);
    assert_true(is_same(party_body(&p), p.body));
    assert_int_equal(p.readings, 1);
    assert_int_equal(p.message.size, LARGE);
    party_end(&p);
}

static bool has_all_there_is(void *ctx)
{
    struct party *p = ctx;
    return p->readings > 0;
}

/* A source without octets for the moment: nothing ends before it has them. */
static void a_source_has_them_later(void **state)
{
    struct party p;
    (void)state;
    party_init(&p);
    p.limit = 14;
    party_begin(&p, SMALL, strlen(SMALL), true);
    assert_true(sim_run_until(p.w.sim, has_all_there_is, &p, 60 * S));
    sim_run_for(p.w.sim, 30 * S);
    assert_int_equal(p.verdicts + p.failures, 0);
    assert_int_equal(party_arrived(&p), 0);
    p.limit = SIZE_MAX;
    delivery_go_on(p.d);
    party_run(&p);
    assert_int_equal(p.result, RESULT_DELIVERED);
    assert_true(is_same(party_body(&p), p.body));
    party_end(&p);
}

static void octets_in_memory_are_a_source(void **state)
{
    struct slice all = slice_of("abc"), some;
    struct body_source source = source_of_slice(&all);
    (void)state;
    assert_int_equal(source.next(source.ctx, 0, &some), SOURCE_OCTETS);
    assert_true(slice_is(some, "abc"));
    assert_int_equal(source.next(source.ctx, 2, &some), SOURCE_OCTETS);
    assert_true(slice_is(some, "c"));
    assert_int_equal(source.next(source.ctx, 3, &some), SOURCE_END);
}

static void strike(struct sim_upstream_script *script, enum sim_step step, uint64_t bytes)
{
    script->faults[0] =
        (struct sim_fault_rule){.step = step, .fault = SIM_FAULT_RESET, .times = 1, .bytes = bytes};
}

/* A body that lies in a source is replayed whatever its size, and from its first octet. */
static void a_source_is_read_again(void **state)
{
    struct party p;
    (void)state;
    strike(party_init(&p), SIM_AT_BODY, CAP_REPLAY + 100000);
    party_begin(&p, large(), LARGE, true);
    party_run(&p);
    assert_int_equal(p.result, RESULT_DELIVERED);
    assert_int_equal(p.readings, 2);
    assert_int_equal(party_arrived(&p), 1);
    assert_true(is_same(party_body(&p), p.body));
    assert_int_equal(p.message.size, LARGE);
    assert_int_equal(p.answered, 1);
    party_end(&p);
}

static void what_was_pushed_is_replayed_from_its_copy(void **state)
{
    struct party p;
    (void)state;
    strike(party_init(&p), SIM_AT_BODY, 100000);
    p.limit = 150000;
    /* whole lines */
    party_begin(&p, large(), 200002, false);
    assert_false(sim_run_until(p.w.sim, party_step, &p, 30 * S));
    assert_int_equal(p.w.ledger->sessions, 2);
    p.limit = SIZE_MAX;
    party_run(&p);
    assert_int_equal(p.result, RESULT_DELIVERED);
    assert_int_equal(party_arrived(&p), 1);
    assert_true(is_same(party_body(&p), p.body));
    party_end(&p);
}

static void what_was_pushed_beyond_its_copy_is_not(void **state)
{
    struct party p;
    (void)state;
    strike(party_init(&p), SIM_AT_BODY, CAP_REPLAY + 100000);
    party_begin(&p, large(), LARGE, false);
    party_run(&p);
    assert_int_equal(p.why, OWN_NOT_REPLAYABLE);
    assert_int_equal(p.result, RESULT_LOST_LINK);
    assert_false(p.may_be_taken);
    assert_int_equal(party_arrived(&p), 0);
    party_end(&p);
}

/* The one case in which its user must not simply send it again. */
static void lost_after_the_end_it_may_have_been_taken(void **state)
{
    struct party p;
    (void)state;
    struct sim_upstream_script *script = party_init(&p);
    strike(script, SIM_AT_VERDICT, 0);
    script->faults[0].commits = true;
    party_begin(&p, SMALL, strlen(SMALL), true);
    party_run(&p);
    assert_int_equal(p.why, OWN_LOST_SENT);
    assert_true(p.may_be_taken);
    assert_int_equal(p.w.ledger->sessions, 1);
    assert_int_equal(party_arrived(&p), 1);
    party_end(&p);
}

/* RFC 5321 3.8: the server says that it has not taken it. */
static void closed_at_the_end_it_was_not_taken(void **state)
{
    struct party p;
    (void)state;
    struct sim_upstream_script *script = party_init(&p);
    strike(script, SIM_AT_VERDICT, 0);
    script->faults[0].fault = SIM_FAULT_REPLY;
    script->faults[0].text = "421 4.3.2 going down\r\n";
    party_begin(&p, SMALL, strlen(SMALL), true);
    party_run(&p);
    assert_int_equal(p.why, OWN_NOT_TAKEN);
    assert_int_equal(p.result, RESULT_DEFERRED);
    assert_false(p.may_be_taken);
    assert_int_equal(party_arrived(&p), 0);
    party_end(&p);
}

/* A source that may not be what it was, and one that must be asked before the end. */
struct doubt {
    struct party *p;
    /* torn from here on */
    uint64_t tears_at;
    bool may_end;
    unsigned asked;
};

static enum source_state doubt_next(void *ctx, uint64_t offset, struct slice *octets_r)
{
    struct doubt *d = ctx;
    if (offset >= d->tears_at)
        return SOURCE_TORN;
    enum source_state state = party_next(d->p, offset, octets_r);
    *octets_r = slice_head(*octets_r, (size_t)(d->tears_at - offset));
    return state;
}

static bool doubt_may_end(void *ctx)
{
    struct doubt *d = ctx;
    d->asked++;
    return d->may_end;
}

static void doubt_begin(struct party *p, struct doubt *d, const char *body, size_t len)
{
    party_begin(p, body, len, true);
    p->source = (struct body_source){.next = doubt_next, .may_end = doubt_may_end, .ctx = d};
}

static void what_is_torn_never_gets_its_end(void **state)
{
    (void)state;
    for (int bdat = 0; bdat < 2; bdat++)
        for (uint64_t at = 0; at <= 200002; at += 100001) {
            struct party p;
            struct sim_upstream_script *script = party_init(&p);
            script->chunking = bdat;
            struct doubt d = {.p = &p, .tears_at = at, .may_end = true};
            doubt_begin(&p, &d, large(), 200002);
            party_run(&p);
            assert_int_equal(p.why, OWN_TORN);
            assert_int_equal(p.result, RESULT_DEFERRED);
            assert_false(p.may_be_taken);
            assert_int_equal(d.asked, 0);
            sim_run_for(p.w.sim, 600 * S);
            assert_int_equal(party_arrived(&p), 0);
            party_end(&p);
        }
}

static bool is_asked(void *ctx)
{
    return ((const struct doubt *)ctx)->asked > 0;
}

static void the_end_waits_for_its_source(void **state)
{
    struct party p;
    struct doubt d = {.p = &p, .tears_at = UINT64_MAX};
    (void)state;
    party_init(&p);
    doubt_begin(&p, &d, SMALL, strlen(SMALL));
    assert_true(sim_run_until(p.w.sim, is_asked, &d, 60 * S));
    sim_run_for(p.w.sim, 5 * S);
    assert_false(delivery_awaits_verdict(p.d));
    assert_int_equal(party_arrived(&p), 0);
    d.may_end = true;
    delivery_go_on(p.d);
    assert_true(delivery_awaits_verdict(p.d));
    party_run(&p);
    assert_int_equal(p.result, RESULT_DELIVERED);
    assert_true(is_same(party_body(&p), p.body));
    party_end(&p);
}

static void no_session(void **state)
{
    struct party p;
    (void)state;
    struct sim_upstream_script *script = party_init(&p);
    script->greeting = "554 go away";
    party_begin(&p, SMALL, strlen(SMALL), true);
    party_run(&p);
    assert_int_equal(p.failures, 1);
    assert_int_equal(p.why, OWN_NO_PORT);
    assert_int_equal(p.result, RESULT_DEFERRED);
    assert_int_equal(p.answered, 0);
    assert_non_null(strstr(p.words, "451 4.4.1 no port of " HOST " works: 587 "));
    assert_non_null(strstr(p.words, "[abcdefghijk]"));
    party_end(&p);
}

static void each_recipient_has_its_answer(void **state)
{
    struct party p;
    (void)state;
    struct sim_upstream_script *script = party_init(&p);
    script->rcpt[0] = (struct sim_address_rule){"later", "450 4.2.1 later"};
    party_begin(&p, SMALL, strlen(SMALL), true);
    party_add(&p, "later@example.org");
    party_add(&p, "bare");
    /* ours, at once */
    assert_int_equal(p.codes[2], 501);
    assert_false(p.upstreams[2]);
    party_add(&p, "c@example.org");
    party_run(&p);
    assert_int_equal(p.codes[0], 250);
    assert_int_equal(p.codes[1], 450);
    assert_true(p.upstreams[1]);
    assert_int_equal(p.codes[3], 250);
    assert_int_equal(p.message.nrcpt, 2);
    assert_int_equal(p.w.ledger->mails[0].nto, 2);
    party_end(&p);
}

/* A refused sender is the upstream's word on the message, and answers whoever comes later. */
static void a_refused_sender_ends_it(void **state)
{
    struct party p;
    (void)state;
    struct sim_upstream_script *script = party_init(&p);
    script->mail[0] = (struct sim_address_rule){"a@", "550 5.7.1 not you"};
    party_begin(&p, SMALL, strlen(SMALL), true);
    party_run(&p);
    assert_int_equal(p.verdicts, 1);
    assert_int_equal(p.result, RESULT_REFUSED);
    assert_int_equal(p.answered, 0);
    party_add(&p, "late@example.org");
    assert_int_equal(p.codes[1], 550);
    assert_true(p.upstreams[1]);
    assert_string_equal(delivery_outcome(p.d)->reply.enhanced, "5.7.1");
    party_end(&p);
}

static void what_goes_in_circles_ends_there(void **state)
{
    struct party p;
    char body[60 * 16 + 16] = "";
    (void)state;
    for (int i = 0; i < 51; i++)
        strcat(body, "Received: x\r\n");
    strcat(body, "\r\nx\r\n");
    for (int reads = 0; reads < 2; reads++) {
        party_init(&p);
        party_begin(&p, body, strlen(body), reads);
        party_run(&p);
        assert_int_equal(p.why, OWN_HOPS);
        assert_int_equal(party_arrived(&p), 0);
        party_end(&p);
    }
}

static void given_up_in_its_body_nothing_arrives(void **state)
{
    struct party p;
    (void)state;
    party_init(&p);
    p.limit = 100000;
    party_begin(&p, large(), LARGE, true);
    assert_true(sim_run_until(p.w.sim, has_all_there_is, &p, 60 * S));
    sim_run_for(p.w.sim, 5 * S);
    delivery_free(&p.d);
    assert_null(p.d);
    sim_run_for(p.w.sim, 60 * S);
    assert_int_equal(p.verdicts + p.failures, 0);
    assert_int_equal(party_arrived(&p), 0);
    party_end(&p);
}

static void it_may_be_freed_with_its_outcome(void **state)
{
    struct party p;
    (void)state;
    party_init(&p);
    p.leaves = true;
    party_begin(&p, SMALL, strlen(SMALL), true);
    party_run(&p);
    assert_null(p.d);
    assert_int_equal(p.result, RESULT_DELIVERED);
    party_end(&p);
}

/* The accounts go in the same turn. */
static void it_is_abandoned_with_its_accounts(void **state)
{
    struct party p;
    (void)state;
    party_init(&p);
    p.limit = 0;
    party_begin(&p, SMALL, strlen(SMALL), false);
    sim_run_for(p.w.sim, 5 * S);
    assert_true(p.went_ahead);
    assert_false(delivery_awaits_verdict(p.d));
    delivery_abandon(&p.d);
    accounts_free(&p.w.accounts);
    sim_run_for(p.w.sim, 5 * S);
    assert_int_equal(p.verdicts + p.failures, 0);
    party_end(&p);
}

static void the_fallback_is_followed(void **state)
{
    struct party p = {.limit = SIZE_MAX};
    (void)state;
    world_begin(&p.w);
    sim_name(p.w.sim, "spare.example.net", "192.0.2.2");
    struct sim_upstream_script script = sim_upstream_kind("spare.example.net", "user", "right");
    p.w.up[p.w.nup++] = sim_upstream_new(p.w.sim, p.w.ledger, "192.0.2.2:587", &script);
    party_load(&p, "[upstream work]\nhost = " HOST "\nports = 587\nusername = user\n"
                   "password = right\nfallback = spare\nsenders = *\n"
                   "[upstream spare]\nhost = spare.example.net\nports = 587\nusername = user\n"
                   "password = right\nenvelope_from = z@example.net\n");
    party_begin(&p, SMALL, strlen(SMALL), true);
    party_run(&p);
    assert_int_equal(p.result, RESULT_DELIVERED);
    assert_string_equal(p.message.upstream, "spare");
    assert_string_equal(p.message.sent_as, "z@example.net");
    assert_string_equal(p.w.ledger->mails[0].from, "z@example.net");
    assert_string_equal(delivery_upstream(p.d)->name, "spare");
    party_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_pushed),
        cmocka_unit_test(a_body_is_read),
        cmocka_unit_test(a_source_has_them_later),
        cmocka_unit_test(octets_in_memory_are_a_source),
        cmocka_unit_test(a_source_is_read_again),
        cmocka_unit_test(what_was_pushed_is_replayed_from_its_copy),
        cmocka_unit_test(what_was_pushed_beyond_its_copy_is_not),
        cmocka_unit_test(lost_after_the_end_it_may_have_been_taken),
        cmocka_unit_test(closed_at_the_end_it_was_not_taken),
        cmocka_unit_test(what_is_torn_never_gets_its_end),
        cmocka_unit_test(the_end_waits_for_its_source),
        cmocka_unit_test(no_session),
        cmocka_unit_test(each_recipient_has_its_answer),
        cmocka_unit_test(a_refused_sender_ends_it),
        cmocka_unit_test(what_goes_in_circles_ends_there),
        cmocka_unit_test(given_up_in_its_body_nothing_arrives),
        cmocka_unit_test(it_may_be_freed_with_its_outcome),
        cmocka_unit_test(it_is_abandoned_with_its_accounts),
        cmocka_unit_test(the_fallback_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
