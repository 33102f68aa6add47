/* proxy.ini.example is what the table prints, and is itself a config without fault. UPDATE=1 writes
 * it anew. Run at the top of the tree. */
#include "config_support.h"

#include "config/table.h"

#define EXAMPLE "proxy.ini.example"

static char *printed(size_t *len_r)
{
    FILE *out = tmpfile();
    assert_non_null(out);
    config_print_example(out);
    *len_r = (size_t)ftell(out);
    char *text = calloc(1, *len_r + 1);
    assert_non_null(text);
    rewind(out);
    assert_int_equal(fread(text, 1, *len_r, out), *len_r);
    fclose(out);
    return text;
}

static void test_committed_file(void **state)
{
    size_t len;
    char *text = printed(&len), *committed = calloc(1, len + 2);
    (void)state;
    assert_non_null(committed);
    FILE *f = fopen(EXAMPLE, getenv("UPDATE") ? "w+" : "r");
    assert_non_null(f);
    if (getenv("UPDATE")) {
        fwrite(text, 1, len, f);
        rewind(f);
    }
    size_t n = fread(committed, 1, len + 1, f);
    fclose(f);
    assert_string_equal(committed, text);
    assert_int_equal(n, len);
    free(text);
    free(committed);
}

/* A password file that is there instead of the example's. */
static void put_password_file(char *text, const char *path)
{
    static const char sample[] = "\npassword_file = /etc/smtp-detour/password\n";
    char *at = strstr(text, sample);
    size_t room = strlen(sample);
    assert_non_null(at);
    assert_true(strlen(path) + strlen("\npassword_file = \n") <= room);
    int n = snprintf(at, room, "\npassword_file = %s\n", path);
    memset(at + n, '\n', room - (size_t)n);
}

static void test_example_is_sound(void **state)
{
    struct config_report report;
    size_t len;
    char *text = printed(&len), path[256];
    (void)state;
    /* the look of an app password */
    test_write("p", "abcdefghijklmnop\n", 17, 0600);
    put_password_file(text, test_path("p", path));
    struct config *c = LOAD(text, &report);
    for (size_t i = 0; i < report.n; i++)
        printf("%s\n", report.lines[i]);
    assert_non_null(c);
    assert_int_equal(report.n, 0);
    config_report_free(&report);
    config_unref(&c);
    free(text);
}

/* Each commented default or sample, on its own, is a value that its type takes; the rules between
 * keys are another matter. */
static void test_every_row(void **state)
{
    size_t len;
    char *text = printed(&len), line[512];
    (void)state;
    for (size_t row = 0; row < keys_count(); row++) {
        const struct key *key = keys_at(row);
        const char *value = key->def ? key->def : key->sample;
        struct err err = {0};
        uint64_t field[64] = {0};
        assert_non_null(value);
        snprintf(line, sizeof line, "\n%s%s = %s\n", key->starter ? "" : ";", key->name, value);
        assert_non_null(strstr(text, line));
        assert_true(strlen(line) < 198);
        assert_true(key->size <= sizeof field);
        if (key->type->parse(key, slice_of(value), field, &err) != 0)
            fail_msg("%s: %s", key->name, err.words);
        if (key->type->clear)
            key->type->clear(field);
        /* no name twice */
        assert_true(keys_row(key->section, key->name) == row);
    }
    free(text);
}

static void assert_equal_is_deep(const struct key *key)
{
    const char *value = key->def ? key->def : key->sample;
    uint64_t one[64] = {0}, two[64] = {0}, none[64] = {0};
    struct err err;
    assert_non_null(key->type->equal);
    assert_int_equal(key->type->parse(key, slice_of(value), one, &err), 0);
    assert_int_equal(key->type->parse(key, slice_of(value), two, &err), 0);
    if (!key->type->equal(key, one, two))
        fail_msg("%s: the same text is not the same value", key->name);
    if (memcmp(one, none, sizeof one) != 0 && key->type->equal(key, one, none))
        fail_msg("%s: no value is the same as %s", key->name, value);
    if (!key->type->clear)
        return;
    key->type->clear(one);
    key->type->clear(two);
}

/* Two values that were parsed from one text are the same, however many pointers are in them; and
 * differ from none. */
static void test_every_type_compares(void **state)
{
    (void)state;
    for (size_t row = 0; row < keys_count(); row++)
        assert_equal_is_deep(keys_at(row));
}

/* Each account's key is one that its sessions were made with, or one of these: whoever adds a key
 * decides. */
static void test_what_a_reload_compares(void **state)
{
    static const char *const others[] = {
        "provider", "password", "password_file", "password_command", "helo", "senders", "clients",
        "users", "destinations", "fallback", "envelope_from", "header_from", "fix_headers",
        "qualify", "received", "journal", "api_secret_file",
        /* taken over as a password is; said by `login`; told to people */
        "oauth_client_secret", "oauth_device_url", "oauth_authorize_url", "oauth_rotates",
        "oauth_secret_expires"};
    (void)state;
    for (size_t row = 0; row < keys_count(); row++) {
        const struct key *key = keys_at(row);
        bool is_other = key->section != SECTION_UPSTREAM;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            is_other |= strcmp(others[i], key->name) == 0 && key->section == SECTION_UPSTREAM;
        if (key->connection == is_other)
            fail_msg("%s: of the connection or not?", key->name);
        assert_true(key->connection || !key->trust);
    }
}

/* Every key that changes a connection is noticed by its change alone. */
static void test_changes_are_noticed(void **state)
{
    static const struct {
        const char *one, *two;
        bool connection, trust;
    } rows[] = {
        {"ports = 587", "ports = 587 2525", true, false},
        {"ports = 587/starttls", "ports = 587/implicit", true, false},
        {"tls_ca = /a", "tls_ca = /b", true, true},
        {"tls_min = 1.2", "tls_min = 1.3", true, true},
        {"tls_name = a.example", "tls_name = b.example", true, false},
        {"proxy = socks5://u:p@h:1", "proxy = socks5://u:q@h:1", true, false},
        {"retry_auth = 5m 1h", "retry_auth = 5m 2h", true, false},
        {"rate = 30/m", "rate = 30/h", true, false},
        {"source = 192.0.2.1", "source = 192.0.2.2", true, false},
        {"max_age = 5m", "max_age = 300s", false, false},
        {"senders = @a.example", "senders = @b.example", false, false},
        {"password_file = /x", "password_file = /y", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct upstream_config a = {0}, b = {0};
        struct upstream_config *both[] = {&a, &b};
        const char *texts[] = {rows[i].one, rows[i].two};
        for (size_t k = 0; k < 2; k++) {
            struct slice text = slice_of(texts[k]),
                         name = slice_trim(slice_head(text, slice_find(text, '=')));
            const struct key *key = keys_find(SECTION_UPSTREAM, name);
            struct err err;
            assert_non_null(key);
            struct slice value = slice_trim(slice_from(text, slice_find(text, '=') + 1));
            assert_int_equal(key->type->parse(key, value, (char *)both[k] + key->offset, &err), 0);
        }
        if (config_same_connection(&a, &b) == rows[i].connection ||
            config_same_trust(&a, &b) == rows[i].trust)
            fail_msg("%s, %s", rows[i].one, rows[i].two);
        keys_clear(SECTION_UPSTREAM, &a);
        keys_clear(SECTION_UPSTREAM, &b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_committed_file),
        cmocka_unit_test(test_example_is_sound),
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_every_type_compares),
        cmocka_unit_test(test_what_a_reload_compares),
        cmocka_unit_test(test_changes_are_noticed),
    };
    return cmocka_run_group_tests(tests, test_dir_make, test_dir_remove);
}
