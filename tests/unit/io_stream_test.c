#include "io_help.h"

#include <netinet/in.h>

#include "base/caps.h"
#include "io/listener.h"

/* The socket is not read beyond the cap; consuming makes room; the end is told after the last
 * byte. */
static void test_input_cap_and_eof_order(void **state)
{
    static char text[30000];
    struct loop *loop = new_loop();
    struct owner o;
    struct stream_caps caps = {.input = 1000, .output = 1000};
    int fd = owner_open(&o, loop, SOCK_STREAM, caps, false);
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 23);
    assert_int_equal(send(fd, text, sizeof text, 0), sizeof text);
    close(fd);
    spin_some(loop);
    assert_string_equal(o.events, "I");
    assert_int_equal(stream_view(o.s).len, 1000);
    o.greedy = true;
    stream_again(o.s);
    spin_until(loop, has_E, &o);
    assert_int_equal(o.got.len, sizeof text);
    assert_memory_equal(buf_view(&o.got).data, text, sizeof text);
    assert_ptr_equal(strchr(o.events, 'E'), o.events + o.nevents - 1);
    assert_true(stream_is_at_eof(o.s));
    owner_close(&o);
    loop_free(&loop);
}

/* A reader that consumes outside of any event gets the rest all the same. */
static void test_consume_outside_of_events(void **state)
{
    struct loop *loop = new_loop();
    struct owner o;
    int fd =
        owner_open(&o, loop, SOCK_STREAM, (struct stream_caps){.input = 4, .output = 4}, false);
    (void)state;
    send_text(fd, "12345678");
    spin_some(loop);
    assert_string_equal(o.events, "I");
    stream_consume(o.s, 3);
    spin_some(loop);
    assert_string_equal(o.events, "II");
    assert_true(slice_is(stream_view(o.s), "4567"));
    close(fd);
    owner_close(&o);
    loop_free(&loop);
}

static void take_one(struct owner *o, enum stream_event event)
{
    if (event == STREAM_INPUT) {
        stream_consume(o->s, 1);
        stream_again(o->s);
    }
}

/* A reader that takes one step per turn hears of the end when it has taken the last. */
static void test_end_waits_for_a_slow_reader(void **state)
{
    struct loop *loop = new_loop();
    struct owner o;
    int fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, false);
    (void)state;
    o.hook = take_one;
    send_text(fd, "abc");
    close(fd);
    spin_until(loop, has_E, &o);
    assert_string_equal(o.events, "IIIE");
    owner_close(&o);

    /* the same for a link that breaks */
    fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, false);
    o.hook = take_one;
    send_text(fd, "abc");
    close(fd);
    assert_true(stream_write(o.s, "x", 1));
    spin_until(loop, has_F, &o);
    assert_string_equal(o.events, "IIIF");
    owner_close(&o);
    loop_free(&loop);
}

/* Whatever one turn queues leaves in one write: on a packet socket, in one packet. */
static void test_whole_flight_in_one_write(void **state)
{
    struct loop *loop = new_loop();
    struct owner o;
    static struct far_end f;
    f = (struct far_end){.want = 22};
    f.fd = owner_open(&o, loop, SOCK_SEQPACKET, usual_caps, true);
    (void)state;
    assert_true(stream_write(o.s, "MAIL FROM:<>\r\n", 14));
    assert_true(stream_write_slice(o.s, slice_of("RCPT...\n")));
    assert_int_equal(stream_queued(o.s), 22);
    assert_int_equal(stream_position(o.s), 22);
    assert_int_equal(stream_handed(o.s), 0);
    char packet[64];
    /* nothing leaves inside the call */
    assert_int_equal(recv(f.fd, packet, sizeof packet, 0), -1);
    spin_some(loop);
    assert_int_equal(recv(f.fd, packet, sizeof packet, 0), 22);
    assert_int_equal(stream_handed(o.s), 22);
    assert_int_equal(stream_queued(o.s), 0);
    close(f.fd);
    owner_close(&o);
    loop_free(&loop);
}

static void write_more(struct owner *o, enum stream_event event)
{
    char block[10000];
    memset(block, 'x', sizeof block);
    while (event == STREAM_LOW && stream_position(o->s) < 300000 &&
           stream_room(o->s) >= sizeof block)
        assert_true(stream_write(o->s, block, sizeof block));
}

/* Partial writes through a narrow socket: the cap is all or nothing, STREAM_LOW asks for more, no
 * byte is lost or doubled. */
static void test_output_cap_and_low_mark(void **state)
{
    struct loop *loop = new_loop();
    struct owner o;
    static struct far_end f;
    int small = 4096;
    char block[40000];
    (void)state;
    memset(block, 'x', sizeof block);
    f = (struct far_end){0};
    f.fd = owner_open(&o, loop, SOCK_STREAM, (struct stream_caps){.input = 100, .output = 40000},
                      true);
    setsockopt(f.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    o.hook = write_more;
    assert_true(stream_write(o.s, block, sizeof block));
    assert_false(stream_write(o.s, "y", 1));
    assert_int_equal(stream_position(o.s), 40000);
    spin_some(loop);
    f.want = 300000;
    spin_until(loop, far_end_read, &f);
    spin_some(loop);
    far_end_read(&f);
    assert_int_equal(f.n, stream_position(o.s));
    assert_int_equal(f.n, stream_handed(o.s));
    assert_null(memchr(f.got, 'y', f.n));
    assert_true(owner_has(&o, 'L'));
    close(f.fd);
    owner_close(&o);
    loop_free(&loop);
}

/* No STREAM_LOW for a queue that was never above the mark. */
static void test_low_only_after_high(void **state)
{
    struct loop *loop = new_loop();
    struct owner o;
    char block[LOW_MARK + 1];
    int fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, true);
    (void)state;
    memset(block, 'x', sizeof block);
    assert_true(stream_write(o.s, block, LOW_MARK));
    spin_some(loop);
    assert_string_equal(o.events, "");
    assert_true(stream_write(o.s, block, LOW_MARK + 1));
    spin_some(loop);
    assert_string_equal(o.events, "L");
    close(fd);
    owner_close(&o);
    loop_free(&loop);
}

/* The peer says why and cuts us off while we write: its words come before the failure. */
static void test_last_words_before_failure(void **state)
{
    struct loop *loop = new_loop();
    struct owner o;
    int fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, true);
    (void)state;
    send_text(fd, "421 go away\r\n");
    close(fd);
    assert_true(stream_write(o.s, "MAIL\r\n", 6));
    spin_until(loop, has_F, &o);
    spin_some(loop);
    assert_string_equal(o.events, "IF");
    assert_true(slice_is(buf_view(&o.got), "421 go away\r\n"));
    assert_int_equal(stream_error(o.s)->kind, ERR_RESET);
    assert_false(stream_write(o.s, "x", 1));
    assert_int_equal(stream_room(o.s), 0);
    owner_close(&o);
    loop_free(&loop);
}

static void test_pause_and_again(void **state)
{
    struct loop *loop = new_loop();
    struct owner o;
    int fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, false);
    (void)state;
    send_text(fd, "one");
    spin_until(loop, has_I, &o);
    stream_pause(o.s, true);
    send_text(fd, "two");
    shutdown(fd, SHUT_WR);
    stream_again(o.s);
    spin_some(loop);
    assert_string_equal(o.events, "I");
    assert_true(slice_is(stream_view(o.s), "one"));
    stream_pause(o.s, false);
    spin_until(loop, has_E, &o);
    assert_string_equal(o.events, "IIE");
    assert_true(slice_is(stream_view(o.s), "onetwo"));
    stream_again(o.s);
    spin_some(loop);
    assert_string_equal(o.events, "IIEI");
    close(fd);
    owner_close(&o);
    loop_free(&loop);
}

static void close_here(struct owner *o, enum stream_event event)
{
    (void)event;
    stream_close(&o->s);
}

/* A stream may be closed in any of its events; none follows, although an end and a write are
 * due. */
static void test_close_in_callback(void **state)
{
    struct loop *loop = new_loop();
    struct owner o;
    int fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, true);
    (void)state;
    o.hook = close_here;
    send_text(fd, "bye");
    close(fd);
    spin_until(loop, has_I, &o);
    spin_some(loop);
    assert_string_equal(o.events, "I");
    assert_null(o.s);
    owner_close(&o);
    loop_free(&loop);
}

/* The next owner learns of the bytes and of the end that the last one left. */
static void test_new_owner_hears_what_is_there(void **state)
{
    struct loop *loop = new_loop();
    struct owner o, next;
    int fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, false);
    (void)state;
    send_text(fd, "220 hi\r\n");
    close(fd);
    spin_until(loop, has_E, &o);
    owner_init(&next, true);
    next.s = o.s;
    stream_set_owner(o.s, owner_event, &next);
    spin_until(loop, has_E, &next);
    assert_string_equal(next.events, "IE");
    assert_true(slice_is(buf_view(&next.got), "220 hi\r\n"));
    assert_string_equal(o.events, "IE");
    owner_close(&next);
    loop_free(&loop);
}

/* Finish: all that is queued arrives, then the end, although nobody owns the stream and the peer
 * goes on talking. */
static void test_finish_flushes(void **state)
{
    struct loop *loop = new_loop();
    struct owner o;
    static struct far_end f;
    static char block[60000];
    (void)state;
    f = (struct far_end){0};
    f.fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, true);
    memset(block, 'z', sizeof block);
    send_text(f.fd, "unread");
    assert_true(stream_write(o.s, block, sizeof block));
    stream_finish(&o.s, 3600 * USEC_PER_SEC);
    assert_null(o.s);
    spin_until(loop, far_end_read, &f);
    assert_int_equal(f.n, sizeof block);
    assert_string_equal(o.events, "");
    close(f.fd);
    spin_some(loop);
    loop_free(&loop);
}

/* A peer that never closes costs only the patience; at the loop's end not even that. */
static void test_finish_patience(void **state)
{
    struct loop *loop = new_loop();
    struct owner a, b;
    static struct far_end f;
    (void)state;
    f = (struct far_end){0};
    f.fd = owner_open(&a, loop, SOCK_STREAM, usual_caps, true);
    int other = owner_open(&b, loop, SOCK_STREAM, usual_caps, true);
    stream_finish(&a.s, USEC_PER_MS);
    stream_finish(&b.s, 3600 * USEC_PER_SEC);
    /* FIN */
    spin_until(loop, far_end_read, &f);
    spin_some(loop);
    /* and gone */
    assert_int_equal(send(f.fd, "x", 1, MSG_NOSIGNAL), -1);
    close(f.fd);
    loop_free(&loop);
    assert_int_equal(send(other, "x", 1, MSG_NOSIGNAL), -1);
    close(other);
}

enum { LINGER = 3 };

static bool is_hung_up(int fd)
{
    char octet;
    return send(fd, "x", 1, MSG_NOSIGNAL) < 0 && recv(fd, &octet, 1, 0) <= 0;
}

/* One too many, and the oldest goes at once: its last words first. */
static void test_few_linger(void **state)
{
    struct loop *loop = new_loop();
    struct owner owners[LINGER + 2];
    struct lingering few;
    int far[LINGER + 2];
    char words[10];
    (void)state;
    lingering_init(&few, LINGER);
    for (int i = 0; i < LINGER + 2; i++) {
        far[i] = owner_open(&owners[i], loop, SOCK_STREAM, usual_caps, true);
        assert_true(stream_write(owners[i].s, "bye", 3));
        stream_finish_among(&owners[i].s, 3600 * USEC_PER_SEC, &few);
    }
    assert_int_equal(few.n, LINGER);
    for (int i = 0; i < LINGER + 2; i++) {
        if (i == 2)
            spin_some(loop);
        assert_int_equal(recv(far[i], words, sizeof words, 0), 3);
        assert_int_equal(is_hung_up(far[i]), i < 2);
    }
    /* one that hangs up makes room */
    close(far[2]);
    spin_some(loop);
    assert_int_equal(few.n, LINGER - 1);
    lingering_end(&few);
    assert_int_equal(few.n, 0);
    assert_false(is_hung_up(far[3]));
    loop_free(&loop);
    assert_true(is_hung_up(far[3]));
    for (int i = 0; i < LINGER + 2; i++)
        if (i != 2)
            close(far[i]);
}

static void accept_into(void *ctx, struct transport *t)
{
    struct owner *o = ctx;
    o->s = stream_accepted(t, usual_caps, owner_event, o);
}

static void test_connect_and_listen(void **state)
{
    struct loop *loop = new_loop();
    struct owner server, client;
    struct err err;
    struct addr at, source;
    (void)state;
    owner_init(&server, true);
    owner_init(&client, true);
    assert_true(addr_parse(slice_of("127.0.0.1"), &at));
    assert_true(addr_parse(slice_of("127.0.0.2"), &source));
    struct listener *l = listener_open(loop, &at, accept_into, &server, &err);
    assert_non_null(l);
    at = *listener_address(l);
    assert_int_not_equal(at.port, 0);
    client.s = stream_connect(loop, &at, &source, usual_caps, owner_event, &client, &err);
    assert_non_null(client.s);
    /* leaves once connected */
    assert_true(stream_write(client.s, "early", 5));
    spin_until(loop, has_I, &server);
    assert_string_equal(client.events, "C");
    assert_true(addr_equal(stream_peer(server.s), &source));
    assert_true(addr_equal(stream_local(client.s), &source));
    assert_int_equal(stream_peer(server.s)->port, stream_local(client.s)->port);
    assert_int_equal(stream_peer(client.s)->port, at.port);
    assert_true(addr_equal(stream_local(server.s), &at));

    struct listener *second = listener_open(loop, &at, accept_into, &server, &err);
    assert_null(second);
    assert_non_null(strstr(err.words, "127.0.0.1:"));
    listener_close(&l);
    owner_close(&server);
    owner_close(&client);
    owner_init(&client, true);
    client.s = stream_connect(loop, &at, NULL, usual_caps, owner_event, &client, &err);
    if (client.s) {
        spin_until(loop, has_F, &client);
        assert_string_equal(client.events, "F");
        err = *stream_error(client.s);
    }
    assert_int_equal(err.kind, ERR_REFUSED);
    owner_close(&client);
    loop_free(&loop);
}

/* An IPv4 client of a passed socket that listens on both families is an IPv4 client. */
static void test_mapped_peer(void **state)
{
    struct loop *loop = new_loop();
    struct owner server, client;
    struct err err;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    int off = 0, fd = socket(AF_INET6, SOCK_STREAM, 0);
    (void)state;
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0 ||
        bind(fd, (struct sockaddr *)&any, sizeof any) < 0) {
        close(fd);
        loop_free(&loop);
        skip();
    }
    owner_init(&server, true);
    owner_init(&client, true);
    /* it does not listen yet */
    assert_null(listener_adopt(loop, fd, accept_into, &server, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(listen(fd, 5), 0);
    struct listener *l = listener_adopt(loop, fd, accept_into, &server, &err);
    assert_non_null(l);
    struct addr to;
    assert_true(addr_parse(slice_of("127.0.0.1"), &to));
    to.port = listener_address(l)->port;
    client.s = stream_connect(loop, &to, NULL, usual_caps, owner_event, &client, &err);
    assert_true(stream_write(client.s, "x", 1));
    spin_until(loop, has_I, &server);
    assert_int_equal(stream_peer(server.s)->family, ADDR_V4);
    assert_true(addr_equal(stream_peer(server.s), &to));
    owner_close(&server);
    owner_close(&client);
    listener_close(&l);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_cap_and_eof_order),
        cmocka_unit_test(test_consume_outside_of_events),
        cmocka_unit_test(test_end_waits_for_a_slow_reader),
        cmocka_unit_test(test_whole_flight_in_one_write),
        cmocka_unit_test(test_output_cap_and_low_mark),
        cmocka_unit_test(test_low_only_after_high),
        cmocka_unit_test(test_last_words_before_failure),
        cmocka_unit_test(test_pause_and_again),
        cmocka_unit_test(test_close_in_callback),
        cmocka_unit_test(test_new_owner_hears_what_is_there),
        cmocka_unit_test(test_finish_flushes),
        cmocka_unit_test(test_few_linger),
        cmocka_unit_test(test_finish_patience),
        cmocka_unit_test(test_connect_and_listen),
        cmocka_unit_test(test_mapped_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
