/* Whole messages on good days: what the client is told, what the upstream gets, what the log
 * says. */
#include "relay_world.h"

static bool log_has(const struct scene *s, const char *text)
{
    return sim_log_has(s->play.sim, text);
}

static void delivered(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587");
    stage_message(&s, "b@example.org", "Subject: x\r\n\r\n.dot\r\nbye\r\n");
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->mail, 250);
    assert_int_equal(stage_outcome(&s, 0)->data, 354);
    assert_int_equal(stage_outcome(&s, 0)->final, 250);
    assert_int_equal(s.play.ledger->nmails, 1);
    assert_true(log_has(&s, "msg=delivered id="));
    assert_true(log_has(&s, " from=a@example.com to=b@example.org nrcpt=1 size=25 client=127.0.0.1 "
                            "listener=default upstream=default "
                            "port=587 tls=TLSv1.3 status=250 "));
    stage_end(&s);
}

static void one_session_serves_many(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587");
    for (size_t i = 0; i < 3; i++)
        stage_message(&s, sim_plan_text(&s.plan, "b%zu@example.org", i), "x\r\n");
    stage_play(&s);
    assert_int_equal(s.play.ledger->nmails, 3);
    assert_int_equal(s.play.ledger->sessions, 1);
    /* PROVEN BDAT: envelope, then the whole message */
    assert_true(log_has(&s, "rtts=2"));
    stage_end(&s);
}

static void each_recipient_gets_its_own_answer(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
    up->rcpt[0] = (struct sim_address_rule){"nobody", "550 5.1.1 no such person here"};
    up->rcpt[1] = (struct sim_address_rule){"later", "450 come back later"};
    struct sim_message *m = stage_message(&s, "nobody@example.org", "x\r\n");
    m->to[1] = "b@example.org";
    m->to[2] = "later@example.org";
    m->nto = 3;
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->rcpt[0], 550);
    assert_int_equal(stage_outcome(&s, 0)->rcpt[1], 250);
    assert_int_equal(stage_outcome(&s, 0)->rcpt[2], 450);
    assert_true(stage_said(&s, "550 5.1.1 no such person here\r\n"));
    assert_true(stage_said(&s, "450 4.0.0 come back later\r\n"));
    assert_int_equal(stage_outcome(&s, 0)->final, 250);
    assert_true(log_has(&s, "to=b@example.org nrcpt=1"));
    stage_end(&s);
}

static void nobody_accepted(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587")->rcpt[0] =
        (struct sim_address_rule){"nobody", "550 5.1.1 no such person here"};
    stage_message(&s, "nobody@example.org", "x\r\n");
    stage_message(&s, "b@example.org", "y\r\n")->rset_before = true;
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->rcpt[0], 550);
    assert_int_equal(stage_outcome(&s, 1)->final, 250);
    assert_true(log_has(&s, "msg=refused"));
    stage_end(&s);
}

static void mail_refused_upstream(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587")->mail[0] =
        (struct sim_address_rule){"a@", "553 5.7.1 not your address"};
    stage_message(&s, "b@example.org", "x\r\n");
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->mail, 250);
    assert_true(stage_said(&s, "553 5.7.1 not your address\r\n"));
    assert_int_equal(stage_outcome(&s, 0)->rcpt[0], 553);
    assert_true(log_has(&s, "status=553"));
    stage_end(&s);
}

static void credentials_are_never_the_clients_trouble(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587")->mail[0] =
        (struct sim_address_rule){"a@", "530 5.7.0 authenticate first"};
    stage_message(&s, "b@example.org", "x\r\n");
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->rcpt[0], 451);
    assert_true(stage_said(&s, "451 4.3.5 " HOST " refuses the configured credentials ["));
    assert_false(stage_said(&s, "530"));
    stage_end(&s);
}

/* One rule for every command: the login is worth nothing, so the account rests, and the next
 * message does not meet the same again. */
static void what_speaks_of_our_login_revokes_it_at_any_command(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "530 5.7.0 log in first\r\n", "534 5.7.9 use an app password\r\n",
        "535 5.7.8 bad credentials\r\n", "538 5.7.11 encryption required\r\n",
        "550 5.7.30 Basic authentication is not supported\r\n"};
    static const enum sim_step steps[] = {SIM_AT_MAIL, SIM_AT_RCPT, SIM_AT_DATA, SIM_AT_VERDICT};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            struct scene s;
            stage_init(&s, ONE_PORT);
            struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
            up->chunking = false;
            up->faults[0] = (struct sim_fault_rule){
                .step = steps[k], .fault = SIM_FAULT_REPLY, .text = replies[i]};
            stage_message(&s, "b@example.org", "x\r\n");
            stage_message(&s, "c@example.org", "x\r\n");
            stage_play(&s);
            assert_true(stage_said(&s, "451 4.3.5 " HOST " refuses the configured credentials ["));
            assert_false(stage_said(&s, replies[i]));
            assert_int_equal(stage_outcome(&s, 1)->rcpt[0], 451);
            assert_int_equal(s.play.ledger->sessions, 1);
            stage_end(&s);
        }
    }
}

/* The upstream took a message on this very login: what it said of one recipient is not about the
 * login after all. */
static void a_login_that_delivers_is_not_revoked(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587")->rcpt[0] =
        (struct sim_address_rule){"bad@", "530 5.7.1 not for you"};
    struct sim_message *m = stage_message(&s, "b@example.org", "x\r\n");
    m->to[m->nto++] = "bad@example.org";
    stage_message(&s, "c@example.org", "x\r\n");
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->rcpt[1], 451);
    assert_int_equal(stage_outcome(&s, 0)->final, 250);
    assert_int_equal(stage_outcome(&s, 1)->final, 250);
    stage_end(&s);
}

/* An account without a login has none that could be revoked: only MAIL, which every message
 * needs, says that it takes nothing. */
static void without_a_login_a_recipient_refused_for_want_of_one_is_refused_alone(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, "[upstream]\nhost = " HOST "\nports = 587\nauth = none\n");
    struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
    up->user = up->password = NULL;
    up->rcpt[0] = (struct sim_address_rule){"bad@", "530 5.7.1 log in first"};
    stage_message(&s, "bad@example.org", "x\r\n");
    stage_message(&s, "c@example.org", "x\r\n");
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->rcpt[0], 451);
    assert_int_equal(stage_outcome(&s, 1)->final, 250);
    /* the oracle wants authenticated sessions */
    sim_verdict_free(&s.verdict);
    stage_end(&s);
}

/* Where neither TLS nor AUTH is wanted. */
static void a_server_that_knows_only_helo_gets_its_mail(void **state)
{
    (void)state;
    for (int wants_tls = 0; wants_tls < 2; wants_tls++) {
        struct scene s;
        char ini[200];
        snprintf(ini, sizeof ini, "[upstream]\nhost = " HOST "\nports = 25\ntls = %s\n",
                 wants_tls ? "may" : "off");
        stage_init(&s, ini);
        struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:25");
        up->user = up->password = NULL;
        up->starttls = false;
        up->may_be_clear = true;
        up->faults[0] = (struct sim_fault_rule){.step = SIM_AT_EHLO,
                                                .fault = SIM_FAULT_REPLY,
                                                .text = "500 5.5.1 what?\r\n",
                                                .times = 1};
        s.plan.needs_sealed = false;
        stage_message(&s, "b@example.org", "x\r\n");
        stage_play(&s);
        assert_int_equal(s.play.ledger->nmails, wants_tls ? 0 : 1);
        assert_int_equal(stage_outcome(&s, 0)->rcpt[0], wants_tls ? 451 : 250);
        stage_end(&s);
    }
}

static void no_port_works(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, "[upstream]\nhost = " HOST
                   "\nports = 587 2525\nusername = me\npassword = hunter2hunter2\n");
    stage_port(&s, "192.0.2.1:2525")->starttls = false;
    sim_plan_place(&s.plan, "192.0.2.1:587", NULL);
    stage_message(&s, "b@example.org", "x\r\n");
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->rcpt[0], 451);
    assert_true(
        stage_said(&s, "451 4.7.5 no port of " HOST " works: 587 refused, 2525 no-starttls ["));
    assert_true(log_has(&s, "msg=deferred"));
    stage_end(&s);
}

static void size_unknown_at_mail(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587")->size = 1000;
    stage_message(&s, "b@example.org", "x\r\n")->parameters = "SIZE=2000";
    stage_message(&s, "c@example.org", "x\r\n")->parameters = "SIZE=2000";
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->mail, 250);
    assert_int_equal(stage_outcome(&s, 0)->rcpt[0], 552);
    /* by then it is known */
    assert_int_equal(stage_outcome(&s, 1)->mail, 552);
    /* the upstream was not even asked */
    assert_false(log_has(&s, "rtts=1"));
    assert_true(stage_said(&s, "552 5.3.4 the message is larger than " HOST " takes ["));
    /* a refusal of ours */
    sim_verdict_free(&s.verdict);
    stage_end(&s);
}

/* Without SMTPUTF8 in the client's MAIL: wherever the recipient stands, the upstream alone
 * decides. */
static void a_recipient_that_is_not_ascii(void **state)
{
    (void)state;
    for (int offered = 0; offered < 2; offered++) {
        for (size_t place = 0; place < 3; place++) {
            for (int at_once = 0; at_once < 2; at_once++) {
                struct scene s;
                stage_init(&s, ONE_PORT);
                stage_port(&s, "192.0.2.1:587")->smtputf8 = offered;
                struct sim_message *m = stage_message(&s, "b@example.org", "x\r\n");
                m->to[1] = "c@example.org";
                m->to[2] = "d@example.org";
                m->nto = 3;
                m->to[place] = "\xc3\xa4@example.org";
                s.plan.clients[0].pipelining = at_once;
                stage_play(&s);
                for (size_t i = 0; i < 3; i++)
                    assert_int_equal(stage_outcome(&s, 0)->rcpt[i],
                                     i != place || offered ? 250 : 553);
                assert_int_equal(stage_outcome(&s, 0)->final, 250);
                assert_int_equal(s.play.ledger->nmails, 1);
                assert_int_equal(s.play.ledger->mails[0].nto, 2 + offered);
                assert_int_equal(strstr(s.play.ledger->mails[0].parameters, "SMTPUTF8") != NULL,
                                 offered);
                assert_int_equal(s.play.ledger->sessions, 1);
                assert_int_equal(
                    stage_said(&s, "not ASCII, and " HOST " does not offer SMTPUTF8 ["), !offered);
                /* a refusal of ours */
                if (!offered)
                    sim_verdict_free(&s.verdict);
                stage_end(&s);
            }
        }
    }
}

static void too_many_hops(void **state)
{
    (void)state;
    struct scene s;
    char body[51 * 14 + 100] = "";
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587");
    for (int i = 0; i < 51; i++)
        strcat(body, "Received: x\r\n");
    strcat(body, "\r\ntext\r\n");
    stage_message(&s, "b@example.org", body);
    stage_message(&s, "c@example.org", body + 13);
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->final, 554);
    assert_true(stage_said(&s, "554 5.4.6"));
    assert_int_equal(stage_outcome(&s, 1)->final, 250);
    assert_int_equal(s.play.ledger->nmails, 1);
    /* the oracle knows only refusals of upstreams */
    sim_verdict_free(&s.verdict);
    stage_end(&s);
}

static void not_allowed(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, "[listen]\nallow = 10.0.0.0/8\n" ONE_PORT);
    stage_port(&s, "192.0.2.1:587");
    stage_message(&s, "b@example.org", "x\r\n");
    stage_play(&s);
    assert_int_equal(strncmp(sim_client_replies(s.play.clients[0]), "554 5.7.1 ", 10), 0);
    assert_false(stage_said(&s, "220"));
    assert_int_equal(s.play.ledger->sessions, 0);
    stage_end(&s);
}

static void too_many_clients(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, "[listen]\nmax_clients = 1\n" ONE_PORT);
    stage_port(&s, "192.0.2.1:587");
    stage_message(&s, "b@example.org", "x\r\n");
    s.plan.clients[0].pause = 2 * USEC_PER_SEC;
    s.plan.clients[1] =
        (struct sim_client_script){.at = "127.0.0.1:25", .parts_at = SIM_CLIENT_NEVER};
    s.plan.delays[1] = 2 * USEC_PER_SEC;
    s.plan.nclients = 2;
    stage_play(&s);
    assert_int_equal(strncmp(sim_client_replies(s.play.clients[1]), "421 4.7.0 ", 10), 0);
    assert_int_equal(stage_outcome(&s, 0)->final, 250);
    stage_end(&s);
}

static void no_route(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT "senders = @example.net\n");
    stage_port(&s, "192.0.2.1:587");
    stage_message(&s, "b@example.org", "x\r\n");
    stage_play(&s);
    assert_int_equal(stage_outcome(&s, 0)->mail, 550);
    assert_true(stage_said(&s, "550 5.7.1 "));
    assert_true(log_has(&s, "msg=refused"));
    /* a refusal of ours */
    sim_verdict_free(&s.verdict);
    stage_end(&s);
}

static void bare_connect_never_logs_in(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587");
    s.plan.clients[0].parts_at = SIM_CLIENT_GREETED;
    stage_message(&s, "b@example.org", "x\r\n");
    stage_play(&s);
    assert_int_equal(s.play.ledger->sessions, 0);
    stage_end(&s);
}

static void ehlo_warms_a_session(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT);
    stage_port(&s, "192.0.2.1:587");
    s.plan.clients[0].parts_at = SIM_CLIENT_SAID_HELLO;
    /* the world goes on that long */
    s.plan.clients[1] =
        (struct sim_client_script){.at = "127.0.0.1:25", .parts_at = SIM_CLIENT_GREETED};
    s.plan.delays[1] = 3 * USEC_PER_SEC;
    s.plan.nclients = 2;
    stage_message(&s, "b@example.org", "x\r\n");
    stage_play(&s);
    assert_int_equal(s.play.ledger->sessions, 1);
    stage_end(&s);
}

static void large_body(void **state)
{
    (void)state;
    struct scene s;
    enum { SIZE = 3 * 1024 * 1024 };
    static char body[SIZE];
    for (size_t i = 0; i < SIZE; i += 64)
        memcpy(body + i, ".23456789012345678901234567890123456789012345678901234567890\r\n\r\n",
               64);
    for (int chunking = 0; chunking < 2; chunking++) {
        stage_init(&s, ONE_PORT);
        stage_port(&s, "192.0.2.1:587")->chunking = chunking;
        struct sim_message *m = stage_message(&s, "b@example.org", "");
        m->body = body;
        m->len = SIZE;
        stage_play(&s);
        assert_int_equal(stage_outcome(&s, 0)->final, 250);
        stage_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivered),
        cmocka_unit_test(one_session_serves_many),
        cmocka_unit_test(each_recipient_gets_its_own_answer),
        cmocka_unit_test(nobody_accepted),
        cmocka_unit_test(mail_refused_upstream),
        cmocka_unit_test(credentials_are_never_the_clients_trouble),
        cmocka_unit_test(what_speaks_of_our_login_revokes_it_at_any_command),
        cmocka_unit_test(a_login_that_delivers_is_not_revoked),
        cmocka_unit_test(without_a_login_a_recipient_refused_for_want_of_one_is_refused_alone),
        cmocka_unit_test(a_server_that_knows_only_helo_gets_its_mail),
        cmocka_unit_test(no_port_works),
        cmocka_unit_test(size_unknown_at_mail),
        cmocka_unit_test(a_recipient_that_is_not_ascii),
        cmocka_unit_test(too_many_hops),
        cmocka_unit_test(not_allowed),
        cmocka_unit_test(too_many_clients),
        cmocka_unit_test(no_route),
        cmocka_unit_test(bare_connect_never_logs_in),
        cmocka_unit_test(ehlo_warms_a_session),
        cmocka_unit_test(large_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
