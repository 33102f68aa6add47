/* Logins against users_file through the whole relay, in virtual time. */
#include "relay_world.h"

#include <crypt.h>
#include <unistd.h>

#include "relay/relay.h"
#include "sim/sim_net.h"

struct login_stage {
    struct scene s;
    char users[64], ini[400];
    struct sim_end *end;
    char heard[4000];
    size_t n;
};

static void on_client(void *ctx)
{
    struct login_stage *l = ctx;
    struct err err;
    ssize_t n;
    while (l->n < sizeof l->heard - 1 &&
           (n = sim_end_read(l->end, l->heard + l->n, sizeof l->heard - 1 - l->n, &err)) > 0)
        l->n += (size_t)n;
    l->heard[l->n] = 0;
}

static void say(struct login_stage *l, const char *text)
{
    struct err err;
    l->n = 0;
    l->heard[0] = 0;
    assert_int_equal(sim_end_write(l->end, text, strlen(text), &err), strlen(text));
}

static void come(struct login_stage *l)
{
    struct addr at, from;
    assert_true(addr_parse_with_port(slice_of("127.0.0.1:25"), &at) &&
                addr_parse(slice_of("127.0.0.1"), &from));
    l->end = sim_connect(l->s.play.sim, &at, &from, on_client, l);
    sim_run_for(l->s.play.sim, USEC_PER_SEC / 10);
    say(l, "EHLO scanner\r\n");
    sim_run_for(l->s.play.sim, USEC_PER_SEC / 10);
    assert_non_null(strstr(l->heard, "AUTH PLAIN LOGIN\r\n"));
}

static void begin(struct login_stage *l)
{
    struct crypt_data data = {0};
    memset(l, 0, sizeof *l);
    strcpy(l->users, "/tmp/detour-users-XXXXXX");
    int fd = mkstemp(l->users);
    assert_true(fd >= 0);
    const char *hash = crypt_r("sesame", "$5$rounds=1000$saltsalt$", &data);
    dprintf(fd, "scanner:%s\nlocked:!%s\n", hash, hash);
    close(fd);
    snprintf(l->ini, sizeof l->ini, "[listen]\nauth = required\nusers_file = %s\n%s", l->users,
             ONE_PORT);
    stage_init(&l->s, l->ini);
    l->s.plan.nclients = 0;
    stage_port(&l->s, "192.0.2.1:587");
    sim_play_begin(&l->s.play, &l->s.plan, false);
    unlink(l->users);
    come(l);
}

static void end(struct login_stage *l)
{
    if (l->end)
        sim_end_close(l->end);
    sim_run_for(l->s.play.sim, USEC_PER_SEC);
    sim_play_close(&l->s.play);
    sim_play_free(&l->s.play);
    sim_plan_free(&l->s.plan);
}

/* scanner, sesame */
#define RIGHT "AUTH PLAIN AHNjYW5uZXIAc2VzYW1l\r\n"
#define WRONG "AUTH PLAIN AHNjYW5uZXIAc2VzYW0=\r\n"
#define LOCKED "AUTH PLAIN AGxvY2tlZABzZXNhbWU=\r\n"
/* a name that is not there, with a password that is */
#define NOBODY "AUTH PLAIN AG5vYm9keQBzZXNhbWU=\r\n"

static void right_at_once_wrong_a_second_later(void **state)
{
    struct login_stage l;
    (void)state;
    begin(&l);
    static const char *const wrong[] = {WRONG, NOBODY, LOCKED};
    for (int i = 0; i < 3; i++) {
        say(&l, wrong[i]);
        sim_run_for(l.s.play.sim, USEC_PER_SEC * 9 / 10);
        assert_string_equal(l.heard, "");
        sim_run_for(l.s.play.sim, USEC_PER_SEC * 2 / 10);
        assert_int_equal(strncmp(l.heard, "535 5.7.8 ", 10), 0);
    }
    /* that was the third */
    sim_end_close(l.end);
    come(&l);
    say(&l, RIGHT);
    sim_run_for(l.s.play.sim, USEC_PER_SEC / 10);
    assert_int_equal(strncmp(l.heard, "235 2.7.0 ", 10), 0);
    assert_true(sim_log_has(l.s.play.sim, "user=scanner"));
    assert_false(sim_log_has(l.s.play.sim, "nobody"));
    assert_false(sim_log_has(l.s.play.sim, "sesam"));
    end(&l);
}

/* ... while the password is checked, and while the answer is held back. */
static void the_client_goes_meanwhile(void **state)
{
    static const char *const lines[] = {RIGHT, WRONG};
    (void)state;
    for (int i = 0; i < 2; i++)
        for (usec pause = 0; pause < USEC_PER_SEC; pause += 700) {
            struct login_stage l;
            begin(&l);
            say(&l, lines[i]);
            sim_run_for(l.s.play.sim, pause);
            sim_end_reset(l.end);
            sim_run_for(l.s.play.sim, 2 * USEC_PER_SEC);
            sim_end_close(l.end);
            come(&l);
            say(&l, RIGHT);
            sim_run_for(l.s.play.sim, USEC_PER_SEC / 10);
            assert_int_equal(strncmp(l.heard, "235 ", 4), 0);
            end(&l);
            if (pause > 4000)
                pause += 200000;
        }
}

static void the_server_ends_meanwhile(void **state)
{
    (void)state;
    for (usec pause = 0; pause < 5000; pause += 200) {
        struct login_stage l;
        begin(&l);
        say(&l, WRONG);
        sim_run_for(l.s.play.sim, pause);
        relay_free(&l.s.play.relay);
        end(&l);
    }
}

static void ten_lock_the_address_out(void **state)
{
    struct login_stage l;
    (void)state;
    begin(&l);
    for (int i = 1; i <= 10; i++) {
        say(&l, WRONG);
        sim_run_for(l.s.play.sim, 2 * USEC_PER_SEC);
        assert_int_equal(strncmp(l.heard, "535 ", 4), 0);
        assert_int_equal(strstr(l.heard, "421 4.7.0 ") != NULL, i % 3 == 0);
        if (i % 3 == 0) {
            sim_end_close(l.end);
            come(&l);
        }
    }
    say(&l, RIGHT);
    sim_run_for(l.s.play.sim, USEC_PER_SEC);
    assert_int_equal(strncmp(l.heard, "421 4.7.0 ", 10), 0);
    sim_end_close(l.end);
    sim_run_for(l.s.play.sim, 600 * USEC_PER_SEC);
    come(&l);
    say(&l, RIGHT);
    sim_run_for(l.s.play.sim, USEC_PER_SEC);
    assert_int_equal(strncmp(l.heard, "235 ", 4), 0);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(right_at_once_wrong_a_second_later),
                                       cmocka_unit_test(the_client_goes_meanwhile),
                                       cmocka_unit_test(the_server_ends_meanwhile),
                                       cmocka_unit_test(ten_lock_the_address_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
