/* What goes to the spool instead of upstream, and when: whole messages through the unmodified
 * product over a simulated disk. Nothing here sends what was kept: after each play the store is
 * opened and looked at. What was answered 250 must be upstream or there, with its octets. */
#include "relay_world.h"

#include "base/caps.h"
#include "base/mem.h"
#include "relay/relay.h"
#include "sim/sim_disk.h"
#include "spool/store.h"

struct stored {
    struct spool_envelope envelope;
    struct buf body;
    /* ends of data without an answer, by its head and its log */
    unsigned unknown;
};

static struct {
    struct scene s;
    struct relay_keep keep;
    struct spool_settings settings;
    struct sim_disk_faults faults;
    /* half steps of the disk after which it stops; 0: never */
    uint64_t halt;
    bool power_cut;
    /* what is found */
    struct stored found[SIM_CLIENT_MESSAGES];
    size_t n, nnew;
    /* what the store was told of, by enum store_no */
    uint64_t refusals[STORE_NO_COUNT];
} w;

static char large[3 * 1024 * 1024];

static struct store *open_store(void)
{
    struct err err;
    struct store *store = store_open(sim_io(w.s.play.sim), &w.settings, &err);
    assert_non_null(store);
    assert_int_equal(store_start(store, &err), 0);
    return store;
}

static void on_octets(void *arg, enum store_read what, struct slice octets, const struct err *err)
{
    struct stored *to = arg;
    (void)err;
    assert_true(what == STORE_OCTETS || what == STORE_END);
    assert_true(buf_append_slice(&to->body, octets));
    to->envelope.nrecipients = what == STORE_END ? SIZE_MAX : 0;
}

static void on_opened(void *arg, struct store_message *message, const struct err *err)
{
    assert_null(err);
    *(struct store_message **)arg = message;
}

static void read_message(struct store *store, struct spool_entry *entry, struct stored *to)
{
    struct store_message *message = NULL;
    store_message_open(store, entry, on_opened, &message);
    sim_run_for(w.s.play.sim, USEC_PER_SEC);
    assert_non_null(message);
    buf_init(&to->body, 2 * sizeof large);
    do {
        store_message_read(message, on_octets, to);
        sim_run_for(w.s.play.sim, USEC_PER_SEC);
    } while (to->envelope.nrecipients != SIZE_MAX);
    const struct spool_envelope *e = store_message_envelope(message);
    struct buf head;
    size_t len;
    buf_init(&head, CAP_SPOOL_HEAD);
    assert_true(spool_head_write(&head, e));
    assert_int_equal(spool_head_parse(buf_view(&head), &to->envelope, &len), SPOOL_HEAD_OK);
    buf_free(&head);
    to->unknown = history_unknown(store_message_history(message));
    store_message_close(&message);
}

static void look(struct store *store)
{
    LIST_EACH (&store_index(store)->lists[PLACE_QUEUE], it)
        read_message(store, CONTAINER(it, struct spool_entry, link), &w.found[w.n++]);
}

static void *one_message(const char *body, size_t len)
{
    struct sim_message *m = stage_message(&w.s, "b@example.org", "");
    m->body = body;
    m->len = len;
    return m;
}

static int set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    for (size_t i = 0; i < sizeof large; i += 64)
        memcpy(large + i, ".23456789012345678901234567890123456789012345678901234567890\r\n\r\n",
               64);
    stage_init(&w.s, ONE_PORT);
    w.s.plan.clients[0].pipelining = true;
    w.s.plan.clients[0].patience = 3600 * USEC_PER_SEC;
    w.keep = (struct relay_keep){.when = KEEP_WHEN_OUTAGE, .wait = 5 * USEC_PER_SEC};
    w.settings = (struct spool_settings){.directory = "s",
                                         .max_size = 1 << 30,
                                         .max_messages = 100,
                                         .max_age = 432000 * USEC_PER_SEC,
                                         .failed_age = 2592000 * USEC_PER_SEC};
    return 0;
}

static void play(void)
{
    struct sim_play *p = &w.s.play;
    sim_play_begin(p, &w.s.plan, getenv("SIM_VERBOSE") != NULL);
    struct store *store = open_store();
    *sim_disk_faults(p->sim) = w.faults;
    if (w.halt)
        sim_disk_halt_after(p->sim, w.halt);
    w.keep.store = store;
    relay_set_keep(p->relay, &w.keep);
    w.s.ended = sim_play_run(p);
    w.s.struck = p->upstreams[0] ? sim_upstream_struck(p->upstreams[0]) : 0;
    /* what was aborted is removed */
    sim_run_for(p->sim, 30 * USEC_PER_SEC);
    w.nnew = sim_disk_count(p->sim, "s/queue");
    relay_free(&p->relay);
    for (int i = 0; i < STORE_NO_COUNT; i++)
        w.refusals[i] = store_refusals(store, (enum store_no)i);
    store_close(&store);
    if (w.halt)
        sim_disk_crash(p->sim, w.power_cut);
    *sim_disk_faults(p->sim) = (struct sim_disk_faults){0};
    store = open_store();
    look(store);
    store_close(&store);
    sim_play_close(p);
    if (getenv("SIM_SHOW"))
        stage_show(&w.s);
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < w.n; i++) {
        buf_free(&w.found[i].body);
        spool_envelope_free(&w.found[i].envelope);
    }
    if (w.s.play.sim)
        sim_play_free(&w.s.play);
    sim_plan_free(&w.s.plan);
    return 0;
}

/* For one more play within a test. */
static void again(void)
{
    tear_down(NULL);
    set_up(NULL);
}

static void expect_kept(const char *body, size_t len, const char *reason, unsigned unknown)
{
    if (w.n != 1 || stage_outcome(&w.s, 0)->final != 250)
        stage_show(&w.s);
    assert_int_equal(stage_outcome(&w.s, 0)->final, 250);
    assert_int_equal(w.n, 1);
    const struct spool_envelope *e = &w.found[0].envelope;
    struct slice got = buf_view(&w.found[0].body);
    assert_int_equal(got.len, len);
    assert_memory_equal(got.data, body, len);
    assert_string_equal(e->sender, "a@example.com");
    assert_string_equal(e->account, "default");
    assert_string_equal(e->listener, "default");
    assert_string_equal(e->client, "127.0.0.1");
    assert_int_equal(w.found[0].unknown, unknown);
    assert_true(strchr(e->message_id, '@') && strstr(e->date, "2026"));
    char line[64];
    snprintf(line, sizeof line, "reason=%s words=", reason);
    assert_true(sim_log_has(w.s.play.sim, "msg=spooled"));
    assert_true(sim_log_has(w.s.play.sim, line));
}

static const char small[] = "Subject: hi\r\n\r\n.one\r\ntwo\r\n";

/* ------------------------------------------------------------------ no session */

static void an_outage_is_kept(void **state)
{
    (void)state;
    struct sim_message *m = one_message(small, sizeof small - 1);
    m->to[m->nto++] = "c@example.org";
    sim_plan_place(&w.s.plan, "192.0.2.1:587", NULL);
    play();
    expect_kept(small, sizeof small - 1, "no-port", 0);
    assert_int_equal(w.found[0].envelope.nrecipients, 2);
    assert_string_equal(w.found[0].envelope.recipients[1].address, "c@example.org");
    assert_true(stage_said(&w.s, "250 2.1.5 will be kept and sent later: no port of " HOST));
    assert_true(stage_said(&w.s, "250 2.0.0 queued: no port of " HOST " works: 587 refused ["));
    char mark[32];
    snprintf(mark, sizeof mark, "[%s]\r\n", w.found[0].envelope.id);
    assert_true(stage_said(&w.s, mark));
}

/* The wait ends between two races: the reason is what the first found, not that all are busy. */
static void the_reason_is_what_was_found(void **state)
{
    (void)state;
    for (int ms = 985; ms <= 1020; ms++) {
        again();
        w.keep.wait = ms * USEC_PER_MS;
        one_message(small, sizeof small - 1);
        sim_plan_place(&w.s.plan, "192.0.2.1:587", NULL);
        play();
        expect_kept(small, sizeof small - 1, "no-port", 0);
    }
}

static void without_a_spool_nothing_is_kept(void **state)
{
    (void)state;
    w.keep.when = KEEP_WHEN_NEVER;
    one_message(small, sizeof small - 1);
    sim_plan_place(&w.s.plan, "192.0.2.1:587", NULL);
    play();
    assert_int_equal(stage_outcome(&w.s, 0)->rcpt[0], 451);
    assert_int_equal(w.n, 0);
}

static void the_wait_bounds_the_client(void **state)
{
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        again();
        struct sim_upstream_script *up = stage_port(&w.s, "192.0.2.1:587");
        up->faults[0] = (struct sim_fault_rule){.step = SIM_AT_GREETING, .fault = SIM_FAULT_STALL};
        w.keep.wait = (slow ? 4 : 2) * USEC_PER_SEC;
        one_message(small, sizeof small - 1);
        play();
        expect_kept(small, sizeof small - 1, "no-port", 0);
        /* the clock starts at one second, the client one later */
        usec took = stage_outcome(&w.s, 0)->acked - 2 * USEC_PER_SEC;
        assert_in_range(took, w.keep.wait, w.keep.wait + USEC_PER_SEC);
    }
}

static void refused_credentials_are_kept(void **state)
{
    (void)state;
    static const char *const replies[] = {"535 5.7.8 no", "454 4.7.0 later"};
    for (size_t i = 0; i < 2; i++) {
        again();
        stage_port(&w.s, "192.0.2.1:587")->auth_reply = replies[i];
        one_message(small, sizeof small - 1);
        play();
        expect_kept(small, sizeof small - 1, "credentials", 0);
    }
}

static void all_sessions_busy_is_kept(void **state)
{
    (void)state;
    w.s.plan.ini = ONE_PORT "max_connections = 1\n";
    struct sim_upstream_script *up = stage_port(&w.s, "192.0.2.1:587");
    up->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_VERDICT, .fault = SIM_FAULT_SLOW, .delay = 60 * USEC_PER_SEC};
    one_message(small, sizeof small - 1);
    w.s.plan.clients[1] = w.s.plan.clients[0];
    w.s.plan.nclients = 2;
    w.s.plan.delays[1] = 3 * USEC_PER_SEC;
    play();
    assert_int_equal(w.n, 1);
    assert_int_equal(stage_outcome(&w.s, 0)->final, 250);
    assert_int_equal(w.s.play.ledger->nmails, 1);
    assert_true(sim_log_has(w.s.play.sim, "reason=busy"));
}

/* ------------------------------------------------------------------ a link that is lost */

static void strike(enum sim_step step, enum sim_fault fault, const char *text, bool commits)
{
    struct sim_upstream_script *up = stage_port(&w.s, "192.0.2.1:587");
    up->faults[0] = (struct sim_fault_rule){
        .step = step, .fault = fault, .text = text, .commits = commits, .bytes = 10000};
}

/* Twice, at each step before the end of data. */
static void lost_twice_is_kept(void **state)
{
    (void)state;
    static const enum sim_step steps[] = {SIM_AT_MAIL, SIM_AT_RCPT, SIM_AT_BODY};
    static const size_t sizes[] = {64 * 1024, sizeof large};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 2; k++) {
            again();
            strike(steps[i], SIM_FAULT_CLOSE, NULL, false);
            /* or all of a small body is sent before anybody sees */
            w.s.plan.places[0].path.window = 4096;
            if (sizes[k] > CAP_REPLAY)
                w.s.plan.places[0].script.faults[0].bytes = 2 * CAP_REPLAY;
            one_message(large, sizes[k]);
            play();
            expect_kept(large, sizes[k], "lost-link", 0);
            assert_int_equal(w.s.play.ledger->nmails, 0);
        }
}

static void lost_after_the_end_is_unknown(void **state)
{
    (void)state;
    static const size_t sizes[] = {4096, sizeof large};
    for (size_t i = 0; i < 2; i++)
        for (int commits = 0; commits < 2; commits++) {
            again();
            strike(SIM_AT_VERDICT, SIM_FAULT_CLOSE, NULL, commits);
            one_message(large, sizes[i]);
            play();
            expect_kept(large, sizes[i], "lost-link", 1);
            assert_int_equal(w.s.play.ledger->nmails, commits);
        }
}

static void closed_after_the_end_is_not_unknown(void **state)
{
    (void)state;
    strike(SIM_AT_VERDICT, SIM_FAULT_REPLY, "421 4.3.2 going down\r\n", false);
    one_message(large, 4096);
    play();
    expect_kept(large, 4096, "lost-link", 0);
}

/* What the file got beside the sending goes again. */
static void a_large_body_that_is_delivered_leaves_nothing(void **state)
{
    (void)state;
    stage_port(&w.s, "192.0.2.1:587");
    one_message(large, sizeof large);
    play();
    assert_int_equal(stage_outcome(&w.s, 0)->final, 250);
    assert_int_equal(w.s.play.ledger->nmails, 1);
    assert_int_equal(w.n, 0);
    assert_int_equal(w.nnew, 0);
}

/* It left after its end of data: the answer is awaited, and what it would have been told holds. */
static void a_client_that_left_counts_as_waiting(void **state)
{
    (void)state;
    strike(SIM_AT_VERDICT, SIM_FAULT_STALL, NULL, false);
    w.s.plan.clients[0].parts_at = SIM_CLIENT_SENT_DOT;
    w.s.plan.clients[0].parting = SIM_PART_RESET;
    one_message(small, sizeof small - 1);
    play();
    assert_int_equal(w.n, 1);
    assert_int_equal(w.found[0].unknown, 1);
}

static void a_client_that_leaves_before_leaves_nothing(void **state)
{
    (void)state;
    w.keep.when = KEEP_WHEN_ALWAYS;
    stage_port(&w.s, "192.0.2.1:587");
    w.s.plan.clients[0].parts_at = SIM_CLIENT_IN_BODY;
    w.s.plan.clients[0].parts_after = 100000;
    w.s.plan.clients[0].parting = SIM_PART_RESET;
    one_message(large, sizeof large);
    play();
    assert_int_equal(w.n, 0);
    assert_int_equal(w.nnew, 0);
}

/* ------------------------------------------------------------------ verdicts */

static const enum sim_step verdict_steps[] = {SIM_AT_MAIL, SIM_AT_RCPT, SIM_AT_VERDICT};

static void a_verdict_is_told(void **state)
{
    (void)state;
    static const char *const texts[] = {"450 4.2.0 later\r\n", "550 5.1.1 no\r\n"};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 2; k++)
            for (int temporary = 0; temporary < 2; temporary++) {
                again();
                w.keep.when = temporary ? KEEP_WHEN_TEMPORARY : KEEP_WHEN_OUTAGE;
                strike(verdict_steps[i], SIM_FAULT_REPLY, texts[k], false);
                one_message(small, sizeof small - 1);
                play();
                if (temporary && k == 0)
                    expect_kept(small, sizeof small - 1, "temporary", 0);
                else
                    assert_int_equal(w.n, 0);
                assert_int_equal(w.s.play.ledger->nmails, 0);
            }
}

/* One fate per message: who was accepted before goes along, who was refused stays refused. */
static void all_recipients_turn_together(void **state)
{
    (void)state;
    w.keep.when = KEEP_WHEN_TEMPORARY;
    struct sim_upstream_script *up = stage_port(&w.s, "192.0.2.1:587");
    up->rcpt[0] = (struct sim_address_rule){"refused", "550 5.1.1 no"};
    up->rcpt[1] = (struct sim_address_rule){"grey", "450 4.2.0 later"};
    struct sim_message *m = one_message(small, sizeof small - 1);
    static const char *const to[] = {"b@example.org", "refused@example.org", "grey@example.org",
                                     "d@example.org"};
    memcpy(m->to, to, sizeof to);
    m->nto = 4;
    for (int piped = 0; piped < 2; piped++) {
        if (piped) {
            const struct scene kept = w.s;
            struct sim_message copy = *m;
            again();
            w.keep.when = KEEP_WHEN_TEMPORARY;
            up = stage_port(&w.s, "192.0.2.1:587");
            memcpy(up->rcpt, kept.plan.places[0].script.rcpt, sizeof up->rcpt);
            m = one_message(small, sizeof small - 1);
            *m = copy;
        }
        w.s.plan.clients[0].pipelining = piped;
        play();
        expect_kept(small, sizeof small - 1, "temporary", 0);
        const struct sim_outcome *o = stage_outcome(&w.s, 0);
        assert_int_equal(o->rcpt[0], 250);
        assert_int_equal(o->rcpt[1], 550);
        assert_int_equal(o->rcpt[2], 250);
        assert_int_equal(o->rcpt[3], 250);
        const struct spool_envelope *e = &w.found[0].envelope;
        assert_int_equal(e->nrecipients, 3);
        assert_string_equal(e->recipients[0].address, "b@example.org");
        assert_string_equal(e->recipients[1].address, "grey@example.org");
        assert_string_equal(e->recipients[2].address, "d@example.org");
        assert_int_equal(w.s.play.ledger->nmails, 0);
    }
}

static void always_asks_nobody(void **state)
{
    (void)state;
    w.keep.when = KEEP_WHEN_ALWAYS;
    stage_port(&w.s, "192.0.2.1:587");
    one_message(large, sizeof large);
    play();
    expect_kept(large, sizeof large, "always", 0);
    assert_true(stage_said(&w.s, "250 2.0.0 queued: as configured ["));
    assert_int_equal(w.s.play.ledger->nmails, 0);
}

/* ------------------------------------------------------------------ room and the disk */

static void no_room_is_said_at_once(void **state)
{
    (void)state;
    for (int always = 0; always < 2; always++) {
        again();
        w.settings.max_size = 10000;
        w.keep.when = always ? KEEP_WHEN_ALWAYS : KEEP_WHEN_OUTAGE;
        sim_plan_place(&w.s.plan, "192.0.2.1:587", NULL);
        struct sim_message *m = one_message(large, 64 * 1024);
        m->parameters = "SIZE=70000";
        play();
        const struct sim_outcome *o = stage_outcome(&w.s, 0);
        assert_int_equal(always ? o->mail : o->rcpt[0], 452);
        assert_true(stage_said(&w.s, "452 4.3.1 "));
        assert_int_equal(w.n, 0);
        assert_int_equal(w.nnew, 0);
        assert_int_equal(w.refusals[STORE_NO_SIZE], 1);
    }
}

static void a_full_spool_keeps_nothing_from_going(void **state)
{
    (void)state;
    w.settings.max_size = 10000;
    stage_port(&w.s, "192.0.2.1:587");
    one_message(large, sizeof large);
    play();
    assert_int_equal(stage_outcome(&w.s, 0)->final, 250);
    assert_int_equal(w.s.play.ledger->nmails, 1);
    assert_int_equal(w.n, 0);
    assert_int_equal(w.refusals[STORE_NO_SIZE], 0);
}

/* Larger than it said. */
static void a_body_beyond_the_room_is_452(void **state)
{
    (void)state;
    w.settings.max_size = 100000;
    sim_plan_place(&w.s.plan, "192.0.2.1:587", NULL);
    one_message(large, sizeof large);
    play();
    assert_int_equal(stage_outcome(&w.s, 0)->final, 452);
    assert_int_equal(w.n, 0);
    assert_int_equal(w.nnew, 0);
    assert_int_equal(w.refusals[STORE_NO_SIZE], 1);
}

static void every_disk_error_is_452(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        again();
        w.faults = (struct sim_disk_faults){.full = i == 0,
                                            .writes = i == 1 ? 1000 : 0,
                                            .syncs = i == 2 ? 1000 : 0,
                                            .renames = i == 3 ? 1000 : 0,
                                            .directory_syncs = i == 4 ? 1000 : 0};
        sim_plan_place(&w.s.plan, "192.0.2.1:587", NULL);
        one_message(large, 64 * 1024);
        play();
        const struct sim_outcome *o = stage_outcome(&w.s, 0);
        int last = o->rcpt[0] / 100 != 2 ? o->rcpt[0] : o->final;
        assert_int_equal(last, 452);
        assert_true(stage_said(&w.s, "452 4.3.1 "));
        assert_int_equal(w.refusals[STORE_NO_DISK] + w.refusals[STORE_NO_TRUST], 1);
        /* where no name could be synced away, it may be found: a copy, never half a message */
        if (i < 4)
            assert_int_equal(w.n, 0);
    }
}

static void a_slow_disk_only_takes_time(void **state)
{
    (void)state;
    w.faults.slowest = 3 * USEC_PER_SEC;
    sim_plan_place(&w.s.plan, "192.0.2.1:587", NULL);
    one_message(large, sizeof large);
    play();
    expect_kept(large, sizeof large, "no-port", 0);
}

/* The machine stops between any two steps of the disk: what heard 250 is there, whole. */
static void a_250_survives_every_crash(void **state)
{
    (void)state;
    unsigned promised = 0;
    for (uint64_t half = 1; half < 60; half++)
        for (int cut = 0; cut < 2; cut++) {
            again();
            w.halt = half;
            w.power_cut = cut;
            w.s.plan.clients[0].patience = 30 * USEC_PER_SEC;
            w.keep.when = KEEP_WHEN_ALWAYS;
            stage_port(&w.s, "192.0.2.1:587");
            one_message(large, 99968);
            play();
            bool heard = stage_outcome(&w.s, 0)->final == 250;
            promised += heard;
            assert_true(w.n == 1 || !heard);
            if (w.n == 1) {
                assert_int_equal(buf_view(&w.found[0].body).len, 99968);
                assert_memory_equal(buf_view(&w.found[0].body).data, large, 99968);
            }
        }
    assert_true(promised > 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_outage_is_kept),
        TEST(the_reason_is_what_was_found),
        TEST(without_a_spool_nothing_is_kept),
        TEST(the_wait_bounds_the_client),
        TEST(refused_credentials_are_kept),
        TEST(all_sessions_busy_is_kept),
        TEST(lost_twice_is_kept),
        TEST(lost_after_the_end_is_unknown),
        TEST(closed_after_the_end_is_not_unknown),
        TEST(a_large_body_that_is_delivered_leaves_nothing),
        TEST(a_client_that_left_counts_as_waiting),
        TEST(a_client_that_leaves_before_leaves_nothing),
        TEST(a_verdict_is_told),
        TEST(all_recipients_turn_together),
        TEST(always_asks_nobody),
        TEST(no_room_is_said_at_once),
        TEST(a_full_spool_keeps_nothing_from_going),
        TEST(a_body_beyond_the_room_is_452),
        TEST(every_disk_error_is_452),
        TEST(a_slow_disk_only_takes_time),
        TEST(a_250_survives_every_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
