/* RCPTs that wait, and the answers that find them whatever their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/tickets.h"

static char places[4];

static struct smtp_server_command *ticket(size_t n)
{
    return (struct smtp_server_command *)(void *)&places[n % 4];
}

static void each_is_found_once(void **state)
{
    (void)state;
    struct tickets ts = {0};
    assert_false(tickets_wait(&ts));
    assert_null(tickets_take_any(&ts));
    for (size_t i = 0; i < 4; i++)
        tickets_add(&ts, ticket(i));
    assert_ptr_equal(tickets_take(&ts, 2), ticket(2));
    assert_ptr_equal(tickets_take(&ts, 0), ticket(0));
    assert_true(tickets_wait(&ts));
    assert_ptr_equal(tickets_take_any(&ts), ticket(1));
    assert_ptr_equal(tickets_take_any(&ts), ticket(3));
    assert_null(tickets_take_any(&ts));
    assert_false(tickets_wait(&ts));
    /* the indexes go on */
    tickets_add(&ts, ticket(0));
    assert_ptr_equal(tickets_take(&ts, 4), ticket(0));
    tickets_free(&ts);
}

/* A client that names recipients without end, of which a few wait at any time. */
static void what_was_answered_takes_no_room(void **state)
{
    enum { MANY = 20000, FLIGHT = 100 };
    (void)state;
    struct tickets ts = {0};
    for (size_t i = 0; i < MANY; i++) {
        tickets_add(&ts, ticket(i));
        if (i >= FLIGHT)
            assert_ptr_equal(tickets_take(&ts, i - FLIGHT), ticket(i - FLIGHT));
        assert_true(ts.room <= 512);
    }
    tickets_free(&ts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_found_once),
        cmocka_unit_test(what_was_answered_takes_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
