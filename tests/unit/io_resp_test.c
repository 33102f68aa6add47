/* io/resp: replies of Valkey and Redis in every split, and what a hostile engine may send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "io/resp.h"

static struct slice text(const char *s)
{
    return slice_make(s, strlen(s));
}

/* Writes a value as words: what a person would say that it is. */
static void describe(const struct engine_value *v, char *out, size_t size)
{
    switch (v->kind) {
    case ENGINE_NIL: snprintf(out, size, "nil"); break;
    case ENGINE_INTEGER: snprintf(out, size, "%lld", (long long)v->number); break;
    case ENGINE_TEXT: snprintf(out, size, "'%.*s'", (int)v->text.len, v->text.data); break;
    case ENGINE_ERROR: snprintf(out, size, "error %.*s", (int)v->text.len, v->text.data); break;
    case ENGINE_ARRAY: {
        size_t len = (size_t)snprintf(out, size, "[");
        for (size_t i = 0; i < v->n; i++) {
            describe(&v->items[i], out + len, size - len);
            len += strlen(out + len);
            len += (size_t)snprintf(out + len, size - len, i + 1 < v->n ? " " : "");
        }
        snprintf(out + len, size - len, "]");
        break;
    }
    }
}

/* Feeds by pieces and appends what came, each value in braces, to `out`. */
static enum resp_step read_all(struct slice in, size_t piece, char *out, size_t size)
{
    struct resp *r = resp_new();
    enum resp_step step = RESP_MORE;
    out[0] = 0;
    while (in.len && step == RESP_MORE) {
        const struct engine_value *v;
        struct slice part = slice_head(in, piece);
        in = slice_from(in, part.len);
        if (!resp_feed(r, part)) {
            step = RESP_BAD;
            break;
        }
        while ((step = resp_next(r, &v)) == RESP_VALUE) {
            size_t len = strlen(out);
            out[len++] = '{';
            describe(v, out + len, size - len - 2);
            strcat(out, "}");
        }
    }
    assert_true((step == RESP_BAD) == (resp_fault(r)[0] != 0));
    resp_free(&r);
    return step;
}

static void values_in_every_split(void **state)
{
    static const struct {
        const char *octets, *said;
    } rows[] = {
        {"+OK\r\n", "{'OK'}"},
        {"-READONLY You can't write.\r\n", "{error READONLY You can't write.}"},
        {":-42\r\n", "{-42}"},
        {"$5\r\na\r\nbc\r\n", "{'a\r\nbc'}"},
        {"$0\r\n\r\n", "{''}"},
        {"$-1\r\n", "{nil}"},
        {"*-1\r\n", "{nil}"},
        {"*0\r\n", "{[]}"},
        {"*3\r\n:1\r\n:0\r\n$13\r\n1764486000000\r\n", "{[1 0 '1764486000000']}"},
        {"*2\r\n-ERR no\r\n$-1\r\n:7\r\n+x\r\n", "{[error ERR no nil]}{7}{'x'}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t piece = 1; piece < 40; piece++) {
            char said[256];
            assert_int_equal(read_all(text(rows[i].octets), piece, said, sizeof said), RESP_MORE);
            assert_string_equal(said, rows[i].said);
        }
}

static void what_is_no_reply_is_bad(void **state)
{
    static const char *const rows[] = {
        "HTTP/1.1 400 Bad Request\r\n",
        "*1\r\n*1\r\n:1\r\n",
        "*99999999999\r\n",
        "*2147483647\r\n",
        "*4097\r\n:1\r\n",
        "$-2\r\n",
        "$99999999999999999999\r\n",
        "*x\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t piece = 1; piece < 40; piece++) {
            char said[256];
            assert_int_equal(read_all(text(rows[i]), piece, said, sizeof said), RESP_BAD);
            assert_string_equal(said, "");
        }
}

/* A reply that never ends is given up at the cap; many that are whole never are. */
static void the_cap_is_of_one_reply(void **state)
{
    static const char *const endless[] = {"$1000000000\r\n", "+", "*4000\r\n$70000\r\n"};
    const struct engine_value *v;
    struct resp *r;
    (void)state;
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        size_t fed = 0;
        r = resp_new();
        assert_true(resp_feed(r, text(endless[i])));
        while (resp_next(r, &v) == RESP_MORE && resp_feed(r, text("xxxxxxxx")))
            fed += 8;
        assert_true(fed <= CAP_ENGINE_REPLY);
        assert_int_equal(resp_next(r, &v), RESP_BAD);
        assert_false(resp_feed(r, text("+OK\r\n")));
        resp_free(&r);
    }
    r = resp_new();
    for (size_t fed = 0; fed < (size_t)4 * CAP_ENGINE_REPLY; fed += 14) {
        assert_true(resp_feed(r, text("+OK\r\n:1\r\n+OK\r\n")));
        for (int k = 0; k < 3; k++)
            assert_int_equal(resp_next(r, &v), RESP_VALUE);
        assert_int_equal(resp_next(r, &v), RESP_MORE);
    }
    resp_free(&r);
}

static void commands_are_counted_octets(void **state)
{
    struct slice words[] = {text("EVALSHA"), text(""), slice_make("a\0\r\n", 4)};
    struct buf out;
    (void)state;
    buf_init(&out, 100);
    assert_true(resp_command(&out, words, 3));
    struct slice wanted = slice_make("*3\r\n$7\r\nEVALSHA\r\n$0\r\n\r\n$4\r\na\0\r\n\r\n", 33);
    assert_int_equal(out.len, wanted.len);
    assert_true(slice_equal(buf_view(&out), wanted));
    buf_free(&out);
    buf_init(&out, 32);
    assert_false(resp_command(&out, words, 3));
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_in_every_split),
        cmocka_unit_test(what_is_no_reply_is_bad),
        cmocka_unit_test(the_cap_is_of_one_reply),
        cmocka_unit_test(commands_are_counted_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
