/* A fault at every step of a transaction, fresh and pooled, with and without CHUNKING and
 * PIPELINING: what the client is told, what was committed, what the log says; the oracle looks
 * on. */
#include "relay_world.h"

struct fault_case {
    enum sim_step step;
    enum sim_fault fault;
    /* of SIM_FAULT_REPLY */
    const char *text;
    bool chunking, pipelining, pooled;
    unsigned times;
    bool commits;
    /* of the body */
    size_t size;
    /* of the way to the upstream; 0: as it is */
    size_t window;
};

static char large[2 * 1024 * 1024];

static void fill(void)
{
    for (size_t i = 0; i < sizeof large; i += 64)
        memcpy(large + i, ".23456789012345678901234567890123456789012345678901234567890\r\n\r\n",
               64);
}

static void play(struct scene *s, const struct fault_case *c)
{
    stage_init(s, ONE_PORT);
    struct sim_upstream_script *up = stage_port(s, "192.0.2.1:587");
    if (c->window)
        s->plan.places[0].path.window = c->window;
    up->chunking = c->chunking;
    up->pipelining = c->pipelining;
    /* The very first chunk is the empty one that asks whether BDAT is known. */
    unsigned skip = c->step == SIM_AT_CHUNK || (c->pooled && c->step != SIM_AT_BODY) ? 1 : 0;
    up->faults[0] = (struct sim_fault_rule){.step = c->step,
                                            .fault = c->fault,
                                            .text = c->text,
                                            .times = c->times,
                                            .skip = skip,
                                            .commits = c->commits,
                                            .bytes = 10000};
    s->plan.clients[0].pipelining = true;
    /* a session that rested is pooled */
    s->plan.clients[0].pause = c->pooled ? USEC_PER_SEC : 0;
    s->plan.clients[0].patience = 3600 * USEC_PER_SEC;
    for (int i = 0; i < 2; i++) {
        struct sim_message *m = stage_message(s, i ? "c@example.org" : "b@example.org", "");
        m->body = large;
        /* the other one is too short for a fault in its body */
        m->len = i == c->pooled ? c->size : 640;
    }
    stage_play(s);
}

static const char *name(const struct fault_case *c)
{
    static char text[200];
    snprintf(text, sizeof text, "%s at %s %s%s%s%s, %u times, %zu octets", sim_fault_name(c->fault),
             sim_step_name(c->step), c->text ? c->text : "", c->chunking ? " chunking" : "",
             c->pipelining ? " pipelining" : "", c->pooled ? " pooled" : "", c->times, c->size);
    return text;
}

/* The message that the fault strikes must have met `code`; the other must have been delivered. */
static void expect(const struct fault_case *c, int code, const char *logged)
{
    struct scene s;
    play(&s, c);
    const struct sim_outcome *struck = stage_outcome(&s, c->pooled ? 1 : 0),
                             *other = stage_outcome(&s, c->pooled ? 0 : 1);
    int last = struck->rcpt[0] / 100 != 2 ? struck->rcpt[0]
               : struck->data != 354      ? struck->data
                                          : struck->final;
    if (last != code || other->final != 250 || s.verdict.n ||
        (logged && !sim_log_has(s.play.sim, logged)) || !s.struck) {
        fprintf(stderr, "%s: told %d instead of %d; the other %d\n", name(c), last, code,
                other->final);
        stage_show(&s);
        assert_true(s.struck);
        assert_int_equal(last, code);
        assert_int_equal(other->final, 250);
    }
    stage_end(&s);
}

static void each_way(const struct fault_case *what, int code, const char *logged)
{
    for (unsigned bits = 0; bits < 8; bits++) {
        struct fault_case c = *what;
        c.chunking = bits & 1;
        c.pipelining = bits & 2;
        c.pooled = bits & 4;
        if ((c.step == SIM_AT_DATA && c.chunking) || (c.step == SIM_AT_CHUNK && !c.chunking))
            continue;
        expect(&c, code, logged);
    }
}

static const enum sim_step before_sent[] = {SIM_AT_MAIL, SIM_AT_RCPT, SIM_AT_DATA, SIM_AT_BODY,
                                            SIM_AT_CHUNK};
enum { BEFORE_SENT = sizeof before_sent / sizeof *before_sent };

static const struct fault_case links[] = {
    {.fault = SIM_FAULT_CLOSE},
    {.fault = SIM_FAULT_RESET},
    {.fault = SIM_FAULT_STALL},
    {.fault = SIM_FAULT_HOLE},
    {.fault = SIM_FAULT_REPLY, .text = "421 4.3.2 going down\r\n"}};
enum { LINKS = sizeof links / sizeof *links };

/* The client notices nothing but time. */
static void lost_before_sent_is_replayed(void **state)
{
    (void)state;
    for (size_t s = 0; s < BEFORE_SENT; s++)
        for (size_t f = 0; f < LINKS; f++) {
            struct fault_case c = links[f];
            c.step = before_sent[s];
            c.times = 1;
            c.size = 512 * 1024;
            /* it reads on to the end: that is lost after *sent* */
            if (c.step == SIM_AT_BODY && c.fault == SIM_FAULT_STALL)
                continue;
            each_way(&c, 250, "upstream session lost");
        }
}

static void lost_twice_is_said(void **state)
{
    (void)state;
    for (size_t s = 0; s < BEFORE_SENT; s++)
        for (size_t f = 0; f < LINKS; f++) {
            struct fault_case c = links[f];
            c.step = before_sent[s];
            c.size = 256 * 1024;
            /* One more where the first may be a pooled session, dead on first use. */
            for (unsigned bits = 0; bits < 4; bits++) {
                c.chunking = bits & 1;
                c.pipelining = bits & 2;
                c.times = 2;
                if ((c.step == SIM_AT_DATA && c.chunking) ||
                    (c.step == SIM_AT_CHUNK && !c.chunking))
                    continue;
                expect(&c, 451, "msg=lost-link");
            }
        }
}

static void too_large_to_replay(void **state)
{
    (void)state;
    struct fault_case c = {
        .step = SIM_AT_BODY, .fault = SIM_FAULT_RESET, .times = 1, .size = sizeof large};
    for (unsigned bits = 0; bits < 2; bits++) {
        struct scene s;
        c.chunking = bits;
        stage_init(&s, ONE_PORT);
        struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
        up->chunking = c.chunking;
        up->faults[0] = (struct sim_fault_rule){
            .step = c.step, .fault = c.fault, .times = 1, .bytes = 1536 * 1024};
        struct sim_message *m = stage_message(&s, "b@example.org", "");
        m->body = large;
        m->len = c.size;
        stage_play(&s);
        assert_int_equal(stage_outcome(&s, 0)->final, 451);
        assert_true(stage_said(&s, "451 4.4.2 the link to " HOST
                                   " was lost, and the message is too large"));
        assert_int_equal(s.play.ledger->nmails, 0);
        stage_end(&s);
    }
}

static void lost_after_sent_is_never_resent(void **state)
{
    (void)state;
    for (size_t f = 0; f < LINKS; f++)
        for (int commits = 0; commits < 2; commits++) {
            struct fault_case c = links[f];
            c.step = SIM_AT_VERDICT;
            c.times = 1;
            c.size = 4096;
            c.commits = commits;
            /* a 421 says that it was not taken */
            each_way(&c, 451, c.text ? "instead of taking" : "duplicate possible");
        }
}

static void refusals_are_passed_on(void **state)
{
    (void)state;
    static const char *const texts[] = {"452 4.2.2 full\r\n", "550 5.7.1 no\r\n"};
    static const enum sim_step steps[] = {SIM_AT_MAIL, SIM_AT_RCPT,  SIM_AT_DATA,
                                          SIM_AT_BODY, SIM_AT_CHUNK, SIM_AT_VERDICT};
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            struct fault_case c = {.step = steps[i],
                                   .fault = SIM_FAULT_REPLY,
                                   .text = texts[t],
                                   .times = 1,
                                   .size = 64 * 1024};
            each_way(&c, atoi(texts[t]), texts[t][0] == '5' ? "msg=refused" : "msg=deferred");
        }
}

static void nonsense_is_451(void **state)
{
    (void)state;
    static const char *const texts[] = {"garbage\r\n", "999 what\r\n", "250-one\r\n251 two\r\n"};
    static const enum sim_step steps[] = {SIM_AT_MAIL, SIM_AT_RCPT, SIM_AT_DATA, SIM_AT_VERDICT};
    for (size_t t = 0; t < 3; t++)
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            struct fault_case c = {.step = steps[i],
                                   .fault = SIM_FAULT_REPLY,
                                   .text = texts[t],
                                   .times = 1,
                                   .size = 4096};
            for (unsigned bits = 0; bits < 4; bits++) {
                c.chunking = bits & 1;
                c.pipelining = bits & 2;
                if (c.step == SIM_AT_DATA && c.chunking)
                    continue;
                expect(&c, 451, "msg=lost-link");
            }
        }
}

static void an_early_yes_is_an_error(void **state)
{
    (void)state;
    struct fault_case c = {.step = SIM_AT_BODY,
                           .fault = SIM_FAULT_REPLY,
                           .text = "250 2.0.0 taken already\r\n",
                           .times = 1,
                           .size = 512 * 1024};
    expect(&c, 451, "msg=lost-link");
    /* To the last chunk, of which a part is still on our side: TLS has it, but its record has not
     * left whole. */
    c.chunking = c.pipelining = true;
    c.size = 14000;
    c.window = 1500;
    expect(&c, 451, "msg=lost-link");
    c = (struct fault_case){.step = SIM_AT_DATA,
                            .fault = SIM_FAULT_REPLY,
                            .text = "250 2.0.0 fine\r\n",
                            .times = 1,
                            .size = 4096};
    expect(&c, 451, "msg=lost-link");
    c = (struct fault_case){.step = SIM_AT_RCPT,
                            .fault = SIM_FAULT_REPLY,
                            .text = "354 go\r\n",
                            .times = 1,
                            .size = 4096};
    expect(&c, 451, "msg=lost-link");
}

static void slow_and_dripping_is_no_fault(void **state)
{
    (void)state;
    static const enum sim_step steps[] = {SIM_AT_MAIL, SIM_AT_RCPT, SIM_AT_DATA, SIM_AT_CHUNK,
                                          SIM_AT_VERDICT};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct fault_case c = {
            .step = steps[i], .fault = SIM_FAULT_DRIP, .times = 0, .size = 64 * 1024};
        each_way(&c, 250, "msg=delivered");
    }
}

static void dead_in_the_pool_is_replaced_silently(void **state)
{
    (void)state;
    static const enum sim_fault faults[] = {SIM_FAULT_CLOSE, SIM_FAULT_RESET, SIM_FAULT_HOLE};
    for (size_t f = 0; f < 3; f++) {
        struct scene s;
        stage_init(&s, ONE_PORT);
        stage_port(&s, "192.0.2.1:587")->faults[0] =
            (struct sim_fault_rule){.step = SIM_AT_IDLE,
                                    .fault = faults[f],
                                    .times = 1,
                                    .delay = 500 * USEC_PER_MS,
                                    .skip = 1};
        s.plan.clients[0].pause = USEC_PER_SEC;
        stage_message(&s, "b@example.org", "x\r\n");
        stage_message(&s, "c@example.org", "y\r\n");
        stage_play(&s);
        assert_int_equal(stage_outcome(&s, 1)->final, 250);
        stage_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_before_sent_is_replayed),
        cmocka_unit_test(lost_twice_is_said),
        cmocka_unit_test(too_large_to_replay),
        cmocka_unit_test(lost_after_sent_is_never_resent),
        cmocka_unit_test(refusals_are_passed_on),
        cmocka_unit_test(nonsense_is_451),
        cmocka_unit_test(an_early_yes_is_an_error),
        cmocka_unit_test(slow_and_dripping_is_no_fault),
        cmocka_unit_test(dead_in_the_pool_is_replaced_silently),
    };
    fill();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
