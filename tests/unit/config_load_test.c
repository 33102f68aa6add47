/* Files as such: odd bytes, permissions, secrets, reload, reference counts. */
#include "config_support.h"

#include <sys/wait.h>

#include "base/secret.h"

#define HOST "[upstream]\nhost = smtp.example.com\n"
#define LOGIN HOST "username = me\npassword = " SECRET_WORD "\n"

/* The report must be exactly this one line behind the file's name; "" for none. */
static void assert_said(const char *bytes, size_t n, const char *line)
{
    struct config_report report;
    struct config *c = test_load(bytes, n, &report);
    const char *said = report.n ? report.lines[0] + strlen(test_dir) + strlen("/t.ini:") : "";
    assert_string_equal(said, line);
    assert_int_equal(report.n, *line ? 1 : 0);
    assert_int_equal(c == NULL, report.errors > 0);
    config_report_free(&report);
    config_unref(&c);
}

#define ASSERT_SAID(text, line) assert_said((text), sizeof(text) - 1, (line))

static void test_odd_bytes(void **state)
{
    (void)state;
    ASSERT_SAID("\xEF\xBB\xBF[upstream]\r\nhost = smtp.example.com\r\n\r\n# x\r\n", "");
    ASSERT_SAID("[upstream]\nhost = smtp.example.com", "");
    ASSERT_SAID("[upstream]\nhost\t=\tsmtp.example.com\t; comment\n", "");
    ASSERT_SAID(
        HOST "helo = a\0b\n",
        "3: [upstream]: a control character on this line; allowed: printable text and tabs");
    ASSERT_SAID(
        HOST "helo = a\rb\n",
        "3: [upstream]: a control character on this line; allowed: printable text and tabs");
    ASSERT_SAID(
        HOST "helo = \033[31m\n",
        "3: [upstream]: a control character on this line; allowed: printable text and tabs");
    ASSERT_SAID(HOST "[listen\tlan]\nmax_clients = x\n",
                "4: [listen\tlan] max_clients: \"x\" is not a number");
}

static void test_values_are_read_whole(void **state)
{
    struct config_report report;
    char text[400], value[188];
    (void)state;
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = 0;
    snprintf(text, sizeof text, HOST "auth = none\nusername = %s\n", value);
    struct config *c = LOAD(text, &report);
    assert_non_null(c);
    assert_string_equal(c->upstreams[0].username, value);
    config_report_free(&report);
    config_unref(&c);
}

/* Each length once, so that every place where a line may be cut into pieces falls on every kind of
 * octet. */
static void test_secrets_are_never_cut(void **state)
{
    static const char octets[] = "a;  =:#|[]\t;\\\"b#=";
    struct config_report report;
    char text[3000], secret[2000];
    (void)state;
    for (size_t len = 1; len < 1500; len += len < 700 ? 1 : 37) {
        size_t start = len % 3;
        for (size_t i = 0; i < len; i++) {
            char c = octets[(i * i + 7 * len + i) % (sizeof octets - 1)];
            bool after_blank = i == 0 || secret[i - 1] == ' ' || secret[i - 1] == '\t';
            secret[i] =
                (after_blank && c == ';') || ((i == 0 || i == len - 1) && (c == ' ' || c == '\t'))
                    ? 'x'
                    : c;
        }
        secret[len] = 0;
        snprintf(text, sizeof text, HOST "username = me\npassword =%.*s%s\nhelo = a.example\n",
                 (int)start, "  ", secret);
        struct config *c = LOAD(text, &report);
        if (!c)
            fail_msg("%zu: %s", len, report.lines[0]);
        assert_string_equal(secret_reveal(c->upstreams[0].password).data, secret);
        assert_string_equal(c->upstreams[0].helo, "a.example");
        config_report_free(&report);
        config_unref(&c);
    }
}

/* Blanks in great number, wherever they fall, and a comment behind them. */
static void test_blanks_in_long_lines(void **state)
{
    struct config_report report;
    char text[4000];
    (void)state;
    for (int blanks = 0; blanks < 900; blanks += 13) {
        snprintf(text, sizeof text, HOST "auth = none\nusername%*s=%*sme%*syou%*s; %*scomment\n", 1,
                 "", blanks + 1, "", blanks, "", blanks + 1, "", blanks, "");
        struct config *c = LOAD(text, &report);
        assert_non_null(c);
        assert_int_equal(strlen(c->upstreams[0].username), 5 + blanks);
        assert_memory_equal(c->upstreams[0].username + 2 + blanks, "you", 4);
        config_report_free(&report);
        config_unref(&c);
    }
}

static void test_line_cap(void **state)
{
    struct config_report report;
    char *text = calloc(1, 20000), value[8193];
    const size_t room = 8192 - strlen("username = ");
    (void)state;
    memset(value, 'x', sizeof value);
    snprintf(text, 20000, HOST "auth = none\nusername = %.*s\r\n", (int)room, value);
    struct config *c = LOAD(text, &report);
    assert_non_null(c);
    assert_int_equal(strlen(c->upstreams[0].username), room);
    config_report_free(&report);
    config_unref(&c);
    snprintf(text, 20000, HOST "auth = none\nusername = %.*s\n", (int)room + 1, value);
    assert_said(text, strlen(text),
                "4: [upstream]: the line is too long: 8193 octets, allowed are 8192");
    snprintf(text, 20000, HOST "username = me\npassword = %.*s\n", 4096, value);
    assert_said(text, strlen(text), "");
    snprintf(text, 20000, HOST "username = me\npassword = %.*s\n", 4097, value);
    assert_said(text, strlen(text),
                "4: [upstream] password: the secret is too long: 4097 octets, allowed are 4096");
    snprintf(text, 20000, HOST "%.*s = x\n", 400, value);
    assert_said(text, strlen(text), "3: [upstream]: the key is too long");
    snprintf(text, 20000, HOST "[%.*s]\nunknown = as the section is\n  nor = this\n",
             (int)sizeof value, value);
    assert_said(text, strlen(text),
                "3: [upstream]: the line is too long: 8195 octets, allowed are 8192");
    free(text);
}

static void test_continued_lists(void **state)
{
    struct config_report report;
    struct config *c = LOAD("[upstream]\nhost = smtp.example.com\n"
                            "tls_fingerprint = "
                            "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:"
                            "77:88:99:aa:bb:cc:dd:ee:ff "
                            "10:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:"
                            "77:88:99:aa:bb:cc:dd:ee:ff\n"
                            "senders =\n\t@one.example ; a comment\n\n  # another\n   "
                            "@two.example, @three.example\r\n <>\n"
                            "helo = a.example\n[server]\naliases = root=a@b.example\n "
                            "user=c@d.example\n[listen]\nallow = 10.0.0.0/8\n 192.168.0.0/16",
                            &report);
    (void)state;
    if (!c)
        fail_msg("%s", report.lines[0]);
    assert_int_equal(c->upstreams[0].tls_fingerprint.n, 2);
    assert_int_equal(c->upstreams[0].tls_fingerprint.items[1][0], 0x10);
    assert_int_equal(c->upstreams[0].senders.n, 4);
    assert_string_equal(c->upstreams[0].senders.items[0], "@one.example");
    assert_string_equal(c->upstreams[0].senders.items[2], "@three.example");
    assert_string_equal(c->upstreams[0].helo, "a.example");
    assert_int_equal(c->server.aliases.n, 2);
    assert_string_equal(c->server.aliases.items[1].name, "user");
    assert_int_equal(c->listens[0].allow.n, 2);
    config_report_free(&report);
    config_unref(&c);
}

static void test_unreadable(void **state)
{
    struct config_report report;
    char path[256];
    (void)state;
    assert_null(config_load(test_path("nowhere.ini", path), &report));
    assert_true(report_has(&report, "/nowhere.ini: cannot be read: No such file or directory"));
    config_report_free(&report);
    assert_null(config_load(test_dir, &report));
    assert_true(report_has(&report, ": cannot be read: Is a directory"));
    assert_int_equal(report.errors, 1);
    config_report_free(&report);
    char *big = malloc(1024 * 1024 + 1);
    assert_non_null(big);
    memset(big, '\n', 1024 * 1024 + 1);
    assert_said(big, 1024 * 1024 + 1, " cannot be read: File too large");
    free(big);
}

static void test_sorted_by_line(void **state)
{
    struct config_report report;
    (void)state;
    assert_null(
        LOAD("[upstream a]\nusername = me\n[upstream b]\nhost = h\nnonsense\n[log]\nlevel = x\n",
             &report));
    int before = 0;
    for (size_t i = 0; i < report.n; i++) {
        int line = atoi(report.lines[i] + strlen(test_dir) + strlen("/t.ini:"));
        assert_true(line >= before);
        before = line;
    }
    assert_int_equal(before, 7);
    /* host and password missing, out of reach, no "=", level */
    assert_int_equal(report.n, 5);
    assert_int_equal(report.errors, 4);
    config_report_free(&report);
}

static void test_config_readable_by_everyone(void **state)
{
    static const char proxy[] = HOST "proxy = http://me:" SECRET_WORD "@h:1\n",
                      bad_proxy[] = HOST "proxy = http://me:" SECRET_WORD "@h\n";
    struct config_report report;
    char path[256], folder[256];
    (void)state;
    test_write("open.ini", LOGIN, strlen(LOGIN), 0644);
    assert_null(config_load(test_path("open.ini", path), &report));
    assert_true(report_has(&report, "/open.ini:4: [upstream] password: everybody may read "));
    config_report_free(&report);
    test_write("open.ini", proxy, strlen(proxy), 0604);
    assert_null(config_load(path, &report));
    assert_true(report_has(&report, "/open.ini:3: [upstream] proxy: everybody may read "));
    config_report_free(&report);
    test_write("open.ini", bad_proxy, strlen(bad_proxy), 0604);
    assert_null(config_load(path, &report));
    assert_int_equal(report.errors, 2);
    config_report_free(&report);
    test_write("open.ini", HOST, strlen(HOST), 0644);
    struct config *c = config_load(path, &report);
    assert_non_null(c);
    assert_int_equal(report.n, 0);
    config_report_free(&report);
    config_unref(&c);
    test_write("open.ini", LOGIN, strlen(LOGIN), 0640);
    assert_non_null(c = config_load(path, &report));
    config_report_free(&report);
    config_unref(&c);
    assert_int_equal(mkdir(test_path("credentials", folder), 0755), 0);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    test_write("credentials/open.ini", LOGIN, strlen(LOGIN), 0644);
    assert_non_null(c = config_load(test_path("credentials/open.ini", path), &report));
    assert_true(
        report_has(&report, "/open.ini:4: warning: [upstream] password: everybody may read "));
    assert_int_equal(report.errors, 0);
    config_report_free(&report);
    config_unref(&c);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_credential(void **state)
{
    struct config_report report;
    char path[256], folder[256];
    (void)state;
    mkdir(test_path("credentials", folder), 0755);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    test_write("credentials/smtp", SECRET_WORD "\r\nsecond\n", strlen(SECRET_WORD) + 9, 0644);
    struct config *c = LOAD(HOST "username = me\npassword_file = credential:smtp\n", &report);
    assert_non_null(c);
    assert_true(slice_is(secret_reveal(c->upstreams[0].password), SECRET_WORD));
    assert_string_equal(c->upstreams[0].password_file, "credential:smtp");
    assert_true(
        report_has(&report, "t.ini:4: warning: [upstream] password_file: everybody may read "));
    config_report_free(&report);
    config_unref(&c);
    assert_null(LOAD(HOST "username = me\npassword_file = credential:other\n", &report));
    assert_true(
        report_has(&report, "/credentials/other cannot be read: No such file or directory"));
    config_report_free(&report);
    /* a name that begins like the folder's is not below it; nor is a link that leads out of it */
    assert_int_equal(mkdir(test_path("credentials-too", path), 0755), 0);
    test_write("credentials-too/smtp", SECRET_WORD, strlen(SECRET_WORD), 0644);
    char text[700], link[256];
    snprintf(text, sizeof text, HOST "username = me\npassword_file = %s/smtp\n", path);
    assert_null(LOAD(text, &report));
    config_report_free(&report);
    snprintf(text, sizeof text, "%s/smtp", path);
    assert_int_equal(symlink(text, test_path("credentials/link", link)), 0);
    assert_null(LOAD(HOST "username = me\npassword_file = credential:link\n", &report));
    config_report_free(&report);
    unsetenv("CREDENTIALS_DIRECTORY");
}

/* In a process that is not root. 0: all as it should be. */
static int reload_without_rights(struct config *old, const char *file)
{
    struct config_report report;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    if (config_load(file, &report) || !report_has(&report, "/pw cannot be read: Permission denied"))
        return 2;
    config_report_free(&report);
    struct config *c = config_reload(file, old, &report);
    if (!c || !report_has(&report, "warning: [upstream] password_file: ") || report.errors)
        return 3;
    int rc = c->upstreams[0].password_kept && !c->upstreams[0].password ? 0 : 4;
    config_report_free(&report);
    config_unref(&c);
    /* another account: nothing is kept for it */
    free(old->upstreams[0].name);
    old->upstreams[0].name = strdup("other");
    if (config_reload(file, old, &report))
        rc = 5;
    config_report_free(&report);
    return rc;
}

static void test_reload_keeps_what_it_may_not_read(void **state)
{
    struct config_report report;
    char path[256], text[700];
    int status = -1;
    (void)state;
    test_write("pw", SECRET_WORD "\n", strlen(SECRET_WORD) + 1, 0600);
    snprintf(text, sizeof text, HOST "username = me\npassword_file = %s\n", test_path("pw", path));
    test_write("reload.ini", text, strlen(text), 0644);
    assert_int_equal(chmod(test_dir, 0755), 0);
    struct config *c = config_load(test_path("reload.ini", path), &report);
    assert_non_null(c);
    config_report_free(&report);
    assert_int_equal(chmod(test_path("pw", text), 0), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(reload_without_rights(c, path));
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
    config_unref(&c);
}

static void test_references(void **state)
{
    struct config_report report;
    struct config *c = LOAD(LOGIN, &report), *again;
    (void)state;
    config_report_free(&report);
    assert_non_null(c);
    again = config_ref(c);
    config_unref(&c);
    assert_null(c);
    assert_string_equal(again->upstreams[0].host, "smtp.example.com");
    config_unref(&again);
    config_unref(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_bytes),
        cmocka_unit_test(test_values_are_read_whole),
        cmocka_unit_test(test_secrets_are_never_cut),
        cmocka_unit_test(test_blanks_in_long_lines),
        cmocka_unit_test(test_line_cap),
        cmocka_unit_test(test_continued_lists),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_sorted_by_line),
        cmocka_unit_test(test_config_readable_by_everyone),
        cmocka_unit_test(test_credential),
        cmocka_unit_test(test_reload_keeps_what_it_may_not_read),
        cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, test_dir_make, test_dir_remove);
}
