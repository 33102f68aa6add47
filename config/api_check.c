/* Rules of the rung `443/api`: which service it is, and what it logs in with. */
#include <stdio.h>
#include <string.h>

#include "config/load.h"

static const char *const api_keys[] = {"api", "api_url", "api_user", "api_secret_file"};
enum { API_KEYS = sizeof api_keys / sizeof *api_keys };

/* The keys change nothing, because nothing goes that way. */
static void check_idle(struct loading *l, const struct section *s)
{
    for (size_t i = 0; i < API_KEYS; i++)
        if (is_given(s, api_keys[i]))
            advise(l, s, api_keys[i], "without effect: ports names no rung such as 443/api");
}

/* A key of its own, and a name that is not the SMTP login's. */
static void check_key(struct loading *l, const struct section *s, const struct upstream_config *u)
{
    const char *title = api_choice_row(u->api)->title;
    bool names_domain = u->api_url && strstr(u->api_url, "/v3/") && strstr(u->api_url, "/v3/")[4];
    if (!is_given(s, "api_secret_file"))
        complain(l, s, "ports",
                 "the API of %s wants a key of its own, not the SMTP login; needed: "
                 "api_secret_file",
                 title);
    if (u->username && !strchr(u->username, '@') && !names_domain && !is_bad(s, "api_url"))
        complain(
            l, s, "username",
            "its domain is the one that sends, and it has none; needed: an address, or api_url "
            "with the domain, such as %s/v3/mg.example.com",
            api_choice_row(u->api)->url);
}

/* A token, which is asked for, or which a program prints. */
static void check_token(struct loading *l, const struct section *s, const struct upstream_config *u)
{
    const char *title = api_choice_row(u->api)->title;
    bool printed = u->oauth.flow == TOKEN_PRINTED;
    if (u->oauth.flow == TOKEN_NONE)
        complain(l, s, "ports",
                 "the API of %s takes a token, and no password; needed: oauth_client_id and what "
                 "goes with it (contrib/manual/oauth2.md), or no 443/api",
                 title);
    if (printed && u->api != API_GMAIL && ports_have_smtp(&u->ports))
        complain(l, s, "ports",
                 "password_command prints a token for SMTP, and %s wants one of its own; needed: "
                 "oauth_client_id and what goes with it, or an account of its own for 443/api",
                 title);
    for (size_t i = 2; i < API_KEYS; i++)
        if (is_given(s, api_keys[i]))
            advise(l, s, api_keys[i], "without effect: the API of %s takes a token", title);
}

void check_api(struct loading *l, const struct section *s)
{
    const struct upstream_config *u = section_struct(l, s);
    if (is_bad(s, "ports") || is_bad(s, "api"))
        return;
    if (!ports_have_api(&u->ports)) {
        check_idle(l, s);
        return;
    }
    if (u->api == API_NONE) {
        complain(l, s, "ports",
                 "which API 443/api speaks is not known; needed: api = graph, gmail or mailgun, or "
                 "a provider that has one");
        return;
    }
    if (!u->username && !is_given(s, "username"))
        complain(l, s, "ports", "443/api needs to know the mailbox that sends; needed: username");
    if (api_choice_row(u->api)->takes_key)
        check_key(l, s, u);
    else
        check_token(l, s, u);
}
