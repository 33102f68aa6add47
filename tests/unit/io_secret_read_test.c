/* A secret's file, read on a helper: the rules for it, and a disk that does not answer. */
#include <semaphore.h>
#include <sys/stat.h>

#include "base/caps.h"
#include "io/offload.h"
#include "io/secret_read.h"
#include "io_help.h"

struct world {
    struct loop *loop;
    struct offload *disk;
    char folder[40], path[64];
};

struct result {
    int calls;
    char text[64];
    struct err err;
};

static void world_open(struct world *w)
{
    struct err err;
    w->loop = new_loop();
    w->disk = offload_new(w->loop, &err);
    strcpy(w->folder, "/tmp/detour-read-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof w->path, "%s/secret", w->folder);
}

static void world_close(struct world *w)
{
    offload_free(&w->disk);
    loop_free(&w->loop);
    unlink(w->path);
    rmdir(w->folder);
}

static void put(struct world *w, const char *text, mode_t mode)
{
    unlink(w->path);
    FILE *f = fopen(w->path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(w->path, mode), 0);
}

static void on_read(void *ctx, struct secret *secret, const struct err *err)
{
    struct result *r = ctx;
    r->calls++;
    if (secret)
        snprintf(r->text, sizeof r->text, "%s", secret_reveal(secret).data);
    else
        r->err = *err;
    secret_free(&secret);
}

static bool has_result(void *arg)
{
    return ((struct result *)arg)->calls > 0;
}

static struct result ask(struct world *w, usec deadline)
{
    struct result r = {0};
    secret_read(w->loop, w->disk, w->path, deadline, on_read, &r);
    assert_int_equal(r.calls, 0);
    spin_until(w->loop, has_result, &r);
    spin_some(w->loop);
    assert_int_equal(r.calls, 1);
    return r;
}

static void the_first_line_is_the_secret(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    put(&w, "s3cret\r\nmore\n", 0600);
    assert_string_equal(ask(&w, 60 * USEC_PER_SEC).text, "s3cret");
    put(&w, "no line end", 0640);
    assert_string_equal(ask(&w, 60 * USEC_PER_SEC).text, "no line end");
    put(&w, "\nsecond\n", 0600);
    assert_int_equal(ask(&w, 60 * USEC_PER_SEC).err.kind, ERR_INVALID);
    unlink(w.path);
    assert_int_equal(ask(&w, 60 * USEC_PER_SEC).err.kind, ERR_NOT_FOUND);
    world_close(&w);
}

static void what_everybody_may_read_is_refused(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    put(&w, "sesame\n", 0644);
    struct result r = ask(&w, 60 * USEC_PER_SEC);
    assert_string_equal(r.text, "");
    assert_int_equal(r.err.kind, ERR_PERMISSION);
    assert_null(strstr(r.err.words, "sesame"));
    assert_non_null(strstr(r.err.words, "chmod 640"));
    setenv("CREDENTIALS_DIRECTORY", w.folder, 1);
    assert_string_equal(ask(&w, 60 * USEC_PER_SEC).text, "sesame");
    unsetenv("CREDENTIALS_DIRECTORY");
    world_close(&w);
}

static void a_fifo_is_no_file(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    assert_int_equal(mkfifo(w.path, 0600), 0);
    assert_int_equal(ask(&w, 60 * USEC_PER_SEC).err.kind, ERR_INVALID);
    unlink(w.path);
    assert_int_equal(mkdir(w.path, 0700), 0);
    assert_int_equal(ask(&w, 60 * USEC_PER_SEC).err.kind, ERR_SYSTEM);
    rmdir(w.path);
    world_close(&w);
}

static void hang(void *arg)
{
    sem_wait(arg);
}

static void hung(void *arg)
{
    (void)arg;
}

/* All helpers of the disk hang, as on a mount whose server is gone: the asker hears of it in time,
 * and what the helper brings later is dropped. */
static void a_disk_that_hangs_costs_the_deadline(void **state)
{
    struct world w;
    sem_t stopped;
    (void)state;
    world_open(&w);
    put(&w, "late\n", 0600);
    sem_init(&stopped, 0, 0);
    for (int i = 0; i < CAP_HELPER_THREADS; i++)
        offload_submit(w.disk, hang, hung, &stopped);
    assert_int_equal(ask(&w, 50 * USEC_PER_MS).err.kind, ERR_TIMEOUT);
    for (int i = 0; i < CAP_HELPER_THREADS; i++)
        sem_post(&stopped);
    assert_string_equal(ask(&w, 60 * USEC_PER_SEC).text, "late");
    world_close(&w);
    sem_destroy(&stopped);
}

static void cancelled_is_silent(void **state)
{
    struct world w;
    struct result r = {0};
    (void)state;
    world_open(&w);
    put(&w, "unheard\n", 0600);
    struct secret_read *read = secret_read(w.loop, w.disk, w.path, USEC_PER_MS, on_read, &r);
    secret_read_cancel(&read);
    assert_null(read);
    spin_some(w.loop);
    assert_int_equal(r.calls, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_the_secret),
        cmocka_unit_test(what_everybody_may_read_is_refused),
        cmocka_unit_test(a_fifo_is_no_file),
        cmocka_unit_test(a_disk_that_hangs_costs_the_deadline),
        cmocka_unit_test(cancelled_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
