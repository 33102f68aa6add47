/* The presets: every service is there, the ten best known are complete, nothing in the table
 * contradicts itself, and an account gets what its provider gives. */
#include "config_support.h"

#include "config/presets.h"
#include "config/table.h"

static const char *const names[] = {
    "gmail",
    "google-workspace-relay",
    "office365",
    "office365-gcchigh",
    "office365-dod",
    "office365-china",
    "office365-hve",
    "outlook",
    "yahoo",
    "aol",
    "icloud",
    "fastmail",
    "zoho",
    "proton-bridge",
    "proton",
    "gmx-com",
    "gmx-net",
    "mailgun",
    "mailgun-eu",
    "ses",
    "mandrill",
    "sparkpost",
    "sparkpost-eu",
    "sendgrid",
    "mailjet",
    "postmark",
    "postmark-broadcast",
    "brevo",
    "mailtrap",
    "mailtrap-bulk",
    "mailtrap-sandbox",
    "resend",
    "smtp2go",
    "elasticemail",
    "mailersend",
    "scaleway",
    "azure-communication",
    "yandex",
    "ovh",
    "infomaniak",
};
enum { NAMES = sizeof names / sizeof names[0] };

static const struct preset *find(const char *name)
{
    struct preset_choice choice;
    struct err err;
    if (preset_choose(slice_of(name), true, &choice, &err) != 0)
        fail_msg("%s: %s", name, err.words);
    return choice.preset;
}

static void test_every_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++)
        assert_string_equal(find(names[i])->name, names[i]);
    assert_int_equal(presets_count(), NAMES);
}

/* What a row must have whatever the service. */
static void assert_sound(const struct preset *p)
{
    struct preset_choice choice = {.preset = p};
    char value[PRESET_VALUE];
    bool spare = false;
    size_t tried = 0;
    assert_true(p->title && p->host.text && p->user_words.text && p->user_sample && p->secret &&
                p->mechanisms[0].text);
    assert_true((p->password == PASSWORD_WORKS) == (p->password_words == NULL));
    assert_true(p->password_until == 0 || p->password == PASSWORD_ENDING);
    for (const struct preset_port *port = p->ports; port->number; port++) {
        assert_true(port->mode == (port->number == 465 || port->number == 2465 ||
                                           port->number == 8465 || port->number == 443
                                       ? PORT_IMPLICIT
                                       : PORT_STARTTLS) ||
                    port->trust == TRUST_UNCONFIRMED);
        /* the ladder comes first */
        assert_true(port->spare || !spare);
        spare = port->spare;
        tried += !port->spare;
        assert_true(port->number != 25 || port->spare);
        /* nobody's public submission port */
        assert_true(port->number != 1025 || strcmp(p->host.text, "127.0.0.1") == 0);
    }
    assert_true(tried >= 1);
    for (const struct preset_setting *s = p->settings; s->key; s++)
        assert_non_null(keys_find(SECTION_UPSTREAM, slice_of(s->key)));
    assert_true(strlen(preset_value(&choice, "ports", value)) < PRESET_VALUE - 20);
    assert_int_equal(p->notes[PRESET_NOTES].text == NULL && p->ports[PRESET_PORTS].number == 0, 1);
}

static void test_every_row_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < presets_count(); i++) {
        assert_sound(presets_at(i));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(presets_at(i)->name, presets_at(j)->name);
    }
}

/* The section that `providers NAME` shows is taken without an error, and its own sample name
 * without a warning. */
static void test_every_sample_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < presets_count(); i++) {
        const struct preset *p = presets_at(i);
        struct config_report report;
        char text[512];
        snprintf(text, sizeof text,
                 "[upstream]\nprovider = %s%s%s\nusername = %s\npassword = abcdefghijklmnop\n",
                 p->name, p->needs_region ? ":" : "", p->needs_region ? p->regions[0].name : "",
                 p->user_sample);
        struct config *c = LOAD(text, &report);
        if (!c || report_has(&report, "] username: "))
            fail_msg("%s: %s", p->name, report.lines[0]);
        assert_int_equal(report.n, p->password == PASSWORD_ENDING || p->password == PASSWORD_GONE ||
                                       p->pinned);
        config_report_free(&report);
        config_unref(&c);
    }
}

/* --- the ten best known --- */

#define MEGA (1024 * 1024)

static const struct expected {
    const char *provider, *host, *ports, *auth;
    /* 0: nobody could confirm one */
    uint64_t size_hint;
    unsigned connections, messages;
    usec idle;
    /* as the table has them; a ? behind what is unconfirmed */
    const char *spare, *mechanisms;
    const char *good_user, *bad_user;
    unsigned recipients;
    enum password_login password;
} ten[] = {
    {"gmail", "smtp.gmail.com", "587/starttls 465/implicit", "auto", 35882577, 20, 100, 30, "",
     "OAUTHBEARER? XOAUTH2 PLAIN? LOGIN?", "me@gmail.com", "me", 100, PASSWORD_APP},
    {"office365", "smtp.office365.com", "587/starttls", "login", 0, 3, 100, 30, "25/starttls",
     "XOAUTH2 LOGIN", "me@example.com", "me", 500, PASSWORD_ENDING},
    {"yahoo", "smtp.mail.yahoo.com", "587/starttls 465/implicit", "auto", 0, 20, 100, 30, "",
     "XOAUTH2 PLAIN? LOGIN?", "me@yahoo.com", "me", 100, PASSWORD_APP},
    {"mailgun", "smtp.mailgun.org", "587/starttls 2525/starttls 465/implicit", "auto", 25 * MEGA,
     20, 100, 30, "25/starttls", "PLAIN LOGIN", "postmaster@mg.example.com", "postmaster", 1000,
     PASSWORD_WORKS},
    {"mailgun-eu", "smtp.eu.mailgun.org", "587/starttls 2525/starttls 465/implicit", "auto",
     25 * MEGA, 20, 100, 30, "25/starttls", "PLAIN LOGIN", "postmaster@mg.example.com",
     "postmaster", 1000, PASSWORD_WORKS},
    {"ses:eu-west-1", "email-smtp.eu-west-1.amazonaws.com",
     "587/starttls 2587/starttls 465/implicit 2465/implicit", "auto", 40 * MEGA, 20, 100, 30,
     "25/starttls", "PLAIN? LOGIN", "AKIAIOSFODNN7EXAMPLE", "me@example.com", 50, PASSWORD_WORKS},
    {"ses:us-gov-west-1", "email-smtp.us-gov-west-1.amazonaws.com",
     "587/starttls 2587/starttls 465/implicit 2465/implicit", "auto", 40 * MEGA, 20, 100, 30,
     "25/starttls", "PLAIN? LOGIN", "AKIAIOSFODNN7EXAMPLE", "me@example.com", 50, PASSWORD_WORKS},
    {"mandrill", "smtp.mandrillapp.com", "587/starttls 2525/starttls 465/implicit", "auto", 0, 20,
     100, 30, "25/starttls", "PLAIN? LOGIN?", "whatever", NULL, 1000, PASSWORD_WORKS},
    {"sparkpost", "smtp.sparkpostmail.com", "587/starttls 2525/starttls", "auto", 20 * MEGA, 10,
     100, 45, "", "LOGIN PLAIN?", "SMTP_Injection", "smtp_injection@example.com", 0,
     PASSWORD_WORKS},
    {"sparkpost-eu", "smtp.eu.sparkpostmail.com", "587/starttls 2525/starttls", "auto", 20 * MEGA,
     10, 100, 45, "", "LOGIN PLAIN?", "SMTP_Injection", "me@example.com", 0, PASSWORD_WORKS},
    {"sendgrid", "smtp.sendgrid.net", "587/starttls 2525/starttls 465/implicit", "auto", 30 * MEGA,
     20, 5000, 30, "25/starttls", "PLAIN? LOGIN", "apikey", "me@example.com", 1000, PASSWORD_WORKS},
    {"mailjet", "in-v3.mailjet.com", "587/starttls 2525/starttls 465/implicit", "auto", 0, 20, 100,
     30, "25/starttls 588/starttls? 80/starttls?", "PLAIN LOGIN", "0123456789abcdef",
     "me@example.com", 50, PASSWORD_WORKS},
    {"postmark", "smtp.postmarkapp.com", "587/starttls 2525/starttls", "auto", 10 * MEGA, 10, 100,
     30, "25/starttls", "PLAIN? LOGIN? CRAM-MD5?", "11111111-2222-3333-4444-555555555555",
     "me@example.com", 50, PASSWORD_WORKS},
};

static void add_port(char out[256], unsigned number, enum port_mode mode, const char *mark)
{
    size_t len = strlen(out);
    snprintf(out + len, 256 - len, "%s%u/%s%s", len ? " " : "", number, port_mode_name(mode), mark);
}

static void assert_account(const struct expected *e, const struct upstream_config *u)
{
    char ports[256] = "";
    for (size_t i = 0; i < u->ports.n; i++)
        add_port(ports, u->ports.items[i].number, u->ports.items[i].mode, "");
    assert_string_equal(u->provider, e->provider);
    assert_string_equal(u->host, e->host);
    assert_string_equal(ports, e->ports);
    assert_string_equal(auth_choice_word(u->auth), e->auth);
    assert_int_equal(u->tls, TLS_VERIFY);
    assert_int_equal(u->size_hint, e->size_hint);
    assert_int_equal(u->max_connections, e->connections);
    assert_int_equal(u->max_messages, e->messages);
    assert_int_equal(u->idle_timeout, e->idle * USEC_PER_SEC);
}

static void assert_facts(const struct expected *e, const struct preset *p)
{
    char spare[256] = "", mechanisms[256] = "";
    for (const struct preset_port *port = p->ports; port->number; port++)
        if (port->spare)
            add_port(spare, port->number, port->mode, port->trust == TRUST_UNCONFIRMED ? "?" : "");
    for (const struct preset_word *m = p->mechanisms; m->text; m++)
        snprintf(mechanisms + strlen(mechanisms), 60, "%s%s%s", *mechanisms ? " " : "", m->text,
                 m->trust == TRUST_UNCONFIRMED ? "?" : "");
    assert_string_equal(spare, e->spare);
    assert_string_equal(mechanisms, e->mechanisms);
    assert_int_equal(p->recipients.value, e->recipients);
    assert_int_equal(p->password, e->password);
    assert_non_null(p->notes[0].text);
}

static struct config *load_account(const char *provider, const char *more,
                                   struct config_report *report)
{
    char text[512];
    snprintf(text, sizeof text, "[upstream]\nprovider = %s\n%s\n", provider, more);
    return LOAD(text, report);
}

static void test_the_ten(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ten / sizeof ten[0]; i++) {
        const struct expected *e = &ten[i];
        struct config_report report;
        char login[200];
        for (int bad = 0; bad <= (e->bad_user != NULL); bad++) {
            snprintf(login, sizeof login, "username = %s\npassword = abcdefghijklmnop",
                     bad ? e->bad_user : e->good_user);
            struct config *c = load_account(e->provider, login, &report);
            assert_non_null(c);
            assert_int_equal(
                report_has(&report, "t.ini:3: warning: [upstream] username: not what "), bad);
            assert_account(e, &c->upstreams[0]);
            config_report_free(&report);
            config_unref(&c);
        }
        assert_facts(e, find(e->provider));
    }
}

static void test_limits_of_the_known(void **state)
{
    (void)state;
    assert_int_equal(find("office365")->connections.value, 3);
    assert_int_equal(find("office365")->per_minute.value, 30);
    assert_int_equal(find("office365")->size_ehlo.value, 157286400);
    assert_int_equal(find("office365")->size.trust, TRUST_UNCONFIRMED);
    assert_int_equal(find("sparkpost")->idle.value, 60);
    assert_int_equal(find("sparkpost-eu")->per_connection.value, 100);
    assert_int_equal(find("sendgrid")->per_connection.value, 5000);
    assert_int_equal(find("gmail")->per_day.value, 500);
    assert_int_equal(find("mailgun")->size_ehlo.value, 50 * MEGA);
    assert_int_equal(find("icloud")->size.trust, TRUST_UNCONFIRMED);
}

/* --- keys given win; defaults fill the rest --- */

static void test_keys_win(void **state)
{
    struct config_report report;
    struct config *c = load_account("office365",
                                    "host = smtp.partner.outlook.cn\nports = 2525\nauth = "
                                    "plain\nmax_connections = 2\nidle_timeout = 5s\n"
                                    "username = me@example.com\npassword = " SECRET_WORD,
                                    &report);
    (void)state;
    assert_non_null(c);
    const struct upstream_config *u = &c->upstreams[0];
    assert_string_equal(u->host, "smtp.partner.outlook.cn");
    assert_int_equal(u->ports.n, 1);
    assert_int_equal(u->ports.items[0].number, 2525);
    assert_int_equal(u->auth, AUTH_PLAIN);
    assert_int_equal(u->max_connections, 2);
    assert_int_equal(u->idle_timeout, 5 * USEC_PER_SEC);
    assert_int_equal(u->max_messages, 100);
    config_report_free(&report);
    config_unref(&c);
}

static void assert_near(const char *wrong, const char *expected)
{
    const char *near[PRESET_NEAREST];
    char text[200] = "";
    size_t n = presets_nearest(slice_of(wrong), near);
    for (size_t i = 0; i < n; i++)
        snprintf(text + strlen(text), 60, "%s%s", i ? " " : "", near[i]);
    assert_string_equal(text, expected);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_near("gmial", "gmail");
    assert_near("Google", "gmail google-workspace-relay");
    assert_near("AWS", "ses");
    assert_near("ses_eu", "ses");
    assert_near("hotmail", "outlook");
    assert_near("o365", "office365");
    assert_near("mailgun_eu", "mailgun-eu");
    assert_near("sendinblue", "brevo");
    assert_near("mailchimp:us", "mandrill");
    assert_near("gmx", "gmx-com gmx-net");
    assert_near("", "");
    assert_near("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "");
}

static void test_regions(void **state)
{
    struct preset_choice choice;
    struct err err;
    (void)state;
    assert_int_equal(preset_choose(slice_of("SES:EU-North-1"), false, &choice, &err), 0);
    assert_string_equal(choice.host, "email-smtp.eu-north-1.amazonaws.com");
    assert_true(choice.known_region);
    assert_int_equal(preset_choose(slice_of("ses:me-south-1"), false, &choice, &err), 0);
    assert_string_equal(choice.host, "email-smtp.me-south-1.amazonaws.com");
    assert_false(choice.known_region);
    assert_int_equal(preset_choose(slice_of("smtp2go:eu"), false, &choice, &err), 0);
    assert_string_equal(choice.host, "mail-eu.smtp2go.com");
    assert_int_equal(preset_choose(slice_of("ses"), true, &choice, &err), 0);
    static const char *const wrong[] = {"ses",       "ses:",    "ses:-x", "ses:a.b",
                                        "ses:a@b",   "ses:a:b", "gmail:", "gmail:eu",
                                        "zoho:mars", "",        ":",      "gmail "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (preset_choose(slice_of(wrong[i]), false, &choice, &err) == 0)
            fail_msg("\"%s\" is taken", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_name),
        cmocka_unit_test(test_every_row_is_sound),
        cmocka_unit_test(test_every_sample_is_taken),
        cmocka_unit_test(test_the_ten),
        cmocka_unit_test(test_limits_of_the_known),
        cmocka_unit_test(test_keys_win),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_regions),
    };
    return cmocka_run_group_tests(tests, test_dir_make, test_dir_remove);
}
