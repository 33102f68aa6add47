/* The configuration from environment variables, where there is no file. */
#include "tests/unit/config_support.h"

#define PREFIX "SMTP_DETOUR_"

extern char **environ;

static void forget_variables(void)
{
    for (size_t i = 0; environ[i];) {
        size_t n = strcspn(environ[i], "=");
        char name[200];
        snprintf(name, sizeof name, "%.*s", (int)n, environ[i]);
        if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
            unsetenv(name);
        else
            i++;
    }
}

static void set(const char *name, const char *value)
{
    char whole[200];
    snprintf(whole, sizeof whole, PREFIX "%s", name);
    assert_int_equal(setenv(whole, value, 1), 0);
}

/* The value is in a file of this test. */
static void set_file(const char *name, const char *bytes, mode_t mode)
{
    char path[256];
    test_write(name, bytes, strlen(bytes), mode);
    set(name, test_path(name, path));
}

static struct config *load(struct config_report *report)
{
    char path[256];
    return config_load(test_path("none.ini", path), report);
}

static struct config *load_well(void)
{
    struct config_report report;
    struct config *c = load(&report);
    if (!c)
        fail_msg("%s", report.lines[0]);
    config_report_free(&report);
    return c;
}

static void assert_refused(const char *words)
{
    struct config_report report;
    assert_null(load(&report));
    if (!report_has(&report, words))
        fail_msg("not said: %s; but: %s", words, report.n ? report.lines[0] : "nothing");
    for (size_t i = 0; i < report.n; i++)
        assert_null(strstr(report.lines[i], SECRET_WORD));
    config_report_free(&report);
}

static int begin(void **state)
{
    (void)state;
    forget_variables();
    set("UPSTREAM_HOST", "smtp.example.com");
    return 0;
}

static int end(void **state)
{
    (void)state;
    forget_variables();
    return 0;
}

static void test_keys(void **state)
{
    (void)state;
    set("UPSTREAM_USERNAME", " me@example.com ");
    set("UPSTREAM_PASSWORD", SECRET_WORD);
    set("LISTEN_ALLOW", "10.0.0.0/8\n192.168.0.0/16\n");
    set("SERVER_ALIASES", "root=a@b.example");
    set("LOG_LEVEL", "");
    struct config *c = load_well();
    char place[CONFIG_PLACE];
    assert_int_equal(c->nupstreams, 1);
    assert_string_equal(c->upstreams[0].name, "default");
    assert_string_equal(c->upstreams[0].host, "smtp.example.com");
    assert_string_equal(c->upstreams[0].username, "me@example.com");
    assert_true(slice_is(secret_reveal(c->upstreams[0].password), SECRET_WORD));
    assert_int_equal(c->listens[0].allow.n, 2);
    assert_int_equal(c->server.aliases.n, 1);
    assert_false(c->spool.is_on);
    assert_string_equal(
        config_place(c, config_line_of(&c->upstreams[0], "password"), place, sizeof place),
        PREFIX "UPSTREAM_PASSWORD");
    assert_string_equal(config_place(c, c->upstreams[0].line, place, sizeof place), "environment");
    config_unref(&c);
}

/* Any key of a section is as good as its header. */
static void test_key_switches_section_on(void **state)
{
    char path[256];
    (void)state;
    set("SPOOL_DIRECTORY", test_path("spool", path));
    set("SERVER_USER", "root");
    struct config *c = load_well();
    assert_true(c->spool.is_on);
    config_unref(&c);
}

static void test_values_in_files(void **state)
{
    (void)state;
    set_file("UPSTREAM_USERNAME_FILE", "me@example.com\nmore\n", 0644);
    set_file("UPSTREAM_PASSWORD_FILE", SECRET_WORD "\n", 0600);
    set_file("LISTEN_ALLOW_FILE", "10.0.0.0/8\n192.168.0.0/16\n", 0644);
    struct config *c = load_well();
    assert_string_equal(c->upstreams[0].username, "me@example.com");
    assert_non_null(strstr(c->upstreams[0].password_file, "UPSTREAM_PASSWORD_FILE"));
    assert_true(slice_is(secret_reveal(c->upstreams[0].password), SECRET_WORD));
    assert_int_equal(c->listens[0].allow.n, 2);
    config_unref(&c);
}

/* password_file is a key; a client secret shows that secrets obey the same rules elsewhere. */
static void test_secrets_in_files(void **state)
{
    (void)state;
    set("UPSTREAM_USERNAME", "me");
    set_file("UPSTREAM_OAUTH_CLIENT_SECRET_FILE", SECRET_WORD "\n", 0644);
    assert_refused("everybody may read");
    set("UPSTREAM_OAUTH_CLIENT_SECRET_FILE", "");
    /* No key of its own: the value, which holds a password, is read here. */
    set_file("UPSTREAM_PROXY_FILE", "http://me:" SECRET_WORD "@proxy.test:3128\n", 0644);
    assert_refused("UPSTREAM_PROXY_FILE (mode 0644), which holds a secret");
    set_file("UPSTREAM_PROXY_FILE", "\n", 0600);
    assert_refused(PREFIX "UPSTREAM_PROXY_FILE: [upstream] proxy: ");
    set("UPSTREAM_PROXY_FILE", "");
    set_file("UPSTREAM_PASSWORD_FILE", SECRET_WORD "\n", 0644);
    assert_refused(PREFIX "UPSTREAM_PASSWORD_FILE: [upstream] password_file: everybody may read");
}

static void test_what_is_wrong(void **state)
{
    char *longer = malloc(CAP_CONFIG_LINE + 2);
    (void)state;
    set("UPSTREAM_PORTS", "99999");
    assert_refused(PREFIX "UPSTREAM_PORTS: [upstream] ports: \"99999\" is not PORT");
    set("UPSTREAM_PORTS", "");
    set("UPSTREAM_HOSTT", "x");
    assert_refused(PREFIX
                   "UPSTREAM_HOSTT: no key of the configuration has this name (did you mean " PREFIX
                   "UPSTREAM_HOST?)");
    unsetenv(PREFIX "UPSTREAM_HOSTT");
    set("UPSTREAM_HOST_FILE", "/nowhere");
    assert_refused("given twice; " PREFIX "UPSTREAM_HOST");
    unsetenv(PREFIX "UPSTREAM_HOST_FILE");
    set("UPSTREAM_HELO_FILE", "/nowhere");
    assert_refused(PREFIX "UPSTREAM_HELO_FILE: [upstream] helo: /nowhere cannot be read: No such");
    unsetenv(PREFIX "UPSTREAM_HELO_FILE");
    set("UPSTREAM_HELO", "a\x01.example");
    assert_refused("a control character in the value");
    memset(longer, 'a', CAP_CONFIG_LINE + 1);
    longer[CAP_CONFIG_LINE + 1] = 0;
    set("UPSTREAM_HELO", longer);
    assert_refused(PREFIX "UPSTREAM_HELO: [upstream] helo: the value is too long");
    unsetenv(PREFIX "UPSTREAM_HELO");
    set("UPSTREAM_USERNAME", "me");
    longer[CAP_CONFIG_SECRET + 1] = 0;
    set("UPSTREAM_PASSWORD", longer);
    assert_refused(PREFIX "UPSTREAM_PASSWORD: [upstream] password: the value is too long");
    free(longer);
}

/* A Service called smtp-detour gives its pods these; nobody wrote them. */
static void test_variables_of_kubernetes(void **state)
{
    (void)state;
    set("SERVICE_HOST", "10.96.0.7");
    set("SERVICE_PORT", "25");
    set("SERVICE_PORT_SMTP", "25");
    set("PORT", "tcp://10.96.0.7:25");
    set("PORT_25_TCP", "tcp://10.96.0.7:25");
    set("PORT_25_TCP_PROTO", "tcp");
    set("PORT_25_TCP_PORT", "25");
    set("PORT_25_TCP_ADDR", "10.96.0.7");
    set("ADMIN_PORT_8025_TCP_ADDR", "10.96.0.8");
    struct config *c = load_well();
    config_unref(&c);
}

static void test_file_wins(void **state)
{
    struct config_report report;
    (void)state;
    struct config *c = LOAD("[upstream]\nhost = other.example.com\nauth = none\n", &report);
    assert_non_null(c);
    assert_string_equal(c->upstreams[0].host, "other.example.com");
    assert_int_equal(c->variables.n, 0);
    assert_true(report_has(&report, "warning: " PREFIX "UPSTREAM_HOST in the environment is not"));
    config_report_free(&report);
    config_unref(&c);
}

/* Variables that are no keys are no configuration. */
static void test_no_keys(void **state)
{
    char path[256];
    (void)state;
    forget_variables();
    assert_false(config_is_there(test_path("none.ini", path)));
    set("STATIC", "x");
    assert_refused("none.ini: cannot be read: No such file or directory");
    assert_false(config_is_there(test_path("none.ini", path)));
    set("LOG_LEVEL", "debug");
    assert_true(config_is_there(test_path("none.ini", path)));
    assert_refused("environment: no [upstream] section");
}

/* What is wrong with a file that is there is said of it. */
static void test_unreadable_file(void **state)
{
    struct config_report report;
    (void)state;
    assert_null(config_load(test_dir, &report));
    assert_true(report_has(&report, ": cannot be read: Is a directory"));
    config_report_free(&report);
}

static void test_reload(void **state)
{
    struct config_report report;
    char path[256];
    (void)state;
    set_file("UPSTREAM_USERNAME_FILE", "me\n", 0600);
    set_file("UPSTREAM_PASSWORD_FILE", SECRET_WORD "\n", 0600);
    struct config *before = load_well();
    set_file("UPSTREAM_USERNAME_FILE", "you\n", 0600);
    struct config *after = config_reload(test_path("none.ini", path), before, &report);
    assert_non_null(after);
    assert_string_equal(after->upstreams[0].username, "you");
    config_report_free(&report);
    config_unref(&before);
    config_unref(&after);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_keys),
        TEST(test_key_switches_section_on),
        TEST(test_values_in_files),
        TEST(test_secrets_in_files),
        TEST(test_what_is_wrong),
        TEST(test_variables_of_kubernetes),
        TEST(test_file_wins),
        TEST(test_no_keys),
        TEST(test_unreadable_file),
        TEST(test_reload),
    };
    return cmocka_run_group_tests(tests, test_dir_make, test_dir_remove);
}
