/* Who leaves when: clients before and after their end of data, an upstream that changes its mind,
 * another port, drain and reload. */
#include "relay/certificates.h"
#include "relay/relay.h"
#include "relay_world.h"
#include "sim/sim_config.h"
#include "upstream/account.h"
#include "upstream/contexts.h"

static char body[256 * 1024];

static void fill(void)
{
    for (size_t i = 0; i < sizeof body; i += 64)
        memcpy(body + i, ".23456789012345678901234567890123456789012345678901234567890\r\n\r\n",
               64);
}

static bool log_has(const struct scene *s, const char *text)
{
    return sim_log_has(s->play.sim, text);
}

static void gone_before_the_end_leaves_nothing(void **state)
{
    (void)state;
    static const enum sim_client_step steps[] = {SIM_CLIENT_SENT_MAIL, SIM_CLIENT_SENT_RCPT,
                                                 SIM_CLIENT_SENT_DATA, SIM_CLIENT_IN_BODY};
    static const enum sim_parting partings[] = {SIM_PART_QUIT, SIM_PART_CLOSE, SIM_PART_RESET,
                                                SIM_PART_HALF, SIM_PART_VANISH};
    for (unsigned bits = 0; bits < 4; bits++)
        for (size_t i = 0; i < 4; i++)
            for (size_t p = 0; p < 5; p++) {
                struct scene s;
                stage_init(&s, ONE_PORT);
                struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
                up->chunking = bits & 1;
                up->pipelining = bits & 2;
                struct sim_message *m = stage_message(&s, "b@example.org", "");
                m->body = body;
                m->len = sizeof body;
                s.plan.clients[0].parts_at = steps[i];
                s.plan.clients[0].parts_after = 100000;
                s.plan.clients[0].parting = partings[p];
                stage_play(&s);
                assert_int_equal(s.play.ledger->nmails, 0);
                stage_end(&s);
            }
}

static void gone_after_the_end_changes_nothing(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        struct scene s;
        stage_init(&s, ONE_PORT);
        struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
        up->chunking = bits & 1;
        up->faults[0] = (struct sim_fault_rule){
            .step = SIM_AT_VERDICT, .fault = SIM_FAULT_SLOW, .delay = 10 * USEC_PER_SEC};
        stage_message(&s, "b@example.org", "x\r\n");
        s.plan.clients[0].parts_at = SIM_CLIENT_SENT_DOT;
        /* a FIN goes unseen until the answer is written */
        s.plan.clients[0].parting = bits & 2 ? SIM_PART_CLOSE : SIM_PART_RESET;
        stage_play(&s);
        /* the drain waited for the verdict */
        assert_true(s.ended);
        assert_int_equal(s.play.ledger->nmails, 1);
        assert_true(log_has(&s, "msg=delivered"));
        stage_end(&s);
    }
}

static void gone_after_the_end_and_lost_upstream(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587")->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_VERDICT, .fault = SIM_FAULT_CLOSE, .times = 1};
    stage_message(&s, "b@example.org", "x\r\n");
    s.plan.clients[0].parts_at = SIM_CLIENT_SENT_DOT;
    s.plan.clients[0].parting = SIM_PART_RESET;
    stage_play(&s);
    assert_true(log_has(&s, "msg=lost-link"));
    assert_true(log_has(&s, "duplicate possible"));
    stage_end(&s);
}

/* The first session takes both recipients and dies; a second server behind the same name refuses
 * one of them. */
static void taken_before_and_refused_now_sends_nothing(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        struct scene s;
        stage_init(&s, "[upstream]\nhost = " HOST
                       "\nports = 587 2525\nusername = me\npassword = hunter2hunter2\n");
        struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
        up->faults[0] = (struct sim_fault_rule){
            .step = SIM_AT_BODY, .fault = SIM_FAULT_RESET, .times = 1, .bytes = 1000};
        struct sim_upstream_script *other = stage_port(&s, "192.0.2.1:2525");
        /* 2: it takes no address that is not ASCII */
        other->smtputf8 = which != 2;
        if (which == 1)
            other->mail[0] = (struct sim_address_rule){"a@", "451 4.7.1 greylisted"};
        else if (which == 0)
            other->rcpt[0] = (struct sim_address_rule){"c@", "451 4.7.1 greylisted"};
        struct sim_message *m =
            stage_message(&s, which == 2 ? "\xc3\xa4@example.org" : "b@example.org", "");
        m->to[m->nto++] = "c@example.org";
        m->body = body;
        m->len = sizeof body;
        stage_play(&s);
        assert_int_equal(stage_outcome(&s, 0)->final, 451);
        assert_true(stage_said(&s, "451 4.4.2 on another session " HOST
                                   " takes less than it took before ["));
        assert_int_equal(s.play.ledger->nmails, 0);
        stage_end(&s);
    }
}

static void the_replacement_comes_from_another_port(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, "[upstream]\nhost = " HOST
                   "\nports = 587 2525\nusername = me\npassword = hunter2hunter2\n");
    stage_port(&s, "192.0.2.1:587")->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_BODY, .fault = SIM_FAULT_RESET, .times = 0, .bytes = 1000};
    stage_port(&s, "192.0.2.1:2525");
    struct sim_message *m = stage_message(&s, "b@example.org", "");
    m->body = body;
    m->len = sizeof body;
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->final, 250);
    assert_int_equal(s.play.ledger->nmails, 1);
    assert_int_equal(s.play.ledger->mails[0].port, 2525);
    assert_true(log_has(&s, "port=2525"));
    stage_end(&s);
}

/* Both ports are a Postfix: each refuses its first empty chunk, which says nothing about the
 * message. */
static void every_port_may_refuse_its_empty_chunk(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, "[upstream]\nhost = " HOST
                   "\nports = 587 2525\nusername = me\npassword = hunter2hunter2\n");
    const struct sim_fault_rule null_bdat = {.step = SIM_AT_CHUNK,
                                             .fault = SIM_FAULT_REPLY,
                                             .times = 1,
                                             .text = "551 5.7.1 Null BDAT request\r\n"};
    struct sim_upstream_script *first = stage_port(&s, "192.0.2.1:587");
    first->faults[0] = null_bdat;
    first->faults[1] = (struct sim_fault_rule){
        .step = SIM_AT_BODY, .fault = SIM_FAULT_RESET, .times = 0, .bytes = 1000};
    stage_port(&s, "192.0.2.1:2525")->faults[0] = null_bdat;
    struct sim_message *m = stage_message(&s, "b@example.org", "");
    m->body = body;
    m->len = sizeof body;
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->final, 250);
    assert_int_equal(s.play.ledger->nmails, 1);
    assert_int_equal(s.play.ledger->mails[0].port, 2525);
    stage_end(&s);
}

static void no_other_session_to_be_had(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
    up->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_BODY, .fault = SIM_FAULT_RESET, .times = 1, .bytes = 1000};
    up->faults[1] = (struct sim_fault_rule){
        .step = SIM_AT_GREETING, .fault = SIM_FAULT_REPLY, .text = "554 no\r\n", .skip = 1};
    struct sim_message *m = stage_message(&s, "b@example.org", "");
    m->body = body;
    m->len = sizeof body;
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->final, 451);
    assert_true(stage_said(&s, "451 4.4.2 the link to " HOST " was lost, and there is no other ["));
    stage_end(&s);
}

/* The session dies between RCPT and DATA, and its replacement is refused; by the time the client
 * says DATA there is one again. */
static void a_lack_that_ended_before_anybody_asked_is_not_told(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT "idle_timeout = 1h\nmax_age = 1h\n");
    struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
    up->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_RCPT, .fault = SIM_FAULT_LAST, .times = 1};
    up->faults[1] = (struct sim_fault_rule){.step = SIM_AT_GREETING,
                                            .fault = SIM_FAULT_REPLY,
                                            .text = "554 no\r\n",
                                            .skip = 1,
                                            .times = 1};
    /* so slow that DATA takes longer than a failed race is remembered */
    s.plan.clients[0].piece = 4;
    s.plan.clients[0].gap = 12 * USEC_PER_SEC;
    stage_message(&s, "b@example.org", "x\r\n");
    stage_play(&s);
    assert_true(log_has(&s, "msg=\"upstream session lost\"") &&
                log_has(&s, "finding=greeting-5xx"));
    assert_int_equal(stage_outcome(&s, 0)->final, 250);
    assert_int_equal(s.play.ledger->nmails, 1);
    stage_end(&s);
}

static void drain_lets_a_message_finish(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587")->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_VERDICT, .fault = SIM_FAULT_SLOW, .delay = 20 * USEC_PER_SEC};
    stage_message(&s, "b@example.org", "x\r\n");
    stage_message(&s, "c@example.org", "x\r\n");
    s.plan.drain_at = 5 * USEC_PER_SEC;
    stage_play(&s);
    assert_true(s.ended);
    assert_int_equal(stage_outcome(&s, 0)->final, 250);
    assert_true(stage_said(&s, "421 4.3.2 "));
    assert_int_equal(s.play.ledger->nmails, 1);
    stage_end(&s);
}

static bool first_is_in_its_body(void *ctx)
{
    return stage_said(ctx, "354 ");
}

/* The client began under the old configuration and ends under it, though the account is gone from
 * the new one. */
static void a_reload_leaves_messages_alone(void **state)
{
    (void)state;
    struct scene s;
    struct err err;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587");
    struct sim_message *m = stage_message(&s, "b@example.org", "");
    m->body = body;
    m->len = sizeof body;
    s.plan.clients[0].piece = 8192;
    s.plan.clients[0].gap = USEC_PER_SEC;
    sim_play_begin(&s.play, &s.plan, false);
    assert_true(sim_run_until(s.play.sim, first_is_in_its_body, &s, 60 * USEC_PER_SEC));
    struct config *fresh =
        sim_config("[listen]\nmax_message_size = 1M\n[upstream other]\nhost = "
                   "other.example.com\nusername = me\npassword = hunter2hunter2\n");
    s.play.accounts = accounts_reload(&s.play.accounts, fresh, contexts_new(fresh), &err);
    assert_non_null(s.play.accounts);
    struct certificates *certificates =
        certificates_new(fresh, NULL, sim_io(s.play.sim)->log, &err);
    assert_non_null(certificates);
    relay_reload(s.play.relay, fresh, s.play.accounts, certificates);
    certificates_unref(&certificates);
    config_unref(&s.play.config);
    s.play.config = fresh;
    s.ended = sim_play_run(&s.play);
    sim_play_close(&s.play);
    sim_judge(&s.play, s.ended, &s.verdict);
    assert_int_equal(stage_outcome(&s, 0)->final, 250);
    assert_true(log_has(&s, "msg=delivered"));
    stage_end(&s);
}

/* Freed in mid-message, as when drain_timeout is over: nothing is left behind, nothing is sent to
 * an end. */
static void freed_in_mid_message(void **state)
{
    (void)state;
    /* ms of virtual time */
    static const usec moments[] = {1005, 1030, 1060, 1090, 1110, 1300, 2000};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        struct scene s;
        stage_init(&s, ONE_PORT);
        stage_port(&s, "192.0.2.1:587")->faults[0] =
            (struct sim_fault_rule){.step = SIM_AT_VERDICT, .fault = SIM_FAULT_STALL};
        struct sim_message *m = stage_message(&s, "b@example.org", "");
        m->body = body;
        m->len = i & 1 ? sizeof body : 64;
        sim_play_begin(&s.play, &s.plan, false);
        sim_run_for(s.play.sim, moments[i] * USEC_PER_MS);
        sim_play_close(&s.play);
        sim_run_for(s.play.sim, 700 * USEC_PER_SEC);
        sim_judge(&s.play, true, &s.verdict);
        stage_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gone_before_the_end_leaves_nothing),
        cmocka_unit_test(gone_after_the_end_changes_nothing),
        cmocka_unit_test(gone_after_the_end_and_lost_upstream),
        cmocka_unit_test(taken_before_and_refused_now_sends_nothing),
        cmocka_unit_test(the_replacement_comes_from_another_port),
        cmocka_unit_test(every_port_may_refuse_its_empty_chunk),
        cmocka_unit_test(no_other_session_to_be_had),
        cmocka_unit_test(a_lack_that_ended_before_anybody_asked_is_not_told),
        cmocka_unit_test(drain_lets_a_message_finish),
        cmocka_unit_test(a_reload_leaves_messages_alone),
        cmocka_unit_test(freed_in_mid_message),
    };
    fill();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
