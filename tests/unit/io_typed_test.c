/* Lines from a terminal or a pipe: as they come, in pieces, too long, and at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/caps.h"
#include "io/typed.h"

struct reader {
    struct loop *loop;
    struct typed *typed;
    struct timer *timer;
    char lines[10][CAP_TYPED + 1];
    int n, free_at;
};

static void on_line(void *ctx, struct slice line)
{
    struct reader *r = ctx;
    memcpy(r->lines[r->n], line.data, line.len);
    if (++r->n == r->free_at)
        typed_free(&r->typed);
}

static void on_time(void *arg)
{
    loop_stop(((struct reader *)arg)->loop);
}

/* Writes and reads by turns; the last piece is followed by the end. */
static void run(struct reader *r, const char *const *pieces, size_t n, int free_at)
{
    int fds[2];
    struct err err;
    *r = (struct reader){.loop = loop_new(&err), .free_at = free_at};
    assert_int_equal(pipe(fds), 0);
    r->typed = typed_new(r->loop, fds[0], on_line, r);
    r->timer = timer_new(r->loop, on_time, r);
    for (size_t i = 0; i <= n; i++) {
        if (i < n)
            assert_int_equal(write(fds[1], pieces[i], strlen(pieces[i])), strlen(pieces[i]));
        else
            close(fds[1]);
        timer_arm(r->timer, 20 * USEC_PER_MS);
        loop_run(r->loop);
    }
    typed_free(&r->typed);
    timer_free(&r->timer);
    loop_free(&r->loop);
    close(fds[0]);
}

static void lines_in_pieces(void **state)
{
    static struct reader r;
    static const char *const pieces[] = {"fir", "st\r\nsecond\n\nfourth", "\nwithout an end"};
    (void)state;
    run(&r, pieces, 3, 0);
    assert_int_equal(r.n, 5);
    static const char *const wanted[] = {"first", "second", "", "fourth", "without an end"};
    for (int i = 0; i < 5; i++)
        assert_string_equal(r.lines[i], wanted[i]);
}

static void a_line_beyond_the_cap(void **state)
{
    static struct reader r;
    static char text[CAP_TYPED + 2000];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    const char *const pieces[] = {text, "\nnext\n"};
    run(&r, pieces, 2, 0);
    assert_int_equal(r.n, 2);
    assert_int_equal(strlen(r.lines[0]), CAP_TYPED);
    assert_string_equal(r.lines[1], "next");
}

static void freed_by_its_own_line(void **state)
{
    static struct reader r;
    static const char *const pieces[] = {"first\nsecond\n"};
    (void)state;
    run(&r, pieces, 1, 1);
    assert_int_equal(r.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_in_pieces),
        cmocka_unit_test(a_line_beyond_the_cap),
        cmocka_unit_test(freed_by_its_own_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
