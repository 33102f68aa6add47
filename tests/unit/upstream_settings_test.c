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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_full_host_name_goes_into_ehlo),
        cmocka_unit_test(helo_is_said_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
