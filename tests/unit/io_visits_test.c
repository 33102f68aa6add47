/* The connections of an HTTP address: who is shut when there are too many, or one takes too
 * long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/caps.h"
#include "io/visits.h"

enum { MOST = CAP_ADMIN_CONNECTIONS + 8 };

static struct place {
    struct visits *v;
    struct visit *visits[MOST];
    int ours[MOST], far[MOST];
    int n;
} place;

static void enter(const char *from, usec now)
{
    struct addr a;
    int fds[2];
    assert_true(addr_parse(slice_of(from), &a));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    place.ours[place.n] = fds[0];
    place.far[place.n] = fds[1];
    place.visits[place.n++] = visits_enter(place.v, &a, fds[0], now);
}

static void enter_from(int network, usec now)
{
    char from[32];
    snprintf(from, sizeof from, "2001:db8:0:%x::1", (unsigned)network);
    enter(from, now);
}

static bool is_shut(int i)
{
    char octet;
    return recv(place.far[i], &octet, 1, MSG_PEEK) == 0;
}

static int all_shut(void)
{
    int n = 0;
    for (int i = 0; i < place.n; i++)
        n += is_shut(i);
    return n;
}

static int begin(void **state)
{
    (void)state;
    memset(&place, 0, sizeof place);
    place.v = visits_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < place.n; i++) {
        visits_leave(place.v, place.visits[i]);
        close(place.ours[i]);
        close(place.far[i]);
    }
    visits_free(&place.v);
    return 0;
}

static void the_oldest_makes_room(void **state)
{
    (void)state;
    for (int i = 0; i < CAP_ADMIN_CONNECTIONS; i++)
        enter_from(i, 100 + i);
    assert_int_equal(all_shut(), 0);
    /* its answer is on its way */
    visits_ask(place.v, place.visits[0]);
    enter_from(1000, 1000);
    assert_true(is_shut(1));
    enter_from(1001, 1001);
    assert_true(is_shut(2));
    /* it has just been served */
    visits_answered(place.v, place.visits[3], 1002);
    enter_from(1002, 1002);
    assert_true(is_shut(4));
    assert_int_equal(all_shut(), 3);
}

/* A /64 is one client, and costs the others nothing. */
static void one_client_makes_room_for_itself(void **state)
{
    char from[32];
    (void)state;
    enter_from(1, 1);
    for (int i = 0; i < CAP_ADMIN_PER_ADDRESS; i++) {
        snprintf(from, sizeof from, "2001:db8::%x", (unsigned)i);
        enter(from, 100 + i);
    }
    assert_int_equal(all_shut(), 0);
    enter("2001:db8::ffff", 1000);
    assert_false(is_shut(0));
    assert_true(is_shut(1));
    assert_int_equal(all_shut(), 1);
}

static void a_request_has_a_deadline(void **state)
{
    (void)state;
    enter("127.0.0.1", 0);
    enter("127.0.0.1", 0);
    visits_ask(place.v, place.visits[1]);
    visits_expire(place.v, 4 * USEC_PER_SEC);
    assert_int_equal(all_shut(), 0);
    visits_expire(place.v, 5 * USEC_PER_SEC);
    assert_true(is_shut(0) && !is_shut(1));
    visits_expire(place.v, 59 * USEC_PER_SEC);
    assert_false(is_shut(1));
    visits_answered(place.v, place.visits[1], 59 * USEC_PER_SEC);
    visits_expire(place.v, 63 * USEC_PER_SEC);
    assert_false(is_shut(1));
    visits_ask(place.v, place.visits[1]);
    visits_expire(place.v, 119 * USEC_PER_SEC);
    assert_true(is_shut(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_makes_room, begin, end),
        cmocka_unit_test_setup_teardown(one_client_makes_room_for_itself, begin, end),
        cmocka_unit_test_setup_teardown(a_request_has_a_deadline, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
