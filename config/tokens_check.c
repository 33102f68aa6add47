/* Rules of an account's login by token, and of the files behind it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret_file.h"
#include "config/load.h"
#include "config/named_file.h"
#include "config/presets.h"

/* The first two of some keys that are given; *second_r NULL: fewer are. */
static const char *two_of(const struct section *s, const char *const *keys, const char **second_r)
{
    const char *first = NULL;
    *second_r = NULL;
    for (; *keys; keys++)
        if (is_given(s, *keys) && !first)
            first = *keys;
        else if (is_given(s, *keys) && !*second_r)
            *second_r = *keys;
    return first;
}

/* One way to say who the client is. */
static void check_one_proof(struct loading *l, const struct section *s)
{
    static const char *const proofs[] = {"oauth_service_account_file", "oauth_client_secret",
                                         "oauth_client_secret_file",   "oauth_client_cert",
                                         "oauth_assertion_file",       NULL};
    static const char *const beside_account[] = {"oauth_client_id", "oauth_token_file", NULL};
    const char *second, *first = two_of(s, proofs, &second);
    if (second)
        complain(l, s, second, "%s is given too; allowed: one of them", first);
    if (is_given(s, "oauth_client_key") && !is_given(s, "oauth_client_cert"))
        complain(l, s, "oauth_client_key",
                 "no certificate goes with it; needed: oauth_client_cert");
    for (size_t i = 0; beside_account[i] && is_given(s, proofs[0]); i++)
        if (is_given(s, beside_account[i]))
            complain(l, s, beside_account[i],
                     "not beside oauth_service_account_file, which says all of it");
}

/* Checks that the keys which every flow needs are given, and those of each flow alone. */
static void check_needs(struct loading *l, const struct section *s, const struct upstream_config *u)
{
    const struct oauth_config *o = &u->oauth;
    const struct preset *p = account_preset(u);
    const char *scope = ports_have_smtp(&u->ports) ? o->scope : o->api_scope;
    if (!o->client_id && o->flow != TOKEN_SERVICE_ACCOUNT && !is_given(s, "oauth_client_id"))
        complain(l, s, token_key(s),
                 "no client goes with it; needed: oauth_client_id, of your own app registration");
    if (!o->token_url && !is_given(s, "oauth_token_url"))
        complain(l, s, token_key(s),
                 p ? "%s has no known endpoint for tokens; needed: oauth_token_url"
                   : "%s is no provider whose endpoint for tokens is known; needed: "
                     "oauth_token_url",
                 p         ? p->title
                 : u->host ? u->host
                           : "the host");
    if (!scope && o->flow != TOKEN_REFRESH && !is_given(s, "oauth_scope"))
        complain(l, s, token_key(s), "what the token is for is not known; needed: oauth_scope");
    if (o->flow == TOKEN_APPLICATION && p && !is_given(s, "oauth_tenant") &&
        !is_given(s, "oauth_token_url"))
        complain(l, s, token_key(s),
                 "application access needs the tenant that the app is registered in; needed: "
                 "oauth_tenant (its id or domain), or oauth_token_file for a person's login");
    if (o->flow == TOKEN_SERVICE_ACCOUNT && p && strcmp(p->name, "gmail") != 0 &&
        strcmp(p->name, "google-workspace-relay") != 0)
        complain(l, s, "oauth_service_account_file",
                 "a service account is Google's (gmail with a Workspace domain); %s has none",
                 p->title);
}

/* A password beside a token, and a mechanism that takes none. */
static void check_against_password(struct loading *l, const struct section *s,
                                   const struct upstream_config *u)
{
    const char *password = password_key(s), *token = token_key(s);
    if (password)
        complain(l, s, password,
                 "%s makes the login a token's, and no password goes with that; allowed: one of "
                 "them",
                 token);
    if (is_given(s, "auth") && !is_bad(s, "auth") && u->auth != AUTH_AUTO && u->auth != AUTH_NONE &&
        auth_choice_secret(u->auth) == MECHANISM_PASSWORD)
        complain(l, s, "auth",
                 "%s takes a password, but %s makes the login a token's; allowed: auto, xoauth2, "
                 "oauthbearer",
                 auth_choice_word(u->auth), token);
}

/* Keys that change nothing, because nothing logs in by a token that is asked for. */
static void check_idle(struct loading *l, const struct section *s)
{
    static const char *const keys[] = {"oauth_tenant",     "oauth_scope",         "oauth_token_url",
                                       "oauth_device_url", "oauth_authorize_url", "oauth_proxy",
                                       "oauth_rotates",    "oauth_secret_expires"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (is_given(s, keys[i]))
            advise(l, s, keys[i],
                   "without effect: no token is asked for; it needs oauth_client_id");
}

static void check_end_of_secret(struct loading *l, const struct section *s)
{
    if (is_given(s, "oauth_secret_expires") && !is_bad(s, "oauth_secret_expires") &&
        !is_given(s, "oauth_client_secret") && !is_given(s, "oauth_client_secret_file"))
        advise(l, s, "oauth_secret_expires", "without effect: there is no client secret%s",
               is_given(s, "oauth_client_cert") ? "; a certificate's own end is known" : "");
}

void check_tokens(struct loading *l, const struct section *s)
{
    const struct upstream_config *u = section_struct(l, s);
    if (!token_key(s)) {
        check_idle(l, s);
        return;
    }
    check_one_proof(l, s);
    check_needs(l, s, u);
    check_against_password(l, s, u);
    check_end_of_secret(l, s);
}

/* --- files --- */

/* The server reads it anew for each request, so that its user needs the right, not root. */
static void check_readable(struct loading *l, const struct section *s, const char *key,
                           const char *path, enum exposure what)
{
    struct stat st;
    int fd = secret_file_open(path, &st);
    if (fd < 0) {
        complain_of_file(l, s, key, path);
        return;
    }
    close(fd);
    check_exposure(l, s, key, path, st.st_mode & 07777, what);
    if (!server_may(&l->config->server, path, 4))
        complain(l, s, key,
                 "%s cannot be read by user %s, who reads it anew for each token; allowed: "
                 "its owner or group, as after chown and chmod 640",
                 path, server_user_name(&l->config->server));
}

static void check_token_input(struct loading *l, const struct section *s, const char *key,
                              const char *name, enum exposure what)
{
    if (!name || is_bad(s, key))
        return;
    char *path = secret_file_path(name);
    if (path)
        check_readable(l, s, key, path, what);
    else
        complain(l, s, key,
                 "$CREDENTIALS_DIRECTORY is not set; credential:NAME needs systemd's "
                 "LoadCredential=NAME:PATH");
    free(path);
}

/* A rotated token replaces the file by a new one beside it. */
static void check_token_folder(struct loading *l, const struct section *s,
                               const struct upstream_config *u)
{
    const char *path = u->oauth.token_file, *slash = strrchr(path, '/');
    const struct server_config *server = &l->config->server;
    struct stat st;
    char *folder = slash == path ? mem_string("/") : mem_copy(path, (size_t)(slash - path));
    bool is_there = stat(folder, &st) == 0 || errno == EACCES;
    if (!is_there && is_given(s, "oauth_token_file"))
        complain(l, s, "oauth_token_file", "the folder %s cannot be entered: %s", folder,
                 strerror(errno));
    else if (is_there && !server_may(server, folder, 3) && u->oauth.rotates)
        complain(l, s, "oauth_token_file",
                 "user %s cannot write to the folder %s, and each use of a token replaces it; "
                 "allowed: a folder of that user",
                 server_user_name(server), folder);
    else if (is_there && !server_may(server, folder, 3))
        advise(l, s, "oauth_token_file",
               "user %s cannot write to the folder %s: a token that the provider replaces would "
               "live in memory only",
               server_user_name(server), folder);
    free(folder);
}

static void check_refresh_token(struct loading *l, const struct section *s,
                                const struct upstream_config *u)
{
    const char *path = u->oauth.token_file;
    struct stat st;
    if (!path)
        return;
    if (will_be_nobody(&l->config->server))
        complain(l, s, "oauth_token_file",
                 "not as nobody: others are nobody, too, and would share the token; make a user "
                 "smtp-detour, or set [server] user");
    check_token_folder(l, s, u);
    if (stat(path, &st) != 0 && errno == ENOENT)
        advise(l, s, "oauth_token_file", "%s is not there yet; \"smtp-detour login%s%s\" makes it",
               path, strcmp(u->name, "default") == 0 ? "" : " ",
               strcmp(u->name, "default") == 0 ? "" : u->name);
    else
        check_readable(l, s, "oauth_token_file", path, PASSWORD);
}

void check_token_files(struct loading *l, const struct section *s)
{
    const struct upstream_config *u = section_struct(l, s);
    const struct oauth_config *o = &u->oauth;
    check_token_input(l, s, "oauth_client_secret_file", o->client_secret_file, PASSWORD);
    check_token_input(l, s, "oauth_client_cert", o->client_cert,
                      is_given(s, "oauth_client_key") ? NO_SECRET : PASSWORD);
    check_token_input(l, s, "oauth_client_key", o->client_key, PASSWORD);
    check_token_input(l, s, "oauth_assertion_file", o->assertion_file, OWN_SECRET);
    check_token_input(l, s, "oauth_service_account_file", o->service_account_file, PASSWORD);
    if (is_given(s, "oauth_client_secret"))
        check_exposure(l, s, "oauth_client_secret", l->findings.file, l->mode, PASSWORD);
    if (is_given(s, "oauth_proxy") && (o->way.proxy.password || is_bad(s, "oauth_proxy")))
        check_exposure(l, s, "oauth_proxy", l->findings.file, l->mode, PASSWORD);
    if (o->flow == TOKEN_REFRESH)
        check_refresh_token(l, s, u);
}
