/* What a stream asks of its transport, and what it makes of the transport's errors. */
#include "io_help.h"

/* A transport of which only the wishes count: what it is not asked for cannot wake anybody, or keep
 * the loop spinning. */
struct wishes {
    /* w: a write; G, g: gather, and no more */
    char did[16];
    struct transport base;
    /* what one read gives; NULL: nothing */
    const char *input;
    bool at_end, blocked;
    /* how the next write, and the read after the input, end; ERR_NONE: not so */
    enum err_kind write_fails, last_words;
    bool want_read, want_write;
};

static ssize_t wishes_read(struct transport *t, void *out, size_t n, struct err *err)
{
    struct wishes *w = CONTAINER(t, struct wishes, base);
    if (w->input) {
        size_t len = strlen(w->input) < n ? strlen(w->input) : n;
        memcpy(out, w->input, len);
        w->input = w->input[len] ? w->input + len : NULL;
        return (ssize_t)len;
    }
    if (w->last_words) {
        err_set(err, w->last_words, "read");
        return -1;
    }
    if (!w->at_end)
        return 0;
    err_set(err, ERR_CLOSED, "end");
    return -1;
}

static ssize_t wishes_write(struct transport *t, const void *data, size_t n, struct err *err)
{
    struct wishes *w = CONTAINER(t, struct wishes, base);
    (void)data;
    if (w->write_fails) {
        err_set(err, w->write_fails, "write");
        return -1;
    }
    if (w->blocked)
        return 0;
    strcat(w->did, "w");
    return (ssize_t)n;
}

static void wishes_gather(struct transport *t, bool on)
{
    strcat(CONTAINER(t, struct wishes, base)->did, on ? "G" : "g");
}

static bool wishes_no(const struct transport *t)
{
    (void)t;
    return false;
}

static const struct tls_facts *wishes_tls(const struct transport *t)
{
    (void)t;
    return NULL;
}

static void wishes_want(struct transport *t, bool read, bool write)
{
    struct wishes *w = CONTAINER(t, struct wishes, base);
    w->want_read = read;
    w->want_write = write;
}

static void wishes_close(struct transport *t)
{
    (void)t;
}

static const struct transport_ops wishes_ops = {.read = wishes_read,
                                                .write = wishes_write,
                                                .write_is_uncertain = wishes_no,
                                                .tls = wishes_tls,
                                                .want = wishes_want,
                                                .has_pending = wishes_no,
                                                .gather = wishes_gather,
                                                .close = wishes_close};

/* The transport hears of a wish before what it is about, once, and of its end even when nothing
 * more is written. */
static void test_gathering(void **state)
{
    struct loop *loop = new_loop();
    struct wishes w = {.base = {.ops = &wishes_ops, .loop = loop}};
    struct owner o;
    (void)state;
    owner_init(&o, false);
    o.s = stream_accepted(&w.base, (struct stream_caps){.input = 4, .output = 10}, owner_event, &o);
    assert_true(stream_write(o.s, "x", 1));
    spin_some(loop);
    assert_string_equal(w.did, "w");
    for (int i = 0; i < 2; i++) {
        assert_true(stream_write(o.s, "x", 1));
        /* only what is wished at the end of the turn counts */
        stream_gather(o.s, false);
        stream_gather(o.s, true);
        spin_some(loop);
    }
    assert_string_equal(w.did, "wGww");
    stream_gather(o.s, false);
    spin_some(loop);
    assert_string_equal(w.did, "wGwwg");
    owner_close(&o);
    loop_free(&loop);
}

static void test_wanted_events(void **state)
{
    struct loop *loop = new_loop();
    struct wishes w = {.base = {.ops = &wishes_ops, .loop = loop}};
    struct owner o;
    (void)state;
    owner_init(&o, false);
    o.s = stream_accepted(&w.base, (struct stream_caps){.input = 4, .output = 10}, owner_event, &o);
    assert_true(w.want_read && !w.want_write);
    w.blocked = true;
    assert_true(stream_write(o.s, "x", 1));
    spin_some(loop);
    assert_true(w.want_read && w.want_write);
    w.blocked = false;
    w.base.wake(w.base.stream);
    assert_true(w.want_read && !w.want_write);
    stream_pause(o.s, true);
    assert_false(w.want_read);
    w.base.wake(w.base.stream);
    assert_false(w.want_read);
    stream_pause(o.s, false);
    w.input = "12345";
    spin_some(loop);
    assert_int_equal(stream_view(o.s).len, 4);
    /* full */
    assert_false(w.want_read);
    stream_consume(o.s, 1);
    w.at_end = true;
    spin_some(loop);
    assert_true(slice_is(stream_view(o.s), "2345"));
    stream_consume(o.s, 4);
    spin_some(loop);
    assert_string_equal(o.events, "IIE");
    /* at the end */
    assert_true(!w.want_read && !w.want_write);
    owner_close(&o);
    loop_free(&loop);
}

/* What a failed connection is said to have died of. */
static void expect_cause(enum err_kind of_write, enum err_kind of_read, const char *words)
{
    struct loop *loop = new_loop();
    struct wishes w = {
        .base = {.ops = &wishes_ops, .loop = loop}, .write_fails = of_write, .last_words = of_read};
    struct owner o;
    owner_init(&o, false);
    o.s = stream_accepted(&w.base, (struct stream_caps){.input = 4, .output = 10}, owner_event, &o);
    assert_true(stream_write(o.s, "x", 1));
    spin_some(loop);
    assert_string_equal(o.events, "F");
    assert_string_equal(stream_error(o.s)->words, words);
    owner_close(&o);
    loop_free(&loop);
}

/* TLS 1.3 refuses a certificate after the handshake: by then we write, meet a reset, and only the
 * alert that waits tells why. */
static void test_an_alert_explains_a_reset(void **state)
{
    (void)state;
    expect_cause(ERR_RESET, ERR_TLS, "read");
    expect_cause(ERR_RESET, ERR_RESET, "write");
    /* after an error of its own OpenSSL knows no more */
    expect_cause(ERR_TLS, ERR_TLS, "write");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gathering),
        cmocka_unit_test(test_wanted_events),
        cmocka_unit_test(test_an_alert_explains_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
