/* How an account comes by its tokens: the flow by what is given, what the provider fills in, and
 * whose the files must be. */
#include "config_support.h"

#include <pwd.h>

#include "config/table.h"

#define OFFICE "[upstream]\nprovider = office365\nusername = me@example.com\noauth_client_id = id\n"
#define ROOT "[server]\nuser = root\n"
#define APP "oauth_tenant = contoso.com\noauth_client_secret = hunter2\n"

struct answer {
    enum token_flow flow;
    const char *scope, *token_url, *token_file;
};

static void assert_text(const char *is, const char *expected)
{
    if (!is || !expected)
        assert_ptr_equal(is, expected);
    else
        assert_string_equal(is, expected);
}

static void assert_account(const char *text, const struct answer *expected)
{
    struct config_report report;
    struct config *c = LOAD(text, &report);
    if (!c)
        fail_msg("%s", report.lines[0]);
    const struct oauth_config *o = &c->upstreams[0].oauth;
    assert_int_equal(o->flow, expected->flow);
    assert_text(o->scope, expected->scope);
    assert_text(o->token_url, expected->token_url);
    assert_text(o->token_file, expected->token_file);
    config_report_free(&report);
    config_unref(&c);
}

static void test_flow_by_what_is_given(void **state)
{
    char text[1024], path[256];
    (void)state;
    assert_account(OFFICE APP ROOT,
                   &(struct answer){TOKEN_APPLICATION, "https://outlook.office365.com/.default",
                                    "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/"
                                    "token",
                                    NULL});
    /* neither secret nor certificate: a person's login; the tenant has a default */
    assert_account(OFFICE "[server]\nuser = root\nstate_dir = /nowhere\n",
                   &(struct answer){TOKEN_REFRESH,
                                    "https://outlook.office.com/SMTP.Send offline_access",
                                    "https://login.microsoftonline.com/organizations/oauth2/v2.0/"
                                    "token",
                                    "/nowhere/default.token"});
    /* a token file that is given says so, too */
    test_write("token", "hunter2\n", 8, 0600);
    snprintf(text, sizeof text, OFFICE APP "oauth_token_file = %s\n" ROOT,
             test_path("token", path));
    assert_account(text, &(struct answer){TOKEN_REFRESH,
                                          "https://outlook.office.com/SMTP.Send offline_access",
                                          "https://login.microsoftonline.com/contoso.com/oauth2/"
                                          "v2.0/token",
                                          path});
    /* a provider without application access sends the secret along */
    assert_account("[upstream]\nprovider = gmail\nusername = me@gmail.com\noauth_client_id = id\n"
                   "oauth_client_secret = hunter2\n[server]\nuser = root\nstate_dir = /nowhere\n",
                   &(struct answer){TOKEN_REFRESH, "https://mail.google.com/",
                                    "https://oauth2.googleapis.com/token",
                                    "/nowhere/default.token"});
    /* no provider at all */
    assert_account("[upstream]\nhost = h\nusername = me\noauth_client_id = id\noauth_scope = s\n"
                   "oauth_client_secret = hunter2\noauth_token_url = https://login.test/TENANT\n",
                   &(struct answer){TOKEN_APPLICATION, "s", "https://login.test/TENANT", NULL});
    assert_account("[upstream]\nhost = h\nusername = me\nauth = xoauth2\n"
                   "password_command = /bin/echo x\n",
                   &(struct answer){TOKEN_PRINTED, NULL, NULL, NULL});
    assert_account("[upstream]\nhost = h\nusername = me\npassword_command = /bin/echo x\n",
                   &(struct answer){TOKEN_NONE, NULL, NULL, NULL});
}

/* office365 says auth = login, which is about passwords. */
static void test_a_token_is_no_password(void **state)
{
    struct config_report report;
    struct config *c = LOAD(OFFICE APP, &report);
    (void)state;
    assert_non_null(c);
    assert_int_equal(c->upstreams[0].auth, AUTH_AUTO);
    assert_false(c->upstreams[0].oauth.rotates);
    assert_int_equal(c->upstreams[0].max_connections, 3);
    config_forget_passwords(c);
    assert_null(c->upstreams[0].oauth.client_secret);
    config_report_free(&report);
    config_unref(&c);
}

static void test_day(void **state)
{
    struct config_report report;
    struct config *c = LOAD(OFFICE APP "oauth_secret_expires = 2028-02-29\n", &report);
    (void)state;
    assert_non_null(c);
    /* date -ud 2028-02-29 +%s */
    assert_int_equal(c->upstreams[0].oauth.secret_expires, 1835395200);
    config_report_free(&report);
    config_unref(&c);
}

static bool is_said(const char *text, const char *words)
{
    struct config_report report;
    struct config *c = LOAD(text, &report);
    bool said = report_has(&report, words);
    if (!said)
        for (size_t i = 0; i < report.n; i++)
            printf("%s\n", report.lines[i]);
    config_report_free(&report);
    config_unref(&c);
    return said;
}

/* Root reads everything; the user that it becomes does not. */
static void test_whose_files(void **state)
{
    static const char account[] = "[upstream]\nprovider = %s\nusername = me@example.com\n"
                                  "oauth_client_id = id\noauth_token_file = %s\n"
                                  "[server]\nuser = %s\n";
    char text[1024], path[256], folder[256];
    (void)state;
    if (geteuid() != 0 || !getpwnam("daemon") || !getpwnam("nobody"))
        skip();
    /* root believes no configuration in a folder that belongs to somebody else */
    assert_int_equal(mkdir(test_path("state", folder), 0755), 0);
    test_path("state/token", path);
    test_write("state/token", "hunter2\n", 8, 0600);
    assert_int_equal(chmod(test_dir, 0755), 0);
    snprintf(text, sizeof text, account, "gmail", path, "nobody");
    assert_true(is_said(text, "[upstream] oauth_token_file: not as nobody"));
    snprintf(text, sizeof text, account, "gmail", path, "daemon");
    assert_true(is_said(text, "token cannot be read by user daemon"));
    assert_true(is_said(text, "warning: [upstream] oauth_token_file: user daemon cannot write"));
    /* this one's provider revokes what was used */
    snprintf(text, sizeof text, account, "fastmail", path, "daemon");
    assert_true(is_said(text, "5: [upstream] oauth_token_file: user daemon cannot write"));
    assert_int_equal(chown(path, getpwnam("daemon")->pw_uid, 0), 0);
    assert_int_equal(chown(folder, getpwnam("daemon")->pw_uid, 0), 0);
    assert_account(text, &(struct answer){TOKEN_REFRESH,
                                          "https://www.fastmail.com/dev/protocol-smtp "
                                          "offline_access",
                                          "https://api.fastmail.com/oauth/refresh", path});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow_by_what_is_given),
        cmocka_unit_test(test_a_token_is_no_password),
        cmocka_unit_test(test_day),
        cmocka_unit_test(test_whose_files),
    };
    return cmocka_run_group_tests(tests, test_dir_make, test_dir_remove);
}
