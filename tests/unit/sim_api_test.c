/* Fixed histories of an account whose SMTP ports are all shut: each service takes its mail, down to
 * the octet; and the oracle, told one lie after another of it, finds each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sim/sim_history.h"

static const char ini[] = "[listen]\naddress = 127.0.0.1:25\n[upstream]\nhost = mail.example.com\n"
                          "ports = 587\nusername = me@example.com\npassword = open-Sesame#42\n"
                          "final_timeout = 60s\n";
static const char body[] =
    "To: b@example.net\r\nSubject: x\r\n\r\n.dot\r\n\xc3\xa4 nul \0 octets\r\n";

struct stage {
    struct sim_plan plan;
    struct sim_play play;
    struct sim_verdict verdict;
};

static void play(struct stage *s, enum api_choice service, unsigned faults)
{
    memset(s, 0, sizeof *s);
    struct sim_plan *p = &s->plan;
    sim_plan_init(p, 5);
    p->ini = ini;
    p->user = "me@example.com";
    p->password = "open-Sesame#42";
    p->api = (struct sim_api_script){
        .service = service, .identity = p->user, .secret = p->password, .faults = faults};
    p->names[p->nnames++] =
        (struct sim_plan_name){.host = "mail.example.com", .addresses = "192.0.2.1"};
    struct sim_upstream_script script = sim_upstream_kind("mail.example.com", p->user, p->password);
    sim_plan_place(p, "192.0.2.1:587", &script)->path.syn = SIM_DROPPED;
    p->clients[0] =
        (struct sim_client_script){.at = "127.0.0.1:25", .n = 1, .parts_at = SIM_CLIENT_NEVER};
    p->clients[0].messages[0] = (struct sim_message){.from = "a@example.org",
                                                     .to = {"b@example.net", "c@example.net"},
                                                     .nto = 2,
                                                     .body = body,
                                                     .len = sizeof body - 1};
    p->nclients = 1;
    sim_play_begin(&s->play, p, getenv("SIM_VERBOSE") != NULL);
    assert_true(sim_play_run(&s->play));
    sim_play_close(&s->play);
}

static bool judged_to(struct stage *s, const char *words)
{
    sim_verdict_free(&s->verdict);
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

static void each_service_takes_it(void **state)
{
    (void)state;
    for (enum api_choice service = API_GRAPH; service < API_CHOICES; service++) {
        struct stage s;
        play(&s, service, 0);
        assert_false(judged_to(&s, ""));
        assert_int_equal(s.verdict.acked, 1);
        assert_int_equal(s.play.ledger->nmails, 1);
        assert_int_equal(s.play.ledger->mails[0].nto, 2);
        assert_true(s.play.ledger->mails[0].by_api);
        strike(&s);
    }
}

/* Its one fault: it fails always, in one way after another. */
static void what_fails_is_said(void **state)
{
    struct stage s;
    (void)state;
    play(&s, API_GRAPH, 100);
    assert_false(judged_to(&s, ""));
    strike(&s);
}

/* ---- lies ---- */

static struct sim_mail *mail_of(struct stage *s)
{
    return &s->play.ledger->mails[0];
}

static void widen(struct stage *s)
{
    free(mail_of(s)->to[1]);
    mail_of(s)->to[1] = mem_string("stranger@example.net");
}

static void narrow(struct stage *s)
{
    free(mail_of(s)->to[--mail_of(s)->nto]);
}

static void send_without_sender(struct stage *s)
{
    struct sim_client_script *c =
        (struct sim_client_script *)(uintptr_t)sim_client_script(s->play.clients[0]);
    c->messages[0].from = "";
}

static void ask_too_early(struct stage *s)
{
    s->play.api.requests[0].not_before = s->play.api.requests[0].answered + 60 * USEC_PER_SEC;
    s->play.api.requests[s->play.api.nrequests++] =
        (struct sim_api_request){.at = s->play.api.requests[0].answered + 30 * USEC_PER_SEC};
}

static void grumble(struct stage *s)
{
    snprintf(s->play.api.complaint, sizeof s->play.api.complaint, "a message without a key");
}

static void invent_refusal(struct stage *s)
{
    ((struct sim_outcome *)(uintptr_t)sim_client_outcome(s->play.clients[0], 0))->final = 554;
}

static void every_lie_is_found(void **state)
{
    static const struct {
        void (*lie)(struct stage *s);
        const char *words;
    } lies[] = {
        {widen, "stranger@example.net> was committed that no client sent"},
        {narrow, "accepted recipient is missing"},
        {send_without_sender, "null sender's went to a service"},
        {ask_too_early, "asked 30000 ms before it wanted to be"},
        {grumble, "complains: a message without a key"},
        {invent_refusal, "refused for good, and no upstream did"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct stage s;
        play(&s, API_GMAIL, 0);
        lies[i].lie(&s);
        if (!judged_to(&s, lies[i].words))
            fail_msg("not found: %s", lies[i].words);
        strike(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_service_takes_it),
        cmocka_unit_test(what_fails_is_said),
        cmocka_unit_test(every_lie_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
