/* This file decides how an account comes by its access tokens, by what is given. It also decides
 * what follows from that: the tenant in the provider's addresses, the scope, the file of a refresh
 * token, the mechanism. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/load.h"
#include "config/presets.h"

#define TENANT "TENANT"

static const char *const token_keys[] = {
    "oauth_client_id",   "oauth_service_account_file", "oauth_client_secret_file",
    "oauth_client_cert", "oauth_client_secret",        "oauth_assertion_file",
    "oauth_client_key",  "oauth_token_file",
};

const char *token_key(const struct section *s)
{
    for (size_t i = 0; i < sizeof token_keys / sizeof *token_keys; i++)
        if (is_given(s, token_keys[i]))
            return token_keys[i];
    return NULL;
}

const char *token_flow_name(enum token_flow flow)
{
    switch (flow) {
    case TOKEN_NONE: break;
    case TOKEN_PRINTED: return "password_command";
    case TOKEN_SERVICE_ACCOUNT: return "service account";
    case TOKEN_APPLICATION: return "application access";
    case TOKEN_REFRESH: return "refresh token";
    }
    return "password";
}

const struct preset *account_preset(const struct upstream_config *u)
{
    struct preset_choice choice;
    struct err err;
    if (!u->provider || preset_choose(slice_of(u->provider), false, &choice, &err) != 0)
        return NULL;
    return choice.preset;
}

static bool proves_client(const struct section *s)
{
    return is_given(s, "oauth_client_secret") || is_given(s, "oauth_client_secret_file") ||
           is_given(s, "oauth_client_cert") || is_given(s, "oauth_assertion_file");
}

static enum token_flow flow_of(const struct section *s, const struct upstream_config *u)
{
    const struct preset *p = account_preset(u);
    bool knows_applications = !p || (p->oauth && p->oauth->application_scope);
    if (!token_key(s))
        return u->password_command.n && auth_choice_secret(u->auth) == MECHANISM_TOKEN
                   ? TOKEN_PRINTED
                   : TOKEN_NONE;
    if (is_given(s, "oauth_service_account_file"))
        return TOKEN_SERVICE_ACCOUNT;
    return knows_applications && proves_client(s) && !is_given(s, "oauth_token_file")
               ? TOKEN_APPLICATION
               : TOKEN_REFRESH;
}

/* The tenant in the place of its name; a text that does not have it stays as it is. */
static void fill_tenant(char **url, const char *tenant)
{
    char *mark = *url ? strstr(*url, TENANT) : NULL;
    if (!mark || !tenant)
        return;
    size_t size = strlen(*url) + strlen(tenant) + 1;
    char *filled = mem_alloc(size);
    snprintf(filled, size, "%.*s%s%s", (int)(mark - *url), *url, tenant, mark + strlen(TENANT));
    free(*url);
    *url = filled;
}

static char *default_token_file(const struct loading *l, const struct upstream_config *u)
{
    const char *directory = l->config->server.state_dir;
    size_t size = strlen(directory) + strlen(u->name) + sizeof "/.token";
    char *path = mem_alloc(size);
    snprintf(path, size, "%s/%s.token", directory, u->name);
    return path;
}

/* Returns the origin, such as "https://graph.microsoft.com", of the base URL that is the
 * provider's, or the service's. A gateway that api_url names has no scope of its own. */
static struct slice origin_of(const struct upstream_config *u)
{
    struct preset_choice choice;
    struct err err;
    char text[PRESET_VALUE];
    const char *url = NULL;
    if (u->provider && preset_choose(slice_of(u->provider), false, &choice, &err) == 0)
        url = preset_value(&choice, "api_url", text);
    struct slice whole = slice_of(url ? url : api_choice_row(u->api)->url);
    size_t scheme = strlen("https://");
    return slice_head(whole, scheme + slice_find(slice_from(whole, scheme), '/'));
}

/* Gives what the API's token is for. Google's scope for SMTP is good for its API, too; Microsoft
 * has one for each. */
static char *api_scope_of(const struct section *s, const struct upstream_config *u)
{
    if (!ports_have_api(&u->ports) || u->api == API_NONE || api_choice_row(u->api)->takes_key ||
        u->oauth.flow <= TOKEN_PRINTED)
        return NULL;
    bool smtp = ports_have_smtp(&u->ports);
    if (is_given(s, "oauth_scope") && (!smtp || u->api == API_GMAIL))
        return u->oauth.scope ? mem_string(u->oauth.scope) : NULL;
    if (u->api == API_GMAIL)
        return mem_string(smtp && u->oauth.scope ? u->oauth.scope
                                                 : "https://www.googleapis.com/auth/gmail.send");
    struct slice origin = origin_of(u);
    const char *what =
        u->oauth.flow == TOKEN_APPLICATION ? "/.default" : "/Mail.Send offline_access";
    size_t size = origin.len + strlen(what) + 1;
    char *scope = mem_alloc(size);
    snprintf(scope, size, "%.*s%s", (int)origin.len, origin.data, what);
    return scope;
}

static void complete_account(const struct loading *l, const struct section *s)
{
    struct upstream_config *u = section_struct(l, s);
    struct oauth_config *o = &u->oauth;
    const struct preset *p = account_preset(u);
    o->flow = flow_of(s, u);
    if (!is_given(s, "oauth_token_url"))
        fill_tenant(&o->token_url, o->tenant);
    if (!is_given(s, "oauth_device_url"))
        fill_tenant(&o->device_url, o->tenant);
    if (!is_given(s, "oauth_authorize_url"))
        fill_tenant(&o->authorize_url, o->tenant);
    if (o->flow == TOKEN_APPLICATION && p && !is_given(s, "oauth_scope")) {
        free(o->scope);
        o->scope = mem_string(p->oauth->application_scope);
    }
    if (o->flow == TOKEN_REFRESH && !o->token_file && !is_given(s, "oauth_token_file"))
        o->token_file = default_token_file(l, u);
    o->api_scope = api_scope_of(s, u);
    /* The mechanism that a preset names is for logins with a password. */
    if (o->flow != TOKEN_NONE && !is_given(s, "auth"))
        u->auth = AUTH_AUTO;
}

void complete_tokens(struct loading *l)
{
    for (size_t i = 0; i < l->nsections; i++)
        if (l->sections[i].id == SECTION_UPSTREAM)
            complete_account(l, &l->sections[i]);
}
