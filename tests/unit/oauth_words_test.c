/* Every row of the table of words, as endpoints and servers say it, and the class that the
 * answer has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "base/mem.h"
#include "oauth/answer.h"

static const struct oauth_facts facts = {
    .account = "work",
    .tenant = "contoso.example",
    .client_id = "app-1",
    .scope = "https://mail.google.com/",
    .secret_file = "/etc/smtp-detour/client-secret",
    .skew = -312,
    .retry_after = 60,
};

#define ENTRA(error, code)                                                                         \
    "{\"error\":\"" error "\",\"error_description\":\"AADSTS" #code                                \
    ": text\",\"error_codes\":[" #code "]}"

static const struct {
    int status;
    const char *body;
    enum oauth_class class;
    const char *words;
} rows[] = {
    {401, ENTRA("invalid_client", 7000222), OAUTH_REFUSED,
     "the client secret has expired: make a new one in Entra (or use a certificate) and put it "
     "into /etc/smtp-detour/client-secret"},
    {401, ENTRA("invalid_client", 7000215), OAUTH_REFUSED,
     "Entra shows a value and an id, the value is needed"},
    {401, ENTRA("invalid_client", 7000218), OAUTH_REFUSED, "set \"Allow public client flows\""},
    {401, ENTRA("invalid_client", 700027), OAUTH_REFUSED,
     "the certificate is not registered with the app"},
    {401, ENTRA("invalid_client", 700024), OAUTH_REFUSED, "the clocks differ by -312 s"},
    {401,
     "{\"error\":\"invalid_client\",\"error_description\":\"The OAuth client was not found.\"}",
     OAUTH_REFUSED, "wrong oauth_client_id app-1, or the endpoint is another provider's"},
    {400, ENTRA("unauthorized_client", 700016), OAUTH_REFUSED,
     "no such app in the tenant contoso.example: wrong oauth_tenant or oauth_client_id (app-1)"},
    {400, ENTRA("invalid_request", 90002), OAUTH_REFUSED,
     "no such app in the tenant contoso.example"},
    {401,
     "{\"error\":\"unauthorized_client\",\"error_description\":\"Client is unauthorized to "
     "retrieve access tokens\"}",
     OAUTH_REFUSED,
     "domain-wide delegation is not granted to the client id app-1 for https://mail.google.com/"},
    {400, "{\"error\":\"invalid_scope\"}", OAUTH_REFUSED,
     "the scope https://mail.google.com/ does not exist here"},
    {400, ENTRA("invalid_grant", 65001), OAUTH_REFUSED, "nobody has consented to "},
    {400, ENTRA("invalid_grant", 700082), OAUTH_REFUSED,
     "unused for 90 days: run `smtp-detour login work`"},
    {400, ENTRA("invalid_grant", 50173), OAUTH_REFUSED,
     "the password was changed or access withdrawn: run `smtp-detour login work`"},
    {400,
     "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}",
     OAUTH_REFUSED, "the app is in \"Testing\": publish it"},
    {400, ENTRA("invalid_grant", 50076), OAUTH_REFUSED, "Conditional Access"},
    {400, ENTRA("invalid_grant", 50079), OAUTH_REFUSED, "Conditional Access"},
    {400, ENTRA("interaction_required", 53003), OAUTH_REFUSED, "use application access"},
    {400, ENTRA("invalid_grant", 70043), OAUTH_REFUSED, "Conditional Access"},
    {400,
     "{\"error\":\"invalid_grant\",\"error_description\":\"reauth related error "
     "(invalid_rapt)\",\"error_subtype\":\"invalid_rapt\"}",
     OAUTH_REFUSED, "use a service account, or trust the app in the admin console"},
    {400, ENTRA("invalid_grant", 50196), OAUTH_REFUSED, "tried again after retry_auth"},
    {400, "{\"error\":\"invalid_grant\"}", OAUTH_REFUSED,
     "refuses this grant: run `smtp-detour login work`"},
    {400, "{\"error\":\"interaction_required\"}", OAUTH_REFUSED, "Conditional Access"},
    {403, "{\"error\":\"access_denied\"}", OAUTH_REFUSED,
     "access was denied to the client id app-1"},
    {401, "{\"error\":\"invalid_client\"}", OAUTH_REFUSED,
     "refuses the client id app-1 or its secret"},
    {400, "{\"error\":\"something_new\",\"error_description\":\"of 2031\"}", OAUTH_REFUSED,
     "the token service says something_new: of 2031"},
    {429, "{\"error\":\"invalid_request\"}", OAUTH_WAIT, "asked too often: waiting 60 s"},
    {400, "{\"error\":\"temporarily_unavailable\"}", OAUTH_WAIT, "does not work at the moment"},
    {200, "{\"error\":\"server_error\"}", OAUTH_WAIT, "does not work at the moment"},
    {503, "<html>no</html>", OAUTH_WAIT, "does not work (HTTP 503"},
    {200, "<html>welcome to the hotel</html>", OAUTH_WAIT, "does not work (HTTP 200"},
    {404, "{\"error\":\"not_here\"}", OAUTH_WAIT, "not_here"},
    {408, "", OAUTH_WAIT, "HTTP 408"},
    {302, "", OAUTH_WAIT, "HTTP 302"},
    {503, ENTRA("invalid_client", 7000222), OAUTH_WAIT,
     /* the status says that it does not work */
     "has expired"},
};

static void what_endpoints_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct oauth_answer a;
        char words[400];
        oauth_answer_read(&a, rows[i].status, slice_of(rows[i].body));
        struct oauth_said said = oauth_answer_said(&a);
        oauth_endpoint_words(&said, &facts, words, sizeof words);
        if (a.class != rows[i].class || !strstr(words, rows[i].words) || strpbrk(words, "{}"))
            fail_msg("row %zu (%s): class %d, words: %s", i, rows[i].body, (int)a.class, words);
        assert_null(a.access_token);
        oauth_answer_clear(&a);
    }
}

static void read_token(struct oauth_answer *a, const char *rest)
{
    char body[300];
    snprintf(body, sizeof body, "{\"token_type\":\"bearer\",\"access_token\":\"ya29.a\"%s}", rest);
    oauth_answer_read(a, 200, slice_of(body));
}

static void a_life_is_a_number_a_string_or_missing(void **state)
{
    static const struct {
        const char *text;
        int64_t life;
    } lives[] = {{"", 3600},
                 {",\"expires_in\":3599", 3599},
                 {",\"expires_in\":\"599\"", 599},
                 {",\"expires_in\":59.9", 59},
                 {",\"expires_in\":\"soon\"", 3600},
                 {",\"expires_in\":-5", 3600},
                 {",\"expires_in\":0", 3600},
                 {",\"expires_in\":1e300", 366 * 86400},
                 {",\"expires_in\":null", 3600}};
    (void)state;
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        struct oauth_answer a;
        read_token(&a, lives[i].text);
        assert_int_equal(a.class, OAUTH_OK);
        assert_int_equal(a.expires_in, lives[i].life);
        assert_true(slice_is(secret_reveal(a.access_token), "ya29.a"));
        assert_null(a.refresh_token);
        oauth_answer_clear(&a);
    }
}

static void what_is_no_token(void **state)
{
    static const char *const bodies[] = {"{\"access_token\":\"\"}",
                                         "{\"access_token\":7}",
                                         "{\"access_token\":\"two words\"}",
                                         "{\"access_token\":\"a\\r\\nQUIT\"}",
                                         "{\"access_token\":\"a\\u0001b\"}",
                                         "{\"access_token\":\"a\",\"error\":\"x\"}",
                                         "{\"access_token\":\"a\",\"token_type\":\"mac\"}",
                                         "[\"access_token\"]",
                                         "{\"access_token\":\"a\"",
                                         "null",
                                         ""};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct oauth_answer a;
        oauth_answer_read(&a, 200, slice_of(bodies[i]));
        assert_int_equal(a.class, OAUTH_WAIT);
        assert_null(a.access_token);
        oauth_answer_clear(&a);
    }
    for (size_t n = CAP_TOKEN; n <= CAP_TOKEN + 1; n++) {
        struct oauth_answer a;
        char *body = mem_alloc(n + 40);
        int head = sprintf(body, "{\"access_token\":\"");
        memset(body + head, 'a', n);
        strcpy(body + (size_t)head + n, "\"}");
        oauth_answer_read(&a, 200, slice_of(body));
        assert_int_equal(a.class, n == CAP_TOKEN ? OAUTH_OK : OAUTH_WAIT);
        oauth_answer_clear(&a);
        free(body);
    }
}

static int prepare(void **state)
{
    (void)state;
    oauth_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_endpoints_say),
        cmocka_unit_test(a_life_is_a_number_a_string_or_missing),
        cmocka_unit_test(what_is_no_token),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
