/* Helper threads, names, children, files, signals, the listener without descriptors. */
#include "io_help.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/caps.h"
#include "io/dns.h"
#include "io/files.h"
#include "io/netwatch.h"
#include "io/offload.h"
#include "io/offload_internal.h"
#include "io/process.h"
#include "io/signals.h"

struct world {
    struct loop *loop;
    struct offload *off;
    struct dns *dns;
};

static void world_open(struct world *w)
{
    struct err err;
    w->loop = new_loop();
    w->off = offload_new(w->loop, &err);
    w->dns = dns_new(w->loop, w->off);
}

static void world_close(struct world *w)
{
    dns_free(&w->dns);
    offload_free(&w->off);
    loop_free(&w->loop);
}

/* --- offload --- */

enum { JOBS = 40 };

struct jobs {
    pthread_mutex_t lock;
    int running, most, ran, done;
    int order[JOBS];
    pthread_t loop_thread;
};

struct job_arg {
    struct jobs *jobs;
    int number;
};

static void run_job(void *arg)
{
    struct job_arg *a = arg;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_true(sigismember(&blocked, SIGTERM));
    assert_false(pthread_equal(pthread_self(), a->jobs->loop_thread));
    pthread_mutex_lock(&a->jobs->lock);
    if (++a->jobs->running > a->jobs->most)
        a->jobs->most = a->jobs->running;
    pthread_mutex_unlock(&a->jobs->lock);
    usleep((useconds_t)(a->number % 3 * 1000));
    pthread_mutex_lock(&a->jobs->lock);
    a->jobs->running--;
    a->jobs->order[a->jobs->ran++] = a->number;
    pthread_mutex_unlock(&a->jobs->lock);
}

static void job_done(void *arg)
{
    struct job_arg *a = arg;
    assert_true(pthread_equal(pthread_self(), a->jobs->loop_thread));
    a->jobs->done++;
    free(a);
}

static bool all_jobs_done(void *arg)
{
    return ((struct jobs *)arg)->done == JOBS;
}

static void run_jobs(struct jobs *jobs,
                     void submit(struct offload *, void (*)(void *), void (*)(void *), void *))
{
    struct world w;
    world_open(&w);
    *jobs = (struct jobs){.loop_thread = pthread_self()};
    pthread_mutex_init(&jobs->lock, NULL);
    for (int i = 0; i < JOBS; i++) {
        struct job_arg *a = malloc(sizeof *a);
        *a = (struct job_arg){jobs, i};
        submit(w.off, run_job, job_done, a);
    }
    spin_until(w.loop, all_jobs_done, jobs);
    assert_int_equal(offload_waiting(w.off), 0);
    world_close(&w);
    pthread_mutex_destroy(&jobs->lock);
}

static void test_offload(void **state)
{
    struct jobs jobs;
    (void)state;
    run_jobs(&jobs, offload_submit);
    assert_true(jobs.most <= CAP_HELPER_THREADS);
    run_jobs(&jobs, offload_submit_in_order);
    assert_int_equal(jobs.most, 1);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(jobs.order[i], i);
}

static void run_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        pause();
}

static void never_done(void *arg)
{
    (void)arg;
    fail();
}

/* A helper that hangs (a resolver) does not keep the process from ending. */
static void test_offload_free_with_hanging_job(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    offload_submit(w.off, run_for_ever, never_done, NULL);
    spin_some(w.loop);
    world_close(&w);
}

/* --- dns --- */

struct answer {
    int calls;
    size_t n;
    struct addr first;
    struct err err;
    struct dns_query **cancels;
};

static void on_answer(void *ctx, const struct addr *addresses, size_t n, const struct err *err)
{
    struct answer *a = ctx;
    a->calls++;
    a->n = n;
    if (n)
        a->first = addresses[0];
    else
        a->err = *err;
    if (a->cancels)
        dns_cancel(a->cancels);
}

static bool answered(void *arg)
{
    return ((struct answer *)arg)->calls > 0;
}

static void test_dns(void **state)
{
    struct world w;
    struct answer one = {0}, two = {0}, three = {0}, bad = {0};
    (void)state;
    world_open(&w);
    dns_lookup(w.dns, "localhost", ADDR_V4, on_answer, &one);
    dns_lookup(w.dns, "LocalHost", ADDR_V4, on_answer, &two);
    struct dns_query *q = dns_lookup(w.dns, "localhost", ADDR_V4, on_answer, &three);
    /* joined */
    assert_true(offload_waiting(w.off) <= 1);
    /* in the callback before its own */
    two.cancels = &q;
    spin_until(w.loop, answered, &two);
    assert_int_equal(one.calls, 1);
    assert_int_equal(three.calls, 0);
    assert_true(one.n >= 1 && addr_is_loopback(&one.first) && one.first.family == ADDR_V4 &&
                one.first.port == 0);
    dns_lookup(w.dns, "bad..name", ADDR_V6, on_answer, &bad);
    spin_until(w.loop, answered, &bad);
    assert_int_equal(bad.n, 0);
    assert_int_not_equal(bad.err.kind, ERR_NONE);
    assert_non_null(strstr(bad.err.words, "bad..name"));
    world_close(&w);
}

/* --- process --- */

struct result {
    int calls;
    bool is_good;
    char text[64];
    struct err err;
};

static void on_result(void *ctx, struct secret *output, const struct err *err)
{
    struct result *r = ctx;
    r->calls++;
    r->is_good = !err;
    if (output)
        snprintf(r->text, sizeof r->text, "%s", secret_reveal(output).data);
    else if (err)
        r->err = *err;
    secret_free(&output);
}

static bool has_result(void *arg)
{
    return ((struct result *)arg)->calls > 0;
}

static struct process_run *run_program(struct world *w, char *const argv[], usec deadline,
                                       struct result *r)
{
    const struct process_order order = {.argv = argv, .deadline = deadline};
    return process_run(w->loop, w->off, &order, on_result, r);
}

static struct result shell(const char *script, usec deadline)
{
    struct world w;
    struct result r = {0};
    char copy[512];
    char *argv[] = {"sh", "-c", copy, NULL};
    snprintf(copy, sizeof copy, "%s", script);
    world_open(&w);
    run_program(&w, argv, deadline, &r);
    /* the arguments were copied */
    memset(copy, 0, sizeof copy);
    spin_until(w.loop, has_result, &r);
    spin_some(w.loop);
    assert_int_equal(r.calls, 1);
    world_close(&w);
    return r;
}

static long written_pid(const char *file)
{
    long pid = 0;
    FILE *f = fopen(file, "r");
    if (f && fscanf(f, "%ld", &pid) != 1)
        pid = 0;
    if (f)
        fclose(f);
    return pid;
}

/* Sooner or later: is dead, or a zombie that nobody here reaps. */
static bool dies(long pid)
{
    bool dead = false;
    char path[64], state_of;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    for (int i = 0; i < 2000 && !dead; i++, usleep(10000)) {
        FILE *f = fopen(path, "r");
        if (!f || fscanf(f, "%*d %*s %c", &state_of) != 1)
            state_of = 'Z';
        if (f)
            fclose(f);
        dead = state_of == 'Z' || state_of == 'X';
    }
    return dead;
}

static void test_process(void **state)
{
    const usec long_enough = 60 * USEC_PER_SEC;
    (void)state;
    assert_string_equal(shell("printf 's3cret\\r\\nmore\\n'", long_enough).text, "s3cret");
    assert_string_equal(shell("printf 'no line end'", long_enough).text, "no line end");
    /* stdin is at its end */
    assert_string_equal(shell("sleep 0.05; cat; echo late", long_enough).text, "late");
    setenv("NOTIFY_SOCKET", "/x", 1);
    setenv("SOMETHING_ELSE", "kept", 1);
    assert_string_equal(shell("echo \"[$NOTIFY_SOCKET]$SOMETHING_ELSE\"", long_enough).text,
                        "[]kept");
    /* Somebody in the background who holds the output does not hold us. */
    assert_string_equal(shell("sleep 2 & echo here", long_enough).text, "here");

    struct result r = shell("echo half; exit 3", long_enough);
    assert_string_equal(r.text, "");
    assert_non_null(strstr(r.err.words, "exit status 3"));
    assert_non_null(strstr(shell("kill -9 $$", long_enough).err.words, "signal 9"));
    assert_int_equal(shell("true", long_enough).err.kind, ERR_INVALID);
    assert_int_equal(shell("yes | tr -d '\\n'", long_enough).err.kind, ERR_LIMIT);
    char pid_file[] = "/tmp/io_process.XXXXXX", script[128];
    close(mkstemp(pid_file));
    snprintf(script, sizeof script, "sleep 600 & echo $! >%s; wait", pid_file);
    r = shell(script, 200 * USEC_PER_MS);
    assert_int_equal(r.err.kind, ERR_TIMEOUT);
    assert_true(dies(written_pid(pid_file)));
    unlink(pid_file);
}

/* As many as like hang: names are looked up, and another child runs, all the same. */
static void test_hanging_children_hold_nobody_up(void **state)
{
    enum { HANGING = 12 };
    struct world w;
    struct result hung[HANGING] = {{0}}, quick = {0};
    struct process_run *runs[HANGING];
    struct answer name = {0};
    char *hang[] = {"sleep", "600", NULL}, *echo[] = {"echo", "here", NULL};
    (void)state;
    world_open(&w);
    for (int i = 0; i < HANGING; i++)
        runs[i] = run_program(&w, hang, 600 * USEC_PER_SEC, &hung[i]);
    dns_lookup(w.dns, "localhost", ADDR_V4, on_answer, &name);
    run_program(&w, echo, 600 * USEC_PER_SEC, &quick);
    spin_until(w.loop, answered, &name);
    spin_until(w.loop, has_result, &quick);
    assert_string_equal(quick.text, "here");
    for (int i = 0; i < HANGING; i++) {
        assert_int_equal(hung[i].calls, 0);
        process_cancel(&runs[i]);
    }
    /* The cancelled ones end meanwhile, and the loop frees them. */
    char *wait[] = {"sleep", "1", NULL};
    struct result waited = {0};
    run_program(&w, wait, 600 * USEC_PER_SEC, &waited);
    spin_until(w.loop, has_result, &waited);
    world_close(&w);
}

struct pid_watch {
    const char *file;
    long pid;
};

static bool has_pid(void *arg)
{
    struct pid_watch *p = arg;
    p->pid = written_pid(p->file);
    return p->pid > 0;
}

static void test_process_cancelled(void **state)
{
    struct world w;
    struct result r = {0};
    char pid_file[] = "/tmp/io_process.XXXXXX", script[128];
    char *argv[] = {"sh", "-c", script, NULL};
    struct pid_watch started = {.file = pid_file};
    (void)state;
    close(mkstemp(pid_file));
    snprintf(script, sizeof script, "echo $$ >%s; exec sleep 60", pid_file);
    world_open(&w);
    struct process_run *run = run_program(&w, argv, 600 * USEC_PER_SEC, &r);
    spin_until(w.loop, has_pid, &started);
    process_cancel(&run);
    assert_null(run);
    assert_true(dies(started.pid));
    spin_some(w.loop);
    assert_int_equal(r.calls, 0);
    unlink(pid_file);
    world_close(&w);
}

/* It is run for what it does: no output is as good as much, and it is told things by its own
 * variables, which come before ours. */
static void test_process_mute(void **state)
{
    struct world w;
    struct result r = {0};
    char out_file[] = "/tmp/io_process.XXXXXX", script[200];
    (void)state;
    int fd = mkstemp(out_file);
    assert_true(fd >= 0);
    char sh[] = "sh", c[] = "-c", words[] = "WORDS=a 'b' $(c)", home[] = "HOME=/nowhere";
    char *argv[] = {sh, c, script, NULL}, *env[] = {words, home, NULL};
    snprintf(script, sizeof script, "printf '%%s|%%s' \"$WORDS\" \"$HOME\" >%s; yes | head -c 9000",
             out_file);
    world_open(&w);
    struct process_order order = {
        .argv = argv, .env = env, .is_mute = true, .deadline = 600 * USEC_PER_SEC};
    process_run(w.loop, w.off, &order, on_result, &r);
    spin_until(w.loop, has_result, &r);
    assert_true(r.is_good);
    assert_string_equal(r.text, "");
    char seen[100] = "";
    assert_true(read(fd, seen, sizeof seen - 1) > 0);
    assert_string_equal(seen, "a 'b' $(c)|/nowhere");
    close(fd);
    unlink(out_file);
    r = (struct result){0};
    snprintf(script, sizeof script, "exit 3");
    process_run(w.loop, w.off, &order, on_result, &r);
    spin_until(w.loop, has_result, &r);
    assert_false(r.is_good);
    assert_non_null(strstr(r.err.words, "exit status 3"));
    world_close(&w);
}

static void test_process_not_there(void **state)
{
    struct world w;
    char *argv[] = {"/nonexistent/program", NULL};
    struct result missing = {0};
    (void)state;
    world_open(&w);
    run_program(&w, argv, USEC_PER_SEC, &missing);
    spin_until(w.loop, has_result, &missing);
    assert_int_equal(missing.err.kind, ERR_NOT_FOUND);
    world_close(&w);
}

/* --- files --- */

static int failures;

static void count_failure(void *ctx, const struct err *err)
{
    (void)ctx;
    assert_int_equal(err->kind, ERR_NOT_FOUND);
    failures++;
}

static bool one_failure(void *arg)
{
    (void)arg;
    return failures == 1;
}

static void test_files(void **state)
{
    char directory[] = "/tmp/io_files.XXXXXX", path[64], sub[64], temporary[80];
    struct world w;
    struct err err;
    struct buf b;
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/state", directory);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    snprintf(sub, sizeof sub, "%s/sub", directory);
    buf_init(&b, 10);
    assert_int_equal(file_read(path, &b, &err), -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_non_null(strstr(err.words, path));
    umask(077);
    assert_int_equal(file_replace(path, slice_of("0123456789"), 0644, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(file_read(path, &b, &err), 0);
    assert_true(slice_is(buf_view(&b), "0123456789"));
    /* left over, or planted: not followed */
    assert_int_equal(symlink("/tmp/elsewhere-io-files", temporary), 0);
    assert_int_equal(file_replace(path, slice_of("01234567890"), 0600, &err), 0);
    assert_int_equal(access("/tmp/elsewhere-io-files", F_OK), -1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    buf_clear(&b);
    assert_int_equal(file_read(path, &b, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);

    assert_int_equal(directory_make(sub, 0700, NULL, &err), 0);
    assert_int_equal(directory_make(sub, 0700, NULL, &err), 0);
    assert_int_equal(directory_make(path, 0700, NULL, &err), -1);

    world_open(&w);
    for (int i = 0; i < 20; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d", i);
        file_replace_later(w.off, path, slice_of(text), 0600, NULL, NULL);
    }
    file_replace_later(w.off, "/nonexistent/x", slice_of("x"), 0600, count_failure, NULL);
    spin_until(w.loop, one_failure, NULL);
    buf_clear(&b);
    assert_int_equal(file_read(path, &b, &err), 0);
    /* the newest wins */
    assert_true(slice_is(buf_view(&b), "19"));
    world_close(&w);
    buf_free(&b);
    unlink(path);
    rmdir(sub);
    /* and no temporary is left */
    assert_int_equal(rmdir(directory), 0);
}

/* --- signals, netwatch --- */

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

static void test_signals(void **state)
{
    struct loop *loop = new_loop();
    bool hup = false;
    struct signal_watch *w = signal_watch_new(loop, SIGHUP, set, &hup);
    (void)state;
    /* ignored */
    raise(SIGPIPE);
    raise(SIGHUP);
    assert_false(hup);
    spin_until(loop, is_set, &hup);
    signal_watch_free(&w);
    assert_null(w);
    loop_free(&loop);
}

/* What is there at the start is no change. */
static void test_netwatch_is_quiet(void **state)
{
    struct loop *loop = new_loop();
    bool changed = false;
    struct netwatch *w = netwatch_new(loop, set, &changed);
    (void)state;
    spin_some(loop);
    assert_false(changed);
    netwatch_free(&w);
    assert_null(w);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offload),
        cmocka_unit_test(test_offload_free_with_hanging_job),
        cmocka_unit_test(test_dns),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_hanging_children_hold_nobody_up),
        cmocka_unit_test(test_process_cancelled),
        cmocka_unit_test(test_process_mute),
        cmocka_unit_test(test_process_not_there),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_netwatch_is_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
