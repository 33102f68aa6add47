/* What is sent to each service, whatever pieces it is read in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/api.h"
#include "base/base64.h"
#include "base/caps.h"
#include "base/mem.h"

static struct slice text;

static bool read_text(void *ctx, uint64_t offset, char *out, size_t n)
{
    const struct slice *s = ctx;
    assert_true(offset + n <= s->len);
    memcpy(out, s->data + offset, n);
    return true;
}

static const char *const two[] = {"a@x.test", "b@y.test"};

static struct api_order order_of(const char *service, const struct secret *secret)
{
    return (struct api_order){.service = api_service_named(slice_of(service)),
                              .identity = "me+1@mg.example.com",
                              .secret = secret,
                              .recipients = two,
                              .recipient_count = 2,
                              .boundary = "b0undary",
                              .message = {text.len, read_text, &text}};
}

/* Gives the body, read in pieces of `step` octets. */
static char *body_in_steps(const struct api_request *r, size_t step)
{
    size_t size = (size_t)r->body.size;
    char *out = mem_alloc(size + 1);
    for (size_t at = 0; at < size; at += step)
        assert_true(r->body.read(r->body.ctx, at, out + at, size - at < step ? size - at : step));
    return out;
}

static const struct {
    const char *service, *api_url, *user;
    const char *url, *headers, *body;
} rows[] = {
    {"graph", NULL, NULL, "https://graph.microsoft.com/v1.0/users/me%2B1@mg.example.com/sendMail",
     "Authorization: Bearer s3cret|Content-Type: text/plain|Accept: application/json|",
     "UzogYQ0KDQpiAGMNCg=="},
    {"graph", "https://fake.test:8443/", NULL,
     "https://fake.test:8443/users/me%2B1@mg.example.com/sendMail",
     "Authorization: Bearer s3cret|Content-Type: text/plain|Accept: application/json|",
     "UzogYQ0KDQpiAGMNCg=="},
    {"gmail", NULL, NULL,
     "https://gmail.googleapis.com/upload/gmail/v1/users/me/messages/send?uploadType=media",
     "Authorization: Bearer s3cret|Content-Type: message/rfc822|Accept: application/json|", NULL},
    {"mailgun", NULL, NULL, "https://api.mailgun.net/v3/mg.example.com/messages.mime",
     "Authorization: Basic YXBpOnMzY3JldA==|"
     "Content-Type: multipart/form-data; boundary=b0undary|Accept: application/json|",
     NULL},
    {"mailgun", "https://api.eu.mailgun.net", "key2",
     "https://api.eu.mailgun.net/v3/mg.example.com/messages.mime",
     "Authorization: Basic a2V5MjpzM2NyZXQ=|"
     "Content-Type: multipart/form-data; boundary=b0undary|Accept: application/json|",
     NULL},
    {"mailgun", "https://api.eu.mailgun.net/v3/", NULL,
     "https://api.eu.mailgun.net/v3/mg.example.com/messages.mime", NULL, NULL},
    {"mailgun", "https://api.eu.mailgun.net/v3/other.test/", NULL,
     "https://api.eu.mailgun.net/v3/other.test/messages.mime", NULL, NULL},
};

static void each_service_gets_its_request(void **state)
{
    struct secret *secret = secret_new(slice_of("s3cret"));
    (void)state;
    text = slice_make("S: a\r\n\r\nb\0c\r\n", 13);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct api_request r;
        struct err err = {0};
        char headers[1024] = "";
        struct api_order order = order_of(rows[i].service, secret);
        order.url = rows[i].api_url;
        order.user = rows[i].user;
        assert_int_equal(api_request_make(&r, &order, &err), 0);
        assert_string_equal(r.url, rows[i].url);
        for (size_t h = 0; r.headers[h]; h++) {
            strcat(headers, r.headers[h]);
            strcat(headers, "|");
        }
        if (rows[i].headers)
            assert_string_equal(headers, rows[i].headers);
        for (size_t step = 1; rows[i].body && step < 30; step++) {
            char *body = body_in_steps(&r, step);
            assert_string_equal(body, rows[i].body);
            free(body);
        }
        api_request_clear(&r);
    }
    secret_free(&secret);
}

static void a_form_holds_recipients_and_message(void **state)
{
    static const char form[] =
        "--b0undary\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\na@x.test\r\n"
        "--b0undary\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nb@y.test\r\n"
        "--b0undary\r\nContent-Disposition: form-data; name=\"message\"; "
        "filename=\"message.mime\"\r\nContent-Type: message/rfc822\r\n\r\n"
        "S: a\r\n\r\nb\0c\r\n\r\n--b0undary--\r\n";
    struct secret *secret = secret_new(slice_of("s3cret"));
    struct api_order order = order_of("mailgun", secret);
    struct api_request r;
    struct err err = {0};
    (void)state;
    text = slice_make("S: a\r\n\r\nb\0c\r\n", 13);
    order.message.size = text.len;
    assert_int_equal(api_request_make(&r, &order, &err), 0);
    assert_int_equal(r.body.size, sizeof form - 1);
    for (size_t step = 1; step < sizeof form; step++) {
        char *body = body_in_steps(&r, step);
        assert_memory_equal(body, form, sizeof form - 1);
        free(body);
    }
    api_request_clear(&r);
    order.identity = "nodomain";
    assert_int_equal(api_request_make(&r, &order, &err), -1);
    assert_string_equal(err.words, "the username nodomain has no domain, and api_url names none");
    api_request_clear(&r);
    secret_free(&secret);
}

/* Messages of every length around the pieces in which they are encoded. */
static void base64_of_any_length_is_whole(void **state)
{
    static char octets[9000];
    struct secret *secret = secret_new(slice_of("s"));
    (void)state;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (char)(i * 37 + i / 256);
    for (size_t n = 3000; n < 9000; n += 613) {
        struct api_request r;
        struct err err = {0};
        struct buf whole;
        text = slice_make(octets, n);
        struct api_order order = order_of("graph", secret);
        buf_init(&whole, 20000);
        assert_true(base64_encode(text, &whole));
        assert_int_equal(api_request_make(&r, &order, &err), 0);
        assert_int_equal(r.body.size, whole.len);
        for (size_t step = 1001; step < 16000; step += 4999) {
            char *body = body_in_steps(&r, step);
            assert_memory_equal(body, buf_view(&whole).data, whole.len);
            free(body);
        }
        buf_free(&whole);
        api_request_clear(&r);
    }
    secret_free(&secret);
}

static bool fail_to_read(void *ctx, uint64_t offset, char *out, size_t n)
{
    (void)ctx, (void)offset, (void)out, (void)n;
    return false;
}

static void what_cannot_be_read_is_no_body(void **state)
{
    struct secret *secret = secret_new(slice_of("s"));
    (void)state;
    for (size_t i = 0; i < api_service_count(); i++) {
        struct api_request r;
        struct err err = {0};
        char out[700];
        struct api_order order = order_of(api_service_name(api_service_at(i)), secret);
        order.message = (struct octets){40, fail_to_read, NULL};
        assert_int_equal(api_request_make(&r, &order, &err), 0);
        assert_false(r.body.read(r.body.ctx, 0, out, (size_t)r.body.size));
        api_request_clear(&r);
    }
    secret_free(&secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_service_gets_its_request),
        cmocka_unit_test(a_form_holds_recipients_and_message),
        cmocka_unit_test(base64_of_any_length_is_whole),
        cmocka_unit_test(what_cannot_be_read_is_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
