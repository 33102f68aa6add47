/* Fixed histories of accounts that log in by token: an end in the middle of a refresh, a service
 * that is dead, and what the oracle says of a liar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim_history.h"

#define TOKENS                                                                                     \
    "[upstream]\nhost = mail.example.com\nports = 587\nusername = me\noauth_client_id = app\n"     \
    "oauth_scope = s\noauth_token_url = https://login.test/token\n"
#define LISTEN "[listen]\naddress = 127.0.0.1:25\n"
static const char body[] = "Subject: hello\r\n\r\nworld\r\n";

struct stage {
    struct sim_plan plan;
    struct sim_play play;
    struct sim_verdict verdict;
};

static void add_client(struct stage *s, const char *from, usec delay)
{
    struct sim_plan *p = &s->plan;
    struct sim_client_script *c = &p->clients[p->nclients];
    *c = (struct sim_client_script){.at = "127.0.0.1:25", .n = 1, .parts_at = SIM_CLIENT_NEVER};
    c->messages[0] = (struct sim_message){.from = from,
                                          .to = {sim_plan_text(p, "b%zu@example.net", p->nclients)},
                                          .nto = 1,
                                          .body = body,
                                          .len = sizeof body - 1};
    p->delays[p->nclients++] = delay;
}

static void set(struct stage *s, const char *ini)
{
    memset(s, 0, sizeof *s);
    struct sim_plan *p = &s->plan;
    sim_plan_init(p, 1);
    p->ini = ini;
    p->user = "me";
    p->password = "hush-hush-client";
    p->service.used = true;
    p->service.rotates = true;
    p->names[p->nnames++] =
        (struct sim_plan_name){.host = "mail.example.com", .addresses = "192.0.2.1"};
    struct sim_upstream_script script = sim_upstream_kind("mail.example.com", "me", "unused");
    script.mechanisms = "PLAIN XOAUTH2";
    sim_plan_place(p, "192.0.2.1:587", &script);
}

static void play(struct stage *s)
{
    sim_play_begin(&s->play, &s->plan, getenv("SIM_VERBOSE") != NULL);
    bool ended = sim_play_run(&s->play);
    sim_play_close(&s->play);
    sim_judge(&s->play, ended, &s->verdict);
    for (size_t i = 0; i < s->verdict.n && i < SIM_FINDINGS; i++)
        fprintf(stderr, "oracle: %s\n", s->verdict.findings[i]);
}

static void strike(struct stage *s)
{
    sim_verdict_free(&s->verdict);
    sim_play_free(&s->play);
    sim_plan_free(&s->plan);
}

static void turn_at(struct stage *s, enum sim_turn what, usec at)
{
    s->plan.changes[s->plan.nchanges++] =
        (struct sim_change){.what = what, .at = at, .ini = s->plan.ini};
}

/* SIGTERM while the answer is on its way: it is awaited, and the next process goes on with it. */
static void an_orderly_end_loses_no_refresh_token(void **state)
{
    struct stage s;
    (void)state;
    set(&s, LISTEN TOKENS);
    s.plan.service.delay = 5 * USEC_PER_SEC;
    /* it gives up before the answer is there */
    add_client(&s, "a@example.org", 0);
    s.plan.clients[0].parts_at = 1;
    s.plan.clients[0].excused = true;
    add_client(&s, "a@example.org", 60 * USEC_PER_SEC);
    turn_at(&s, SIM_TURN_RESTART, 2 * USEC_PER_SEC);
    play(&s);
    assert_int_equal(s.verdict.n, 0);
    assert_int_equal(s.play.service.nrequests, 2);
    assert_int_equal(s.play.service.requests[0].shown, 0);
    assert_int_equal(s.play.service.requests[1].shown, 1);
    assert_int_equal(sim_client_outcome(s.play.clients[1], 0)->final, 250);
    assert_string_equal(sim_file_text(s.play.sim, SIM_TOKEN_FILE), "r2");
    strike(&s);
}

/* kill -9 at a hundred moments around the answer: the file holds the old token or the new one,
 * whole, and nothing else; the new process presents what is there. */
static void a_kill_leaves_a_whole_token(void **state)
{
    unsigned old = 0, fresh = 0;
    (void)state;
    for (usec at = 0; at < 100; at++) {
        struct stage s;
        set(&s, LISTEN TOKENS);
        add_client(&s, "a@example.org", 0);
        add_client(&s, "a@example.org", 60 * USEC_PER_SEC);
        turn_at(&s, SIM_TURN_KILL, at * USEC_PER_MS);
        play(&s);
        assert_int_equal(s.verdict.n, 0);
        const struct sim_service *v = &s.play.service;
        for (size_t i = 1; i < v->nrequests; i++) {
            assert_true(v->requests[i].shown >= 0 && v->requests[i].shown <= 1);
            old += v->requests[i].shown == 0;
            fresh += v->requests[i].shown == 1;
        }
        strike(&s);
    }
    print_message("the next process presents the old token %u times, the new one %u times\n", old,
                  fresh);
    /* both happen: the moments are well chosen */
    assert_true(old > 0 && fresh > 0);
}

/* Its token service never answers: another account's mail does not notice. */
static void a_dead_service_is_its_own_account_s_trouble(void **state)
{
    struct stage s;
    (void)state;
    set(&s, LISTEN "[upstream other]\nsenders = @c1.example\nhost = smtp.other.example\nports = "
                   "587\nusername = you\npassword = other-Secret#77\n" TOKENS);
    struct sim_plan *p = &s.plan;
    p->accounts[0] = (struct sim_account){"me", p->password, NULL, false};
    p->accounts[1] = (struct sim_account){"you", "other-Secret#77", "@c1.example", false};
    p->naccounts = 2;
    struct sim_upstream_script script =
        sim_upstream_kind("smtp.other.example", "you", "other-Secret#77");
    script.account = 1;
    sim_plan_place(p, "198.51.100.1:587", &script);
    p->names[p->nnames++] =
        (struct sim_plan_name){.host = "smtp.other.example", .addresses = "198.51.100.1"};
    p->service.delay = 60 * USEC_PER_SEC;
    add_client(&s, "a@c0.example", 0);
    for (usec i = 0; i < 10; i++)
        add_client(&s, "a@c1.example", i * USEC_PER_SEC);
    play(&s);
    assert_int_equal(s.verdict.n, 0);
    for (size_t i = 1; i <= 10; i++) {
        const struct sim_outcome *o = sim_client_outcome(s.play.clients[i], 0);
        assert_int_equal(o->final, 250);
        /* the clock starts at one second */
        assert_true(o->acked - p->delays[i] - USEC_PER_SEC < USEC_PER_SEC / 2);
    }
    const struct sim_outcome *own = sim_client_outcome(s.play.clients[0], 0);
    assert_int_equal(own->rcpt[0], 451);
    assert_non_null(strstr(sim_client_replies(s.play.clients[0]),
                           "451 4.7.0 no access token for mail.example.com: "));
    strike(&s);
}

/* A new promise gets its lie. */
static void lies_are_found(void **state)
{
    struct stage s;
    (void)state;
    set(&s, LISTEN TOKENS);
    add_client(&s, "a@example.org", 0);
    play(&s);
    assert_int_equal(s.verdict.n, 0);
    sim_verdict_free(&s.verdict);
    struct sim_service *v = &s.play.service;
    v->requests[v->nrequests] = v->requests[0];
    v->requests[v->nrequests++].at += USEC_PER_SEC;
    v->requests[0].not_before = v->requests[0].at + 10 * USEC_PER_SEC;
    struct sim_login *l = &s.play.ledger->logins[0];
    free(l->password);
    l->password = strdup("no token at all");
    sim_judge(&s.play, true, &s.verdict);
    assert_int_equal(s.verdict.n, 3);
    assert_string_equal(s.verdict.findings[0], "the refresh token r0 was presented twice");
    assert_string_equal(s.verdict.findings[1],
                        "the token service was asked 9000 ms before it wanted to be");
    assert_string_equal(s.verdict.findings[2], "a login at port 587 had no token of the service's");
    strike(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orderly_end_loses_no_refresh_token),
        cmocka_unit_test(a_kill_leaves_a_whole_token),
        cmocka_unit_test(a_dead_service_is_its_own_account_s_trouble),
        cmocka_unit_test(lies_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
