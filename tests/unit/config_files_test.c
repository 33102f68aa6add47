/* Every pair in tests/configs: NAME.ini is loaded, and all that is said about it must be
 * NAME.expected, byte for byte. Run at the top of the tree. UPDATE=1 writes the .expected files
 * anew: read the difference before you keep it. */
#include "config_support.h"

#include <dirent.h>

#define FOLDER "tests/configs"
#define TEXT_MAX 65536

static char *replace(const char *text, const char *from, const char *to)
{
    char *out = calloc(1, TEXT_MAX);
    size_t len = 0, n = strlen(from);
    assert_non_null(out);
    while (*text && len + strlen(to) + 1 < TEXT_MAX) {
        if (strncmp(text, from, n) == 0) {
            memcpy(out + len, to, strlen(to));
            len += strlen(to);
            text += n;
        } else
            out[len++] = *text++;
    }
    return out;
}

static char *slurp(const char *path)
{
    char *text = calloc(1, TEXT_MAX);
    FILE *f = fopen(path, "r");
    assert_non_null(text);
    if (f) {
        text[fread(text, 1, TEXT_MAX - 1, f)] = 0;
        fclose(f);
    }
    return text;
}

/* Gives what is said about a file, with stable names in it. */
static char *verdict(const char *name)
{
    char path[512], *all = calloc(1, TEXT_MAX);
    struct config_report report;
    snprintf(path, sizeof path, FOLDER "/%s.ini", name);
    char *raw = slurp(path), *text = replace(raw, "@DIR@", test_dir);
    test_write("t.ini", text, strlen(text), 0600);
    struct config *c = config_load(test_path("t.ini", path), &report);
    assert_int_equal(c == NULL, report.errors > 0);
    assert_non_null(all);
    for (size_t i = 0; i < report.n; i++) {
        strncat(all, report.lines[i], TEXT_MAX - strlen(all) - 2);
        strcat(all, "\n");
    }
    config_report_free(&report);
    config_unref(&c);
    char *named = replace(all, path, "FILE"), *out = replace(named, test_dir, "@DIR@");
    free(raw), free(text), free(all), free(named);
    return out;
}

static void compare(const char *name, unsigned *wrong)
{
    char path[512];
    snprintf(path, sizeof path, FOLDER "/%s.expected", name);
    char *said = verdict(name), *expected = slurp(path);
    if (getenv("UPDATE")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(said, f);
        fclose(f);
    } else if (access(path, R_OK) != 0 || strcmp(said, expected) != 0) {
        printf("%s.ini\n--- expected:\n%s--- said:\n%s", name, expected, said);
        ++*wrong;
    }
    if (strcasestr(said, SECRET_WORD)) {
        printf("%s.ini: a message shows a secret\n%s", name, said);
        ++*wrong;
    }
    free(said);
    free(expected);
}

static void test_all_files(void **state)
{
    unsigned wrong = 0, n = 0;
    DIR *folder = opendir(FOLDER);
    (void)state;
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        char name[256];
        snprintf(name, sizeof name, "%s", e->d_name);
        char *dot = strrchr(name, '.');
        if (!dot || strcmp(dot, ".ini") != 0)
            continue;
        *dot = 0;
        n++;
        compare(name, &wrong);
    }
    closedir(folder);
    assert_true(n >= 30);
    assert_int_equal(wrong, 0);
}

static int make_files(void **state)
{
    char path[256], *longest = malloc(CAP_SECRET + 1);
    if (test_dir_make(state) != 0 || !longest)
        return -1;
    memset(longest, 'x', CAP_SECRET + 1);
    test_write("secret", SECRET_WORD "\n", strlen(SECRET_WORD) + 1, 0640);
    test_write("open-secret", SECRET_WORD "\n", strlen(SECRET_WORD) + 1, 0644);
    test_write("empty", "", 0, 0600);
    test_write("blank-line", "\r\n" SECRET_WORD "\n", strlen(SECRET_WORD) + 3, 0600);
    test_write("nul", SECRET_WORD "\0x\n", strlen(SECRET_WORD) + 3, 0600);
    test_write("longest", longest, CAP_SECRET, 0600);
    test_write("long", longest, CAP_SECRET + 1, 0600);
    test_write("quoted", "\"" SECRET_WORD "\"\n", strlen(SECRET_WORD) + 3, 0600);
    test_write("trailing", SECRET_WORD " \n", strlen(SECRET_WORD) + 2, 0600);
    test_write("leading", "\t" SECRET_WORD, strlen(SECRET_WORD) + 1, 0600);
    test_write("comment", SECRET_WORD " # work\n", strlen(SECRET_WORD) + 8, 0600);
    test_write("inner", "# " SECRET_WORD "#\" x\n", strlen(SECRET_WORD) + 7, 0600);
    test_write("bom", "\xEF\xBB\xBF" SECRET_WORD "\n", strlen(SECRET_WORD) + 4, 0600);
    test_write("utf16le", "\xFF\xFEh\0u\0", 6, 0600);
    test_write("utf16be", "\xFE\xFF\0h\0u", 6, 0600);
    test_write("utf16-bare", "h\0u\0n\0\n\0", 8, 0600);
    test_write("cert.pem", "certificate", 11, 0644);
    test_write("key.pem", "key", 3, 0600);
    test_write("open-key.pem", "key", 3, 0604);
    static const char users[] = "# who "
                                "may\n\nscanner:$6$hunter2hunter2$abc./"
                                "DEF\r\nold:$5$hunter2hunter2$abc\nlocked:!$6$hunter2hunter2$"
                                "x\nshadow:$y$j9T$hunter2$x:1::\n";
    static const char bad_users[] =
        "hunter2\n:$6$hunter2hunter2$abc\nplain:hunter2\nplain2:{SHA}hunter2hunter2=\n"
        "twice:$6$hunter2hunter2$abc\ntwice:$6$hunter2hunter2$abc\nb "
        "lank:$6$hunter2hunter2$abc\nshort:$6$hunter2\n";
    static const char weak_users[] =
        "des:Hunter2huntek\nmd5:$1$hunter2h$hunter2hunter2hunter2hh\napache:$apr1$hunter2h$"
        "hunter2hunter2hunter2hh\n"
        "fine:$6$hunter2hunter2$abc\nlocked:!$1$hunter2h$hunter2hunter2hunter2hh\n";
    static const char plain_users[] =
        "a:hunter2hunter\nb:hunterhunterk\nc:HUNTERHUNTERA\nd:hunter2-hunte\n";
    test_write("weak-users", weak_users, sizeof weak_users - 1, 0600);
    test_write("plain-users", plain_users, sizeof plain_users - 1, 0600);
    test_write("users", users, sizeof users - 1, 0640);
    test_write("open-users", users, sizeof users - 1, 0644);
    test_write("bad-users", bad_users, sizeof bad_users - 1, 0600);
    free(longest);
    unsetenv("CREDENTIALS_DIRECTORY");
    unsetenv("STATE_DIRECTORY");
    return mkfifo(test_path("fifo", path), 0600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_files)};
    return cmocka_run_group_tests(tests, make_files, test_dir_remove);
}
