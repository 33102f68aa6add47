/* The oracle must be able to say no: a good history is falsified in one place after another, and
 * each lie is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sim/sim_history.h"

struct stage {
    struct sim_plan plan;
    struct sim_play play;
    struct sim_verdict verdict;
    struct timer *left_over;
};

static void play(struct stage *s)
{
    static const char body[] = "Subject: x\r\n\r\nline one\r\nline two\r\n";
    memset(s, 0, sizeof *s);
    sim_plan_init(&s->plan, 3);
    s->plan.ini = "[log]\nlevel = debug\n[listen]\naddress = 127.0.0.1:25\n[upstream]\nhost = "
                  "mail.example.com\nusername = me\npassword = "
                  "open-Sesame#42\n";
    s->plan.user = "me";
    s->plan.password = "open-Sesame#42";
    s->plan.calm = s->plan.must_arrive = true;
    s->plan.names[s->plan.nnames++] =
        (struct sim_plan_name){.host = "mail.example.com", .addresses = "192.0.2.1"};
    struct sim_upstream_script script =
        sim_upstream_kind("mail.example.com", "me", "open-Sesame#42");
    script.rcpt[0] = (struct sim_address_rule){"bad@", "550 5.1.1 no such user"};
    sim_plan_place(&s->plan, "192.0.2.1:587", &script);
    s->plan.clients[0] =
        (struct sim_client_script){.at = "127.0.0.1:25", .n = 1, .parts_at = SIM_CLIENT_NEVER};
    s->plan.clients[0].messages[0] = (struct sim_message){.from = "a@x",
                                                          .to = {"b@y", "bad@y", "c@y"},
                                                          .nto = 3,
                                                          .body = body,
                                                          .len = sizeof body - 1};
    s->plan.nclients = 1;
    sim_play_begin(&s->play, &s->plan, false);
    assert_true(sim_play_run(&s->play));
    sim_play_close(&s->play);
}

static bool judged_to(struct stage *s, const char *words)
{
    sim_judge(&s->play, true, &s->verdict);
    for (size_t i = 0; i < s->verdict.n && i < SIM_FINDINGS; i++)
        if (strstr(s->verdict.findings[i], words))
            return true;
    return false;
}

static void strike(struct stage *s)
{
    sim_verdict_free(&s->verdict);
    sim_play_free(&s->play);
    sim_plan_free(&s->plan);
}

static struct sim_outcome *outcome(struct stage *s)
{
    return (struct sim_outcome *)(uintptr_t)sim_client_outcome(s->play.clients[0], 0);
}

static void lose(struct stage *s)
{
    s->play.ledger->nmails = 0;
}

static void restore_lost(struct stage *s)
{
    s->play.ledger->nmails = 1;
}

static void deny(struct stage *s)
{
    outcome(s)->final = 451;
}

static void refuse(struct stage *s)
{
    outcome(s)->final = 554;
}

static void never_sent(struct stage *s)
{
    outcome(s)->sent_dot = false;
}

static void too_early(struct stage *s)
{
    s->play.ledger->mails[0].answered = false;
}

static void truncate_body(struct stage *s)
{
    s->play.ledger->mails[0].body.len -= 5;
}

static void alter(struct stage *s)
{
    struct buf *b = &s->play.ledger->mails[0].body;
    b->data[b->head + 14] ^= 1;
}

static void other_sender(struct stage *s)
{
    s->play.ledger->mails[0].from[0] = 'z';
}

static void forget_recipient(struct stage *s)
{
    struct sim_mail *m = &s->play.ledger->mails[0];
    free(m->to[--m->nto]);
}

static void serve_refused(struct stage *s)
{
    struct sim_mail *m = &s->play.ledger->mails[0];
    free(m->to[1]);
    m->to[1] = mem_string("bad@y");
}

static void forge(struct stage *s)
{
    struct sim_mail *m = &s->play.ledger->mails[0];
    free(m->to[0]);
    m->to[0] = mem_string("evil@y");
}

static void invent(struct stage *s)
{
    outcome(s)->rcpt[0] = 553;
}

static void accept_bad(struct stage *s)
{
    outcome(s)->rcpt[1] = 250;
}

static void go_clear(struct stage *s)
{
    s->play.ledger->mails[0].sealed = false;
}

static void go_astray(struct stage *s)
{
    s->play.ledger->mails[0].genuine = false;
}

static void skip_auth(struct stage *s)
{
    s->play.ledger->mails[0].authenticated = false;
}

static void give_secret_away(struct stage *s)
{
    s->play.ledger->logins[0].genuine = false;
}

static void borrow_session(struct stage *s)
{
    s->plan.by_sender = true;
}

static void log_secret(struct stage *s)
{
    /* base64 of the password */
    log_say(sim_io(s->play.sim)->log, LOG_INFO, "AUTH with %s", "b3Blbi1TZXNhbWUjNDI=");
}

static void drop_dsn(struct stage *s)
{
    outcome(s)->used_dsn = true;
    s->play.ledger->mails[0].dsn = true;
    ((struct sim_client_script *)(uintptr_t)sim_client_script(s->play.clients[0]))
        ->messages[0]
        .dsn_mail = "RET=HDRS";
}

static void drop_utf8(struct stage *s)
{
    outcome(s)->used_utf8 = true;
}

static void take_other_account(struct stage *s)
{
    s->play.ledger->mails[0].account = 1;
}

static void add_no_line(struct stage *s)
{
    s->plan.fix_headers = true;
}

static void leave_unfinished(struct stage *s)
{
    s->plan.must_finish = true;
    outcome(s)->final = 451;
}

static void let_wait(struct stage *s)
{
    s->plan.fair_wait = 1;
}

static void never_answer(struct stage *s)
{
    s->plan.fair_wait = 60 * USEC_PER_SEC;
    outcome(s)->final = 0;
}

static void report_outage(struct stage *s)
{
    s->plan.no_outage = true;
    log_say(sim_io(s->play.sim)->log, LOG_ERROR, "no port works");
}

static void leak_timer(struct stage *s)
{
    s->left_over = timer_new(sim_loop(s->play.sim), NULL, NULL);
}

static void free_timer(struct stage *s)
{
    timer_free(&s->left_over);
}

static void every_lie_is_found(void **state)
{
    (void)state;
    static const struct {
        void (*lie)(struct stage *s);
        const char *words;
        void (*after)(struct stage *s);
    } lies[] = {
        {lose, "acked and is lost", restore_lost},
        {deny, "its client was told otherwise", NULL},
        {refuse, "refused for good and is committed", NULL},
        {never_sent, "its end of data was never sent", NULL},
        {too_early, "acked before its upstream", NULL},
        {truncate_body, "truncated", NULL},
        {alter, "altered", NULL},
        {other_sender, "sender is another", NULL},
        {forget_recipient, "accepted recipient is missing", NULL},
        {serve_refused, "told to be refused", NULL},
        {forge, "to <evil@y> was committed that no client sent", NULL},
        {invent, "was told 553, but 250 is due", NULL},
        {accept_bad, "was told 250, but 550 is due", NULL},
        {go_clear, "over a clear connection", NULL},
        {go_astray, "impostor", NULL},
        {skip_auth, "not authenticated", NULL},
        {borrow_session, "mail from <a@x> went over somebody else's session", NULL},
        {give_secret_away, "credentials were given to port 587", NULL},
        {log_secret, "the password stands in the log", NULL},
        {drop_dsn, "DSN parameters of its MAIL", NULL},
        {drop_utf8, "SMTPUTF8 is gone", NULL},
        {take_other_account, "another account than its sender's", NULL},
        {add_no_line, "still lacks Date, Message-ID or From", NULL},
        {leave_unfinished, "was not finished", NULL},
        {let_wait, "its verdict came late", NULL},
        {never_answer, "waited for those who paused", NULL},
        {report_outage, "an outage is reported", NULL},
        {leak_timer, "1 timers are left over", free_timer},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct stage s;
        play(&s);
        lies[i].lie(&s);
        if (!judged_to(&s, lies[i].words))
            fail_msg("not found: %s", lies[i].words);
        if (lies[i].after)
            lies[i].after(&s);
        strike(&s);
    }
}

static void a_message_committed_twice_is_found(void **state)
{
    (void)state;
    struct stage s;
    play(&s);
    struct sim_ledger *l = s.play.ledger;
    l->mails = mem_resize(l->mails, 2 * sizeof *l->mails);
    l->mails[1] = l->mails[0];
    l->nmails = 2;
    assert_true(judged_to(&s, "committed more than once"));
    l->nmails = 1;
    strike(&s);
}

static void the_truth_is_believed(void **state)
{
    (void)state;
    struct stage s;
    play(&s);
    assert_false(judged_to(&s, ""));
    assert_int_equal(s.verdict.n, 0);
    assert_int_equal(s.verdict.acked, 1);
    strike(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_truth_is_believed),
        cmocka_unit_test(every_lie_is_found),
        cmocka_unit_test(a_message_committed_twice_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
