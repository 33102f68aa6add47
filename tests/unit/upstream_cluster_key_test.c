/* upstream/cluster_key: known answers, which another implementation made (Python's cryptography),
 * and what must not open a sealed text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "upstream/cluster_key.h"

static const char key_text[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char account[] = "3419fe69224c40a0";

static struct cluster_key *key_of(uint8_t first)
{
    uint8_t octets[CLUSTER_KEY];
    for (size_t i = 0; i < CLUSTER_KEY; i++)
        octets[i] = (uint8_t)(first + i);
    return cluster_key_new(octets);
}

static void text_of_a_key(void **state)
{
    static const char *const bad[] = {"",
                                      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                                      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
                                      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
                                      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISI=",
                                      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= ",
                                      "000102030405060708090a0b0c0d0e0f1011121314151617"};
    uint8_t octets[CLUSTER_KEY];
    char text[CLUSTER_KEY_TEXT];
    (void)state;
    assert_true(cluster_key_read(slice_of(key_text), octets));
    for (uint8_t i = 0; i < CLUSTER_KEY; i++)
        assert_int_equal(octets[i], i);
    cluster_key_write(octets, text);
    assert_string_equal(text, key_text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cluster_key_read(slice_of(bad[i]), octets));
}

static void names(void **state)
{
    struct cluster_key *key = key_of(0), *other = key_of(1);
    struct secret *secret = secret_new(slice_of("hunter2")),
                  *next = secret_new(slice_of("hunter3"));
    char name[CLUSTER_ID];
    (void)state;
    cluster_key_id(key, "smtp.office365.com", "scan@example.com", name);
    assert_string_equal(name, account);
    cluster_key_id(key, "SMTP.Office365.COM", "scan@example.com", name);
    assert_string_equal(name, account);
    cluster_key_id(key, "smtp.office365.com", "Scan@example.com", name);
    assert_string_not_equal(name, account);
    cluster_key_id(other, "smtp.office365.com", "scan@example.com", name);
    assert_string_not_equal(name, account);
    cluster_key_fingerprint(key, account, secret, name);
    assert_string_equal(name, "aa99e7ec94566a3a");
    cluster_key_fingerprint(key, account, next, name);
    assert_string_not_equal(name, "aa99e7ec94566a3a");
    cluster_key_word(key, name);
    assert_string_equal(name, "124672838de3ff03");
    cluster_key_word(other, name);
    assert_string_not_equal(name, "124672838de3ff03");
    secret_free(&secret);
    secret_free(&next);
    cluster_key_free(&key);
    cluster_key_free(&other);
}

static void sealed_text(void **state)
{
    static const char wanted[] =
        "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x49\x36\x0c\x59\xc2\xed"
        "\xcc\x71\xb7\xaf\x10\x5c\x21\x73\xdf\x2d\xc7\xab\x49\x1b\x2c\x08\x87";
    struct cluster_key *key = key_of(0), *other = key_of(1);
    uint8_t nonce[SEAL_NONCE];
    struct buf sealed, clear;
    (void)state;
    for (uint8_t i = 0; i < SEAL_NONCE; i++)
        nonce[i] = i;
    buf_init(&sealed, 100);
    buf_init(&clear, 100);
    assert_true(cluster_key_seal(key, account, 7, nonce, slice_of("refresh"), &sealed));
    assert_int_equal(sealed.len, sizeof wanted - 1);
    assert_memory_equal(buf_view(&sealed).data, wanted, sizeof wanted - 1);
    /* Of another version, account or cluster, shorter, or changed anywhere. */
    assert_false(cluster_key_unseal(key, account, 8, buf_view(&sealed), &clear));
    assert_false(cluster_key_unseal(key, "3419fe69224c40a1", 7, buf_view(&sealed), &clear));
    assert_false(cluster_key_unseal(other, account, 7, buf_view(&sealed), &clear));
    for (size_t n = 0; n < sealed.len; n++) {
        assert_false(cluster_key_unseal(key, account, 7, slice_head(buf_view(&sealed), n), &clear));
        sealed.data[sealed.head + n] ^= 1;
        assert_false(cluster_key_unseal(key, account, 7, buf_view(&sealed), &clear));
        sealed.data[sealed.head + n] ^= 1;
    }
    assert_int_equal(clear.len, 0);
    assert_true(cluster_key_unseal(key, account, 7, buf_view(&sealed), &clear));
    assert_true(slice_is(buf_view(&clear), "refresh"));
    buf_free(&sealed);
    buf_free(&clear);
    cluster_key_free(&key);
    cluster_key_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_a_key),
        cmocka_unit_test(names),
        cmocka_unit_test(sealed_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
