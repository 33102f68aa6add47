/* The client half where a dialog file does not reach: counts, caps, flights, and upstreams that
 * answer at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp_client_world.h"

enum { RANDOM_SESSIONS = 3000 };

static void no_call(struct world *w, const char *what)
{
    (void)w;
    fail_msg("%s", what);
}

static void begin(struct world *w, const char *extensions)
{
    char ehlo[300];
    world_begin(w, no_call);
    world_connect(w);
    world_say_line(w, "220 hi");
    snprintf(ehlo, sizeof ehlo, "250-up%s\r\n250 8BITMIME", extensions);
    world_say_line(w, ehlo);
    buf_clear(&w->heard);
    buf_clear(&w->events);
    w->reads = 0;
}

static bool has_event(struct world *w, const char *text)
{
    char *all = slice_string(buf_view(&w->events));
    bool found = strstr(all, text) != NULL;
    free(all);
    return found;
}

static void mail(struct world *w)
{
    smtp_client_mail(w->client, &(struct smtp_client_mail){.from = slice_of("a@example.test")});
}

static void rcpt(struct world *w, const char *to)
{
    smtp_client_rcpt(w->client, slice_of(to), slice_of(""), slice_of(""));
}

static void test_endless_reply(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, no_call);
    world_connect(&w);
    for (int i = 0; i < 10000 && w.client; i++)
        world_say_line(&w, "220-still talking");
    assert_true(has_event(&w, "lost greeting protocol"));
    assert_int_equal(world_end(&w), 0);
}

static void test_one_turn_is_one_write(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "\r\n250-PIPELINING\r\n250-CHUNKING");
    smtp_client_set_chunking(w.client, CHUNKING_PROVEN);
    mail(&w);
    rcpt(&w, "b@example.test");
    rcpt(&w, "c@example.test");
    world_run(&w);
    assert_int_equal(w.reads, 1);
    world_say_line(&w, "250 ok\r\n250 ok\r\n250 ok");
    smtp_client_begin_body(w.client);
    smtp_client_body(w.client, slice_of("Subject: x\r\n"));
    smtp_client_body(w.client, slice_of("\r\n"));
    smtp_client_end_body(w.client);
    world_run(&w);
    assert_int_equal(w.reads, 2);
    assert_int_equal(smtp_client_flights(w.client), 2);
    assert_int_equal(world_end(&w), 0);
}

static void test_many_recipients(void **state)
{
    enum { MANY = 2000 };
    (void)state;
    struct world w;
    begin(&w, "\r\n250-PIPELINING");
    char to[400], *line;
    memset(to, 'x', sizeof to);
    mail(&w);
    for (int i = 0; i < MANY; i++) {
        snprintf(to + 300, sizeof to - 300, "%d@example.test", i);
        rcpt(&w, to);
    }
    for (int i = 0; i < MANY; i++)
        world_run(&w);
    free(world_take_line(&w.heard, "\r\n"));
    for (int i = 0; i < MANY; i++) {
        char wanted[30];
        snprintf(wanted, sizeof wanted, "%d@example.test>", i);
        line = world_take_line(&w.heard, "\r\n");
        assert_non_null(line);
        assert_non_null(strstr(line, wanted));
        free(line);
    }
    world_say_line(&w, "250 sender");
    for (int i = 0; i < MANY; i++)
        world_say_line(&w, i == MANY - 1 ? "550 last" : "250 ok");
    assert_true(has_event(&w, "rcpt 1999 550 last"));
    assert_true(has_event(&w, "rcpt 1998 250 ok"));
    assert_int_equal(world_end(&w), 0);
}

/* More than the queue of waiting commands holds: the session ends, memory does not. */
static void test_too_many_recipients(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "");
    char to[1001];
    memset(to, 'x', sizeof to);
    to[1000] = 0;
    mail(&w);
    for (int i = 0; i < 5000; i++)
        rcpt(&w, to);
    world_run(&w);
    assert_true(has_event(&w, "lost mail link"));
    assert_int_equal(world_end(&w), 0);
}

/* ---- an upstream and an owner that act at random ---- */

static struct sim_rng *rng;

static size_t below(size_t n)
{
    return (size_t)sim_rng_below(rng, n);
}

static void random_action(struct world *w)
{
    char octets[3000];
    struct smtp_client *c = w->client;
    if (!c)
        return;
    memset(octets, '.', sizeof octets);
    for (size_t i = 40; i + 1 < sizeof octets; i += 41)
        memcpy(octets + i, "\r\n", 2);
    switch (below(16)) {
    case 0: smtp_client_mark_pooled(c); break;
    case 1:
    case 2:
    case 3:
        if (smtp_client_is_idle(c))
            mail(w);
        break;
    case 4:
    case 5: rcpt(w, "b@example.test"); break;
    case 6:
    case 7: smtp_client_begin_body(c); break;
    case 8:
    case 9: smtp_client_body(c, slice_make(octets, below(sizeof octets))); break;
    case 10:
    case 11: smtp_client_end_body(c); break;
    case 12:
        if (below(8) == 0)
            smtp_client_rset(c);
        break;
    case 13: w->client = below(10) || smtp_client_abort(c) ? w->client : NULL; break;
    case 14: smtp_client_set_chunking(c, (enum smtp_client_chunking)below(3)); break;
    default:
        if (below(20) == 0)
            smtp_client_quit(&w->client);
        break;
    }
}

/* answers what it hears, mostly as it should */
struct upstream {
    bool in_data;
    /* octets of a chunk that are still to come */
    size_t payload;
    bool last;
};

static void say(struct world *w, const char *usual)
{
    static const char *const others[] = {"250 ok\r\n",  "550 no\r\n",   "451 later\r\n",
                                         "421 bye\r\n", "354 go\r\n",   "250-a\r\n",
                                         "334 \r\n",    "502 what\r\n", "25",
                                         "x",           "\r\n",         "220 hi\r\n"};
    struct err err;
    const char *text =
        below(12) ? usual : others[below(below(2) ? 3 : sizeof others / sizeof others[0])];
    (void)!sim_end_write(w->end, text, strlen(text), &err);
}

static void answer_line(struct world *w, struct upstream *u, const char *line)
{
    if (u->in_data) {
        u->in_data = strcmp(line, ".") != 0;
        if (!u->in_data)
            say(w, "250 queued\r\n");
        else if (below(500) == 0)
            say(w, "552 too big\r\n");
    } else if (strcmp(line, "DATA") == 0) {
        u->in_data = true;
        say(w, "354 go\r\n");
    } else if (strncmp(line, "BDAT ", 5) == 0) {
        u->payload = strtoul(line + 5, NULL, 10);
        u->last = strstr(line, "LAST") != NULL;
        if (!u->payload)
            say(w, "250 chunk\r\n");
    } else {
        assert_true(!strncmp(line, "MAIL FROM:<", 11) || !strncmp(line, "RCPT TO:<", 9) ||
                    !strcmp(line, "RSET") || !strcmp(line, "QUIT"));
        say(w, "250 ok\r\n");
    }
}

static void random_answers(struct world *w, struct upstream *u)
{
    char *line;
    for (;;) {
        size_t n = u->payload < w->heard.len ? u->payload : w->heard.len;
        buf_consume(&w->heard, n);
        u->payload -= n;
        if (n && !u->payload)
            say(w, "250 chunk\r\n");
        if (u->payload || (line = world_take_line(&w->heard, "\r\n")) == NULL)
            break;
        answer_line(w, u, line);
        free(line);
    }
    if (below(300) == 0)
        sim_end_reset(w->end);
    else if (below(300) == 0)
        sim_end_finish(w->end);
    else if (below(300) == 0)
        say(w, "x");
}

/* No event after `lost`, `ready` never twice in a row without work between, every session ends,
 * nothing is left behind. */
static void test_random_sessions(void **state)
{
    static const char *const extensions[] = {"", "\r\n250-PIPELINING", "\r\n250-CHUNKING",
                                             "\r\n250-PIPELINING\r\n250-CHUNKING"};
    (void)state;
    struct sim_rng chance = {.state = 20260101};
    size_t ready = 0, verdicts = 0, bodies = 0;
    rng = &chance;
    for (int i = 0; i < RANDOM_SESSIONS; i++) {
        struct world w;
        struct upstream upstream = {0};
        begin(&w, extensions[below(4)]);
        for (int turn = 0; turn < 60 && w.client; turn++) {
            for (size_t n = below(4); n > 0; n--)
                random_action(&w);
            sim_run_for(w.sim, 200);
            if (below(2))
                random_answers(&w, &upstream);
            sim_run_for(w.sim, below(2) ? 200 : 20);
        }
        smtp_client_close(&w.client);
        sim_run_for(w.sim, 5 * USEC_PER_SEC);
        char *all = slice_string(buf_view(&w.events)), *lost = strstr(all, "lost ");
        if (lost)
            assert_null(strchr(strchr(lost, '\n') + 1, '\n'));
        ready += strstr(all, "ready") != NULL;
        verdicts += strstr(all, "verdict 250") != NULL;
        bodies += strstr(all, "go_ahead") != NULL;
        free(all);
        assert_int_equal(world_end(&w), 0);
    }
    assert_true(ready > 100 && bodies > 100 && verdicts > 100);
}

/* ---- tokens ---- */

/* A session that has got as far as AUTH, over an unverified link for once, with a token of so many
 * octets. */
static void begin_token(struct world *w, size_t octets)
{
    char *text = mem_alloc(octets + 1);
    uint32_t lot = 1;
    for (size_t i = 0; i < octets; i++) {
        lot = lot * 1664525 + 1013904223;
        text[i] = "abcdefghijklmnopqrstuvwxyz0123456789-._"[(lot >> 16) % 39];
    }
    text[octets] = '\0';
    world_begin(w, no_call);
    w->settings.auth = AUTH_XOAUTH2;
    w->settings.secret = MECHANISM_TOKEN;
    w->settings.needs_verified = false;
    world_connect(w);
    world_say_line(w, "220 hi");
    world_say_line(w, "250-up\r\n250 AUTH XOAUTH2");
    buf_clear(&w->heard);
    buf_clear(&w->events);
    struct secret *token = secret_new(slice_of(text));
    smtp_client_auth(w->client, &(struct smtp_client_credential){"me@example.test", token});
    secret_free(&token);
    free(text);
    world_run(w);
}

/* Octets of the base64 of a message with a token of so many octets. */
static size_t response_length(size_t octets)
{
    size_t raw = sizeof "user=me@example.test\1auth=Bearer \1\1" - 1 + octets;
    return (raw + 2) / 3 * 4;
}

/* The longest token whose line, CRLF included, has no more than CAP_AUTH_LINE octets. */
static size_t longest_at_once(void)
{
    size_t octets = 1;
    while (sizeof "AUTH XOAUTH2 \r\n" - 1 + response_length(octets + 1) <= CAP_AUTH_LINE)
        octets++;
    return octets;
}

static void test_token_line_as_long_as_may_be(void **state)
{
    struct world w;
    (void)state;
    begin_token(&w, longest_at_once());
    char *line = world_take_line(&w.heard, "\r\n");
    assert_non_null(line);
    assert_int_equal(strncmp(line, "AUTH XOAUTH2 ", 13), 0);
    assert_int_equal(strlen(line) - 13, response_length(longest_at_once()));
    assert_in_range(strlen(line) + 2, CAP_AUTH_LINE - 4, CAP_AUTH_LINE);
    free(line);
    world_say_line(&w, "235 ok");
    assert_true(has_event(&w, "ready"));
    assert_int_equal(world_end(&w), 0);
}

static void check_two_steps(size_t octets)
{
    struct world w;
    begin_token(&w, octets);
    char *line = world_take_line(&w.heard, "\r\n");
    assert_string_equal(line, "AUTH XOAUTH2");
    free(line);
    world_say_line(&w, "334");
    line = world_take_line(&w.heard, "\r\n");
    assert_non_null(line);
    assert_int_equal(strlen(line), response_length(octets));
    free(line);
    world_say_line(&w, "235 ok");
    assert_true(has_event(&w, "ready"));
    assert_int_equal(world_end(&w), 0);
}

/* One octet more, and the longest that there may be: a line of its own, which may be longer. */
static void test_token_in_two_steps(void **state)
{
    (void)state;
    check_two_steps(longest_at_once() + 3);
    check_two_steps(CAP_TOKEN);
}

static void test_token_too_long(void **state)
{
    struct world w;
    (void)state;
    begin_token(&w, CAP_TOKEN + 1);
    assert_true(has_event(&w, "lost auth no-mechanism"));
    assert_int_equal(world_end(&w), 0);
}

/* What a server says may be long, and full of what begins like the token: it is compared all the
 * same, to its last octet. */
static void test_token_echoed_at_its_end(void **state)
{
    struct world w;
    (void)state;
    for (int tail = 0; tail < 2; tail++) {
        begin_token(&w, CAP_TOKEN);
        world_say_line(&w, "334");
        char *line = world_take_line(&w.heard, "\r\n");
        free(line);
        line = world_take_line(&w.heard, "\r\n");
        assert_non_null(line);
        for (int i = 0; i < 90; i++)
            world_say_line(&w,
                           "535-5.7.8 dXNldXNldXNldXNldXNldXNldXNldXNldXNldXNldXNldXNldXNldXNl");
        char last[80];
        snprintf(last, sizeof last, "535 5.7.8 %.12s",
                 tail ? line + strlen(line) - 40 : "no such token");
        world_say_line(&w, last);
        assert_true(has_event(&w, "the server repeats") == (tail == 1));
        free(line);
        assert_int_equal(world_end(&w), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endless_reply),
        cmocka_unit_test(test_one_turn_is_one_write),
        cmocka_unit_test(test_many_recipients),
        cmocka_unit_test(test_too_many_recipients),
        cmocka_unit_test(test_random_sessions),
        cmocka_unit_test(test_token_line_as_long_as_may_be),
        cmocka_unit_test(test_token_in_two_steps),
        cmocka_unit_test(test_token_too_long),
        cmocka_unit_test(test_token_echoed_at_its_end),
    };
    return cmocka_run_group_tests_name("smtp client", tests, NULL, NULL);
}
