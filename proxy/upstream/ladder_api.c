/* The ladder beside its rungs of SMTP: `443/api` logs in with something else, so that one of them
 * may rest while the others go on. Here stands which rungs rest, and what the sessions of the API's
 * rung learn. */
#include <limits.h>
#include <stdio.h>

#include "base/log.h"
#include "io/loop.h"
#include "upstream/api_account.h"
#include "upstream/credential.h"
#include "upstream/ladder_private.h"
#include "upstream/share.h"

/* ---- which rungs rest ---- */

bool ladder_smtp_rests(const struct ladder *l, const char *identity)
{
    const struct logins *logins = l->env->share->logins;
    if (ladder_awaits_secret(l, identity))
        return false;
    return credential_wait_left(l->env->credential) > 0 ||
           logins_denied_for(logins, identity) > 0 ||
           (identity && logins_wait_left(logins, identity) > 0);
}

bool ladder_rung_rests(const struct ladder *l, const struct rung *r, const char *identity)
{
    return rung_is_api(r) ? api_account_rests(l->env->api, identity)
                          : ladder_smtp_rests(l, identity);
}

bool ladder_rests(const struct ladder *l, const char *identity)
{
    for (size_t i = 0; i < l->n; i++)
        if (!ladder_rung_rests(l, &l->rungs[i], identity))
            return false;
    return true;
}

bool ladder_has_smtp(const struct ladder *l)
{
    return ports_have_smtp(&l->env->cfg->ports);
}

usec ladder_wait_left(const struct ladder *l)
{
    return credential_wait_left(ladder_has_smtp(l) ? l->env->credential : l->env->api->credential);
}

enum refusal ladder_api_reason(const struct ladder *l, const char *identity, char *words,
                               size_t size)
{
    const struct api_account *api = l->env->api;
    const char *whose = identity ? identity : credential_user(api->credential);
    const struct credential *c = logins_credential(api->logins, whose);
    if (credential_wait_left(c) > 0 || logins_wait_left(api->logins, whose) > 0) {
        snprintf(words, size, "%s refuses %s", api->host,
                 logins_wait_left(api->logins, whose) > 0 ? whose : "the configured credentials");
        return REFUSAL_CREDENTIALS;
    }
    const char *why = credential_denial(c);
    snprintf(words, size, "%s", why[0] ? why : "the token service has not answered yet");
    return REFUSAL_TOKEN;
}

/* ---- the login of the other rungs is refused ---- */

void ladder_say_resting(struct ladder *l, enum standing standing)
{
    char words[400];
    if (ladder_rests(l, NULL) || !l->env->api) {
        ladder_set_standing(l, standing);
        return;
    }
    snprintf(words, sizeof words, "%s %s; %s goes on over HTTPS, where the login is another",
             l->env->cfg->host,
             standing == STANDING_NO_TOKEN ? "gets no access token"
                                           : "refuses the configured credentials",
             l->env->api->host);
    log_event(l->env->io->log, LOG_ERROR, words, log_str("account", l->env->cfg->name),
              log_str("host", l->env->cfg->host),
              log_num("retry_in", credential_wait_left(l->env->credential) / USEC_PER_SEC));
}

/* ---- what a session of `443/api` learns ---- */

static void note(struct ladder *l, struct rung *rung, enum finding finding, const char *words)
{
    struct attempt_result result = {.finding = finding, .saw_bytes = true};
    struct err err;
    err_set(&err, ERR_REFUSED, "%s", words);
    const struct finding_detail d = {
        .finding = finding, .port = rung->report->port, .host = l->env->api->host, .err = &err};
    finding_words(&d, result.words, sizeof result.words);
    rung_report(rung, l->env, &result);
}

/* One identity's mailbox may be barred, and the others go on. */
static void on_refused(void *ctx, struct rung *rung, const char *identity, const char *words)
{
    struct ladder *l = ctx;
    char line[400];
    struct api_account *api = l->env->api;
    if (api_account_rests(api, identity))
        return;
    if (!logins_rest(api->logins, identity)) {
        snprintf(line, sizeof line, "%s refuses %s, and goes on with the other identities: %s",
                 api->host, identity, words);
        log_event(l->env->io->log, LOG_WARN, line, log_str("account", l->env->cfg->name),
                  log_str("host", api->host), log_str("identity", identity),
                  log_num("retry_in", logins_wait_left(api->logins, identity) / USEC_PER_SEC));
    } else {
        note(l, rung, FINDING_AUTH_REFUSED, words);
        if (l->best == rung)
            ladder_set_best(l, NULL);
        if (ladder_rests(l, NULL))
            ladder_set_standing(l, STANDING_AUTH_REFUSED);
    }
    l->events->changed(l->ctx);
}

static void on_strange(void *ctx, struct rung *rung, const char *words)
{
    struct ladder *l = ctx;
    note(l, rung, FINDING_API, words);
    rung->blamed = true;
    if (l->best == rung)
        ladder_set_best(l, NULL);
    l->events->changed(l->ctx);
}

static const struct rung_events rung_events = {.refused = on_refused, .strange = on_strange};

/* A corrected key, or another token, ends the rest. */
static void on_fetched(void *ctx, bool differs)
{
    struct ladder *l = ctx;
    if (differs)
        ladder_another_secret(l);
    else
        l->events->changed(l->ctx);
}

void ladder_listen_to_api(struct ladder *l)
{
    if (!l->env->api)
        return;
    logins_set_listener(l->env->api->logins, on_fetched, l);
    for (size_t i = 0; i < l->n; i++)
        if (rung_is_api(&l->rungs[i])) {
            l->rungs[i].events = &rung_events;
            l->rungs[i].ctx = l;
        }
}

void ladder_leave_api(struct ladder *l)
{
    if (l->env->api)
        logins_set_listener(l->env->api->logins, NULL, NULL);
}

unsigned ladder_limit(const struct ladder *l)
{
    return l->best && rung_is_api(l->best) ? CAP_API_REQUESTS : UINT_MAX;
}
