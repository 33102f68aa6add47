/* fallback: another account when the first does not work or its credentials are refused; never on a
 * refusal of the message; once. */
#include "relay_world.h"

#define SPARE "spare.example.com"
#define TWO                                                                                        \
    "[upstream work]\nhost = " HOST                                                                \
    "\nports = 587\nusername = me\npassword = hunter2hunter2\nfallback = spare\nsenders = *\n"     \
    "[upstream spare]\nhost = " SPARE                                                              \
    "\nports = 587\nusername = me\npassword = hunter2hunter2\nsenders = nobody@example.com\n"

#define BODY "Subject: x\r\n\r\nbody\r\n"

static void begin(struct scene *s)
{
    stage_init(s, TWO);
    s->plan.names[s->plan.nnames++] =
        (struct sim_plan_name){.host = SPARE, .addresses = "192.0.2.2"};
    s->plan.calm = false;
}

static struct sim_upstream_script *work(struct scene *s)
{
    return stage_port(s, "192.0.2.1:587");
}

static struct sim_upstream_script *spare(struct scene *s)
{
    struct sim_upstream_script script = sim_upstream_kind(SPARE, "me", "hunter2hunter2");
    return &sim_plan_place(&s->plan, "192.0.2.2:587", &script)->script;
}

static size_t arrived(const struct scene *s)
{
    return s->play.ledger->nmails;
}

static bool log_has(const struct scene *s, const char *text)
{
    return sim_log_has(s->play.sim, text);
}

static void no_port_works(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    spare(&s);
    stage_message(&s, "b@example.org", BODY);
    stage_play(&s);
    assert_int_equal(arrived(&s), 1);
    assert_true(stage_said(&s, "250 2.1.5"));
    assert_true(log_has(&s, "its fallback takes the message"));
    assert_true(log_has(&s, "upstream=spare"));
    stage_end(&s);
}

static void the_credentials_are_refused(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    work(&s)->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_AUTH, .fault = SIM_FAULT_REPLY, .text = "535 5.7.8 no\r\n"};
    spare(&s);
    stage_message(&s, "b@example.org", BODY);
    stage_message(&s, "c@example.org", "Subject: y\r\n\r\nanother\r\n");
    stage_play(&s);
    assert_int_equal(arrived(&s), 2);
    stage_end(&s);
}

static void login_is_worth_nothing_at_mail(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    work(&s)->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_MAIL, .fault = SIM_FAULT_REPLY, .text = "530 5.7.0 log in first\r\n"};
    spare(&s);
    stage_message(&s, "b@example.org", BODY);
    stage_play(&s);
    assert_int_equal(arrived(&s), 1);
    assert_false(stage_said(&s, "530"));
    stage_end(&s);
}

/* The message is refused, not the account: by rule at MAIL, at RCPT, at the end. */
static void a_refusal_of_the_message_is_no_reason(void **state)
{
    static const enum sim_step steps[] = {SIM_AT_MAIL, SIM_AT_RCPT, SIM_AT_VERDICT};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int temporary = 0; temporary < 2; temporary++) {
            struct scene s;
            begin(&s);
            work(&s)->faults[0] = (struct sim_fault_rule){
                .step = steps[i],
                .fault = SIM_FAULT_REPLY,
                .text = temporary ? "450 4.7.1 later\r\n" : "550 5.7.1 not like this\r\n"};
            spare(&s);
            stage_message(&s, "b@example.org", BODY);
            stage_play(&s);
            assert_int_equal(arrived(&s), 0);
            assert_true(stage_said(&s, temporary ? "450 4.7.1 later" : "550 5.7.1 not like this"));
            assert_false(log_has(&s, "fallback"));
            stage_end(&s);
        }
}

/* The client was told 250 by the first: its message cannot change over to another account any
 * more. */
static void not_after_a_recipient_was_accepted(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    work(&s)->faults[0] = (struct sim_fault_rule){.step = SIM_AT_DATA, .fault = SIM_FAULT_RESET};
    s.plan.places[0].script.chunking = false;
    s.plan.places[0].script.faults[1] =
        (struct sim_fault_rule){.step = SIM_AT_GREETING, .fault = SIM_FAULT_RESET, .skip = 1};
    spare(&s);
    stage_message(&s, "b@example.org", BODY);
    stage_play(&s);
    assert_int_equal(arrived(&s), 0);
    assert_true(stage_said(&s, "451 4.4.2"));
    stage_end(&s);
}

static void it_is_followed_once(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    s.plan.ini = "[upstream work]\nhost = " HOST
                 "\nports = 587\nusername = me\npassword = hunter2hunter2\nfallback = spare\n"
                 "[upstream spare]\nhost = " SPARE
                 "\nports = 587\nusername = me\npassword = hunter2hunter2\nfallback = work\n";
    stage_message(&s, "b@example.org", BODY);
    stage_play(&s);
    assert_int_equal(arrived(&s), 0);
    assert_true(stage_said(&s, "451 4.4.1 no port of " SPARE " works: 587 refused"));
    stage_end(&s);
}

static void what_the_fallback_lacks_is_said_at_rcpt(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    struct sim_upstream_script *small = spare(&s);
    small->has_size = true;
    small->size = 100;
    struct sim_message *m = stage_message(&s, "b@example.org", BODY);
    m->parameters = "SIZE=5000";
    stage_play(&s);
    assert_int_equal(arrived(&s), 0);
    assert_true(stage_said(&s, "552 5.3.4"));
    /* the oracle knows servers' own rules only: it holds that the 552 is not due */
    assert_int_equal(s.verdict.n, 1);
    sim_verdict_free(&s.verdict);
    sim_play_free(&s.play);
    sim_plan_free(&s.plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_port_works),
        cmocka_unit_test(the_credentials_are_refused),
        cmocka_unit_test(login_is_worth_nothing_at_mail),
        cmocka_unit_test(a_refusal_of_the_message_is_no_reason),
        cmocka_unit_test(not_after_a_recipient_was_accepted),
        cmocka_unit_test(it_is_followed_once),
        cmocka_unit_test(what_the_fallback_lacks_is_said_at_rcpt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
