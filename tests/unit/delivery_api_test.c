/* A message that goes by HTTPS because no SMTP port works: what its client hears of each answer of
 * the service, what another port takes over, and what is not for this port at all. */
#include "delivery_world.h"
#include "io/disk.h"
#include "io/gather.h"
#include "upstream_api_world.h"

#define SMTP_AND_API "[upstream]\nhost = " HOST "\nusername = user\npassword = right\nports = 587\n"

struct mail_service {
    struct sim *sim;
    struct sim_http_reply verdict;
    unsigned messages;
    size_t len;
    /* At the first message 587 begins to work. */
    bool opens_smtp;
};

static struct sim_http_reply serve(void *ctx, const struct sim_http_mail *mail)
{
    struct mail_service *v = ctx;
    if (mail->is_get)
        return (struct sim_http_reply){.status = 404, .body = "{}"};
    v->messages++;
    v->len = mail->body.len;
    if (v->opens_smtp)
        sim_path(v->sim, AT587)->syn = SIM_OPEN;
    return v->verdict;
}

/* The account has the port 443/api alone, or 587 before it, which is a black hole. */
static void begin(struct party *p, struct mail_service *v, enum api_choice api, bool has_smtp)
{
    *p = (struct party){.limit = SIZE_MAX};
    world_begin(&p->w);
    world_server(&p->w, AT587);
    sim_path(p->w.sim, AT587)->syn = SIM_DROPPED;
    *v = (struct mail_service){.sim = p->w.sim, .verdict = {.status = 202, .body = "{}"}};
    api_begin(&p->w, NULL, serve, v);
    struct config *config = api_config(SMTP_AND_API, api, NULL);
    config->upstreams[0].api_secret = secret_new(slice_of("key-1"));
    if (!has_smtp)
        config->upstreams[0].ports.items[0] =
            config->upstreams[0].ports.items[--config->upstreams[0].ports.n];
    party_load_config(p, config);
}

static void end(struct party *p)
{
    struct io *io = sim_io(p->w.sim);
    delivery_free(&p->d);
    accounts_free(&p->w.accounts);
    sim_run_for(p->w.sim, 20 * S);
    assert_int_equal(sim_living(p->w.sim).jobs, 0);
    oauth_free(&io->oauth);
    http_free(&io->http);
    party_end(p);
}

static const char mine[] = "To: b@example.org\r\nSubject: x\r\n\r\nhello\r\n";
static const char others[] = "To: b@example.org, c@example.org\r\n\r\nhello\r\n";

static void run(struct party *p, const char *body, size_t len)
{
    party_begin(p, body, len, true);
    party_run(p);
}

static void expect(const struct party *p, const char *words)
{
    if (!strstr(p->words, words))
        fail_msg("\"%s\" instead of \"%s\"", p->words, words);
}

/* ---- the tests ---- */

static void the_services_yes_is_the_clients(void **state)
{
    struct party p;
    struct mail_service v;
    (void)state;
    for (int smtp = 0; smtp < 2; smtp++) {
        begin(&p, &v, API_GRAPH, smtp);
        run(&p, mine, strlen(mine));
        assert_int_equal(p.verdicts, 1);
        expect(&p, "250 2.0.0 Microsoft Graph has taken the message");
        assert_int_equal(v.messages, 1);
        assert_int_equal(p.codes[0], 250);
        assert_int_equal(p.message.port, 443);
        end(&p);
    }
}

/* Each answer: what is said, what becomes of it with a spool, how often the service was asked. */
static void what_a_client_hears(void **state)
{
    static const struct {
        struct sim_http_reply verdict;
        const char *words;
        enum keep kept;
        bool may_be_taken;
        int64_t wait;
        unsigned messages;
    } rows[] = {
        {{.status = 400, .body = "{\"error\": {\"code\": \"X\", \"message\": \"why\"}}"},
         "554 5.0.0 Microsoft Graph refuses the message: why (X)",
         KEEP_NOT,
         false,
         0,
         1},
        {{.status = 503},
         "451 4.4.1 Microsoft Graph does not work just now: HTTP 503 [abcdefghijk]",
         KEEP_NO_PORT,
         false,
         0,
         2},
        {{.status = 302}, "451 4.4.1 Microsoft Graph gave an answer", KEEP_NO_PORT, false, 0, 2},
        {{.status = 504}, "451 4.4.2 Microsoft Graph did not say", KEEP_LOST_LINK, true, 0, 1},
        {{.fate = SIM_HTTP_LOST},
         "451 4.4.2 Microsoft Graph did not say",
         KEEP_LOST_LINK,
         true,
         0,
         1},
        {{.status = 403, .body = "{\"error\": {\"code\": \"Blocked\"}}"},
         "451 4.3.5 Microsoft Graph refuses to send for this account (Blocked) [abcdefghijk]",
         KEEP_CREDENTIALS,
         false,
         0,
         1},
        {{.status = 429}, "451 4.3.2 Microsoft Graph takes no more", KEEP_RATE, false, 0, 1},
        {{.status = 429, .retry_after = 7200},
         "451 4.3.2 Microsoft Graph takes no more",
         KEEP_RATE,
         false,
         7200,
         1},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct party p;
        struct mail_service v;
        size_t row = i / 2;
        begin(&p, &v, API_GRAPH, false);
        p.keep = i % 2 ? KEEP_WHEN_OUTAGE : KEEP_WHEN_NEVER;
        v.verdict = rows[row].verdict;
        run(&p, mine, strlen(mine));
        expect(&p, rows[row].words);
        assert_int_equal(p.kept, i % 2 ? rows[row].kept : KEEP_NOT);
        assert_int_equal(p.may_be_taken, rows[row].may_be_taken);
        assert_int_equal(p.wait, rows[row].wait);
        assert_int_equal(v.messages, rows[row].messages);
        end(&p);
    }
}

/* The service took nothing: the message goes by a port that works by now. */
static void another_port_takes_over(void **state)
{
    static const struct sim_http_reply answers[] = {{.status = 503}, {.status = 302}};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct party p;
        struct mail_service v;
        begin(&p, &v, API_GRAPH, true);
        v.verdict = answers[i / 2];
        v.opens_smtp = true;
        party_begin(&p, mine, strlen(mine), i % 2);
        party_run(&p);
        expect(&p, "250 ");
        assert_int_equal(party_arrived(&p), 1);
        assert_int_equal(v.messages, 1);
        assert_int_equal(p.message.port, 587);
        end(&p);
    }
}

/* What may have been taken is not given to another. */
static void what_may_be_taken_is_not_sent_again(void **state)
{
    struct party p;
    struct mail_service v;
    (void)state;
    begin(&p, &v, API_GRAPH, true);
    v.verdict = (struct sim_http_reply){.fate = SIM_HTTP_LOST};
    v.opens_smtp = true;
    run(&p, mine, strlen(mine));
    expect(&p, "451 4.4.2");
    assert_int_equal(party_arrived(&p), 0);
    assert_true(sim_log_has(p.w.sim, "duplicate possible"));
    end(&p);
}

static char *large_message(size_t size)
{
    char *text = mem_alloc(size);
    memset(text, 'x', size);
    memcpy(text, "To: b@example.org\r\n\r\n", 21);
    for (size_t i = 100; i < size; i += 100)
        memcpy(text + i, "\r\n", 2);
    return text;
}

static struct gather_place *new_place(struct party *p)
{
    struct loop *loop = sim_io(p->w.sim)->loop;
    struct disk *disk = disk_new(loop);
    struct disk_directory *dir;
    struct err err;
    assert_int_equal(disk_directory_open(disk, "/spool", true, &dir, &err), 0);
    disk_directory_close(&dir);
    disk_free(&disk);
    return gather_place_new(loop, "/spool");
}

/* For good where nothing else takes it, "again" where an SMTP port may; then it is an outage. */
static void what_is_not_for_this_port(void **state)
{
    enum { LARGE = 4000000 };
    char *large = large_message(LARGE);
    const struct {
        const char *sender, *body;
        size_t len;
        const char *alone, *beside, *log;
    } rows[] = {
        {"", mine, strlen(mine), "550 5.7.1 the API of " HOST " takes no null sender",
         "it has the null sender", "reason=envelope"},
        {NULL, others, strlen(others),
         "554 5.6.0 the API of " HOST " sends to all whom the header names, and these are not in "
         "the envelope: c@example.org [abcdefghijk]",
         "its header names others than its envelope: c@example.org", "reason=envelope"},
        {NULL, "To: <b@\r\n\r\nx\r\n", 14, "554 5.6.0 the API of " HOST " sends to whom",
         "can not be read with certainty", "reason=envelope"},
        {NULL, large, LARGE, "552 5.3.4 the message is larger than " HOST " takes",
         "it is too large", "reason=size"},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct party p;
        struct mail_service v;
        size_t row = i / 2;
        bool has_smtp = i % 2;
        begin(&p, &v, API_GRAPH, has_smtp);
        p.keep = KEEP_WHEN_OUTAGE;
        p.sender = rows[row].sender;
        struct gather_place *place = sim_io(p.w.sim)->gather = new_place(&p);
        run(&p, rows[row].body, rows[row].len);
        expect(&p, has_smtp ? "451 4.4.1 no SMTP port of " HOST " works, and its API does not take "
                              "this message: "
                            : rows[row].alone);
        if (has_smtp)
            expect(&p, rows[row].beside);
        assert_int_equal(p.kept, has_smtp ? KEEP_NO_PORT : KEEP_NOT);
        assert_true(sim_log_has(p.w.sim, rows[row].log));
        assert_int_equal(v.messages, 0);
        gather_place_unref(&place);
        end(&p);
    }
    free(large);
}

/* What SMTP said of its limit counts, and not where the port was once shut. */
static void an_smtp_port_with_a_smaller_limit_is_none(void **state)
{
    enum { LARGE = 4000000 };
    char *large = large_message(LARGE);
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct party p;
        struct mail_service v;
        struct wish x;
        begin(&p, &v, API_GRAPH, true);
        sim_upstream_script(p.w.up[0])->size = i ? 3999999 : 5000000;
        sim_path(p.w.sim, AT587)->syn = SIM_OPEN;
        wish_hold(&x, &p.w);
        assert_int_equal(x.port, 587);
        wish_return(&x);
        sim_path(p.w.sim, AT587)->syn = SIM_DROPPED;
        accounts_network_changed(p.w.accounts);
        struct gather_place *place = sim_io(p.w.sim)->gather = new_place(&p);
        run(&p, large, LARGE);
        expect(&p, i ? "552 5.3.4 the message is larger than" : "451 4.4.1 no SMTP port of");
        gather_place_unref(&place);
        end(&p);
    }
    free(large);
}

/* It is our own disk. */
static void no_room_is_said_as_it_is(void **state)
{
    enum { LARGE = 2000000 };
    char *large = large_message(LARGE);
    struct party p;
    struct mail_service v;
    (void)state;
    begin(&p, &v, API_GRAPH, true);
    run(&p, large, LARGE);
    expect(&p, "452 4.3.1 there is no room to gather the message before it is sent: ");
    assert_int_equal(v.messages, 0);
    end(&p);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_services_yes_is_the_clients),
        cmocka_unit_test(what_a_client_hears),
        cmocka_unit_test(another_port_takes_over),
        cmocka_unit_test(what_may_be_taken_is_not_sent_again),
        cmocka_unit_test(what_is_not_for_this_port),
        cmocka_unit_test(an_smtp_port_with_a_smaller_limit_is_none),
        cmocka_unit_test(no_room_is_said_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
