/* A token endpoint's answer. The first octet chooses the status. Whatever comes, there is a
 * class, a sentence, and no token that could break a line. */
#include <string.h>

#include "base/caps.h"
#include "fuzz.h"
#include "oauth/answer.h"

static void check_token(const struct secret *token)
{
    if (!token)
        return;
    struct slice s = secret_reveal(token);
    CHECK(s.len > 0 && s.len <= CAP_TOKEN);
    for (size_t i = 0; i < s.len; i++)
        CHECK(s.data[i] > ' ' && s.data[i] < 127);
}

static void check_printable(const char *text, size_t size)
{
    CHECK(strlen(text) < size);
    for (; *text; text++)
        CHECK(*text >= ' ' && *text < 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 400, 401, 403, 404, 408, 429, 500, 503, 302};
    const struct oauth_facts facts = {.account = "work", .scope = "s"};
    struct oauth_answer a;
    char words[400];
    if (size == 0)
        return 0;
    int status = statuses[data[0] % (sizeof statuses / sizeof *statuses)];
    oauth_answer_read(&a, status, slice_make(data + 1, size - 1));
    CHECK((a.class == OAUTH_OK) == (a.access_token != NULL));
    CHECK(a.class != OAUTH_OK || (status == 200 && a.expires_in > 0 && a.error[0] == 0));
    CHECK(a.class == OAUTH_OK || !a.refresh_token);
    check_token(a.access_token);
    check_token(a.refresh_token);
    check_printable(a.error, sizeof a.error);
    check_printable(a.description, sizeof a.description);
    check_printable(a.suberror, sizeof a.suberror);
    struct oauth_said said = oauth_answer_said(&a);
    for (size_t n = 1; n <= sizeof words; n += 57) {
        CHECK(oauth_endpoint_words(&said, &facts, words, n) == words);
        CHECK(strlen(words) < n);
    }
    oauth_answer_clear(&a);
    return 0;
}
