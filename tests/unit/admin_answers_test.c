/* The answers, made from snapshots that never ran: counters, chart, readiness, warnings, hostile
 * content. PAGE=file writes the page to look at. */
#include <jansson.h>

#include "admin/metrics.h"
#include "admin/page.h"
#include "admin/status.h"
#include "admin_world.h"

static char *metrics(const struct snapshot *s)
{
    struct out o;
    out_init(&o);
    metrics_write(s, 60 * USEC_PER_SEC, &o);
    return written(&o);
}

static char *page(const struct snapshot *s)
{
    struct out o;
    out_init(&o);
    page_write(s, false, &o);
    return written(&o);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("missing: %s\nin: %s", part, text);
}

static void note(struct snapshot *s, struct message m)
{
    tally_message(&s->tally, &m);
}

static char *status(const struct snapshot *s)
{
    return status_json(s, 60 * USEC_PER_SEC);
}

/* What is known of an account's token, on the page, in the metrics and for programs. */
static void tokens(void **state)
{
    struct snapshot *s = a_snapshot();
    (void)state;
    struct account_view *a = add_account(s, "work", STANDING_NO_TOKEN);
    a->token = (struct token_shown){.flow = "application access",
                                    .secret_expires = NOW_MS / 1000 + 5 * DAY_S,
                                    .error = "invalid_client",
                                    .words = "the client secret has expired" HOSTILE,
                                    .requests = {7, 2, 1}};
    a = add_account(s, "home", STANDING_WORKS);
    a->token = (struct token_shown){.flow = "refresh token",
                                    .expires = NOW_MS / 1000 + 1800,
                                    .certificate_expires = NOW_MS / 1000 - DAY_S};
    add_account(s, "plain", STANDING_WORKS);
    snapshot_warn(s);
    char *text = metrics(s);
    assert_has(text, "\nsmtp_detour_token_expires_seconds{account=\"work\"} 0\n");
    assert_has(text, "\nsmtp_detour_token_expires_seconds{account=\"home\"} 1800");
    assert_null(strstr(text, "smtp_detour_token_expires_seconds{account=\"plain\"}"));
    assert_has(text, "\nsmtp_detour_token_requests_total{account=\"work\",result=\"refused\"} 2\n");
    assert_has(text, "\nsmtp_detour_token_requests_total{account=\"work\",result=\"put_off\"} 1\n");
    assert_has(text,
               "\nsmtp_detour_credential_expires_seconds{account=\"work\",kind=\"secret\"} 432000");
    free(text);
    text = status(s);
    assert_has(text, "\"standing\":\"no-token\"");
    assert_has(text, "\"token\":{\"flow\":\"application access\",\"expires\":null,\"error\":"
                     "\"invalid_client\",\"words\":\"the client secret has expired");
    assert_has(text, "\"token\":{\"flow\":\"refresh token\",\"expires\":1800001800,\"error\":\"\","
                     "\"words\":\"\"}");
    assert_has(text, "\"token\":null");
    free(text);
    text = page(s);
    assert_has(text, "Login by token (application access): the client secret has expired&lt;");
    assert_has(text, "There is no access token for account work: the client secret has expired");
    assert_has(text, "The client secret of account work ends in 5 days: make a new one in time.");
    assert_has(text, "The client certificate of account home has ended");
    assert_null(strstr(text, "<script"));
    free(text);
    snapshot_free(s);
}

static void counters(void **state)
{
    struct snapshot *s = a_snapshot();
    struct message m = a_message("work", RESULT_DELIVERED, NOW_MS);
    (void)state;
    struct account_view *a = add_account(s, "work", STANDING_WORKS);
    add_port(a, a_port(587, FINDING_WORKS, "587 works"));
    a->tally = (struct upstream_tally){.sessions = 3,
                                       .leases = 9,
                                       .leases_reused = 7,
                                       .handshakes = 5,
                                       .resumptions = 2,
                                       .auth_accepted = 3,
                                       .auth_refused = 1};
    note(s, m);
    /* on the bound: belongs to it */
    m.delay = 10 * USEC_PER_MS;
    note(s, m);
    m.delay = 1000 * USEC_PER_SEC;
    m.port = 2525;
    m.result = RESULT_LOST_LINK;
    note(s, m);
    note(s, a_message("", RESULT_REFUSED, NOW_MS));
    char *text = metrics(s);
    assert_has(text, "\nsmtp_detour_messages_total{account=\"work\",result=\"delivered\"} 2\n");
    assert_has(text, "\nsmtp_detour_messages_total{account=\"work\",result=\"lost_link\"} 1\n");
    assert_has(text, "\nsmtp_detour_messages_total{account=\"\",result=\"refused\"} 1\n");
    assert_has(text, "\nsmtp_detour_port_messages_total{account=\"work\",port=\"587\",result="
                     "\"delivered\"} 2\n");
    assert_has(text, "\nsmtp_detour_port_messages_total{account=\"work\",port=\"2525\",result="
                     "\"lost_link\"} 1\n");
    assert_has(text, "\nsmtp_detour_delivered_bytes_total{account=\"work\"} 2468\n");
    assert_has(text, "_bucket{account=\"work\",le=\"0.01\"} 1\n");
    assert_has(text, "_bucket{account=\"work\",le=\"0.25\"} 1\n");
    assert_has(text, "_bucket{account=\"work\",le=\"0.5\"} 2\n");
    assert_has(text, "_bucket{account=\"work\",le=\"300\"} 2\n");
    assert_has(text, "_bucket{account=\"work\",le=\"+Inf\"} 3\n");
    assert_has(text, "_sum{account=\"work\"} 1000.310000\n");
    assert_has(text, "_count{account=\"work\"} 3\n");
    assert_has(text, "\nsmtp_detour_tls_handshakes_total{account=\"work\",resumed=\"false\"} 3\n");
    assert_has(text, "\nsmtp_detour_tls_handshakes_total{account=\"work\",resumed=\"true\"} 2\n");
    assert_has(text, "\nsmtp_detour_pool_leases_total{account=\"work\",session=\"fresh\"} 2\n");
    assert_has(text, "\nsmtp_detour_auths_total{account=\"work\",result=\"refused\"} 1\n");
    assert_has(text, "\nsmtp_detour_port_works{account=\"work\",port=\"587\"} 1\n");
    assert_has(text, "\nsmtp_detour_clients{listener=\"default\"} 1\n");
    free(text);
    snapshot_free(s);
}

/* Two accounts with kept mail: one that waits, one that gave up. */
static void keep_mail(struct snapshot *s)
{
    struct account_view *a = add_account(s, "work", STANDING_NO_PORT);
    a->spool = (struct spool_shown){
        .is_on = true,
        .takes = true,
        .waiting = 12,
        .bytes = 5000,
        .oldest = 3 * 3600 * USEC_PER_SEC,
        .next_in = 150 * USEC_PER_SEC,
        .reason = "no port of smtp.work.example works" HOSTILE,
    };
    a = add_account(s, "home", STANDING_WORKS);
    a->spool = (struct spool_shown){.is_on = true,
                                    .takes = true,
                                    .failed = 2,
                                    .failed_reason = "550 5.7.1 no such user" HOSTILE};
    *snapshot_add_gone(s, "old") = (struct spool_shown){
        .is_on = true, .failed = 1, .failed_reason = "550 5.7.1 too late" HOSTILE};
    s->spool = s->accounts[0].spool;
    s->spool.held = 1;
    s->spool.failed = 2;
    s->spool.full[1] = 4;
    s->spool.full[2] = 5;
}

static void kept_mail_is_counted(void **state)
{
    struct snapshot *s = a_snapshot();
    struct message m = a_message("work", RESULT_SPOOLED, NOW_MS);
    (void)state;
    keep_mail(s);
    m.kept_for = "no-port";
    note(s, m);
    note(s, m);
    m.kept_for = "token";
    note(s, m);
    m.upstream = (char *)(uintptr_t) "home";
    note(s, m);
    /* a try of the spool's own that is put off again is not taken anew */
    m.result = RESULT_DEFERRED;
    note(s, m);
    char *text = metrics(s);
    assert_has(text, "\nsmtp_detour_spool_taken_total{account=\"work\",reason=\"no-port\"} 2\n");
    assert_has(text, "\nsmtp_detour_spool_taken_total{account=\"work\",reason=\"token\"} 1\n");
    assert_has(text, "\nsmtp_detour_spool_taken_total{account=\"home\",reason=\"token\"} 1\n");
    assert_has(text, "\nsmtp_detour_spool_messages{account=\"old\",state=\"failed\"} 1\n");
    assert_has(text, "\nsmtp_detour_spool_full_total{why=\"size\"} 0\n");
    assert_has(text, "\nsmtp_detour_spool_full_total{why=\"messages\"} 4\n");
    assert_has(text, "\nsmtp_detour_spool_full_total{why=\"disk\"} 5\n");
    free(text);
    text = status(s);
    assert_has(text, "\"spool\":{\"waiting\":12,\"held\":0,\"failed\":0,\"bytes\":5000,"
                     "\"oldest_seconds\":10800.0,\"next\":1800000150,\"takes\":true,\"reason\":"
                     "\"no port of smtp.work.example works");
    assert_has(text, "\"failed\":2,\"bytes\":0,\"oldest_seconds\":0.0,\"next\":null,");
    assert_has(text,
               "\"gone\":[{\"name\":\"old\",\"spool\":{\"waiting\":0,\"held\":0,\"failed\":1,");
    free(text);
    snapshot_free(s);
}

static void kept_mail_is_shown(void **state)
{
    struct snapshot *s = a_snapshot();
    (void)state;
    add_account(s, "work", STANDING_WORKS);
    char *text = page(s);
    assert_null(strstr(text, "smtp-detour spool"));
    free(text);
    /* there is a spool, and it is empty */
    s->spool.is_on = s->accounts[0].spool.is_on = true;
    text = page(s);
    assert_null(strstr(text, "smtp-detour spool"));
    free(text);
    s->naccounts = 0;
    keep_mail(s);
    text = page(s);
    assert_has(text,
               "<b>13 messages are kept, to be sent later</b>; the oldest for 3 hours: no port of "
               "smtp.work.example works&lt;script&gt;");
    assert_has(text, "Tried next in <time title=");
    assert_has(text, ">2 minutes</time>.");
    assert_has(text, "1 of them is held: no account of the configuration takes it any more.");
    assert_has(text, "<code>smtp-detour spool list</code>");
    assert_has(text, "<code>smtp-detour spool retry ID</code>");
    assert_has(text, "! 12 waiting</span>");
    assert_has(text, "✕ 2 failed</span> given up: 550 5.7.1 no such user&lt;script&gt;");
    assert_has(text, "<h2>old</h2><span class=\"pill idle\">not in the configuration</span>");
    assert_has(text, "✕ 1 failed</span> given up: 550 5.7.1 too late&lt;script&gt;");
    assert_null(strstr(text, "<script"));
    if (getenv("PAGE_KEPT")) {
        FILE *f = fopen(getenv("PAGE_KEPT"), "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
    }
    free(text);
    s->spool = (struct spool_shown){.is_on = true, .waiting = 1};
    text = page(s);
    assert_has(
        text,
        "<b>1 message is kept, to be sent later</b>; the oldest for 0 seconds. It is tried now.");
    free(text);
    snapshot_free(s);
}

static void readiness(void **state)
{
    struct snapshot *s = a_snapshot();
    char why[200];
    (void)state;
    struct account_view *a = add_account(s, "work", STANDING_WORKS);
    assert_true(snapshot_is_ready(s, NULL, 100 * USEC_PER_SEC, why, sizeof why));
    assert_string_equal(why, "ready");
    /* knowledge that is too old, and a spool that takes what can't go; then it is full */
    s->spool.is_on = s->spool.takes = true;
    assert_true(snapshot_is_ready(s, NULL, 100 * USEC_PER_SEC + 1, why, sizeof why));
    assert_string_equal(why, "spooling");
    s->spool.takes = false;
    /* too old */
    assert_false(snapshot_is_ready(s, NULL, 100 * USEC_PER_SEC + 1, why, sizeof why));
    assert_has(why, "too old");
    s->draining = true;
    assert_false(snapshot_is_ready(s, NULL, 0, why, sizeof why));
    s->draining = false;
    /* every account must */
    add_account(s, "home", STANDING_AUTH_REFUSED);
    assert_false(snapshot_is_ready(s, NULL, 0, why, sizeof why));
    assert_has(why, "home");
    assert_has(why, "credentials");
    a = &s->accounts[0];
    a->works = false;
    a->standing = STANDING_NO_PORT;
    assert_false(snapshot_is_ready(s, NULL, 0, why, sizeof why));
    assert_has(why, "work (smtp.work.example): no port works");
    snapshot_free(s);
}

/* Of one account, whatever becomes of the rest. */
static void readiness_of_one(void **state)
{
    struct snapshot *s = a_snapshot();
    char why[200];
    (void)state;
    add_account(s, "work", STANDING_WORKS);
    add_account(s, "home", STANDING_NO_PORT);
    assert_true(snapshot_is_ready(s, "work", 0, why, sizeof why));
    assert_false(snapshot_is_ready(s, "work", 100 * USEC_PER_SEC + 1, why, sizeof why));
    assert_has(why, "work");
    assert_false(snapshot_is_ready(s, "home", 0, why, sizeof why));
    assert_has(why, "home");
    assert_true(snapshot_has_account(s, "home"));
    assert_false(snapshot_has_account(s, "hom"));
    assert_false(snapshot_has_account(s, ""));
    s->draining = true;
    assert_false(snapshot_is_ready(s, "work", 0, why, sizeof why));
    snapshot_free(s);
}

static void acceptance(void **state)
{
    struct snapshot *s = a_snapshot();
    char why[200];
    (void)state;
    /* no other instance would fare better */
    add_account(s, "work", STANDING_NO_PORT);
    assert_true(snapshot_is_accepting(s, s->made + 14 * USEC_PER_SEC, why, sizeof why));
    assert_string_equal(why, "accepting");
    /* unless it keeps no more, and another might */
    s->spool.is_full = true;
    assert_false(snapshot_is_accepting(s, s->made, why, sizeof why));
    assert_string_equal(why, "no port works and the spool is full");
    s->accounts[0].works = true;
    assert_true(snapshot_is_accepting(s, s->made, why, sizeof why));
    s->accounts[0].works = s->spool.is_full = false;
    assert_false(snapshot_is_accepting(s, s->made + 15 * USEC_PER_SEC, why, sizeof why));
    assert_string_equal(why, "the event loop stands still");
    s->listening = false;
    assert_false(snapshot_is_accepting(s, s->made, why, sizeof why));
    assert_string_equal(why, "no socket takes clients");
    s->draining = true;
    assert_false(snapshot_is_accepting(s, s->made, why, sizeof why));
    assert_string_equal(why, "shutting down");
    snapshot_free(s);
}

static bool warns(const struct snapshot *s, const char *part)
{
    for (size_t i = 0; i < s->nwarnings; i++)
        if (strstr(s->warnings[i].words, part))
            return true;
    return false;
}

static void warnings(void **state)
{
    struct snapshot *s = a_snapshot();
    (void)state;
    struct account_view *a = add_account(s, "work", STANDING_WORKS);
    add_port(a, a_port(587, FINDING_WORKS, "587 works"));
    a->ports[0].next = true;
    snapshot_warn(s);
    assert_int_equal(s->nwarnings, 0);
    a->ports[0].expires = NOW_MS / 1000 + 14 * DAY_S;
    snapshot_warn(s);
    assert_int_equal(s->nwarnings, 0);
    a->ports[0].expires--;
    add_port(a, a_port(2525, FINDING_WORKS, "2525 works"));
    /* the same one: told once */
    a->ports[1].expires = a->ports[0].expires;
    s->listeners[0].expires = NOW_MS / 1000 - 1;
    s->reloads.last_failed = true;
    snapshot_warn(s);
    assert_int_equal(s->nwarnings, 3);
    assert_true(warns(s, "smtp.work.example (port 587) expires in 13 days"));
    assert_true(warns(s, "listener default has expired"));
    assert_true(warns(s, "reload failed: the configuration of 60 minutes ago"));
    assert_int_equal(s->warnings[0].gravity, GRAVITY_BROKEN);
    snapshot_free(s);

    s = a_snapshot();
    a = add_account(s, "work", STANDING_WORKS);
    a->certificate_expires = NOW_MS / 1000 + DAY_S;
    a->password_until = NOW_MS / 1000 + 35 * DAY_S;
    snprintf(a->title, sizeof a->title, "Microsoft 365");
    snapshot_warn(s);
    assert_int_equal(s->nwarnings, 2);
    assert_true(warns(s, "account work (tls_cert) expires in 1 day."));
    assert_true(
        warns(s, "work logs in by password, which Microsoft 365 has announced to end in 35 days"));
    char *text = metrics(s);
    assert_has(text, "\nsmtp_detour_client_certificate_expires_timestamp_seconds{account=\"work\"} "
                     "1800086400\n");
    assert_has(
        text, "\nsmtp_detour_password_login_ends_timestamp_seconds{account=\"work\"} 1803024000\n");
    free(text);
    s->nwarnings = 0;
    a->certificate_expires = 0;
    /* over: the upstream's answer says what holds */
    a->password_until = NOW_MS / 1000 - 1;
    snapshot_warn(s);
    assert_int_equal(s->nwarnings, 0);
    snapshot_free(s);

    s = a_snapshot();
    a = add_account(s, "work", STANDING_WORKS);
    add_port(a, a_port(587, FINDING_TIMEOUT_CONNECT, "587 does not answer"));
    add_port(a, a_port(2525, FINDING_WORKS, "2525 works"));
    a->ports[1].next = true;
    snapshot_warn(s);
    assert_int_equal(s->nwarnings, 1);
    assert_true(warns(s, "detour over port 2525: port 587 does not work (timeout-connect)"));
    snapshot_free(s);
}

static void spans(void **state)
{
    char out[SPAN_TEXT];
    (void)state;
    assert_string_equal(span_words(-5, out), "0 seconds");
    assert_string_equal(span_words(1, out), "1 second");
    assert_string_equal(span_words(119, out), "119 seconds");
    assert_string_equal(span_words(120, out), "2 minutes");
    assert_string_equal(span_words(49 * 3600, out), "2 days");
    assert_int_equal(days_left(100 + DAY_S, 100000), 1);
    assert_int_equal(days_left(99, 100000), -1);
}

static void the_last_hour(void **state)
{
    struct tally t = {0};
    (void)state;
    struct message m = a_message("a", RESULT_DELIVERED, NOW_MS - 60 * MINUTE_MS);
    /* its place is taken by the newest */
    tally_message(&t, &m);
    m.ended_ms = NOW_MS - 59 * MINUTE_MS;
    m.result = RESULT_DEFERRED;
    tally_message(&t, &m);
    tally_load(&t, NOW_MS, 3, 2);
    tally_load(&t, NOW_MS, 1, 4);
    assert_int_equal(tally_minute(&t, NOW_MS, 59)->failed, 1);
    assert_null(tally_minute(&t, NOW_MS, 58));
    assert_int_equal(tally_minute(&t, NOW_MS, 0)->delivered, 0);
    assert_int_equal(tally_minute(&t, NOW_MS, 0)->clients, 3);
    assert_int_equal(tally_minute(&t, NOW_MS, 0)->sessions, 4);
    for (unsigned i = 0; i < 60; i++) {
        m.size = i;
        tally_message(&t, &m);
    }
    assert_int_equal(tally_recent(&t, 0)->size, 59);
    assert_int_equal(tally_recent(&t, 49)->size, 10);
    assert_null(tally_recent(&t, 50));
    tally_free(&t);
}

static void nothing_hostile_gets_through(void **state)
{
    struct snapshot *s = a_snapshot();
    struct message m = a_message("work", RESULT_REFUSED, NOW_MS);
    (void)state;
    struct account_view *a = add_account(s, "work", STANDING_NO_PORT);
    snprintf(a->host, sizeof a->host, "%s", HOSTILE);
    snprintf(a->name, sizeof a->name, "%s", HOSTILE);
    add_port(a, a_port(587, FINDING_NOT_SMTP, HOSTILE));
    m.from = m.to = m.reply = m.upstream = m.listener = (char *)(uintptr_t)HOSTILE;
    snprintf(m.client, sizeof m.client, "%s", HOSTILE);
    snprintf(s->listeners[0].name, sizeof s->listeners[0].name, "%s", HOSTILE);
    snprintf(s->listeners[0].address, sizeof s->listeners[0].address, "%s", HOSTILE);
    note(s, m);
    snapshot_warn(s);
    char *text = page(s);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "alert(\"1\")"));
    free(text);
    text = metrics(s);
    assert_null(strstr(text, "\n{}"));
    assert_has(text, "{account=\"<script>alert(\\\"1\\\")</script>&'\\\\\\n{}\"");
    free(text);
    text = status_json(s, 0);
    assert_non_null(text);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    const json_t *recent = json_array_get(json_object_get(json, "recent"), 0);
    assert_string_equal(json_string_value(json_object_get(recent, "from")), CLEANED);
    assert_string_equal(json_string_value(json_object_get(recent, "upstream")), CLEANED);
    json_t *port = json_array_get(
        json_object_get(json_array_get(json_object_get(json, "accounts"), 0), "ports"), 0);
    assert_string_equal(json_string_value(json_object_get(port, "words")), HOSTILE);
    assert_string_equal(json_string_value(json_object_get(port, "finding")), "not-smtp");
    json_decref(json);
    free(text);
    snapshot_free(s);
}

/* An hour of traffic, to look at. */
static void a_busy_page(void **state)
{
    struct snapshot *s = a_snapshot();
    unsigned seed = 7;
    (void)state;
    struct account_view *a = add_account(s, "work", STANDING_WORKS);
    add_port(a, a_port(587, FINDING_TIMEOUT_CONNECT,
                       "587 at 192.0.2.1 does not answer at all: a firewall is probably dropping "
                       "the connection"));
    add_port(a, a_port(2525, FINDING_WORKS,
                       "2525 at 192.0.2.1 works, TLSv1.3 with a verified certificate, logged in "
                       "with SCRAM-SHA-256"));
    add_port(a, a_port(1025, FINDING_UNTRIED, "1025 has not been tried yet"));
    a->ports[1].next = true;
    a->ports[1].expires = NOW_MS / 1000 + 9 * DAY_S;
    a->ports[2].report.since_ms = 0;
    for (int minute = 59; minute >= 0; minute--) {
        seed = seed * 1103515245 + 12345;
        for (unsigned n = seed >> 16 & 31; n > 0; n--)
            note(s, a_message("work",
                              minute > 20 && minute < 25 ? RESULT_DEFERRED
                              : n % 13 == 0              ? RESULT_REFUSED
                                                         : RESULT_DELIVERED,
                              NOW_MS - minute * MINUTE_MS));
        tally_load(&s->tally, NOW_MS - minute * MINUTE_MS, seed >> 20 & 15, 1 + (seed >> 24 & 3));
    }
    snapshot_warn(s);
    char *text = page(s);
    assert_has(text, "<svg");
    assert_has(text, "not needed so far");
    assert_has(text, "good for 9 days");
    if (getenv("PAGE")) {
        FILE *f = fopen(getenv("PAGE"), "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
    }
    free(text);
    snapshot_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens),
        cmocka_unit_test(counters),
        cmocka_unit_test(kept_mail_is_counted),
        cmocka_unit_test(kept_mail_is_shown),
        cmocka_unit_test(readiness),
        cmocka_unit_test(readiness_of_one),
        cmocka_unit_test(acceptance),
        cmocka_unit_test(warnings),
        cmocka_unit_test(spans),
        cmocka_unit_test(the_last_hour),
        cmocka_unit_test(nothing_hostile_gets_through),
        cmocka_unit_test(a_busy_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
