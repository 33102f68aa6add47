/* `443/api` as a rung of the ladder: raced, remembered and explained as the others are, without
 * their name, their addresses and their login. */
#include "upstream_api_world.h"

#define ACCOUNT(ports)                                                                             \
    "[upstream]\nhost = " HOST "\nusername = user\npassword = right\nports = " ports "\n"

/* The service: what it answers to the question whether it is there, and to a message. */
struct service {
    struct sim_http_reply there, verdict;
    unsigned asked, messages;
};

static struct sim_http_reply serve(void *ctx, const struct sim_http_mail *mail)
{
    struct service *v = ctx;
    v->asked += mail->is_get;
    v->messages += !mail->is_get;
    return mail->is_get ? v->there : v->verdict;
}

static void begin(struct world *w, struct service *v)
{
    world_begin(w);
    sim_path_default(w->sim)->latency = 0;
    *v = (struct service){.there = {.status = 404, .body = "{}"},
                          .verdict = {.status = 200, .body = "{\"id\": \"<1@mg>\"}"}};
    api_begin(w, NULL, serve, v);
}

static void load(struct world *w, const char *ini)
{
    struct config *config = api_config(ini, API_MAILGUN, NULL);
    config->upstreams[0].api_secret = secret_new(slice_of("key-1"));
    api_load(w, config);
}

static usec get(struct world *w, struct wish *x, uint16_t port)
{
    wish_ask(x, w);
    usec took = wish_wait(x);
    if (!x->acquired)
        fail_msg("refused: %s", x->words);
    assert_int_equal(x->port, port);
    wish_return(x);
    return took;
}

/* Every SMTP port is shut. */
static void a_black_hole_costs_the_patience(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    sim_path(w.sim, AT587)->syn = SIM_DROPPED;
    load(&w, ACCOUNT("587"));
    assert_true(get(&w, &x, 443) <= 600 * MS);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_TIMEOUT_CONNECT);
    assert_int_equal(report_of(&w, 443)->finding, FINDING_WORKS);
    assert_non_null(
        strstr(report_of(&w, 443)->words, "443/api: api.mailgun.net answers over HTTPS"));
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    /* What SMTP takes is not known. */
    assert_false(account_facts(world_account(&w))->known);
    /* It is remembered: the next session dials no other port. */
    sim_run_for(w.sim, MINUTE);
    assert_true(get(&w, &x, 443) < 100 * MS);
    api_end(&w);
}

static void smtp_goes_first_where_it_works(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    world_server(&w, AT587);
    load(&w, ACCOUNT("587"));
    get(&w, &x, 587);
    assert_int_equal(v.asked, 0);
    assert_int_equal(report_of(&w, 443)->finding, FINDING_UNTRIED);
    api_end(&w);
}

/* The way back: a better port is tried in the background. */
static void it_goes_back_to_smtp(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    sim_path(w.sim, AT587)->syn = SIM_DROPPED;
    load(&w, ACCOUNT("587"));
    get(&w, &x, 443);
    sim_path(w.sim, AT587)->syn = SIM_OPEN;
    world_server(&w, AT587);
    sim_run_for(w.sim, 11 * MINUTE);
    get(&w, &x, 587);
    api_end(&w);
}

/* A resolver that is silent about the host of SMTP says nothing of the API's. */
static void it_waits_for_no_lookup(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    sim_name_manner(w.sim, HOST, ADDR_V4, SIM_DNS_SILENT, 0);
    sim_name_manner(w.sim, HOST, ADDR_V6, SIM_DNS_SILENT, 0);
    load(&w, ACCOUNT("587"));
    assert_true(get(&w, &x, 443) <= 600 * MS);
    api_end(&w);
}

/* A slow lookup keeps the order: who is in front has its patience. */
static void a_slow_lookup_keeps_the_order(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    world_server(&w, AT587);
    sim_name_manner(w.sim, HOST, ADDR_V4, SIM_DNS_ANSWERS, 400 * MS);
    load(&w, ACCOUNT("587"));
    get(&w, &x, 587);
    assert_int_equal(v.asked, 0);
    api_end(&w);
}

/* The API was started beside the lookup and is slow: when the lookup has answered, the port in
 * front is begun at once. */
static void a_late_lookup_still_wins(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    world_server(&w, AT587);
    v.there.delay = 5 * S;
    sim_name_manner(w.sim, HOST, ADDR_V4, SIM_DNS_ANSWERS, 550 * MS);
    sim_name_manner(w.sim, HOST, ADDR_V6, SIM_DNS_ANSWERS, 550 * MS);
    load(&w, ACCOUNT("587"));
    assert_true(get(&w, &x, 587) < 700 * MS);
    assert_int_equal(v.asked, 1);
    api_end(&w);
}

static struct config *alone(void)
{
    struct config *config = api_config(ACCOUNT("587"), API_MAILGUN, NULL);
    struct upstream_config *u = &config->upstreams[0];
    u->api_secret = secret_new(slice_of("key-1"));
    u->ports.items[0] = u->ports.items[1];
    u->ports.n = 1;
    return config;
}

static void the_only_rung_asks_for_no_name(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    api_load(&w, alone());
    get(&w, &x, 443);
    assert_int_equal(sim_name_questions(w.sim, HOST), 0);
    /* It has no EHLO, and knows its limit. */
    assert_int_equal(account_facts(world_account(&w))->size, 25000000);
    api_end(&w);
}

static void nothing_works(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    v.there.status = 0;
    load(&w, ACCOUNT("587"));
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_NO_PORT);
    assert_string_equal(x.words, "587 refused, 443/api timeout-connect");
    assert_int_equal(account_standing(world_account(&w)), STANDING_NO_PORT);
    api_end(&w);
}

/* Where SMTP AUTH is switched off no port of SMTP helps: the rung whose login is another does. */
static void a_refused_login_leaves_the_other_rung(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    world_server(&w, AT587)->password = "another";
    load(&w, ACCOUNT("587"));
    get(&w, &x, 443);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_AUTH_REFUSED);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    assert_true(sim_log_has(w.sim, "goes on over HTTPS, where the login is another"));
    unsigned logins = logins_at(&w, 0);
    /* It is not hammered, and tried again when the wait is over. */
    for (int i = 0; i < 4; i++) {
        get(&w, &x, 443);
        sim_run_for(w.sim, MINUTE);
    }
    assert_int_equal(logins_at(&w, 0), logins);
    sim_upstream_script(w.up[0])->password = "right";
    sim_run_for(w.sim, 12 * MINUTE);
    get(&w, &x, 587);
    api_end(&w);
}

/* Each token is another, and refused. */
static struct sim_http_reply give_another(void *ctx, struct slice body)
{
    static char text[64];
    unsigned *given = ctx;
    (void)body;
    snprintf(text, sizeof text, "{\"access_token\":\"t%u\",\"expires_in\":3600}", ++*given);
    return (struct sim_http_reply){.status = 200, .body = text};
}

/* A token that is fetched for nobody would end the rest, as one that another reload brings. */
static void refused_tokens_leave_the_other_rung(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    unsigned given = 0;
    (void)state;
    begin(&w, &v);
    sim_http_serve(w.sim, give_another, &given);
    struct sim_upstream_script *server = world_server(&w, AT587);
    server->mechanisms = "XOAUTH2";
    server->password = "no token";
    load(&w, "[upstream]\nhost = " HOST "\nusername = user\noauth_client_id = app\n"
             "oauth_scope = s\noauth_token_url = https://login.test/token\n"
             "oauth_client_secret = hush\nports = 587\n");
    get(&w, &x, 443);
    assert_int_equal(logins_at(&w, 0), 2);
    v.verdict.status = v.there.status = 500;
    for (int i = 0; i < 4; i++) {
        accounts_network_changed(w.accounts);
        get(&w, &x, 443);
        sim_run_for(w.sim, MINUTE);
    }
    assert_int_equal(logins_at(&w, 0), 2);
    assert_int_equal(given, 2);
    api_end(&w);
}

/* No key is there: this rung lacks something, the others do not. */
static void a_missing_key_stops_no_other_port(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    sim_path(w.sim, AT587)->syn = SIM_DROPPED;
    world_server(&w, ADDRESS ":2525");
    struct config *config = api_config(ACCOUNT("587 2525"), API_MAILGUN, NULL);
    struct upstream_config *u = &config->upstreams[0];
    struct port last = u->ports.items[2];
    u->ports.items[2] = u->ports.items[1];
    u->ports.items[1] = last;
    api_load(&w, config);
    get(&w, &x, 2525);
    assert_int_equal(report_of(&w, 443)->finding, FINDING_AUTH_TEMPORARY);
    api_end(&w);
}

static void four_sessions_at_most(void **state)
{
    struct world w;
    struct service v;
    struct wish x[6];
    (void)state;
    begin(&w, &v);
    api_load(&w, alone());
    for (size_t i = 0; i < 6; i++)
        wish_ask(&x[i], &w);
    sim_run_for(w.sim, 5 * S);
    unsigned held = 0;
    for (size_t i = 0; i < 6; i++)
        held += x[i].acquired;
    assert_int_equal(held, 4);
    sim_run_for(w.sim, 30 * S);
    for (size_t i = 0; i < 6; i++)
        if (x[i].acquired) {
            wish_return(&x[i]);
        } else {
            assert_int_equal(x[i].why, REFUSAL_BUSY);
            assert_string_equal(x[i].words,
                                "all 4 requests that its API is sent at a time are busy");
        }
    api_end(&w);
}

/* What works survives a restart. */
static void it_is_remembered(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    sim_path(w.sim, AT587)->syn = SIM_DROPPED;
    load(&w, ACCOUNT("587"));
    get(&w, &x, 443);
    accounts_free(&w.accounts);
    sim_run_for(w.sim, S);
    assert_non_null(strstr(sim_file_text(w.sim, "/state/upstreams"), "works 443 api"));
    load(&w, ACCOUNT("587"));
    assert_true(get(&w, &x, 443) < 100 * MS);
    api_end(&w);
}

/* ---- what its sessions learn ---- */

struct sent {
    struct wish wish;
    int code;
    bool over;
};

static void on_ready(void *ctx)
{
    (void)ctx;
}

static void on_reply(void *ctx, const struct reply *reply)
{
    (void)ctx;
    assert_true(reply_is(reply, 2));
}

static void on_rcpt(void *ctx, size_t index, const struct reply *reply)
{
    (void)index;
    on_reply(ctx, reply);
}

static void on_go_ahead(void *ctx, const struct reply *refusal)
{
    struct sent *s = ctx;
    struct carrier *c = lease_carrier(s->wish.lease);
    struct slice text = slice_of("Subject: x\r\n\r\nhello\r\n");
    assert_null(refusal);
    assert_int_equal(carrier_body(c, text), text.len);
    carrier_end_body(c);
}

static void on_verdict(void *ctx, const struct reply *reply)
{
    struct sent *s = ctx;
    s->code = reply->code;
    s->over = true;
    lease_return(&s->wish.lease, true);
}

static void on_lost(void *ctx, const struct smtp_client_failure *failure)
{
    struct sent *s = ctx;
    s->code = failure->reply ? failure->reply->code : 0;
    s->over = true;
    lease_drop(&s->wish.lease, false, failure);
}

static const struct smtp_client_events sender = {.ready = on_ready,
                                                 .mail_reply = on_reply,
                                                 .rcpt_reply = on_rcpt,
                                                 .go_ahead = on_go_ahead,
                                                 .verdict = on_verdict,
                                                 .lost = on_lost};

static bool is_over(void *ctx)
{
    return ((struct sent *)ctx)->over;
}

/* A message by 443/api. Returns the code of its reply. */
static int send_message(struct world *w)
{
    struct sent s = {.over = false};
    wish_hold(&s.wish, w);
    assert_int_equal(s.wish.port, 443);
    struct carrier *c = lease_carrier(s.wish.lease);
    carrier_set_owner(c, &sender, &s);
    carrier_mail(c, &(struct smtp_client_mail){.from = slice_of("user@example.net")});
    carrier_rcpt(c, slice_of("a@example.net"), slice_of(""), slice_of(""));
    carrier_begin_body(c);
    assert_true(sim_run_until(w->sim, is_over, &s, 60 * S));
    sim_run_for(w->sim, 10 * MS);
    return s.code;
}

static struct config *in_front(void)
{
    struct config *config = api_config(ACCOUNT("587"), API_MAILGUN, NULL);
    struct upstream_config *u = &config->upstreams[0];
    struct port smtp = u->ports.items[0];
    u->api_secret = secret_new(slice_of("key-1"));
    free(u->api_url);
    u->api_url = mem_string("https://api.mailgun.net/v3/mg.example.com");
    u->ports.items[0] = u->ports.items[1];
    u->ports.items[1] = smtp;
    return config;
}

static void what_the_api_refuses_rests_it_alone(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    world_server(&w, AT587);
    api_load(&w, in_front());
    assert_int_equal(send_message(&w), 250);
    v.verdict = (struct sim_http_reply){.status = 402, .body = "{\"message\": \"pay first\"}"};
    assert_int_equal(send_message(&w), 451);
    assert_int_equal(report_of(&w, 443)->finding, FINDING_AUTH_REFUSED);
    assert_non_null(strstr(report_of(&w, 443)->words, "pay first"));
    assert_non_null(strstr(report_of(&w, 443)->words, "it rests, and the other ports go on"));
    unsigned asked = v.asked, messages = v.messages;
    for (int i = 0; i < 4; i++) {
        get(&w, &x, 587);
        sim_run_for(w.sim, MINUTE);
    }
    assert_int_equal(v.asked, asked);
    assert_int_equal(v.messages, messages);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    /* It is in front, so it is tried again after its wait, in the background. */
    v.verdict = (struct sim_http_reply){.status = 200, .body = "{}"};
    sim_run_for(w.sim, 12 * MINUTE);
    assert_int_equal(send_message(&w), 250);
    api_end(&w);
}

static void the_only_rung_is_refused(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    struct config *config = alone();
    config->upstreams[0].api_url = mem_string("https://api.mailgun.net/v3/mg.example.com");
    api_load(&w, config);
    v.verdict = (struct sim_http_reply){.status = 402, .body = "{}"};
    assert_int_equal(send_message(&w), 451);
    assert_int_equal(account_standing(world_account(&w)), STANDING_AUTH_REFUSED);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_string_equal(x.words, "api.mailgun.net refuses the configured credentials");
    assert_int_equal(v.messages, 1);
    v.verdict.status = 200;
    sim_run_for(w.sim, 6 * MINUTE);
    assert_int_equal(send_message(&w), 250);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    api_end(&w);
}

/* A captive portal with a good certificate. */
static void what_is_no_answer_of_the_api(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    world_server(&w, AT587);
    api_load(&w, in_front());
    v.verdict = (struct sim_http_reply){.status = 302, .body = "<html>"};
    assert_int_equal(send_message(&w), 451);
    assert_int_equal(report_of(&w, 443)->finding, FINDING_API);
    assert_non_null(strstr(report_of(&w, 443)->words, "443/api: api.mailgun.net gives an answer"));
    get(&w, &x, 587);
    api_end(&w);
}

static void a_service_that_does_not_work_is_no_longer_the_best(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    world_server(&w, AT587);
    api_load(&w, in_front());
    v.verdict = (struct sim_http_reply){.status = 503, .body = "later"};
    assert_int_equal(send_message(&w), 451);
    assert_int_equal(report_of(&w, 443)->finding, FINDING_RESET);
    assert_non_null(strstr(report_of(&w, 443)->words, "443/api answers, and does not take"));
    get(&w, &x, 587);
    api_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_black_hole_costs_the_patience),
        cmocka_unit_test(smtp_goes_first_where_it_works),
        cmocka_unit_test(it_goes_back_to_smtp),
        cmocka_unit_test(it_waits_for_no_lookup),
        cmocka_unit_test(a_slow_lookup_keeps_the_order),
        cmocka_unit_test(a_late_lookup_still_wins),
        cmocka_unit_test(the_only_rung_asks_for_no_name),
        cmocka_unit_test(nothing_works),
        cmocka_unit_test(a_refused_login_leaves_the_other_rung),
        cmocka_unit_test(refused_tokens_leave_the_other_rung),
        cmocka_unit_test(a_missing_key_stops_no_other_port),
        cmocka_unit_test(four_sessions_at_most),
        cmocka_unit_test(it_is_remembered),
        cmocka_unit_test(what_the_api_refuses_rests_it_alone),
        cmocka_unit_test(the_only_rung_is_refused),
        cmocka_unit_test(what_is_no_answer_of_the_api),
        cmocka_unit_test(a_service_that_does_not_work_is_no_longer_the_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
