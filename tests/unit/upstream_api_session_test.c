/* The carrier over HTTPS against a scripted service: each answer's end, the truth about a request
 * that was lost, and what is not taken at all. */
#include "upstream_api_session_world.h"

static void a_message_arrives(void **state)
{
    struct world_of_api a;
    struct mailer m;
    (void)state;
    begin(&a, "gmail");
    a.v.reply = (struct sim_http_reply){.status = 200, .body = "{\"id\": \"18c9\"}"};
    open_session(&m, &a);
    assert_true(carrier_ehlo(m.c)->has_size);
    for (int i = 1; i <= 3; i++) {
        send_plain(&m);
        assert_true(m.mailed && m.went_ahead);
        assert_int_equal(m.answers, 2);
        assert_int_equal(m.codes[0] + m.codes[1], 500);
        assert_true(says(&m.verdict, "250 2.0.0 Gmail has taken the message: 18c9"));
        assert_int_equal(a.v.n, i);
        assert_int_equal(m.proven, i);
        assert_int_equal(carrier_flights(m.c), 1);
        assert_string_equal(a.v.authorization, "Bearer right");
        assert_int_equal(a.v.len, strlen(plain));
        assert_memory_equal(a.v.body, plain, a.v.len);
        assert_true(carrier_is_idle(m.c));
    }
    close_session(&m);
    end(&a);
}

static void what_the_envelope_alone_names_becomes_a_bcc(void **state)
{
    static const char *const to[] = {"a@x.test", "b@x.test", "c@x.test", NULL};
    struct world_of_api a;
    struct mailer m;
    (void)state;
    begin(&a, "gmail");
    open_session(&m, &a);
    say_envelope(&m, "me@example.org", to);
    say_body(&m, slice_of(plain));
    await(&m);
    assert_non_null(strstr(a.v.body, "Bcc: c@x.test\r\n\r\nhello\r\n"));
    close_session(&m);
    end(&a);
}

static char *complete_root(void *ctx, const struct address *to)
{
    (void)ctx;
    return slice_is(to->local, "root") ? mem_string("a@x.test") : NULL;
}

static void a_bare_name_is_completed(void **state)
{
    static const char *const to[] = {"a@x.test", NULL};
    struct world_of_api a;
    struct mailer m;
    (void)state;
    begin(&a, "gmail");
    a.terms.complete = complete_root;
    open_session(&m, &a);
    say_envelope(&m, "me@example.org", to);
    say_body(&m, slice_of("To: root\r\n\r\nhello\r\n"));
    await(&m);
    assert_true(m.has_verdict);
    assert_non_null(strstr(a.v.body, "To: a@x.test\r\n"));
    close_session(&m);
    end(&a);
}

static void what_is_not_for_this_rung(void **state)
{
    static const char *const to[] = {"a@x.test", NULL};
    static const struct {
        const char *from, *body;
        enum smtp_client_decline why;
        const char *words;
    } rows[] = {
        {"", plain, SMTP_CLIENT_DECLINES_SENDER, ""},
        {"me@x.test", plain, SMTP_CLIENT_DECLINES_OTHERS, "b@x.test"},
        {"me@x.test", "To: a@x.test, <b@\r\n\r\nx\r\n", SMTP_CLIENT_DECLINES_HEADER, ""},
    };
    struct world_of_api a;
    (void)state;
    begin(&a, "gmail");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mailer m;
        open_session(&m, &a);
        say_envelope(&m, rows[i].from, to);
        say_body(&m, slice_of(rows[i].body));
        await(&m);
        assert_true(m.has_declined);
        assert_int_equal(m.declined, rows[i].why);
        assert_non_null(strstr(m.words, rows[i].words));
        assert_int_equal(a.v.n, i);
        /* The session is sound: the next message goes. */
        assert_true(carrier_abort(m.c));
        assert_true(carrier_is_idle(m.c));
        sim_run_for(a.w.sim, 0);
        assert_int_equal(m.ready, 1);
        send_plain(&m);
        assert_true(m.has_verdict && reply_is(&m.verdict, 2));
        close_session(&m);
    }
    end(&a);
}

static void too_many_recipients_hear_it_each(void **state)
{
    static char text[502][20];
    const char *to[503];
    struct world_of_api a;
    struct mailer m;
    (void)state;
    for (int i = 0; i < 502; i++) {
        snprintf(text[i], sizeof text[i], "r%d@x.test", i);
        to[i] = text[i];
    }
    to[502] = NULL;
    begin(&a, "graph");
    open_session(&m, &a);
    say_envelope(&m, "me@example.org", to);
    say_body(&m, slice_of("Subject: x\r\n\r\nhello\r\n"));
    await(&m);
    assert_int_equal(m.answers, 502);
    assert_int_equal(m.codes[499], 250);
    assert_int_equal(m.codes[500], 452);
    assert_int_equal(m.codes[501], 452);
    assert_true(m.has_verdict && a.v.n == 1);
    close_session(&m);
    end(&a);
}

static void a_large_message_goes_through_a_file(void **state)
{
    static const char *const to[] = {"a@x.test", NULL};
    static const size_t sizes[] = {1000000, 3000000, 25000000};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world_of_api a;
        struct mailer m;
        char *text = long_message(sizes[i]);
        begin(&a, "gmail");
        open_session(&m, &a);
        say_envelope(&m, "me@example.org", to);
        say_body(&m, slice_make(text, sizes[i]));
        await(&m);
        assert_true(m.has_verdict && reply_is(&m.verdict, 2));
        assert_int_equal(a.v.len, sizes[i]);
        assert_memory_equal(a.v.body, text, sizes[i]);
        close_session(&m);
        end(&a);
        free(text);
    }
}

/* While it comes, and by a Bcc line too many. */
static void what_is_too_large_is_not_sent(void **state)
{
    static const char *const to[] = {"a@x.test", "b@x.test", NULL};
    uint64_t limit = api_service_size(api_service_named(slice_of("graph")));
    (void)state;
    for (uint64_t size = limit - 1; size <= 2 * limit; size += limit) {
        struct world_of_api a;
        struct mailer m;
        char *text = long_message((size_t)size);
        begin(&a, "graph");
        open_session(&m, &a);
        say_envelope(&m, "me@example.org", to);
        say_body(&m, slice_make(text, (size_t)size));
        await(&m);
        assert_true(m.has_declined);
        assert_int_equal(m.declined, SMTP_CLIENT_DECLINES_SIZE);
        assert_int_equal(a.v.n, 0);
        assert_int_equal(carrier_body(m.c, slice_of("more")), 4);
        close_session(&m);
        end(&a);
        free(text);
    }
}

static void a_full_disk_is_not_the_services_word(void **state)
{
    struct world_of_api a;
    struct mailer m;
    char *text = long_message(3000000);
    (void)state;
    begin(&a, "gmail");
    sim_disk_faults(a.w.sim)->full = true;
    open_session(&m, &a);
    say_envelope(&m, "me@example.org", (const char *const[]){"a@x.test", NULL});
    say_body(&m, slice_make(text, 3000000));
    await(&m);
    assert_true(m.has_declined);
    assert_int_equal(m.declined, SMTP_CLIENT_DECLINES_ROOM);
    assert_non_null(strstr(m.words, "no space left"));
    assert_int_equal(a.v.n, 0);
    close_session(&m);
    end(&a);
    free(text);
}

enum ending { VERDICT, LOST, DECLINED };

/* Each end of an answer, and each way to have none. */
static void what_the_answers_mean(void **state)
{
    static const struct {
        struct sim_http_reply reply;
        enum ending ending;
        int code;
        const char *words;
        enum smtp_client_fault fault;
        bool sent;
        int refused, strange;
    } rows[] = {
        {{.status = 202}, VERDICT, 250, "Microsoft Graph has taken the message", 0, 0, 0, 0},
        {{.status = 400, .body = "{\"error\": {\"code\": \"X\", \"message\": \"no such thing\"}}"},
         VERDICT,
         554,
         "no such thing (X)",
         0,
         0,
         0,
         0},
        {{.status = 403, .body = "{\"error\": {\"code\": \"ErrorSendAsDenied\"}}"},
         VERDICT,
         550,
         "5.7.1",
         0,
         0,
         0,
         0},
        {{.status = 413}, DECLINED, 0, "", 0, 0, 0, 0},
        {{.status = 403}, LOST, 451, "4.3.5", SMTP_CLIENT_FAULT_BARRED, false, 1, 0},
        {{.status = 401}, LOST, 451, "4.3.5", SMTP_CLIENT_FAULT_BARRED, false, 1, 0},
        {{.status = 429}, VERDICT, 451, "4.3.2", 0, 0, 0, 0},
        {{.status = 503}, LOST, 451, "4.4.1", SMTP_CLIENT_FAULT_SERVICE, false, 0, 0},
        {{.status = 504}, LOST, 451, "4.4.2", SMTP_CLIENT_FAULT_SERVICE, true, 0, 0},
        {{.status = 302}, LOST, 451, "4.4.1", SMTP_CLIENT_FAULT_STRANGE, false, 0, 1},
        {{.status = 200, .fate = SIM_HTTP_NOBODY},
         LOST,
         451,
         "4.4.1 Microsoft Graph does not work "
         "just now: service.test: connection refused",
         SMTP_CLIENT_FAULT_SERVICE,
         false,
         0,
         0},
        {{.status = 200, .fate = SIM_HTTP_CUT},
         LOST,
         451,
         "4.4.1",
         SMTP_CLIENT_FAULT_SERVICE,
         false,
         0,
         0},
        {{.status = 200, .fate = SIM_HTTP_LOST},
         LOST,
         451,
         "4.4.2",
         SMTP_CLIENT_FAULT_SERVICE,
         true,
         0,
         0},
        /* silence */
        {{.status = 0}, LOST, 451, "4.4.2", SMTP_CLIENT_FAULT_SERVICE, true, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world_of_api a;
        struct mailer m;
        begin(&a, "graph");
        a.v.reply = rows[i].reply;
        open_session(&m, &a);
        send_plain(&m);
        assert_int_equal(m.has_verdict, rows[i].ending == VERDICT);
        assert_int_equal(m.has_lost, rows[i].ending == LOST);
        assert_int_equal(m.has_declined, rows[i].ending == DECLINED);
        assert_int_equal(m.verdict.code, rows[i].code);
        if (m.verdict.code && !says(&m.verdict, rows[i].words))
            fail_msg("row %zu", i);
        if (rows[i].ending == VERDICT)
            assert_int_equal(carrier_wait(m.c), rows[i].reply.status == 429 ? 0 : -1);
        assert_int_equal(m.refused, rows[i].refused);
        assert_int_equal(m.strange, rows[i].strange);
        assert_int_equal(m.proven, rows[i].reply.status == 202);
        if (rows[i].ending == LOST) {
            assert_int_equal(m.failure.fault, rows[i].fault);
            assert_int_equal(m.failure.end_of_data_sent, rows[i].sent);
            assert_true(m.gone);
        }
        close_session(&m);
        end(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives),
        cmocka_unit_test(what_the_envelope_alone_names_becomes_a_bcc),
        cmocka_unit_test(a_bare_name_is_completed),
        cmocka_unit_test(what_is_not_for_this_rung),
        cmocka_unit_test(too_many_recipients_hear_it_each),
        cmocka_unit_test(a_large_message_goes_through_a_file),
        cmocka_unit_test(what_is_too_large_is_not_sent),
        cmocka_unit_test(a_full_disk_is_not_the_services_word),
        cmocka_unit_test(what_the_answers_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
