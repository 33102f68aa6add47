/* Access tokens (OAuth2): oauth/ has one, or fetches it. Accounts and identities with one grant
 * share its token, whoever asks. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/secret_file.h"
#include "oauth/route.h"
#include "upstream/credential_source.h"

/* What a login waits for an answer, at most: it must be in time for the port's own clock. */
#define REQUEST_DEADLINE (10 * USEC_PER_SEC)

struct source {
    struct source_owner owner;
    char *identity;
    /* It serves logins under several names. */
    bool many;
    /* NULL if no tokens are given here. */
    struct token *token;
    struct token_request request;
    struct deferred failing;
    struct secret *given;
};

static bool is_given(const struct upstream_config *cfg)
{
    return cfg->oauth.flow > TOKEN_PRINTED;
}

/* ---- what the grant is made of ---- */

/* The paths are resolved here: NULL stays NULL. */
struct paths {
    char *client_secret, *client_key, *assertion, *service_account;
};

static char *path_of(const char *name)
{
    char *path = name ? secret_file_path(name) : NULL;
    /* Of a service manager's credential that is not here: the request will say so. */
    return path || !name ? path : mem_string(name);
}

static void open_token(struct source *s, const struct upstream_config *cfg)
{
    const struct oauth_config *o = &cfg->oauth;
    struct paths paths = {path_of(o->client_secret_file), path_of(o->client_key),
                          path_of(o->assertion_file), path_of(o->service_account_file)};
    struct oauth_route way;
    oauth_route_of(cfg, &way);
    const struct oauth_settings settings = {
        .account = cfg->name,
        .flow = o->flow,
        .identity = s->identity,
        .tenant = o->tenant,
        .client_id = o->client_id,
        .scope = o->scope,
        .token_url = o->token_url,
        .client_secret = o->client_secret,
        .client_secret_file = paths.client_secret,
        .client_cert = o->client_cert,
        .client_key = paths.client_key ? paths.client_key : o->client_cert,
        .assertion_file = paths.assertion,
        .service_account_file = paths.service_account,
        .token_file = o->token_file,
        .route = way.route,
        .deadline = cfg->connect_timeout < REQUEST_DEADLINE ? cfg->connect_timeout : 0,
        .secret_expires = o->secret_expires,
        .is_second = o->is_second,
        .retry_first = cfg->retry_auth_first,
        .retry_longest = cfg->retry_auth_longest,
    };
    s->token = token_open(s->owner.io->oauth, &settings);
    free(paths.client_secret);
    free(paths.client_key);
    free(paths.assertion);
    free(paths.service_account);
}

static void on_failing(void *arg)
{
    struct source *s = arg;
    struct err err;
    err_set(&err, ERR_NOT_FOUND, "no tokens are fetched here");
    s->owner.answered(s->owner.ctx, NULL, &err);
}

static struct source *make(const struct source_owner *owner, const struct upstream_config *cfg)
{
    struct source *s = NEW(struct source);
    s->owner = *owner;
    s->identity = mem_string(owner->identity);
    s->many = cfg->identity == IDENTITY_SENDER && cfg->oauth.flow != TOKEN_SERVICE_ACCOUNT;
    s->owner.identity = s->identity;
    token_request_init(&s->request);
    deferred_init(&s->failing, on_failing, s);
    if (owner->io->oauth)
        open_token(s, cfg);
    return s;
}

/* ---- asking ---- */

static void on_token(void *ctx, const struct secret *token, enum oauth_class class,
                     const struct err *err)
{
    struct source *s = ctx;
    (void)class;
    secret_free(&s->given);
    s->given = secret_copy(token);
    s->owner.answered(s->owner.ctx, secret_copy(token), err);
}

static void ask(struct source *s)
{
    if (s->token)
        token_ask(s->token, &s->request, on_token, s);
    else
        loop_defer(s->owner.io->loop, &s->failing);
}

static const char *name_of(const struct source *s)
{
    return s->many ? NULL : s->identity;
}

static bool refused(struct source *s)
{
    return s->token && (!s->given || token_refused(s->token, s->given, name_of(s)));
}

static void accepted(struct source *s)
{
    if (s->token)
        token_accepted(s->token, name_of(s));
}

static usec life(const struct source *s)
{
    (void)s;
    return 0;
}

static usec wait_left(const struct source *s)
{
    return s->token ? token_wait_left(s->token) : 0;
}

static bool view(const struct source *s, struct token_view *view_r)
{
    if (s->token)
        *view_r = token_view(s->token);
    return s->token != NULL;
}

/* ---- life ---- */

static void forget(struct source *s)
{
    token_cancel(&s->request);
    deferred_cancel(&s->failing);
    secret_free(&s->given);
}

/* Whatever else was changed, the owner may have cured what was refused: a wait ends. The new one
 * is opened before the old one goes, so that one grant stays one. */
static bool update(struct source *s, const struct upstream_config *cfg)
{
    struct token *before = s->token;
    forget(s);
    if (!before)
        return false;
    open_token(s, cfg);
    bool another = s->token != before;
    token_forgive(s->token);
    token_close(&before);
    return another;
}

static void source_free(struct source *s)
{
    forget(s);
    token_close(&s->token);
    free(s->identity);
    free(s);
}

const struct source_kind credential_token = {
    .key = "the token service",
    .gives_tokens = true,
    .is_given = is_given,
    .make = make,
    .ask = ask,
    .refused = refused,
    .accepted = accepted,
    .life = life,
    .wait_left = wait_left,
    .view = view,
    .update = update,
    .free = source_free,
};
