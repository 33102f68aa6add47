/* base: buffers, slices, addresses, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/secret.h"

static void buf_keeps_its_cap(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_true(buf_append(&b, "12345678", 8));
    assert_false(buf_append(&b, "abc", 3));
    assert_int_equal(b.len, 8);
    assert_true(buf_append(&b, "ab", 2));
    assert_int_equal(buf_room(&b), 0);
    assert_false(buf_printf(&b, "%d", 1));
    buf_consume(&b, 9);
    assert_true(slice_is(buf_view(&b), "b"));
    buf_consume(&b, 1);
    /* an empty queue holds no memory */
    assert_null(b.data);
    buf_free(&b);
}

/* A queue that is filled and emptied in odd pieces gives back exactly what went in. */
static void buf_is_a_queue(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5000);
    unsigned in = 0, out = 0;
    for (int round = 0; round < 2000; round++) {
        size_t add = (size_t)(round * 7 % 300), take = (size_t)(round * 11 % 280);
        for (size_t i = 0; i < add; i++) {
            unsigned char c = (unsigned char)(in % 251);
            if (!buf_append(&b, &c, 1))
                break;
            in++;
        }
        struct slice view = buf_view(&b);
        take = take < view.len ? take : view.len;
        for (size_t i = 0; i < take; i++)
            assert_int_equal((unsigned char)view.data[i], out++ % 251);
        buf_consume(&b, take);
        assert_true(b.len <= 5000);
    }
    assert_int_equal(in - out, b.len);
    buf_free(&b);
}

static void buf_space_is_bounded(void **state)
{
    (void)state;
    struct buf b;
    size_t got;
    buf_init(&b, 100);
    char *space = buf_space(&b, 1000, &got);
    assert_int_equal(got, 100);
    memset(space, 'x', 60);
    buf_commit(&b, 60);
    space = buf_space(&b, 1000, &got);
    assert_int_equal(got, 40);
    memset(space, 'y', 40);
    buf_commit(&b, 40);
    assert_int_equal(buf_view(&b).data[99], 'y');
    buf_free(&b);
}

static void slices(void **state)
{
    (void)state;
    assert_true(slice_is(slice_trim(slice_of(" \ta b\t ")), "a b"));
    assert_true(slice_is_word(slice_of("EhLo"), "ehlo"));
    assert_false(slice_is_word(slice_of("EHLOx"), "ehlo"));
    assert_true(slice_starts(slice_of("FROM:<>"), "from:"));
    assert_int_equal(slice_from(slice_of("abc"), 9).len, 0);
    assert_int_equal(slice_find(slice_of("abc"), 'z'), 3);
}

static void addresses_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *in, *with_port, *literal;
    } rows[] = {
        {"192.0.2.1:25", "192.0.2.1:25", "[192.0.2.1]"},
        {"[2001:db8::1]:587", "[2001:db8::1]:587", "[IPv6:2001:db8::1]"},
        {"[::1]:0", "[::1]:0", "[IPv6:::1]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct addr a;
        char out[ADDR_TEXT];
        assert_true(addr_parse_with_port(slice_of(rows[i].in), &a));
        assert_string_equal(addr_text_with_port(&a, out), rows[i].with_port);
        assert_string_equal(addr_text_literal(&a, out), rows[i].literal);
    }
}

static void addresses_that_are_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",           ":25",         "1.2.3.4", "1.2.3.4:",     "1.2.3.4:65536",
        "1.2.3.4:-1", "1.2.3.4: 25", "::1:25",  "[1.2.3.4]:25", "1.2.3:25",
        "host:25",    "1.2.3.4:025"};
    struct addr a;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_false(addr_parse_with_port(slice_of(rows[i]), &a));
}

static void networks_contain(void **state)
{
    (void)state;
    static const struct {
        const char *network, *address;
        bool inside;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
        {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"192.0.2.128/25", "192.0.2.127", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct network n;
        struct addr a;
        assert_true(network_parse(slice_of(rows[i].network), &n));
        assert_true(addr_parse(slice_of(rows[i].address), &a));
        assert_int_equal(network_contains(&n, &a), rows[i].inside);
    }
    struct network n;
    /* host bits */
    assert_false(network_parse(slice_of("10.0.0.1/8"), &n));
    assert_false(network_parse(slice_of("::ffff:10.0.0.1/104"), &n));
    assert_false(network_parse(slice_of("10.0.0.0/33"), &n));
    assert_false(network_parse(slice_of("10.0.0.0/"), &n));
}

static void secrets_compare(void **state)
{
    (void)state;
    struct secret *a = secret_new(slice_of("sesame")), *b = secret_new(slice_of("sesame")),
                  *c = secret_new(slice_of("sesamf"));
    assert_true(secret_equal(a, b));
    assert_false(secret_equal(a, c));
    assert_false(secret_equal(a, NULL));
    assert_true(secret_equal(NULL, NULL));
    assert_true(slice_is(secret_reveal(a), "sesame"));
    char bytes[] = "sesame";
    secret_erase(bytes, sizeof bytes);
    assert_int_equal(bytes[0] | bytes[5], 0);
    secret_free(&a);
    assert_null(a);
    secret_free(&b);
    secret_free(&c);
}

static void test_buf_before_the_first(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 12);
    buf_reserve(&b, 4, 8);
    const char *memory = b.data;
    assert_true(buf_append(&b, "payload", 7) && buf_prepend(&b, "abcd", 4));
    assert_ptr_equal(b.data, memory);
    assert_true(slice_is(buf_view(&b), "abcdpayload"));
    /* no room in front: it is made */
    assert_true(buf_prepend(&b, "0", 1));
    /* the cap */
    assert_false(buf_prepend(&b, "1", 1));
    assert_true(slice_is(buf_view(&b), "0abcdpayload"));
    buf_free(&b);
}

static void test_buf_move(void **state)
{
    (void)state;
    struct buf from, to;
    buf_init(&from, 16);
    buf_init(&to, 8);
    assert_true(buf_append(&from, "first", 5));
    const char *memory = from.data;
    /* the memory itself, but not its cap */
    assert_true(buf_move(&to, &from));
    assert_ptr_equal(to.data, memory);
    assert_true(from.len == 0 && from.data == NULL && from.cap == 16 && to.cap == 8);
    assert_true(buf_append(&from, "last", 4));
    assert_false(buf_move(&to, &from));
    assert_true(slice_is(buf_view(&from), "last") && slice_is(buf_view(&to), "first"));
    buf_consume(&to, 1);
    assert_true(buf_move(&to, &from));
    assert_true(slice_is(buf_view(&to), "irstlast") && from.len == 0);
    assert_true(buf_append(&from, "nine bytes", 10));
    buf_free(&to);
    /* over the cap of an empty one */
    assert_false(buf_move(&to, &from));
    buf_free(&from);
    buf_free(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_before_the_first), cmocka_unit_test(test_buf_move),
        cmocka_unit_test(buf_keeps_its_cap),         cmocka_unit_test(buf_is_a_queue),
        cmocka_unit_test(buf_space_is_bounded),      cmocka_unit_test(slices),
        cmocka_unit_test(addresses_round_trip),      cmocka_unit_test(addresses_that_are_none),
        cmocka_unit_test(networks_contain),          cmocka_unit_test(secrets_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
