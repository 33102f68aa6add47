/* Fixed histories: the whole proxy, unmodified, in the simulated world, in the situations that it
 * was built for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim_history.h"

static const char secret[] = "open-Sesame#42";
static const char three_ports[] = "[listen]\naddress = 127.0.0.1:25\n[upstream]\nhost = "
                                  "mail.example.com\nusername = me\npassword = open-Sesame#42\n";

/* ---- a stage: three good ports, one client with one message; tests spoil what they want ---- */

struct stage {
    struct sim_plan plan;
    struct sim_play play;
    struct sim_verdict verdict;
    struct sim_place *p587, *p2525, *p1025;
};

static void set(struct stage *s)
{
    memset(s, 0, sizeof *s);
    struct sim_plan *p = &s->plan;
    sim_plan_init(p, 1);
    p->ini = three_ports;
    p->user = "me";
    p->password = secret;
    p->names[p->nnames++] =
        (struct sim_plan_name){.host = "mail.example.com", .addresses = "192.0.2.1"};
    struct sim_upstream_script script = sim_upstream_kind("mail.example.com", "me", secret);
    s->p587 = sim_plan_place(p, "192.0.2.1:587", &script);
    s->p2525 = sim_plan_place(p, "192.0.2.1:2525", &script);
    s->p1025 = sim_plan_place(p, "192.0.2.1:1025", &script);
    static const char body[] = "Subject: hello\r\n\r\nworld\r\n";
    p->clients[0] =
        (struct sim_client_script){.at = "127.0.0.1:25", .n = 1, .parts_at = SIM_CLIENT_NEVER};
    p->clients[0].messages[0] = (struct sim_message){.from = "a@example.org",
                                                     .to = {"b@example.net"},
                                                     .nto = 1,
                                                     .body = body,
                                                     .len = sizeof body - 1};
    p->nclients = 1;
}

static void play(struct stage *s)
{
    sim_play_begin(&s->play, &s->plan, getenv("SIM_VERBOSE") != NULL);
    bool ended = sim_play_run(&s->play);
    sim_play_close(&s->play);
    sim_judge(&s->play, ended, &s->verdict);
    for (size_t i = 0; i < s->verdict.n && i < SIM_FINDINGS; i++)
        fprintf(stderr, "oracle: %s\n", s->verdict.findings[i]);
    assert_int_equal(s->verdict.n, 0);
}

static void strike(struct stage *s)
{
    sim_verdict_free(&s->verdict);
    sim_play_free(&s->play);
    sim_plan_free(&s->plan);
}

static const struct sim_outcome *outcome(const struct stage *s, size_t message)
{
    return sim_client_outcome(s->play.clients[0], message);
}

static void repeat_message(struct stage *s, size_t n)
{
    struct sim_client_script *c = &s->plan.clients[0];
    for (size_t i = 1; i < n; i++) {
        c->messages[i] = c->messages[0];
        c->messages[i].to[0] = sim_plan_text(&s->plan, "b%zu@example.net", i);
    }
    c->n = n;
}

/* ---- the histories ---- */

static void all_is_well(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    repeat_message(&s, 3);
    s.plan.calm = s.plan.must_arrive = true;
    play(&s);
    assert_int_equal(s.verdict.acked, 3);
    /* one session for all three */
    assert_int_equal(s.play.ledger->nlogins, 1);
    assert_int_equal(s.play.ledger->mails[0].port, 587);
    strike(&s);
}

static void a_black_holed_port_costs_half_a_second(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    s.p587->path.syn = SIM_DROPPED;
    s.plan.calm = s.plan.must_arrive = true;
    play(&s);
    assert_int_equal(outcome(&s, 0)->final, 250);
    assert_int_equal(s.play.ledger->mails[0].port, 2525);
    /* the clock starts at one second */
    usec took = outcome(&s, 0)->acked - USEC_PER_SEC;
    assert_in_range(took, 500 * USEC_PER_MS, 700 * USEC_PER_MS);
    strike(&s);
}

static void three_bad_ports_are_named(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    s.p587->path.syn = SIM_DROPPED;
    s.p2525->path.syn = SIM_REFUSED;
    s.p1025->script.starttls = s.p1025->script.genuine = false;
    play(&s);
    const char *told = sim_client_replies(s.play.clients[0]);
    assert_non_null(strstr(told, "587 timeout-connect, 2525 refused, 1025 no-starttls"));
    assert_int_equal(s.play.ledger->nlogins, 0);
    strike(&s);
}

/* The body is larger than the window, so that the link dies while it flows. */
static void large_body(struct stage *s, size_t n)
{
    char *body = malloc(n);
    assert_non_null(body);
    memset(body, 'x', n);
    for (size_t i = 0; i + 2 <= n; i += 80)
        memcpy(body + i, "\r\n", 2);
    memcpy(body + n - 2, "\r\n", 2);
    s->plan.clients[0].messages[0].body = sim_plan_octets(&s->plan, body, n);
    s->plan.clients[0].messages[0].len = n;
    free(body);
}

static void a_link_lost_in_mid_body_is_replaced_unseen(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    large_body(&s, 300000);
    s.p587->script.faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_BODY, .fault = SIM_FAULT_RESET, .times = 1, .bytes = 100000};
    play(&s);
    assert_int_equal(outcome(&s, 0)->final, 250);
    assert_int_equal(s.play.ledger->nmails, 1);
    assert_int_equal(s.play.ledger->mails[0].body.len, 300000);
    /* the lost session had never completed a transaction */
    assert_int_equal(s.play.ledger->mails[0].port, 2525);
    assert_string_equal(sim_client_replies(s.play.clients[0]) +
                            strlen(sim_client_replies(s.play.clients[0])) - 2,
                        "\r\n");
    strike(&s);
}

static void a_body_beyond_the_copy_is_not_replayed(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    large_body(&s, 1500000);
    s.p587->script.faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_BODY, .fault = SIM_FAULT_RESET, .times = 1, .bytes = 1400000};
    play(&s);
    assert_int_equal(outcome(&s, 0)->final, 451);
    assert_non_null(strstr(outcome(&s, 0)->text, "451 4.4.2"));
    assert_int_equal(s.play.ledger->nmails, 0);
    strike(&s);
}

static void lost_after_the_end_of_data_is_said_and_never_sent_twice(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    s.p587->script.faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_VERDICT, .fault = SIM_FAULT_RESET, .times = 1, .commits = true};
    play(&s);
    assert_int_equal(outcome(&s, 0)->final, 451);
    assert_int_equal(s.play.ledger->nmails, 1);
    assert_true(sim_log_has(s.play.sim, "duplicate possible"));
    strike(&s);
}

static void a_certificate_that_lies_gets_nothing(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    s.p587->script.tls.certificate.names = "gateway.lan";
    s.p587->script.genuine = false;
    s.plan.calm = s.plan.must_arrive = true;
    play(&s);
    assert_int_equal(s.play.ledger->nlogins, 1);
    assert_int_equal(s.play.ledger->logins[0].port, 2525);
    assert_true(sim_log_has(s.play.sim, "certificate"));
    strike(&s);
}

static void lies_on_all_ports_are_said_as_such(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    struct sim_place *places[] = {s.p587, s.p2525, s.p1025};
    for (size_t i = 0; i < 3; i++) {
        places[i]->script.tls.certificate.issuer = "gateway";
        places[i]->script.genuine = false;
    }
    play(&s);
    assert_non_null(strstr(sim_client_replies(s.play.clients[0]), "451 4.7.5"));
    assert_int_equal(s.play.ledger->nlogins, 0);
    strike(&s);
}

static void a_refused_password_is_sent_once(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    repeat_message(&s, 4);
    s.plan.clients[0].pause = 20 * USEC_PER_SEC;
    struct sim_place *places[] = {s.p587, s.p2525, s.p1025};
    for (size_t i = 0; i < 3; i++)
        places[i]->script.auth_reply = "535 5.7.8 wrong";
    play(&s);
    assert_int_equal(s.play.ledger->nlogins, 1);
    const char *told = sim_client_replies(s.play.clients[0]);
    assert_non_null(strstr(told, "451 4.3.5 mail.example.com refuses the configured credentials"));
    assert_null(strstr(told, "535"));
    strike(&s);
}

/* identity = sender: one of them is not let in, and the other's mail goes its way all the while. */
static void a_refused_sender_stops_no_other(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    s.plan.ini = sim_plan_text(&s.plan, "%sidentity = sender\n", three_ports);
    s.plan.by_sender = true;
    struct sim_place *const places[] = {s.p587, s.p2525, s.p1025};
    for (size_t i = 0; i < 3; i++) {
        places[i]->script.any_user = true;
        places[i]->script.refused_user = "bad@";
    }
    repeat_message(&s, 3);
    s.plan.clients[1] = s.plan.clients[0];
    static const char other[] = "Subject: other\r\n\r\nnever told\r\n";
    for (size_t i = 0; i < 3; i++) {
        struct sim_message *m = &s.plan.clients[1].messages[i];
        m->from = "bad@example.org";
        m->to[0] = sim_plan_text(&s.plan, "d%zu@example.net", i);
        m->body = other;
        m->len = sizeof other - 1;
    }
    s.plan.nclients = 2;
    /* the refusal comes first */
    s.plan.delays[0] = USEC_PER_SEC;
    play(&s);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(outcome(&s, i)->final, 250);
        assert_int_not_equal(sim_client_outcome(s.play.clients[1], i)->final, 250);
    }
    const char *told = sim_client_replies(s.play.clients[1]);
    assert_non_null(strstr(told, "451 4.3.5"));
    /* each was asked for once, at one port */
    assert_int_equal(s.play.ledger->nlogins, 2);
    strike(&s);
}

static void injected_replies_end_the_port(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    s.p587->script.injects = true;
    s.plan.calm = s.plan.must_arrive = true;
    play(&s);
    assert_int_equal(s.play.ledger->mails[0].port, 2525);
    strike(&s);
}

static void a_server_that_does_not_know_bdat_never_sees_a_body_as_commands(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    s.p587->script.bdat_unknown = true;
    static const char evil[] = "MAIL FROM:<evil@x>\r\nRCPT TO:<evil@y>\r\nDATA\r\n";
    s.plan.clients[0].messages[0].body = evil;
    s.plan.clients[0].messages[0].len = sizeof evil - 1;
    s.plan.calm = s.plan.must_arrive = true;
    play(&s);
    assert_int_equal(s.play.ledger->nmails, 1);
    assert_int_equal(s.play.ledger->mails[0].port, 587);
    strike(&s);
}

/* The lesson outlives the session that learnt it: the message that met the change is told again
 * by DATA, and no body after it is read as commands. */
static void a_server_that_forgets_bdat_is_spoken_to_by_data(void **state)
{
    (void)state;
    static const char *const replies[] = {"500 5.5.1 unknown", "501 5.5.4 what", "502 5.5.1 no",
                                          "503 5.5.1 not now", "504 5.5.1 never"};
    static const char evil[] =
        "RSET\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<evil@y>\r\nDATA\r\nforged\r\n.\r\n";
    for (size_t i = 0; i < 2 * sizeof replies / sizeof *replies; i++) {
        struct stage s;
        set(&s);
        /* the empty chunk, and the first message */
        s.p587->script.bdat_forgotten_after = 2;
        s.p587->script.bdat_reply = replies[i / 2];
        s.p587->script.pipelining = i % 2;
        repeat_message(&s, 4);
        s.plan.clients[0].messages[2].body = s.plan.clients[0].messages[3].body = evil;
        s.plan.clients[0].messages[2].len = s.plan.clients[0].messages[3].len = sizeof evil - 1;
        s.plan.calm = s.plan.must_arrive = true;
        play(&s);
        assert_int_equal(s.play.ledger->nmails, 4);
        for (size_t m = 0; m < 4; m++)
            assert_int_equal(s.play.ledger->mails[m].port, 587);
        strike(&s);
    }
}

/* What of a large message was not under way yet when BDAT was answered 500 never leaves. */
static void a_large_message_stops_where_bdat_was_forgotten(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    s.p587->script.bdat_forgotten_after = 2;
    repeat_message(&s, 2);
    struct sim_message *m = &s.plan.clients[0].messages[1];
    static char body[900000];
    memset(body, 'x', sizeof body);
    for (size_t i = 0; i + 2 <= sizeof body; i += 80)
        memcpy(body + i, "\r\n", 2);
    static const char evil[] =
        "\r\nRSET\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<evil@y>\r\nDATA\r\nforged\r\n.\r\n";
    memcpy(body + sizeof body - (sizeof evil - 1), evil, sizeof evil - 1);
    m->body = body;
    m->len = sizeof body;
    s.plan.calm = s.plan.must_arrive = true;
    play(&s);
    assert_int_equal(s.play.ledger->nmails, 2);
    strike(&s);
}

static void bdat_forgotten_beyond_the_copy_is_told_as_a_lost_link(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    large_body(&s, 1500000);
    /* chunks of nearly 16 KiB */
    s.p587->script.bdat_forgotten_after = 80;
    play(&s);
    assert_non_null(strstr(outcome(&s, 0)->text, "451 4.4.2"));
    assert_int_equal(s.play.ledger->nmails, 0);
    strike(&s);
}

static void nothing_can_be_smuggled(void **state)
{
    (void)state;
    static const char *const ends[] = {"\n.\n",   "\n.\r\n", "\r\n.\n", "\r.\r",
                                       "\r\n.\r", "\r.\r\n", "\n.\r",   "\r\r\n.\r\r\n"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        for (int chunking = 0; chunking < 2; chunking++) {
            struct stage s;
            set(&s);
            s.p587->script.loose = true;
            s.p587->script.chunking = chunking;
            struct sim_message *m = &s.plan.clients[0].messages[0];
            m->body = sim_plan_text(&s.plan,
                                    "Subject: x\r\n\r\nbefore%sMAIL FROM:<evil@x>\r\nRCPT "
                                    "TO:<evil@y>\r\nDATA\r\nevil%s",
                                    ends[i], ends[i]);
            m->len = strlen(m->body);
            s.plan.calm = s.plan.must_arrive = true;
            play(&s);
            assert_int_equal(s.play.ledger->nmails, 1);
            strike(&s);
        }
    }
}

static void a_client_that_leaves_in_its_body_leaves_nothing(void **state)
{
    (void)state;
    for (int parting = SIM_PART_CLOSE; parting <= SIM_PART_VANISH; parting++) {
        struct stage s;
        set(&s);
        large_body(&s, 50000);
        s.plan.clients[0].parts_at = SIM_CLIENT_IN_BODY;
        s.plan.clients[0].parts_after = 40000;
        s.plan.clients[0].parting = (enum sim_parting)parting;
        play(&s);
        assert_int_equal(s.play.ledger->nmails, 0);
        strike(&s);
    }
}

static void a_client_that_leaves_after_its_dot_changes_nothing(void **state)
{
    (void)state;
    struct stage s;
    set(&s);
    s.p587->script.delay = 2 * USEC_PER_SEC;
    s.plan.clients[0].parts_at = SIM_CLIENT_SENT_DOT;
    s.plan.clients[0].parting = SIM_PART_CLOSE;
    play(&s);
    assert_int_equal(s.play.ledger->nmails, 1);
    assert_true(sim_log_has(s.play.sim, "msg=delivered"));
    strike(&s);
}

/* PROMISES 6: a session never holds more than 64 KiB per direction beyond the replay copy. */
static void a_link_that_takes_nothing_holds_the_client_back(void **state)
{
    (void)state;
    for (int chunking = 0; chunking < 2; chunking++) {
        struct stage s;
        set(&s);
        large_body(&s, 4000000);
        s.p587->path.hole_up = 30000;
        s.p587->path.window = 20000;
        s.p587->script.chunking = chunking;
        sim_play_begin(&s.play, &s.plan, false);
        sim_run_for(s.play.sim, 60 * USEC_PER_SEC);
        assert_int_equal(sim_conn_count(s.play.sim), 2);
        uint64_t taken = sim_conn_read(s.play.sim, 0, SIM_UP),
                 given = sim_conn_sent(s.play.sim, 1, SIM_UP);
        assert_true(given > 30000);
        assert_true(taken > given / 2);
        assert_true(taken - given <= 64 * 1024);
        bool ended = sim_play_run(&s.play);
        sim_play_close(&s.play);
        sim_judge(&s.play, ended, &s.verdict);
        assert_int_equal(s.verdict.n, 0);
        /* after reply_timeout another session took it: little of it was gone */
        assert_int_equal(outcome(&s, 0)->final, 250);
        strike(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well),
        cmocka_unit_test(a_black_holed_port_costs_half_a_second),
        cmocka_unit_test(three_bad_ports_are_named),
        cmocka_unit_test(a_link_lost_in_mid_body_is_replaced_unseen),
        cmocka_unit_test(a_body_beyond_the_copy_is_not_replayed),
        cmocka_unit_test(lost_after_the_end_of_data_is_said_and_never_sent_twice),
        cmocka_unit_test(a_certificate_that_lies_gets_nothing),
        cmocka_unit_test(lies_on_all_ports_are_said_as_such),
        cmocka_unit_test(a_refused_password_is_sent_once),
        cmocka_unit_test(a_refused_sender_stops_no_other),
        cmocka_unit_test(injected_replies_end_the_port),
        cmocka_unit_test(a_server_that_does_not_know_bdat_never_sees_a_body_as_commands),
        cmocka_unit_test(a_server_that_forgets_bdat_is_spoken_to_by_data),
        cmocka_unit_test(a_large_message_stops_where_bdat_was_forgotten),
        cmocka_unit_test(bdat_forgotten_beyond_the_copy_is_told_as_a_lost_link),
        cmocka_unit_test(nothing_can_be_smuggled),
        cmocka_unit_test(a_client_that_leaves_in_its_body_leaves_nothing),
        cmocka_unit_test(a_client_that_leaves_after_its_dot_changes_nothing),
        cmocka_unit_test(a_link_that_takes_nothing_holds_the_client_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
