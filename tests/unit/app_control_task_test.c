/* What a command does to the spool, over a real directory, and what becomes of one whose caller
 * goes away. */
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

/* ---- a message of another spool ---- */

/* What a peer would send: a head, no log, a body. */
static struct control_request offer_of(const char *id, const char *body, struct buf *out)
{
    char name[SPOOL_ID_SIZE], word[] = "w", reason[] = "no port";
    struct spool_recipient people[] = {{word, word, word}};
    struct spool_envelope e = {.id = name,
                               .account = word,
                               .listener = word,
                               .client = word,
                               .login = word,
                               .destination = word,
                               .reason = reason,
                               .date = word,
                               .message_id = word,
                               .sender = word,
                               .ret = word,
                               .envid = word,
                               .recipients = people,
                               .nrecipients = 1};
    struct control_request r = {.verb = CONTROL_TAKE};
    snprintf(name, sizeof name, "%s", id);
    buf_init(out, 100000);
    assert_true(spool_head_write(out, &e));
    r.offer.head = out->len;
    r.offer.body = strlen(body);
    assert_true(buf_append_slice(out, slice_of(body)));
    assert_true(buf_append_slice(out, slice_of(CONTROL_COMMIT)));
    return r;
}

/* Gives the answer's status; `words` are in it. */
static unsigned answer_of(struct control_task *task, const char *words)
{
    struct control_answer a;
    struct buf out;
    buf_init(&out, CONTROL_STEP_ROOM);
    assert_int_equal(control_task_step(task, &out), CONTROL_ENDED);
    struct slice line = buf_view(&out);
    assert_true(control_answer_read(slice_head(line, line.len - 1), &a));
    if (!strstr(a.words, words))
        fail_msg("%s: %s", words, a.words);
    unsigned status = a.status;
    control_answer_free(&a);
    buf_free(&out);
    return status;
}

static unsigned queued(void)
{
    return (unsigned)store_index(spool_store(spool))->counts[PLACE_QUEUE];
}

static void a_message_comes_octet_by_octet(void **state)
{
    struct buf octets, out;
    (void)state;
    struct control_request r = offer_of("m1", "a body\r\n", &octets);
    struct control_task *task = control_task_new(spool, &r, &host, more, NULL);
    buf_init(&out, CONTROL_STEP_ROOM);
    struct slice rest = buf_view(&octets);
    while (rest.len) {
        assert_int_equal(queued(), 0);
        assert_true(control_task_is_hungry(task));
        assert_int_equal(control_task_step(task, &out), CONTROL_WAITS);
        assert_int_equal(control_task_feed(task, slice_head(rest, 1)), 1);
        rest = slice_from(rest, 1);
    }
    assert_false(control_task_is_hungry(task));
    assert_int_equal(answer_of(task, "m1 is taken in"), 0);
    assert_int_equal(queued(), 1);
    /* nothing more is heard */
    assert_int_equal(control_task_feed(task, slice_of("x")), 0);
    control_task_leave(&task);
    buf_free(&octets);
}

/* `edit` spoils what comes, or who hears it. */
static void refused(const char *id, void (*edit)(struct control_request *r, struct buf *octets),
                    unsigned status, const char *words)
{
    struct buf octets;
    unsigned before = queued();
    struct control_request r = offer_of(id, "a body\r\n", &octets);
    edit(&r, &octets);
    struct control_task *task = control_task_new(spool, &r, &host, more, NULL);
    control_task_feed(task, buf_view(&octets));
    assert_int_equal(answer_of(task, words), status);
    control_task_leave(&task);
    assert_int_equal(queued(), before);
    buf_free(&octets);
}

static void as_it_is(struct control_request *r, struct buf *octets)
{
    (void)r;
    (void)octets;
}

static void with_longer_body(struct control_request *r, struct buf *octets)
{
    (void)octets;
    r->offer.body--;
}

static void with_longer_head(struct control_request *r, struct buf *octets)
{
    (void)octets;
    r->offer.head += 3;
}

static void with_a_log(struct control_request *r, struct buf *octets)
{
    struct buf all;
    buf_init(&all, 100000);
    assert_true(buf_append_slice(&all, slice_of("served 0\n")));
    assert_true(buf_append_slice(&all, buf_view(octets)));
    r->offer.log = 9;
    buf_free(octets);
    *octets = all;
}

static void with_a_huge_body(struct control_request *r, struct buf *octets)
{
    (void)octets;
    r->offer.body = INT64_MAX;
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static void what_is_not_whole_is_not_taken(void **state)
{
    (void)state;
    take("m1");
    refused("m1", as_it_is, 1, "is here already");
    refused("m2", with_longer_body, 2, "does not end where it should");
    refused("m2", with_longer_head, 1, "another length");
    refused("m2", with_a_log, 1, "can't be read");
    refused("m2", with_a_huge_body, 75, "full");
    host.takes = never;
    refused("m2", as_it_is, 75, "nothing new is kept here");
    /* who hangs up before the end */
    host.takes = NULL;
    struct buf octets;
    struct control_request r = offer_of("m2", "a body\r\n", &octets);
    struct control_task *task = control_task_new(spool, &r, &host, more, NULL);
    assert_int_equal(control_task_feed(task, slice_head(buf_view(&octets), octets.len - 1)),
                     octets.len - 1);
    control_task_leave(&task);
    buf_free(&octets);
    assert_int_equal(queued(), 1);
    assert_int_equal(store_receiving(spool_store(spool)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_was_left_ends_with_the_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_was_left_does_not_outlive_the_spool, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_message_comes_octet_by_octet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_whole_is_not_taken, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
