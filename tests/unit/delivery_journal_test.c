/* One recipient more, which nobody hears of. */
#include "delivery_world.h"
#include "upstream/tally.h"

#define SMALL "Subject: x\r\n\r\nbody\r\n"
#define WITH_JOURNAL BASIC "ports = 587\njournal = keep@example.org\n"

static struct sim_upstream_script *begin(struct party *p)
{
    *p = (struct party){.limit = SIZE_MAX};
    world_begin(&p->w);
    struct sim_upstream_script *script = world_server(&p->w, AT587);
    party_load(p, WITH_JOURNAL);
    return script;
}

static void send(struct party *p, bool reads)
{
    party_begin(p, SMALL, strlen(SMALL), reads);
    party_run(p);
}

/* What the client heard, and how often the journal was refused. */
static void assert_told(struct party *p, enum result result, uint64_t refused)
{
    assert_int_equal(p->result, result);
    assert_int_equal(account_tally(p->accounts[0])->journal_refused, refused);
    assert_int_equal(p->w.ledger->ncomplaints, 0);
    party_end(p);
}

static void assert_arrived(const struct party *p, size_t i, const char *first, const char *second)
{
    const struct sim_mail *m = &p->w.ledger->mails[i];
    assert_int_equal(m->nto, second ? 2 : 1);
    assert_string_equal(m->to[0], first);
    if (second)
        assert_string_equal(m->to[1], second);
}

static void it_gets_a_copy(void **state)
{
    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        struct party p;
        begin(&p)->dsn = true;
        send(&p, reads);
        assert_int_equal(party_arrived(&p), 1);
        assert_arrived(&p, 0, "b@example.org", "keep@example.org");
        assert_string_equal(p.w.ledger->mails[0].to_parameters, "NOTIFY=NEVER");
        /* nobody was told of it */
        assert_int_equal(p.answered, 1);
        assert_int_equal(p.message.nrcpt, 1);
        assert_string_equal(p.message.to, "b@example.org");
        assert_told(&p, RESULT_DELIVERED, 0);
    }
}

static void without_dsn_it_goes_bare(void **state)
{
    struct party p;
    (void)state;
    begin(&p)->dsn = false;
    send(&p, false);
    assert_null(p.w.ledger->mails[0].to_parameters);
    assert_arrived(&p, 0, "b@example.org", "keep@example.org");
    assert_told(&p, RESULT_DELIVERED, 0);
}

static void it_is_not_asked_twice(void **state)
{
    struct party p;
    (void)state;
    begin(&p);
    party_begin(&p, SMALL, strlen(SMALL), false);
    party_add(&p, "Keep@Example.org");
    party_run(&p);
    assert_arrived(&p, 0, "b@example.org", "Keep@Example.org");
    assert_told(&p, RESULT_DELIVERED, 0);
}

static void who_has_it_gets_none(void **state)
{
    struct party p;
    (void)state;
    begin(&p);
    p.no_journal = true;
    send(&p, true);
    assert_arrived(&p, 0, "b@example.org", NULL);
    assert_told(&p, RESULT_DELIVERED, 0);
}

static bool has_answer(void *ctx)
{
    struct party *p = ctx;
    return p->answered > 0;
}

/* Answers find their recipients although the journal was asked between them. */
static void recipients_may_follow_it(void **state)
{
    static const char *const replies[] = {"250 2.1.5 fine", "550 5.1.1 no archive"};
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        struct party p;
        struct sim_upstream_script *script = begin(&p);
        script->rcpt[0] = (struct sim_address_rule){"keep@", replies[refused]};
        script->rcpt[1] = (struct sim_address_rule){"no@", "550 5.1.1 no such user"};
        party_begin(&p, SMALL, strlen(SMALL), false);
        /* keeps its user from asking for the body */
        p.added = 9;
        assert_true(sim_run_until(p.w.sim, has_answer, &p, 60 * S));
        p.added = 1;
        party_add(&p, "no@example.org");
        party_add(&p, "c@example.org");
        party_run(&p);
        assert_int_equal(p.codes[1], 550);
        assert_int_equal(p.codes[2], 250);
        assert_int_equal(p.w.ledger->mails[0].nto, refused ? 2 : 3);
        assert_told(&p, RESULT_DELIVERED, (uint64_t)refused);
    }
}

static void nobody_accepted_it_is_not_asked(void **state)
{
    struct party p;
    (void)state;
    struct sim_upstream_script *script = begin(&p);
    script->rcpt[0] = (struct sim_address_rule){"b@", "550 5.1.1 no such user"};
    script->rcpt[1] = (struct sim_address_rule){"keep@", "550 5.1.1 no archive"};
    party_begin(&p, SMALL, strlen(SMALL), false);
    assert_true(sim_run_until(p.w.sim, has_answer, &p, 60 * S));
    sim_run_for(p.w.sim, 10 * S);
    assert_int_equal(p.codes[0], 550);
    assert_int_equal(account_tally(p.accounts[0])->journal_refused, 0);
    party_end(&p);
}

/* Whatever is said to it: the message goes, the login stays, the log and the counter know. */
static void a_refusal_changes_nothing(void **state)
{
    static const char *const replies[] = {"550 5.1.1 no archive", "452 4.5.3 too many recipients",
                                          "530 5.7.0 authentication required",
                                          "535 5.7.8 no such login",
                                          "554 5.4.5 daily limit exceeded"};
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct party p;
        struct sim_upstream_script *script = begin(&p);
        script->rcpt[0] = (struct sim_address_rule){"keep@", replies[i]};
        send(&p, i % 2);
        assert_int_equal(p.codes[0], 250);
        assert_arrived(&p, 0, "b@example.org", NULL);
        assert_int_equal(p.w.ledger->sessions, 1);
        assert_true(sim_log_has(p.w.sim, "level=warn msg=\"the address of journal was refused"));
        assert_true(sim_log_has(p.w.sim, "journal=keep@example.org"));
        assert_told(&p, RESULT_DELIVERED, 1);
    }
}

/* A session that dies of the journal's RCPT each time: the message goes without. */
static void a_session_that_dies_of_it(void **state)
{
    static const char *const replies[] = {"421 4.7.0 enough of you", "gibberish"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct party p;
        struct sim_upstream_script *script = begin(&p);
        if (i < 2)
            script->rcpt[0] = (struct sim_address_rule){"keep@", replies[i]};
        else
            script->faults[0] = (struct sim_fault_rule){
                .step = SIM_AT_RCPT, .fault = SIM_FAULT_RESET, .skip = 1, .times = 1};
        send(&p, false);
        assert_int_equal(p.answered, 1);
        assert_int_equal(p.w.ledger->sessions, 2);
        assert_int_equal(party_arrived(&p), 1);
        assert_arrived(&p, 0, "b@example.org", NULL);
        assert_told(&p, RESULT_DELIVERED, 1);
    }
}

/* So it is if the client names another recipient before the journal's RCPT has its answer. */
static void others_may_wait_behind_it(void **state)
{
    static const char *const replies[] = {"421 4.7.0 enough of you", "gibberish"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct party p;
        struct sim_upstream_script *script = begin(&p);
        script->rcpt[0] = (struct sim_address_rule){"keep@", replies[i]};
        party_begin(&p, SMALL, strlen(SMALL), false);
        /* keeps its user from asking for the body */
        p.added = 9;
        assert_true(sim_run_until(p.w.sim, has_answer, &p, 60 * S));
        p.added = 1;
        party_add(&p, "c@example.org");
        party_run(&p);
        assert_int_equal(p.codes[1], 250);
        assert_int_equal(p.w.ledger->sessions, 2);
        assert_arrived(&p, 0, "b@example.org", "c@example.org");
        assert_told(&p, RESULT_DELIVERED, 1);
    }
}

/* The replacement that a message has for itself is not spent on it. */
static void it_costs_no_replay(void **state)
{
    struct party p;
    (void)state;
    struct sim_upstream_script *script = begin(&p);
    script->rcpt[0] = (struct sim_address_rule){"keep@", "421 4.7.0 enough of you"};
    script->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_DATA, .fault = SIM_FAULT_RESET, .times = 1};
    script->chunking = false;
    send(&p, false);
    assert_int_equal(p.w.ledger->sessions, 3);
    assert_told(&p, RESULT_DELIVERED, 1);
}

/* A session lost later is replaced, and the one that comes is asked again. */
static void a_replay_has_it_too(void **state)
{
    struct party p;
    (void)state;
    struct sim_upstream_script *script = begin(&p);
    script->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_DATA, .fault = SIM_FAULT_RESET, .times = 1};
    script->chunking = false;
    send(&p, false);
    assert_int_equal(p.w.ledger->sessions, 2);
    assert_int_equal(party_arrived(&p), 1);
    assert_arrived(&p, 0, "b@example.org", "keep@example.org");
    assert_told(&p, RESULT_DELIVERED, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gets_a_copy),
        cmocka_unit_test(without_dsn_it_goes_bare),
        cmocka_unit_test(it_is_not_asked_twice),
        cmocka_unit_test(who_has_it_gets_none),
        cmocka_unit_test(recipients_may_follow_it),
        cmocka_unit_test(nobody_accepted_it_is_not_asked),
        cmocka_unit_test(a_refusal_changes_nothing),
        cmocka_unit_test(a_session_that_dies_of_it),
        cmocka_unit_test(others_may_wait_behind_it),
        cmocka_unit_test(it_costs_no_replay),
        cmocka_unit_test(a_replay_has_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
