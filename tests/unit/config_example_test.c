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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_committed_file),
        cmocka_unit_test(test_example_is_sound),
        cmocka_unit_test(test_every_row),
    };
    return cmocka_run_group_tests(tests, test_dir_make, test_dir_remove);
}
