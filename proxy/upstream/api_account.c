#include "upstream/api_account.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/rewrite_envelope.h"
#include "upstream/api_session.h"

/* ---- what it logs in with ---- */

/* A key of its own makes a password's login of it. A token has a scope of its own. */
static void see(struct upstream_config *view, const struct upstream_config *cfg)
{
    bool takes_key = api_choice_row(cfg->api)->takes_key;
    *view = *cfg;
    view->password = cfg->api_secret;
    view->password_file = cfg->api_secret_file;
    view->password_kept = cfg->api_secret_kept;
    view->oauth.scope = cfg->oauth.api_scope;
    view->oauth.is_second = ports_have_smtp(&cfg->ports);
    if (takes_key)
        view->oauth.flow = TOKEN_NONE;
    if (view->oauth.flow != TOKEN_PRINTED)
        view->password_command = (struct strings){0};
}

/* The credential has copied them, and the configuration forgets its own. */
static void forget_secrets(struct upstream_config *view)
{
    view->password = view->api_secret = view->oauth.client_secret = NULL;
}

/* The host of a URL that the configuration has checked: "https://HOST[:PORT]/…". */
static char *host_of(const char *url)
{
    struct slice rest = slice_of(url), host;
    size_t scheme = slice_find(rest, ':');
    rest = slice_from(rest, scheme < rest.len ? scheme + 3 : 0);
    rest = slice_head(rest, slice_find(rest, '/'));
    if (rest.len && rest.data[0] == '[')
        host = slice_head(slice_from(rest, 1), slice_find(slice_from(rest, 1), ']'));
    else
        host = slice_head(rest, slice_find(rest, ':'));
    return slice_string(host);
}

/* ---- life ---- */

struct api_account *api_account_new(const struct io *io, const struct upstream_config *cfg,
                                    const struct aliases *aliases)
{
    if (!ports_have_api(&cfg->ports) || cfg->api == API_NONE)
        return NULL;
    struct api_account *a = NEW(struct api_account);
    a->service = api_service_chosen(cfg->api);
    a->aliases = aliases;
    a->desk = api_desk_new(io);
    see(&a->cfg, cfg);
    a->credential = credential_new(io, &a->cfg, NULL);
    credential_set_file_key(a->credential, "api_secret_file");
    a->logins = logins_new(io, &a->cfg, a->credential);
    forget_secrets(&a->cfg);
    a->host = host_of(cfg->api_url ? cfg->api_url : api_service_url(a->service));
    return a;
}

void api_account_free(struct api_account **account)
{
    struct api_account *a = *account;
    *account = NULL;
    if (!a)
        return;
    api_desk_unref(&a->desk);
    logins_free(&a->logins);
    credential_free(&a->credential);
    free(a->host);
    free(a);
}

bool api_account_update(struct api_account *a, const struct upstream_config *cfg,
                        const struct aliases *aliases)
{
    a->aliases = aliases;
    see(&a->cfg, cfg);
    logins_update(a->logins, &a->cfg);
    bool changed = credential_update(a->credential, &a->cfg);
    logins_doubted(a->logins, changed);
    forget_secrets(&a->cfg);
    return changed;
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

void api_account_carry_over(struct api_account *a, const struct api_account *before, bool same_host)
{
    if (a->cfg.password_kept)
        credential_take_over(a->credential, before->credential);
    if (same_host)
        credential_inherit(a->credential, before->credential);
    if (strcmp(a->host, before->host) == 0 && is_same(a->cfg.username, before->cfg.username)) {
        api_desk_unref(&a->desk);
        a->desk = api_desk_share(before->desk);
    }
}

/* ---- questions ---- */

char *api_account_complete(void *api_account, const struct address *address)
{
    const struct api_account *a = api_account;
    return rewrite_recipient(a->aliases, &a->cfg, address);
}

bool api_account_rests(const struct api_account *a, const char *identity)
{
    return credential_wait_left(a->credential) > 0 || logins_denied_for(a->logins, identity) > 0 ||
           (identity && logins_wait_left(a->logins, identity) > 0);
}
