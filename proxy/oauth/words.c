#include "oauth/words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The words may hold {account} {tenant} {client} {scope} {file} {skew} {wait}. */
struct row {
    /* NULL fits any. */
    const char *error;
    long codes[5];
    /* A piece of the description or of the suberror. NULL fits any. */
    const char *said;
    /* 0 fits any. */
    int status;
    const char *words;
};

#define LOGIN "run `smtp-detour login {account}`"
#define CONDITIONAL                                                                                \
    "Conditional Access (MFA, a blocked flow or the sign-in frequency) forbids this account "      \
    "without a person: use application access"

/* The first row that fits is used. Rows with codes and pieces of text come before plain ones. */
static const struct row rows[] = {
    {"invalid_client",
     {7000222},
     NULL,
     0,
     "the client secret has expired: make a new one in Entra (or use a certificate) and put it "
     "into {file}"},
    {"invalid_client",
     {7000215},
     NULL,
     0,
     "wrong client secret in {file}: Entra shows a value and an id, the value is needed"},
    {"invalid_client",
     {7000218},
     NULL,
     0,
     "this app is not a public client: set \"Allow public client flows\" in Entra, or give a "
     "secret or a certificate"},
    {"invalid_client",
     {700027},
     NULL,
     0,
     "the certificate is not registered with the app, or the assertion's time is off: the clocks "
     "differ by {skew} s"},
    {"invalid_client",
     {700024},
     NULL,
     0,
     "the assertion's time is off (the clocks differ by {skew} s), or the certificate is not "
     "registered with the app"},
    {"invalid_client",
     {0},
     "client was not found",
     0,
     "wrong oauth_client_id {client}, or the endpoint is another provider's (oauth_token_url)"},
    {NULL,
     {700016, 90002},
     NULL,
     0,
     "no such app in the tenant {tenant}: wrong oauth_tenant or oauth_client_id ({client})"},
    {"unauthorized_client",
     {0},
     NULL,
     0,
     "domain-wide delegation is not granted to the client id {client} for {scope}"},
    {"invalid_scope",
     {0},
     NULL,
     0,
     "the scope {scope} does not exist here (for application access at Microsoft it ends in "
     "/.default)"},
    {"invalid_grant", {700082}, NULL, 0, "the refresh token was unused for 90 days: " LOGIN},
    {NULL, {65001}, NULL, 0, "nobody has consented to {scope} for this app: " LOGIN},
    {"invalid_grant", {50173}, NULL, 0, "the password was changed or access withdrawn: " LOGIN},
    {NULL, {50076, 50079, 53003, 70043}, NULL, 0, CONDITIONAL},
    {"invalid_grant",
     {50196},
     NULL,
     0,
     "asked too often, or the grant is refused: it is tried again after retry_auth; if that does "
     "not help, " LOGIN},
    {NULL,
     {0},
     "invalid_rapt",
     0,
     "the Workspace's session control ends this login regularly: use a service account, or trust "
     "the app in the admin console"},
    {"invalid_grant",
     {0},
     "expired or revoked",
     0,
     "the password was changed or access withdrawn: " LOGIN
     "; at Google 6 to 8 days after a login it means that the app is in \"Testing\": publish it"},
    {"invalid_grant", {0}, NULL, 0, "the token service refuses this grant: " LOGIN},
    {"interaction_required", {0}, NULL, 0, CONDITIONAL},
    {"access_denied",
     {0},
     NULL,
     0,
     "access was denied to the client id {client}: look at its permissions, or " LOGIN},
    {"invalid_client",
     {0},
     NULL,
     0,
     "the token service refuses the client id {client} or its secret ({file})"},
    {NULL, {0}, NULL, 429, "the token service is asked too often: waiting {wait} s"},
    {"temporarily_unavailable", {0}, NULL, 0, "the token service does not work at the moment"},
    {"server_error", {0}, NULL, 0, "the token service does not work at the moment"},
};

/* ---- filling in ---- */

static const char *or_what(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static const char *value_of(const char *name, size_t n, const struct oauth_facts *f,
                            char number[24])
{
    const struct {
        const char *name, *value;
    } values[] = {
        {"account", or_what(f->account, "ACCOUNT")},
        {"tenant", or_what(f->tenant, "that oauth_tenant names")},
        {"client", or_what(f->client_id, "that oauth_client_id names")},
        {"scope", or_what(f->scope, "that oauth_scope names")},
        {"file", or_what(f->secret_file, "oauth_client_secret_file")},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strlen(values[i].name) == n && strncmp(values[i].name, name, n) == 0)
            return values[i].value;
    bool is_skew = n == 4 && strncmp(name, "skew", 4) == 0;
    snprintf(number, 24, "%lld", (long long)(is_skew ? f->skew : f->retry_after));
    return number;
}

static const char *fill_in(const char *words, const struct oauth_facts *f, char *out, size_t size)
{
    char number[24];
    size_t len = 0;
    out[0] = 0;
    while (*words && len + 1 < size) {
        size_t plain = strcspn(words, "{"), name = 0;
        const char *value = "";
        if (words[plain]) {
            name = strcspn(words + plain, "}");
            value = value_of(words + plain + 1, name - 1, f, number);
        }
        int n = snprintf(out + len, size - len, "%.*s%s", (int)plain, words, value);
        len += n > 0 ? (size_t)n : 0;
        words += plain + (words[plain] ? name + 1 : 0);
    }
    return out;
}

/* ---- choosing ---- */

static bool has_code(const struct row *r, const struct oauth_said *said)
{
    if (!r->codes[0])
        return true;
    for (size_t i = 0; i < OAUTH_CODES && said->codes[i]; i++)
        for (size_t k = 0; k < sizeof r->codes / sizeof *r->codes && r->codes[k]; k++)
            if (said->codes[i] == r->codes[k])
                return true;
    return false;
}

static bool fits(const struct row *r, const struct oauth_said *said)
{
    return (!r->error || strcmp(r->error, said->error) == 0) && has_code(r, said) &&
           (!r->status || r->status == said->status) &&
           (!r->said || strstr(said->description, r->said) || strstr(said->suberror, r->said));
}

/* If no row fits, the endpoint's own words are used. */
static const char *say_plainly(const struct oauth_said *said, char *out, size_t size)
{
    if (said->error[0])
        snprintf(out, size, "the token service says %s%s%.200s", said->error,
                 said->description[0] ? ": " : "", said->description);
    else
        snprintf(out, size, "the token service does not work (HTTP %d, and no answer of its kind)",
                 said->status);
    return out;
}

const char *oauth_endpoint_words(const struct oauth_said *said, const struct oauth_facts *facts,
                                 char *out, size_t size)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (fits(&rows[i], said))
            return fill_in(rows[i].words, facts, out, size);
    return say_plainly(said, out, size);
}
