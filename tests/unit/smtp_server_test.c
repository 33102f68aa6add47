/* What a dialog file cannot say of the server half: floods, long bodies, order under load, and
 * noise. */
#include "unit/smtp_server_stage.h"

static void say(struct stage *st, const char *text)
{
    push(st, text, strlen(text));
    sim_run_for(st->sim, SHORT_WHILE);
}

static size_t count_events(const struct stage *st, const char *prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < st->events.n; i++)
        n += strncmp(st->events.items[i], prefix, strlen(prefix)) == 0;
    return n;
}

static void script_answer(struct stage *st, enum kind kind, const char *text)
{
    add(&st->scripted[kind], mem_string(text));
}

static bool heard(struct stage *st, const char *text)
{
    /* a NUL for strstr */
    assert_true(buf_append(&st->heard, "", 1));
    st->heard.len--;
    return strstr(buf_view(&st->heard).data, text) != NULL;
}

/* The numbers of all "NUMBER" words behind "x " in the answers, which must count up from 0. */
static unsigned answers_in_order(struct stage *st)
{
    unsigned n = 0;
    struct slice rest = buf_view(&st->heard);
    while (rest.len) {
        size_t end = slice_find(rest, '\n');
        char line[80];
        unsigned number;
        snprintf(line, sizeof line, "%.*s", (int)(end < 79 ? end : 79), rest.data);
        if (sscanf(line, "250 2.1.5 number %u", &number) == 1)
            assert_int_equal(number, n++);
        rest = slice_from(rest, end + 1);
    }
    return n;
}

/* Four hundred RCPTs in one go with long answers, which come in reverse: no more than the cap reach
 * the handler before the first answer, and the client hears all of them, in its own order, though
 * together they are longer than its output queue. */
static void many_recipients(void **state)
{
    enum { MANY = 400 };
    struct stage st;
    char text[500], filler[380];
    (void)state;
    memset(filler, 'y', sizeof filler - 1);
    filler[sizeof filler - 1] = 0;
    stage_begin(&st, 1);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "later 250 2.1.5 number %u %s", i, filler);
        script_answer(&st, KIND_RCPT, text);
    }
    stage_connect(&st);
    say(&st, "HELO x\r\nMAIL FROM:<a@example.com>\r\n");
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "RCPT TO:<%u@example.net>\r\n", i);
        push(&st, text, strlen(text));
    }
    sim_run_for(st.sim, USEC_PER_SEC);
    assert_int_equal(count_events(&st, "rcpt"), CAP_PENDING_COMMANDS);
    assert_int_equal(answers_in_order(&st), 0);
    while (st.nwaiting)
        answer_waiting(&st, st.nwaiting - 1);
    sim_run_for(st.sim, USEC_PER_SEC);
    assert_int_equal(count_events(&st, "rcpt"), MANY);
    assert_int_equal(answers_in_order(&st), CAP_PENDING_COMMANDS);
    while (st.nwaiting)
        answer_waiting(&st, st.nwaiting - 1);
    sim_run_for(st.sim, USEC_PER_SEC);
    assert_int_equal(answers_in_order(&st), MANY);
    assert_int_equal(st.closed, 0);
    stage_end(&st);
}

/* A client that sends without end and never reads: it is soon not read either, and its silence ends
 * it. */
static void never_reads(void **state)
{
    struct stage st;
    (void)state;
    stage_begin(&st, 1);
    for (int i = 0; i < 20000; i++)
        script_answer(&st, KIND_RCPT,
                      "upstream 550 5.1.1 no such user in this whole wide house, and this is a "
                      "long story that nobody reads");
    stage_connect(&st);
    st.deaf = true;
    say(&st, "HELO x\r\nMAIL FROM:<a@example.com>\r\n");
    struct err err;
    static const char rcpt[] = "RCPT TO:<b@example.net>\r\n";
    for (int i = 0; i < 20000; i++) {
        if (sim_end_write(st.end, rcpt, sizeof rcpt - 1, &err) < 0)
            break;
        sim_run_for(st.sim, SHORT_WHILE);
    }
    size_t reached = count_events(&st, "rcpt");
    /* 64 KiB in flight, the output queue to its low mark, and what one turn adds */
    assert_true(reached > 100 && reached < 900);
    sim_run_for(st.sim, 301 * USEC_PER_SEC);
    assert_int_equal(st.closed, 1);
    assert_int_equal(count_events(&st, "rcpt"), reached);
    assert_string_equal(st.events.items[st.events.n - 1],
                        "closed the client was silent for too long");
    stage_end(&st);
}

/* Bodies of many chunks, with every kind of line end, held now and then: what comes out is what a
 * plain reading of the rules gives. */
static void long_bodies(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct stage st;
        struct buf sent, wanted;
        buf_init(&sent, PLENTY);
        buf_init(&wanted, PLENTY);
        stage_begin(&st, seed);
        sim_path_default(st.sim)->shred = true;
        for (int i = 0; i < 10; i++)
            script_answer(&st, KIND_BODY, "hold");
        stage_connect(&st);
        struct sim_rng *rng = sim_script_rng(st.sim);
        while (sent.len < 300000) {
            static const char *const ends[] = {"\r\n", "\n", "\r\n", "\r\n"};
            char line[300];
            size_t n = sim_rng_index(rng, sizeof line);
            memset(line, 'a' + (int)sim_rng_below(rng, 26), n);
            const char *end = ends[sim_rng_below(rng, 4)];
            bool dotted =
                sim_rng_chance(rng, 20) &&
                (!sent.len || (sent.len > 1 && buf_view(&sent).data[sent.len - 2] == '\r'));
            assert_true(buf_append(&sent, "..", dotted ? 2 : 0) &&
                        buf_append(&wanted, ".", dotted ? 1 : 0));
            assert_true(buf_append(&sent, line, n) && buf_append(&wanted, line, n));
            assert_true(buf_append(&sent, end, strlen(end)) && buf_append(&wanted, "\r\n", 2));
        }
        assert_true(buf_append(&sent, "z\r\n.\r\n", 6) && buf_append(&wanted, "z\r\n", 3));
        say(&st, "HELO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n");
        struct slice rest = buf_view(&sent);
        for (struct err err; rest.len; sim_run_for(st.sim, SHORT_WHILE)) {
            ssize_t n = sim_end_write(st.end, rest.data, rest.len, &err);
            assert_true(n >= 0);
            rest = slice_from(rest, (size_t)n);
            if (st.held && sim_rng_chance(rng, 30)) {
                st.held = false;
                smtp_server_hold_body(st.server, false);
            }
        }
        while (count_events(&st, "end") == 0) {
            st.held = false;
            smtp_server_hold_body(st.server, false);
            sim_run_for(st.sim, SHORT_WHILE);
        }
        assert_true(heard(&st, "queued as test"));
        assert_true(slice_equal(buf_view(&st.message), buf_view(&wanted)));
        stage_end(&st);
        buf_free(&sent);
        buf_free(&wanted);
    }
}

/* Noise made of pieces of SMTP: whatever comes, the session ends once, and every transaction that
 * began was ended by a delivery, a reset or the close. */
static void noise(void **state)
{
    static const char *const pieces[] = {"MAIL FROM:",
                                         "RCPT TO:",
                                         "<a@example.com>",
                                         "<>",
                                         "\r\n",
                                         "\r\n",
                                         "\r\n",
                                         "\n",
                                         "\r",
                                         ".",
                                         ".\r\n",
                                         "\r\n.\r\n",
                                         "DATA\r\n",
                                         "EHLO x\r\n",
                                         "HELO x\r\n",
                                         "RSET\r\n",
                                         " SIZE=10",
                                         "NOOP",
                                         "QUIT",
                                         "STARTTLS",
                                         "\0",
                                         "\x16\x03",
                                         "\"",
                                         "BDAT 3 LAST\r\n",
                                         "MAIL FROM:<a@example.com>\r\n",
                                         "RCPT TO:<b@example.net>\r\n",
                                         "text",
                                         "\xc3\xa4",
                                         "\xff"};
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct stage st;
        stage_begin(&st, seed);
        struct sim_rng *rng = sim_script_rng(st.sim);
        for (int i = 0; i < 50; i++) {
            if (sim_rng_chance(rng, 30))
                script_answer(&st, KIND_RCPT,
                              sim_rng_chance(rng, 50) ? "later 250 2.1.5 ok"
                                                      : "upstream 550 5.1.1 no");
            if (sim_rng_chance(rng, 30))
                script_answer(&st, KIND_END,
                              sim_rng_chance(rng, 50) ? "later 250 2.0.0 ok" : "451 4.4.2 lost");
            if (sim_rng_chance(rng, 20))
                script_answer(&st, KIND_BODY, "554 5.6.0 not that");
            if (sim_rng_chance(rng, 2))
                script_answer(&st, (enum kind)sim_rng_below(rng, KIND_BODY), "shut");
        }
        stage_connect(&st);
        if (sim_rng_chance(rng, 80))
            say(&st, "EHLO x\r\n");
        for (int i = 0; i < 120 && !st.closed; i++) {
            size_t which = sim_rng_index(rng, sizeof pieces / sizeof pieces[0]);
            push(&st, pieces[which], pieces[which][0] ? strlen(pieces[which]) : 1);
            if (st.nwaiting && sim_rng_chance(rng, 50) && !st.closed)
                answer_waiting(&st, sim_rng_index(rng, st.nwaiting));
            if (sim_rng_chance(rng, 2))
                sim_run_for(st.sim, 100 * USEC_PER_SEC);
        }
        /* what still waited is void */
        if (st.closed)
            while (st.nwaiting)
                free(st.waiting_answer[--st.nwaiting]);
        stage_end(&st);
    }
}

/* Closed before the greeting: whoever is not welcome hears that and nothing else. */
static void on_unwelcome(void *ctx, struct transport *t)
{
    struct stage *st = ctx;
    st->server = smtp_server_new(sim_io(st->sim), t, &st->settings, &handlers, st);
    smtp_server_close(st->server, 554, "5.7.1", "192.0.2.7 may not use this server");
}

static void unwelcome(void **state)
{
    struct stage st;
    (void)state;
    stage_begin(&st, 1);
    struct addr at;
    struct err err;
    assert_true(addr_parse_with_port(slice_of("192.0.2.25:25"), &at));
    st.listener = listener_open(sim_loop(st.sim), &at, on_unwelcome, &st, &err);
    st.end = sim_connect(st.sim, &at, NULL, on_client, &st);
    sim_run_for(st.sim, USEC_PER_SEC);
    assert_true(slice_is(buf_view(&st.heard), "554 5.7.1 192.0.2.7 may not use this server\r\n"));
    assert_int_equal(st.closed, 1);
    stage_end(&st);
}

/* The answers to one segment leave in one write: lock-step senders stall 40 ms for each one
 * more. */
static void one_flight(void **state)
{
    struct stage st;
    (void)state;
    stage_begin(&st, 1);
    sim_path_default(st.sim)->latency = 100 * USEC_PER_MS;
    stage_connect(&st);
    sim_run_for(st.sim, USEC_PER_SEC);
    struct err err;
    static const char group[] =
        "HELO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n";
    assert_int_equal(sim_end_write(st.end, group, sizeof group - 1, &err), sizeof group - 1);
    sim_run_for(st.sim, 201 * USEC_PER_MS);
    assert_true(heard(&st, "354 go ahead"));
    stage_end(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_recipients), cmocka_unit_test(never_reads),
        cmocka_unit_test(long_bodies),     cmocka_unit_test(noise),
        cmocka_unit_test(unwelcome),       cmocka_unit_test(one_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
