/* password_command and password_file: when they are asked, who waits for it, and what a refused or
 * failed one leads to. In the simulated world programs and files are tables. */
#include <sys/stat.h>
#include <unistd.h>

#include "upstream/contexts.h"
#include "upstream_world.h"

#define COMMAND                                                                                    \
    "[upstream]\nhost = " HOST "\nusername = user\npassword_command = secret mail\nports = 587\n"
#define AT587 ADDRESS ":587"

static void begin(struct world *w, const char *prints)
{
    world_begin(w);
    world_server(w, AT587);
    sim_program(w->sim, "secret", prints, 300 * MS);
    world_load(w, COMMAND);
}

static unsigned runs(struct world *w)
{
    return sim_program_runs(w->sim, "secret");
}

static void it_runs_once_at_the_first_need(void **state)
{
    struct world w;
    struct wish x, y;
    (void)state;
    begin(&w, "right\nsecond line\n");
    sim_run_for(w.sim, 5 * S);
    assert_int_equal(runs(&w), 0);
    wish_ask(&x, &w);
    wish_ask(&y, &w);
    wish_wait(&x);
    wish_wait(&y);
    assert_true(x.acquired && y.acquired);
    assert_int_equal(runs(&w), 1);
    wish_return(&x);
    wish_return(&y);
    world_end(&w);
}

static void a_slow_one_has_its_own_ten_seconds(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "right");
    sim_program(w.sim, "secret", "right", 9900 * MS);
    wish_ask(&x, &w);
    wish_wait(&x);
    /* though connect_timeout is 10 s, and the connection took some of it */
    assert_true(x.acquired);
    wish_return(&x);
    world_end(&w);
}

static void a_failing_one_is_a_temporary_matter(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, NULL);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_AUTH_TEMPORARY);
    assert_int_equal(logins_at(&w, 0), 0);
    assert_true(sim_log_has(w.sim, "password_command failed"));
    sim_program(w.sim, "secret", "right", 0);
    sim_run_for(w.sim, 11 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(runs(&w), 2);
    wish_return(&x);
    world_end(&w);
}

static void one_run_for_all_ports_of_a_race(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT587);
    world_server(&w, ADDRESS ":2525");
    world_server(&w, ADDRESS ":1025");
    sim_program(w.sim, "secret", NULL, 2 * S);
    world_load(&w, "[upstream]\nhost = " HOST "\nusername = user\npassword_command = secret\n");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_AUTH_TEMPORARY);
    assert_int_equal(runs(&w), 1);
    world_end(&w);
}

static void a_changed_password_is_found_out_behind_a_refusal(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "right");
    wish_ask(&x, &w);
    wish_wait(&x);
    wish_return(&x);
    /* the session is gone */
    sim_run_for(w.sim, 60 * S);
    sim_upstream_script(w.up[0])->password = "new";
    sim_program(w.sim, "secret", "new", 300 * MS);
    wish_ask(&x, &w);
    wish_wait(&x);
    /* nobody heard of the refusal */
    assert_true(x.acquired);
    assert_int_equal(runs(&w), 2);
    assert_int_equal(logins_at(&w, 0), 3);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    wish_return(&x);
    world_end(&w);
}

static void the_same_password_again_is_not_tried(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "wrong");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(runs(&w), 2);
    assert_int_equal(logins_at(&w, 0), 1);
    assert_int_equal(account_standing(world_account(&w)), STANDING_AUTH_REFUSED);
    sim_run_for(w.sim, 299 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(logins_at(&w, 0), 1);
    /* retry_auth is over: it is asked anew, and tried once */
    sim_run_for(w.sim, 2 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_at(&w, 0), 2);
    assert_int_equal(runs(&w), 4);
    /* the wait has doubled */
    sim_run_for(w.sim, 400 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(logins_at(&w, 0), 2);
    world_end(&w);
}

/* A command that prints another wrong password each time gets one more AUTH per refusal, not an
 * endless row of them. */
static void one_more_auth_and_no_more(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "wrong");
    wish_ask(&x, &w);
    while (runs(&w) < 1)
        sim_run_for(w.sim, 10 * MS);
    /* it has printed */
    sim_run_for(w.sim, 310 * MS);
    sim_program(w.sim, "secret", "other", 300 * MS);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_at(&w, 0), 2);
    assert_int_equal(runs(&w), 2);
    world_end(&w);
}

static void reload(struct world *w, const char *ini)
{
    struct err err = {0};
    struct config *config = sim_config(ini);
    struct accounts *fresh = accounts_reload(&w->accounts, config, contexts_new(config), &err);
    config_unref(&config);
    assert_non_null(fresh);
    w->accounts = fresh;
}

static void a_reload_asks_again_and_ends_the_wait(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "wrong");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    sim_program(w.sim, "secret", "right", 300 * MS);
    reload(&w, COMMAND);
    assert_int_equal(runs(&w), 3);
    sim_run_for(w.sim, 1 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(logins_at(&w, 0), 2);
    /* a session stays, and so does a password that was good */
    sim_program(w.sim, "secret", NULL, 0);
    reload(&w, COMMAND);
    sim_run_for(w.sim, 1 * S);
    wish_return(&x);
    sim_run_for(w.sim, 60 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
    world_end(&w);
}

static void from_a_command_to_a_password_and_back(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, NULL);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    reload(&w, BASIC "ports = 587\n");
    sim_run_for(w.sim, 11 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
    sim_program(w.sim, "secret", "right", 0);
    reload(&w, COMMAND);
    sim_run_for(w.sim, 60 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(runs(&w), 2);
    wish_return(&x);
    world_end(&w);
}

static void freed_while_it_runs(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "right");
    sim_program(w.sim, "secret", "right", 5 * S);
    wish_ask(&x, &w);
    while (runs(&w) < 1)
        sim_run_for(w.sim, 10 * MS);
    accounts_free(&w.accounts);
    sim_run_for(w.sim, 1 * S);
    assert_int_equal(x.why, REFUSAL_GONE);
    world_end(&w);
}

/* ---- password_file ---- */

/* The configuration reads a real file, at the start; who asks again reads the simulated one. */
struct file_world {
    struct world w;
    char path[40], ini[200];
};

static void file_begin(struct file_world *f, const char *first, const char *later)
{
    strcpy(f->path, "/tmp/detour-secret-XXXXXX");
    int fd = mkstemp(f->path);
    assert_int_equal(write(fd, first, strlen(first)), (ssize_t)strlen(first));
    close(fd);
    snprintf(f->ini, sizeof f->ini,
             "[upstream]\nhost = " HOST "\nusername = user\npassword_file = %s\nports = 587\n",
             f->path);
    world_begin(&f->w);
    world_server(&f->w, AT587);
    sim_file(f->w.sim, f->path, later);
    world_load(&f->w, f->ini);
}

static void file_end(struct file_world *f)
{
    world_end(&f->w);
    unlink(f->path);
}

static unsigned log_lines(struct world *w, const char *text)
{
    unsigned n = 0;
    for (size_t i = 0; i < sim_log_count(w->sim); i++)
        n += strstr(sim_log_line(w->sim, i), text) != NULL;
    return n;
}

static void a_corrected_file_is_read_behind_a_refusal(void **state)
{
    struct file_world f;
    struct wish x;
    (void)state;
    file_begin(&f, "wrong\n", "right\nsecond line\n");
    wish_ask(&x, &f.w);
    wish_wait(&x);
    /* nobody heard of the refusal */
    assert_true(x.acquired);
    assert_int_equal(sim_secret_reads(f.w.sim), 1);
    assert_int_equal(logins_at(&f.w, 0), 2);
    wish_return(&x);
    sim_run_for(f.w.sim, 3600 * S);
    /* what works is left alone */
    assert_int_equal(sim_secret_reads(f.w.sim), 1);
    file_end(&f);
}

static void a_file_corrected_later_ends_the_wait(void **state)
{
    struct file_world f;
    struct wish x;
    (void)state;
    file_begin(&f, "wrong\n", "wrong\n");
    wish_ask(&x, &f.w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    sim_run_for(f.w.sim, 60 * S);
    /* the same secret is not tried */
    assert_int_equal(logins_at(&f.w, 0), 1);
    sim_file(f.w.sim, f.path, "right\n");
    sim_run_for(f.w.sim, 16 * S);
    wish_ask(&x, &f.w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(logins_at(&f.w, 0), 2);
    wish_return(&x);
    file_end(&f);
}

/* Corrected by another wrong one again and again: each gets one AUTH, and the waits go on
 * doubling. */
static void a_file_with_ever_new_wrong_secrets_rests_ever_longer(void **state)
{
    struct file_world f;
    struct wish x;
    char text[20];
    (void)state;
    file_begin(&f, "wrong\n", "wrong\n");
    for (int i = 0; i < 60; i++) {
        snprintf(text, sizeof text, "wrong%d\n", i);
        wish_ask(&x, &f.w);
        wish_wait(&x);
        assert_int_equal(x.why, REFUSAL_CREDENTIALS);
        sim_file(f.w.sim, f.path, text);
        sim_run_for(f.w.sim, 1 * S);
    }
    /* a minute, looked at every 15 s */
    assert_true(logins_at(&f.w, 0) <= 6);
    file_end(&f);
}

static void a_file_that_cannot_be_read_keeps_its_secret(void **state)
{
    struct file_world f;
    struct wish x;
    (void)state;
    file_begin(&f, "right\n", NULL);
    sim_upstream_script(f.w.up[0])->password = "other";
    wish_ask(&x, &f.w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    sim_upstream_script(f.w.up[0])->password = "right";
    sim_run_for(f.w.sim, 301 * S);
    wish_ask(&x, &f.w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(log_lines(&f.w, "password_file: the secret stays the same"), 1);
    wish_return(&x);
    file_end(&f);
}

static void a_mount_that_hangs_costs_its_account_ten_seconds(void **state)
{
    struct file_world f;
    struct wish x;
    (void)state;
    file_begin(&f, "wrong\n", "right\n");
    sim_files_hang(f.w.sim, true);
    wish_ask(&x, &f.w);
    assert_true(wish_wait(&x) < 11 * S);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    sim_files_hang(f.w.sim, false);
    sim_run_for(f.w.sim, 16 * S);
    wish_ask(&x, &f.w);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
    file_end(&f);
}

static void a_reload_of_the_file_ends_the_wait_too(void **state)
{
    struct file_world f;
    struct wish x;
    (void)state;
    file_begin(&f, "wrong\n", "wrong\n");
    wish_ask(&x, &f.w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    FILE *file = fopen(f.path, "w");
    fputs("right\n", file);
    fclose(file);
    reload(&f.w, f.ini);
    wish_ask(&x, &f.w);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
    file_end(&f);
}

/* ---- what is left of a secret ---- */

/* Whether the octets stand anywhere on the heap. Where there is none of that name, as under a
 * sanitizer, the question is not answered. */
static bool heap_holds(const char *text)
{
    char line[512], may;
    unsigned long from, to;
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        /* a C library may keep a page there that nobody may read */
        if (strstr(line, "[heap]") && sscanf(line, "%lx-%lx %c", &from, &to, &may) == 3 &&
            may == 'r')
            found = found || memmem((const void *)from, to - from, text, strlen(text)) != NULL;
    fclose(maps);
    return found;
}

/* Written so that the text itself never lies in a constant. */
static void spell(char out[24], char letter)
{
    memset(out, letter, 23);
    out[23] = 0;
}

static struct config *config_with(const char *password)
{
    char ini[200];
    snprintf(ini, sizeof ini, "[upstream]\nhost = " HOST "\nusername = user\npassword = %s\n",
             password);
    struct config *config = sim_config(ini);
    memset(ini, 0, sizeof ini);
    return config;
}

static void a_rotated_password_is_forgotten(void **state)
{
    struct world w;
    struct err err;
    char first[24], second[24];
    (void)state;
    spell(first, 'q');
    spell(second, 'z');
    world_begin(&w);
    struct config *config = config_with(first), *kept = config_ref(config);
    w.accounts = accounts_new(sim_io(w.sim), config, &err);
    config_unref(&config);
    assert_null(kept->upstreams[0].password);
    config = config_with(second);
    struct accounts *fresh = accounts_reload(&w.accounts, config, contexts_new(config), &err);
    assert_non_null(fresh);
    w.accounts = fresh;
    config_unref(&config);
    assert_false(heap_holds(first));
    world_end(&w);
    config_unref(&kept);
}

/* What providers say that have switched password logins off counts as a refusal, not as a port that
 * does not work. */
static void basic_authentication_is_not_supported(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT587)->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_AUTH,
        .fault = SIM_FAULT_REPLY,
        .text = "550 5.7.30 Basic authentication is not supported for Client Submission.\r\n"};
    world_server(&w, ADDRESS ":2525");
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    /* no other port was asked */
    assert_int_equal(logins_at(&w, 0), 1);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_AUTH_REFUSED);
    assert_non_null(strstr(report_of(&w, 587)->words, "5.7.30"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_once_at_the_first_need),
        cmocka_unit_test(a_slow_one_has_its_own_ten_seconds),
        cmocka_unit_test(a_failing_one_is_a_temporary_matter),
        cmocka_unit_test(one_run_for_all_ports_of_a_race),
        cmocka_unit_test(a_changed_password_is_found_out_behind_a_refusal),
        cmocka_unit_test(the_same_password_again_is_not_tried),
        cmocka_unit_test(one_more_auth_and_no_more),
        cmocka_unit_test(a_reload_asks_again_and_ends_the_wait),
        cmocka_unit_test(from_a_command_to_a_password_and_back),
        cmocka_unit_test(freed_while_it_runs),
        cmocka_unit_test(a_corrected_file_is_read_behind_a_refusal),
        cmocka_unit_test(a_file_corrected_later_ends_the_wait),
        cmocka_unit_test(a_file_with_ever_new_wrong_secrets_rests_ever_longer),
        cmocka_unit_test(a_file_that_cannot_be_read_keeps_its_secret),
        cmocka_unit_test(a_mount_that_hangs_costs_its_account_ten_seconds),
        cmocka_unit_test(a_reload_of_the_file_ends_the_wait_too),
        cmocka_unit_test(a_rotated_password_is_forgotten),
        cmocka_unit_test(basic_authentication_is_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
