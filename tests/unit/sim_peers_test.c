/* The scripted peers against each other, nothing of the product between: what they say is SMTP, and
 * their faults strike where they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim_client.h"
#include "sim/sim_upstream.h"

static const char place[] = "192.0.2.1:25";

struct fixture {
    struct sim *sim;
    struct sim_ledger *ledger;
    struct sim_upstream *u;
    struct sim_client *c;
};

static struct sim_upstream_script open_server(void)
{
    struct sim_upstream_script s = sim_upstream_kind("mail.example.com", NULL, NULL);
    s.starttls = false;
    s.mechanisms = NULL;
    s.may_be_clear = true;
    return s;
}

static struct sim_client_script two_messages(void)
{
    static const char first[] = "Subject: one\r\n\r\n.dot\r\n..\r\n.\n.\nend", second[] = "";
    struct sim_client_script s = {.at = place, .n = 2, .parts_at = SIM_CLIENT_NEVER};
    s.messages[0] = (struct sim_message){.from = "a@x",
                                         .to = {"b@y", "bad@y", "c@y"},
                                         .nto = 3,
                                         .body = first,
                                         .len = sizeof first - 1};
    s.messages[1] =
        (struct sim_message){.from = "", .to = {"d@y"}, .nto = 1, .body = second, .len = 0};
    return s;
}

static void play(struct fixture *f, uint64_t seed, const struct sim_upstream_script *u,
                 const struct sim_client_script *c)
{
    *f = (struct fixture){.sim = sim_new(seed), .ledger = sim_ledger_new()};
    sim_path(f->sim, place)->shred = seed % 2;
    sim_path(f->sim, place)->segment = 40;
    f->u = sim_upstream_new(f->sim, f->ledger, place, u);
    f->c = sim_client_new(f->sim, c, 0);
    sim_run_for(f->sim, 1000 * USEC_PER_SEC);
    assert_true(sim_client_is_done(f->c));
}

static void end(struct fixture *f)
{
    sim_client_free(&f->c);
    sim_run_for(f->sim, 10 * USEC_PER_SEC);
    sim_upstream_free(&f->u);
    assert_int_equal(sim_conn_open_ends(f->sim), 0);
    sim_ledger_free(&f->ledger);
    sim_free(&f->sim);
}

static void messages_arrive_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 40; seed++) {
        struct fixture f;
        struct sim_upstream_script u = open_server();
        struct sim_client_script c = two_messages();
        u.rcpt[0] = (struct sim_address_rule){"bad", "550 5.1.1 no such user"};
        c.pipelining = seed & 2;
        c.eager = seed & 4;
        c.piece = seed & 8 ? 1 : 0;
        c.gap = 100;
        play(&f, seed, &u, &c);
        assert_null(sim_client_complaint(f.c));
        /* its two bare LFs */
        assert_int_equal(f.ledger->ncomplaints, 2);
        assert_int_equal(f.ledger->nmails, 2);
        struct sim_mail *m = f.ledger->mails;
        assert_string_equal(m->from, "a@x");
        assert_int_equal(m->nto, 2);
        assert_int_equal(m->body.len, c.messages[0].len + 2);
        assert_memory_equal(m->body.data + m->body.head, c.messages[0].body, c.messages[0].len);
        assert_int_equal(sim_client_outcome(f.c, 0)->rcpt[1], 550);
        assert_int_equal(sim_client_outcome(f.c, 0)->final, 250);
        assert_int_equal(sim_client_outcome(f.c, 1)->final, 250);
        assert_int_equal(f.ledger->mails[1].body.len, 0);
        assert_true(f.ledger->mails[1].answered);
        end(&f);
    }
}

static void faults_strike(void **state)
{
    (void)state;
    for (int fault = SIM_FAULT_CLOSE; fault < SIM_FAULT_COUNT; fault++) {
        struct fixture f;
        struct sim_upstream_script u = open_server();
        struct sim_client_script c = two_messages();
        c.messages[0].len = 12;
        c.patience = 30 * USEC_PER_SEC;
        u.faults[0] = (struct sim_fault_rule){.step = SIM_AT_VERDICT,
                                              .fault = (enum sim_fault)fault,
                                              .times = 1,
                                              .text = "452 4.3.1 full\r\n",
                                              .delay = USEC_PER_SEC,
                                              .commits = true};
        play(&f, 2, &u, &c);
        assert_int_equal(sim_upstream_struck(f.u), 1);
        bool answers = fault >= SIM_FAULT_DRIP && fault != SIM_FAULT_FLOOD;
        assert_int_equal(f.ledger->mails[0].answered, answers);
        assert_int_equal(sim_client_outcome(f.c, 0)->final, answers                    ? 250
                                                            : fault == SIM_FAULT_REPLY ? 452
                                                                                       : 0);
        assert_int_equal(sim_client_gave_up(f.c), fault == SIM_FAULT_STALL ||
                                                      fault == SIM_FAULT_HOLE ||
                                                      fault == SIM_FAULT_FLOOD);
        end(&f);
    }
}

static void clients_leave_in_the_middle(void **state)
{
    (void)state;
    for (int step = SIM_CLIENT_GREETED; step < SIM_CLIENT_NEVER; step++) {
        struct fixture f;
        struct sim_upstream_script u = open_server();
        struct sim_client_script c = two_messages();
        c.n = 1;
        c.messages[0].len = 20;
        c.parts_at = (enum sim_client_step)step;
        c.parts_after = 5;
        c.parting = SIM_PART_CLOSE;
        play(&f, 2, &u, &c);
        assert_int_equal(f.ledger->nmails, step == SIM_CLIENT_SENT_DOT);
        assert_int_equal(sim_client_outcome(f.c, 0)->sent_dot, step == SIM_CLIENT_SENT_DOT);
        end(&f);
    }
}

static void canonical_text(void **state)
{
    (void)state;
    size_t n;
    char *text = sim_canonical("a\rb\nc\r\nd\r\r\ne", 12, false, &n);
    assert_int_equal(n, 15);
    assert_memory_equal(text, "a\r\nb\r\nc\r\nd\r\ne\r\n", n);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_whole),
        cmocka_unit_test(faults_strike),
        cmocka_unit_test(clients_leave_in_the_middle),
        cmocka_unit_test(canonical_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
