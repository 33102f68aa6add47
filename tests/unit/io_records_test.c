/* Answers of a name server about mail, as they come over the net. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/records.h"

/* A message: a header, one question and its records, each name written in full. */
struct packet {
    unsigned char bytes[4096];
    size_t len;
};

static void put_number(struct packet *p, unsigned value)
{
    p->bytes[p->len++] = (unsigned char)(value >> 8);
    p->bytes[p->len++] = (unsigned char)value;
}

static void put_name(struct packet *p, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");
        p->bytes[p->len++] = (unsigned char)n;
        memcpy(p->bytes + p->len, name, n);
        p->len += n;
        name += n + (name[n] == '.');
    }
    p->bytes[p->len++] = 0;
}

static void begin(struct packet *p, unsigned records)
{
    *p = (struct packet){0};
    put_number(p, 7);
    put_number(p, 0x8180);
    put_number(p, 1);
    put_number(p, records);
    put_number(p, 0);
    put_number(p, 0);
    put_name(p, "firm.test");
    put_number(p, 15);
    put_number(p, 1);
}

/* type 15: MX, 33: SRV, whose weight and port are given, too. */
static void put_record(struct packet *p, unsigned type, unsigned priority, unsigned weight,
                       unsigned port, const char *name)
{
    put_name(p, "firm.test");
    put_number(p, type);
    put_number(p, 1);
    put_number(p, 0);
    put_number(p, 60);
    size_t at = p->len;
    put_number(p, 0);
    put_number(p, priority);
    if (type == 33) {
        put_number(p, weight);
        put_number(p, port);
    }
    put_name(p, name);
    size_t end = p->len;
    p->len = at;
    put_number(p, (unsigned)(end - at - 2));
    p->len = end;
}

static void test_mx(void **state)
{
    struct packet p;
    struct mail_record r[CAP_RECORDS];
    (void)state;
    begin(&p, 3);
    put_record(&p, 15, 20, 0, 0, "b.mx.test");
    put_record(&p, 33, 1, 1, 25, "other.test");
    put_record(&p, 15, 10, 0, 0, "A.MX.test");
    assert_int_equal(records_parse(RECORD_MX, p.bytes, p.len, r), 2);
    assert_string_equal(r[0].name, "a.mx.test");
    assert_int_equal(r[0].priority, 10);
    assert_string_equal(r[1].name, "b.mx.test");
}

static void test_srv(void **state)
{
    struct packet p;
    struct mail_record r[CAP_RECORDS];
    (void)state;
    begin(&p, 4);
    put_record(&p, 33, 5, 0, 465, "light.test");
    put_record(&p, 33, 9, 99, 465, "far.test");
    put_record(&p, 33, 5, 7, 2587, "heavy.test");
    put_record(&p, 33, 6, 0, 0, "");
    assert_int_equal(records_parse(RECORD_SRV, p.bytes, p.len, r), 4);
    assert_string_equal(r[0].name, "heavy.test");
    assert_int_equal(r[0].port, 2587);
    assert_string_equal(r[1].name, "light.test");
    assert_string_equal(r[2].name, "");
    assert_string_equal(r[3].name, "far.test");
}

/* What would not be a host name is not shown, and not looked up. */
static void test_odd_names(void **state)
{
    struct packet p;
    struct mail_record r[CAP_RECORDS];
    (void)state;
    begin(&p, 3);
    put_record(&p, 15, 1, 0, 0, "a\x1b[31m.test");
    put_record(&p, 15, 2, 0, 0, "a b.test");
    put_record(&p, 15, 3, 0, 0, "good.test");
    assert_int_equal(records_parse(RECORD_MX, p.bytes, p.len, r), 1);
    assert_string_equal(r[0].name, "good.test");
}

static void test_the_best_of_many(void **state)
{
    struct packet p;
    struct mail_record r[CAP_RECORDS];
    char name[20];
    (void)state;
    begin(&p, 40);
    for (unsigned i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "mx%u.test", i);
        put_record(&p, 15, 100 - i, 0, 0, name);
    }
    assert_int_equal(records_parse(RECORD_MX, p.bytes, p.len, r), CAP_RECORDS);
    assert_string_equal(r[0].name, "mx39.test");
    assert_int_equal(r[CAP_RECORDS - 1].priority, 61 + CAP_RECORDS - 1);
}

/* Wherever an answer breaks off, nothing beyond it is read, and no record is made up. */
static void test_broken_off(void **state)
{
    struct packet p;
    struct mail_record r[CAP_RECORDS];
    (void)state;
    begin(&p, 2);
    put_record(&p, 33, 1, 2, 465, "one.test");
    put_record(&p, 33, 2, 2, 465, "two.test");
    for (size_t len = 0; len < p.len; len++) {
        unsigned char *copy = malloc(len ? len : 1);
        memcpy(copy, p.bytes, len);
        size_t n = records_parse(RECORD_SRV, copy, len, r);
        assert_true(n < 2);
        for (size_t i = 0; i < n; i++)
            assert_string_equal(r[i].name, "one.test");
        free(copy);
    }
}

/* A pointer to itself, and data that is too short for its numbers. */
static void test_hostile(void **state)
{
    struct packet p;
    struct mail_record r[CAP_RECORDS];
    (void)state;
    begin(&p, 1);
    put_record(&p, 15, 1, 0, 0, "x");
    p.bytes[p.len - 3] = 0xC0;
    p.bytes[p.len - 2] = (unsigned char)(p.len - 3);
    assert_int_equal(records_parse(RECORD_MX, p.bytes, p.len, r), 0);
    begin(&p, 1);
    put_record(&p, 15, 1, 0, 0, "");
    assert_int_equal(records_parse(RECORD_SRV, p.bytes, p.len, r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mx),         cmocka_unit_test(test_srv),
        cmocka_unit_test(test_odd_names),  cmocka_unit_test(test_the_best_of_many),
        cmocka_unit_test(test_broken_off), cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
