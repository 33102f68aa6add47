/* What an account says in EHLO. */
#include "base/mem.h"
#include "upstream/settings.h"
#include "upstream_world.h"

static void only_a_full_host_name_goes_into_ehlo(void **state)
{
    static const struct {
        /* "": the literal of the local address */
        const char *hostname, *said;
    } rows[] = {
        {"gw.example.com", "gw.example.com"},
        {"gateway", ""},
        {"web_1.app_internal", ""},
        {"web-1.app_internal", ""},
        {"192.0.2.1", ""},
        {"2001:db8::1", ""},
        {"localhost", ""},
        {"localhost.localdomain", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *hostname = mem_string(rows[i].hostname);
        struct config c = {.server.hostname = hostname};
        assert_string_equal(settings_helo(&c, &(struct upstream_config){0}), rows[i].said);
        free(hostname);
    }
}

static void helo_is_said_as_it_is(void **state)
{
    char hostname[] = "gw.example.com", helo[] = "gateway";
    struct config c = {.server.hostname = hostname};
    (void)state;
    assert_string_equal(settings_helo(&c, &(struct upstream_config){.helo = helo}), "gateway");
}

/* The key is known from what was read, not from the words: here one file's name begins like the
 * other's. */
static void the_key_whose_file_is_no_good_is_named(void **state)
{
    static const struct {
        const char *ca, *cert, *key, *said;
    } rows[] = {
        {"/absent", NULL, NULL, " tls_ca: /absent"},
        {"/ca", "/ca.pem", NULL, " tls_cert: /ca.pem"},
        {"/ca", "/ca", "/ca.key", " tls_key: /ca.key"},
    };
    struct sim *sim = sim_new(1);
    (void)state;
    sim_file(sim, "/ca", "Some CA\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[] = "work", host[] = "mail.example.net";
        struct upstream_config cfg = {.name = name, .host = host, .tls = TLS_VERIFY};
        struct tls_context *context;
        struct err err = {0};
        cfg.tls_ca = rows[i].ca ? mem_string(rows[i].ca) : NULL;
        cfg.tls_cert = rows[i].cert ? mem_string(rows[i].cert) : NULL;
        cfg.tls_key = rows[i].key ? mem_string(rows[i].key) : NULL;
        assert_int_equal(settings_tls(&cfg, NULL, &context, &err), -1);
        if (!strstr(err.words, rows[i].said))
            fail_msg("\"%s\" is not in \"%s\"", rows[i].said, err.words);
        free(cfg.tls_ca);
        free(cfg.tls_cert);
        free(cfg.tls_key);
    }
    sim_free(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_full_host_name_goes_into_ehlo),
        cmocka_unit_test(helo_is_said_as_it_is),
        cmocka_unit_test(the_key_whose_file_is_no_good_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
