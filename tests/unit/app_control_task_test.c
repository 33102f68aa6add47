/* What a command does to the spool, over a real directory, and what becomes of one whose caller goes
 * away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/control_task.h"
#include "app/quiet.h"
#include "io/loop.h"

#define DAY (86400 * USEC_PER_SEC)

static char directory[] = "/tmp/control-task-XXXXXX";
static struct io io;
static struct spool *spool;
static struct link left;
static struct control_host host;
static unsigned told;

static void more(void *ctx)
{
    (void)ctx;
    told++;
}

static int set_up(void **state)
{
    struct err err;
    (void)state;
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    assert_non_null(mkdtemp(directory));
    const struct spool_options options = {.store = {.directory = directory,
                                                    .max_size = 1000000,
                                                    .max_messages = 100,
                                                    .max_age = DAY,
                                                    .failed_age = DAY}};
    io.loop = loop_new(&err);
    assert_non_null(io.loop);
    io.log = log_new(LOG_ERROR, false, quiet_sink());
    spool = spool_new(&io, &options, &err);
    assert_non_null(spool);
    link_init(&left);
    host = (struct control_host){.loop = io.loop, .left = &left};
    told = 0;
    return 0;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    spool_free(&spool);
    loop_free(&io.loop);
    log_free(&io.log);
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
    return 0;
}

static void take(const char *id)
{
    char name[SPOOL_ID_SIZE], word[] = "w";
    struct spool_recipient people[] = {{word, word, word}};
    struct spool_envelope e = {
        .id = name, .account = word, .sender = word, .recipients = people, .nrecipients = 1};
    enum store_no no;
    snprintf(name, sizeof name, "%s", id);
    struct store_writer *w =
        store_begin(spool_store(spool), &e, 0, &(struct store_taker){.ctx = NULL}, &no);
    assert_non_null(w);
    assert_true(store_write(w, slice_of("a body\r\n")));
    store_end(w);
    assert_non_null(store_find(spool_store(spool), id));
}

static struct control_task *begin(enum control_verb verb, const char *id)
{
    struct control_request request = {.verb = verb};
    snprintf(request.id, sizeof request.id, "%s", id);
    return control_task_new(spool, &request, &host, more, NULL);
}

/* The caller has gone, and the disk has not answered yet. */
static void leave_at_work(void)
{
    struct buf out;
    struct err err;
    take("m1");
    assert_int_equal(store_start(spool_store(spool), &err), 0);
    struct control_task *task = begin(CONTROL_REMOVE, "m1");
    buf_init(&out, CONTROL_STEP_ROOM);
    assert_int_equal(control_task_step(task, &out), CONTROL_WAITS);
    control_task_leave(&task);
    assert_null(task);
    assert_false(link_is_alone(&left));
    buf_free(&out);
}

static void watch_the_disk(void *arg)
{
    struct timer **timer = arg;
    if (link_is_alone(&left))
        loop_stop(io.loop);
    else
        timer_arm(*timer, USEC_PER_MS);
}

static void one_that_was_left_ends_with_the_disk(void **state)
{
    (void)state;
    leave_at_work();
    struct timer *timer = NULL;
    timer = timer_new(io.loop, watch_the_disk, &timer);
    timer_arm(timer, 0);
    loop_run(io.loop);
    timer_free(&timer);
    assert_null(store_find(spool_store(spool), "m1"));
    /* nobody is there to be told */
    assert_int_equal(told, 0);
}

static void one_that_was_left_does_not_outlive_the_spool(void **state)
{
    (void)state;
    leave_at_work();
    spool_free(&spool);
    assert_false(link_is_alone(&left));
    control_tasks_forget(&left);
    assert_true(link_is_alone(&left));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_was_left_ends_with_the_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_was_left_does_not_outlive_the_spool, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
