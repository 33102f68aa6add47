/* The listener: descriptors that run out, clients that are gone already, a pause. */
#include "io_help.h"

#include <sys/resource.h>

#include "io/listener.h"

struct door {
    struct owner owner;
    int accepted;
};

static void let_in(void *ctx, struct transport *t)
{
    struct door *d = ctx;
    d->accepted++;
    d->owner.s = stream_accepted(t, usual_caps, owner_event, &d->owner);
}

static bool somebody_is_in(void *arg)
{
    return ((struct door *)arg)->accepted == 1;
}

/* Without a free descriptor a client is told so instead of waiting; once there is one, the next
 * comes in. */
static void test_listener_out_of_descriptors(void **state)
{
    struct loop *loop = new_loop();
    struct err err;
    struct addr at;
    struct door door = {0};
    static struct far_end turned_away;
    (void)state;
    owner_init(&door.owner, true);
    assert_true(addr_parse(slice_of("127.0.0.1"), &at));
    struct listener *l = listener_open(loop, &at, let_in, &door, &err);
    assert_non_null(l);
    struct sockaddr_storage sa;
    socklen_t len = sockaddr_from(listener_address(l), &sa);
    int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(first, (struct sockaddr *)&sa, len), 0);
    fcntl(first, F_SETFL, O_NONBLOCK);

    struct rlimit usual, none;
    getrlimit(RLIMIT_NOFILE, &usual);
    int lowest_free = dup(0);
    close(lowest_free);
    none = (struct rlimit){.rlim_cur = (rlim_t)lowest_free, .rlim_max = usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    turned_away = (struct far_end){.fd = first};
    spin_until(loop, far_end_read, &turned_away);
    assert_int_equal(strncmp(turned_away.got, "421 4.3.2 ", 10), 0);
    assert_int_equal(door.accepted, 0);
    setrlimit(RLIMIT_NOFILE, &usual);
    assert_int_equal(connect(second, (struct sockaddr *)&sa, len), 0);
    spin_until(loop, somebody_is_in, &door);
    close(first);
    close(second);
    owner_close(&door.owner);
    listener_close(&l);
    loop_free(&loop);
}

struct reset_door {
    struct addr peer;
    bool is_gone, accepted;
};

static void note_arrival(void *ctx, struct transport *t)
{
    struct reset_door *door = ctx;
    door->peer = t->peer;
    door->is_gone = t->is_gone;
    door->accepted = true;
    t->ops->close(t);
}

static bool has_accepted(void *arg)
{
    return ((struct reset_door *)arg)->accepted;
}

/* The system forgets the other end of a connection that was reset, but accept still tells it. */
static void test_listener_knows_who_was_reset(void **state)
{
    struct loop *loop = new_loop();
    struct addr at;
    struct err err;
    struct sockaddr_storage sa;
    const struct linger rudely = {.l_onoff = 1, .l_linger = 0};
    (void)state;
    assert_true(addr_parse_with_port(slice_of("127.0.0.1:0"), &at));
    for (int reset = 0; reset <= 1; reset++) {
        struct reset_door door = {0};
        struct listener *l = listener_open(loop, &at, note_arrival, &door, &err);
        assert_non_null(l);
        socklen_t len = sockaddr_from(listener_address(l), &sa);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
        if (reset) {
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &rudely, sizeof rudely), 0);
            close(fd);
        }
        spin_until(loop, has_accepted, &door);
        assert_true(addr_is_loopback(&door.peer));
        assert_true(door.peer.port != 0);
        assert_int_equal(door.is_gone, reset);
        if (!reset)
            close(fd);
        listener_close(&l);
    }
    loop_free(&loop);
}

static void test_listener_pause(void **state)
{
    struct loop *loop = new_loop();
    struct err err;
    struct addr at;
    struct door door = {0};
    (void)state;
    owner_init(&door.owner, true);
    assert_true(addr_parse(slice_of("127.0.0.1"), &at));
    struct listener *l = listener_open(loop, &at, let_in, &door, &err);
    struct sockaddr_storage sa;
    socklen_t len = sockaddr_from(listener_address(l), &sa);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    listener_pause(l, true);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    spin_some(loop);
    assert_int_equal(door.accepted, 0);
    listener_pause(l, false);
    spin_until(loop, somebody_is_in, &door);
    close(fd);
    owner_close(&door.owner);
    listener_close(&l);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listener_out_of_descriptors),
        cmocka_unit_test(test_listener_knows_who_was_reset),
        cmocka_unit_test(test_listener_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
