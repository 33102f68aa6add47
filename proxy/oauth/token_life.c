/* All tokens of a process: which accounts share one, and how each begins and ends. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oauth/token_private.h"

struct token_view token_view(const struct token *t)
{
    struct token_view v = {
        .flow = t->flow->is,
        .expires_in = token_is_alive(t) ? t->ends_at - loop_now(t->oauth->io->loop) : 0,
        .secret_expires = t->settings.secret_expires,
        .certificate_expires = expiry_end(t->certificate_end),
        .error = t->error,
        .code = t->code,
        .words = t->err.kind == ERR_NONE ? "" : t->err.words,
        .retry_in = token_wait_left(t),
    };
    memcpy(v.requests, t->requests, sizeof v.requests);
    return v;
}

/* ---- life ---- */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* With a refresh token the file is the grant, whichever account uses it. Otherwise a grant belongs
 * to a client and an identity. */
static bool is_same_grant(const struct token *t, const struct oauth_settings *s)
{
    const struct oauth_settings *mine = &t->settings;
    if (oauth_flow_of(s) != t->flow || mine->secret_expires != s->secret_expires ||
        !same(mine->token_url, s->token_url) || !same(mine->client_id, s->client_id) ||
        !same(mine->scope, s->scope))
        return false;
    if (t->flow->refreshes)
        return same(mine->token_file, s->token_file);
    bool same_identity = !mine->service_account_file || same(mine->identity, s->identity);
    return same_identity && same(mine->service_account_file, s->service_account_file) &&
           same(mine->client_secret_file, s->client_secret_file) &&
           same(mine->client_cert, s->client_cert) &&
           same(mine->assertion_file, s->assertion_file) &&
           secret_equal(mine->client_secret, s->client_secret);
}

struct oauth *oauth_new(const struct io *io, struct http *http)
{
    struct oauth *o = NEW(struct oauth);
    o->io = io;
    o->http = http;
    link_init(&o->tokens);
    return o;
}

void oauth_free(struct oauth **oauth)
{
    struct oauth *o = *oauth;
    *oauth = NULL;
    if (!o)
        return;
    while (!link_is_alone(&o->tokens))
        token_destroy(CONTAINER(o->tokens.next, struct token, link));
    free(o);
}

struct token *token_open(struct oauth *o, const struct oauth_settings *settings)
{
    LIST_EACH (&o->tokens, it) {
        struct token *t = CONTAINER(it, struct token, link);
        if (is_same_grant(t, settings)) {
            t->refs++;
            return t;
        }
    }
    struct token *t = NEW(struct token);
    t->oauth = o;
    t->refs = 1;
    t->settings = oauth_settings_copy(settings);
    t->flow = oauth_flow_of(&t->settings);
    t->store = token_store_new(o->io, &t->settings, t->flow->refreshes);
    t->timer = timer_new(o->io->loop, token_on_timer, t);
    t->secret_end = expiry_new(o->io, t->settings.account, "client secret");
    t->certificate_end = expiry_new(o->io, t->settings.account, "client certificate");
    expiry_set(t->secret_end, t->settings.is_second ? 0 : t->settings.secret_expires);
    link_init(&t->waiting);
    list_push_back(&o->tokens, &t->link);
    return t;
}

void token_destroy(struct token *t)
{
    link_remove(&t->link);
    while (!link_is_alone(&t->waiting))
        link_remove(t->waiting.next);
    http_cancel(&t->request);
    token_store_free(&t->store);
    timer_free(&t->timer);
    expiry_free(&t->secret_end);
    expiry_free(&t->certificate_end);
    secret_free(&t->form);
    secret_free(&t->access);
    free(t->accepted_by);
    oauth_answer_clear(&t->answer);
    oauth_settings_clear(&t->settings);
    free(t);
}

/* A refresh token that was sent may already be revoked. The answer, which holds the next one, is
 * awaited and written. */
static bool must_end_first(const struct token *t)
{
    return t->flow->refreshes && (t->doing == ASKING || t->doing == PUTTING);
}

void token_close(struct token **token)
{
    struct token *t = *token;
    *token = NULL;
    if (t && --t->refs == 0 && !must_end_first(t))
        token_destroy(t);
}

bool oauth_is_writing(const struct oauth *o)
{
    LIST_EACH (&o->tokens, it)
        if (must_end_first(CONTAINER(it, struct token, link)))
            return true;
    return false;
}
