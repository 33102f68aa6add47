/* Who pauses, and who waits: sessions of an account among its clients, and an upstream that lets in
 * only so many. */
#include "relay_world.h"

/* Of the simulated clock. */
#define BEGINNING USEC_PER_SEC
#define MANY                                                                                       \
    "[listen]\naddress = 127.0.0.1:25\nallow = 127.0.0.0/8 10.0.0.0/8 2001:db8::/32\n"             \
    "[upstream]\nhost = " HOST "\nports = 587\nusername = me\npassword = hunter2hunter2\n"

static const char body[] = "Subject: x\r\n\r\ntext\r\n";

/* The n-th client, which says one message to `to`. */
static struct sim_client_script *client(struct scene *s, size_t n, const char *source,
                                        const char *to)
{
    struct sim_client_script *c = &s->plan.clients[n];
    *c = (struct sim_client_script){
        .at = "127.0.0.1:25", .source = source, .parts_at = SIM_CLIENT_NEVER, .n = 1};
    c->messages[0] = (struct sim_message){
        .from = "a@example.com", .to = {to}, .nto = 1, .body = body, .len = strlen(body)};
    s->plan.delays[n] = USEC_PER_SEC;
    if (s->plan.nclients <= n)
        s->plan.nclients = n + 1;
    return c;
}

static const struct sim_outcome *outcome_of(const struct scene *s, size_t n)
{
    return sim_client_outcome(s->play.clients[n], 0);
}

/* How long the client had to wait for its verdict. */
static usec wait_of(const struct scene *s, size_t n)
{
    assert_int_equal(outcome_of(s, n)->final, 250);
    return outcome_of(s, n)->acked - BEGINNING - s->plan.delays[n];
}

static void delivered_to(const struct scene *s, const char *to, size_t recipients)
{
    for (size_t i = 0; i < s->play.ledger->nmails; i++)
        if (strcmp(s->play.ledger->mails[i].to[0], to) == 0) {
            assert_int_equal(s->play.ledger->mails[i].nto, recipients);
            return;
        }
    fail_msg("nothing came for %s", to);
}

/* `n` clients at `source` that pause for `think` within their envelopes, each with two
 * recipients. */
static void thinkers(struct scene *s, size_t n, const char *source, usec think)
{
    for (size_t i = 0; i < n; i++) {
        struct sim_client_script *c =
            client(s, i, source, sim_plan_text(&s->plan, "first%zu@example.net", i));
        c->think = think;
        c->messages[0].to[c->messages[0].nto++] =
            sim_plan_text(&s->plan, "second%zu@example.net", i);
    }
}

static void twenty_who_think_take_nothing_from_another(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, MANY);
    stage_port(&s, "192.0.2.1:587");
    thinkers(&s, 20, "10.0.0.1", 240 * USEC_PER_SEC);
    client(&s, 20, "10.0.0.2", "bystander@example.net");
    s.plan.delays[20] = 3 * USEC_PER_SEC;
    s.plan.fair_wait = USEC_PER_SEC;
    s.plan.no_outage = true;
    stage_play(&s);
    assert_true(wait_of(&s, 20) < USEC_PER_SEC);
    /* They notice nothing: the one whose session went got another when it went on, and its first
     * recipient was said again. */
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(outcome_of(&s, i)->final, 250);
        delivered_to(&s, s.plan.clients[i].messages[0].to[0], 2);
    }
    stage_end(&s);
}

/* The same where all of them are one client. */
static void a_pause_of_ten_seconds_is_enough(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, MANY "max_connections = 2\n");
    stage_port(&s, "192.0.2.1:587");
    thinkers(&s, 2, NULL, 60 * USEC_PER_SEC);
    client(&s, 2, NULL, "bystander@example.net");
    s.plan.delays[2] = 3 * USEC_PER_SEC;
    stage_play(&s);
    /* they think since second 1 */
    assert_in_range(wait_of(&s, 2), 8 * USEC_PER_SEC, 9 * USEC_PER_SEC);
    for (size_t i = 0; i < 2; i++)
        delivered_to(&s, s.plan.clients[i].messages[0].to[0], 2);
    stage_end(&s);
}

static void nobody_gives_back_while_nobody_waits(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, MANY "max_connections = 2\n");
    stage_port(&s, "192.0.2.1:587");
    thinkers(&s, 2, NULL, 60 * USEC_PER_SEC);
    stage_play(&s);
    delivered_to(&s, "first0@example.net", 2);
    assert_int_equal(s.play.ledger->sessions, 2);
    stage_end(&s);
}

/* What is refused is no progress: the pause goes on. */
static void a_refused_recipient_renews_nothing(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, MANY "max_connections = 1\n");
    stage_port(&s, "192.0.2.1:587")->rcpt[0] =
        (struct sim_address_rule){"no", "550 5.1.1 no such user"};
    struct sim_client_script *c = client(&s, 0, NULL, "yes@example.net");
    c->think = 4 * USEC_PER_SEC;
    for (size_t i = 1; i < SIM_CLIENT_RECIPIENTS; i++)
        c->messages[0].to[c->messages[0].nto++] = sim_plan_text(&s.plan, "no%zu@example.net", i);
    client(&s, 1, NULL, "bystander@example.net");
    s.plan.delays[1] = 3 * USEC_PER_SEC;
    stage_play(&s);
    assert_true(wait_of(&s, 1) < 9 * USEC_PER_SEC);
    assert_int_equal(outcome_of(&s, 0)->final, 250);
    delivered_to(&s, "yes@example.net", 1);
    stage_end(&s);
}

/* Its first recipient was accepted, and is refused on the session that it goes on with. */
static void whoever_goes_on_and_is_refused_sends_nothing(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, MANY "max_connections = 1\n");
    stage_port(&s, "192.0.2.1:587")->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_RCPT,
                                .fault = SIM_FAULT_REPLY,
                                .skip = 2,
                                .times = 1,
                                .text = "550 5.1.1 he has left\r\n"};
    client(&s, 0, NULL, "leaver@example.net")->think = 20 * USEC_PER_SEC;
    client(&s, 1, NULL, "bystander@example.net");
    s.plan.delays[1] = 3 * USEC_PER_SEC;
    stage_play(&s);
    assert_true(wait_of(&s, 1) < 9 * USEC_PER_SEC);
    assert_int_equal(outcome_of(&s, 0)->rcpt[0], 250);
    assert_int_equal(outcome_of(&s, 0)->data, 451);
    assert_non_null(strstr(outcome_of(&s, 0)->text, "451 4.4.2 on another session " HOST
                                                    " takes less than it took before ["));
    assert_int_equal(s.play.ledger->nmails, 1);
    stage_end(&s);
}

/* MAIL alone asks for nothing yet: a hundred of them do not stand before one who has a
 * recipient. */
static void whoever_only_said_mail_lets_others_pass(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, MANY "max_connections = 1\n");
    stage_port(&s, "192.0.2.1:587");
    for (size_t i = 0; i < 10; i++) {
        struct sim_client_script *c =
            client(&s, i, NULL, sim_plan_text(&s.plan, "never%zu@example.net", i));
        c->parts_at = SIM_CLIENT_SENT_MAIL;
        c->parting = SIM_PART_VANISH;
    }
    client(&s, 10, NULL, "bystander@example.net");
    s.plan.delays[10] = 3 * USEC_PER_SEC;
    stage_play(&s);
    assert_true(wait_of(&s, 10) < 9 * USEC_PER_SEC);
    stage_end(&s);
}

/* ---- a provider that lets in only so many ---- */

/* Ten clients, three sessions, and eight that we may have. Each client says two messages and thinks
 * a little, so that all want one at once. */
static void crowd(struct scene *s, enum sim_step at, const char *says)
{
    stage_init(s, MANY "max_connections = 8\n");
    struct sim_upstream_script *script = stage_port(s, "192.0.2.1:587");
    script->cap = 3;
    script->cap_at = at;
    script->cap_reply = says;
    s->plan.no_outage = true;
    for (size_t i = 0; i < 10; i++) {
        struct sim_client_script *c =
            client(s, i, NULL, sim_plan_text(&s->plan, "one%zu@example.net", i));
        c->think = USEC_PER_SEC;
        c->messages[c->n++] =
            (struct sim_message){.from = "a@example.com",
                                 .to = {sim_plan_text(&s->plan, "two%zu@example.net", i)},
                                 .nto = 1,
                                 .body = body,
                                 .len = strlen(body)};
    }
}

static const struct {
    enum sim_step at;
    const char *says;
} caps[] = {
    {SIM_AT_GREETING, "421 4.7.0 too many connections from your address"},
    {SIM_AT_EHLO, "421 4.7.0 too many connections from your address"},
    {SIM_AT_EHLO_AGAIN, "421 4.7.0 too many connections from your address"},
    {SIM_AT_EHLO_AGAIN, "454 4.7.0 too many connections of this user"},
    {SIM_AT_AUTH, "421 4.7.0 too many connections of this user"},
    {SIM_AT_AUTH, "432 4.3.2 concurrent connections limit exceeded"},
    {SIM_AT_AUTH, "454 4.7.0 maximum number of connections exceeded"},
    {SIM_AT_MAIL, "421 4.3.2 concurrent connections limit exceeded"},
    {SIM_AT_MAIL, "432 4.3.2 concurrent connections limit exceeded"},
    {SIM_AT_MAIL, "454 4.3.2 concurrent connections limit exceeded"},
};

static void a_cap_on_sessions_is_no_outage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
        struct scene s;
        crowd(&s, caps[i].at, caps[i].says);
        stage_play(&s);
        unsigned capped = s.capped;
        if (s.verdict.acked != 20 || capped == 0 || capped > 12)
            fail_msg("%s at %s: %u of 20 arrived, %u sessions too many were tried", caps[i].says,
                     sim_step_name(caps[i].at), s.verdict.acked, capped);
        assert_true(sim_log_has(s.play.sim, caps[i].says));
        assert_false(sim_log_has(s.play.sim, "finding=greeting") ||
                     sim_log_has(s.play.sim, "finding=auth") ||
                     sim_log_has(s.play.sim, "finding=ehlo"));
        stage_end(&s);
    }
}

/* Other codes are about what they say they are about. */
static void what_else_is_refused_is_a_finding(void **state)
{
    (void)state;
    struct scene s;
    crowd(&s, SIM_AT_AUTH, "451 4.3.0 the directory is down");
    s.plan.no_outage = false;
    stage_play(&s);
    assert_true(sim_log_has(s.play.sim, "finding=auth-temporary"));
    stage_end(&s);
}

/* Without any session of ours it is what it always was. */
static void without_a_session_it_is_a_finding(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, MANY);
    stage_port(&s, "192.0.2.1:587")->greeting = "421 4.7.0 too many connections from your address";
    client(&s, 0, NULL, "b@example.net");
    stage_play(&s);
    assert_true(sim_log_has(s.play.sim, "finding=greeting-4xx"));
    assert_true(stage_said(&s, "451 4.4.1 no port of " HOST " works: 587 greeting-4xx ["));
    stage_end(&s);
}

/* MAIL, too: the last session's answer is the message's. */
static void without_another_session_mail_is_answered(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, MANY);
    stage_port(&s, "192.0.2.1:587")->mail[0] =
        (struct sim_address_rule){"a@", "454 4.7.0 not from you now"};
    client(&s, 0, NULL, "b@example.net");
    stage_play(&s);
    assert_true(stage_said(&s, "454 4.7.0 not from you now"));
    stage_end(&s);
}

/* An upstream that says so to every MAIL: all waits of a message end together. */
static void waiting_for_a_better_session_has_an_end(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, MANY "max_connections = 4\n");
    struct sim_upstream_script *script = stage_port(&s, "192.0.2.1:587");
    script->mail[0] = (struct sim_address_rule){"never@", "454 4.7.0 not from you now"};
    script->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_VERDICT, .fault = SIM_FAULT_SLOW, .delay = 200 * USEC_PER_SEC};
    client(&s, 0, NULL, "slow@example.net");
    struct sim_client_script *c = client(&s, 1, NULL, "b@example.net");
    c->messages[0].from = "never@example.com";
    c->patience = 27 * USEC_PER_SEC;
    stage_play(&s);
    assert_false(sim_client_gave_up(s.play.clients[1]));
    assert_int_equal(outcome_of(&s, 1)->rcpt[0], 451);
    assert_non_null(strstr(outcome_of(&s, 1)->text, ": all 1 that it lets us have are busy ["));
    assert_int_equal(outcome_of(&s, 0)->final, 250);
    stage_end(&s);
}

static void who_waited_too_long_hears_how_many_there_are(void **state)
{
    (void)state;
    for (int capped = 0; capped < 2; capped++) {
        struct scene s;
        stage_init(&s, capped ? MANY "max_connections = 8\n" : MANY "max_connections = 3\n");
        struct sim_upstream_script *script = stage_port(&s, "192.0.2.1:587");
        script->cap = capped ? 3 : 0;
        script->cap_at = SIM_AT_AUTH;
        script->cap_reply = "454 4.7.0 maximum number of connections exceeded";
        script->faults[0] = (struct sim_fault_rule){.step = SIM_AT_VERDICT,
                                                    .fault = SIM_FAULT_SLOW,
                                                    .times = 3,
                                                    .delay = 100 * USEC_PER_SEC};
        for (size_t i = 0; i < 3; i++)
            client(&s, i, NULL, sim_plan_text(&s.plan, "slow%zu@example.net", i));
        client(&s, 3, NULL, "b@example.net");
        s.plan.delays[3] = 3 * USEC_PER_SEC;
        stage_play(&s);
        assert_int_equal(outcome_of(&s, 3)->rcpt[0], 451);
        assert_non_null(strstr(outcome_of(&s, 3)->text,
                               "451 4.4.5 no session with " HOST " was free in time: all 3 that "));
        assert_non_null(
            strstr(outcome_of(&s, 3)->text, capped ? " that it lets us have are busy ["
                                                   : " that max_connections allows are busy ["));
        stage_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_who_think_take_nothing_from_another),
        cmocka_unit_test(a_pause_of_ten_seconds_is_enough),
        cmocka_unit_test(nobody_gives_back_while_nobody_waits),
        cmocka_unit_test(a_refused_recipient_renews_nothing),
        cmocka_unit_test(whoever_goes_on_and_is_refused_sends_nothing),
        cmocka_unit_test(whoever_only_said_mail_lets_others_pass),
        cmocka_unit_test(a_cap_on_sessions_is_no_outage),
        cmocka_unit_test(what_else_is_refused_is_a_finding),
        cmocka_unit_test(without_a_session_it_is_a_finding),
        cmocka_unit_test(without_another_session_mail_is_answered),
        cmocka_unit_test(waiting_for_a_better_session_has_an_end),
        cmocka_unit_test(who_waited_too_long_hears_how_many_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
