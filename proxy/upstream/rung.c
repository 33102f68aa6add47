#include "upstream/rung.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "upstream/api_account.h"

/* If a session that rested does not answer for longer than this, a NAT has forgotten it (proxy.ini
 * reply_timeout). */
#define FIRST_REPLY_TIMEOUT (5 * USEC_PER_SEC)

static enum smtp_client_tls tls_for(const struct upstream_config *cfg, enum port_mode mode)
{
    if (mode == PORT_API)
        return SMTP_CLIENT_TLS_NONE;
    if (mode == PORT_IMPLICIT)
        return SMTP_CLIENT_TLS_IMPLICIT;
    if (mode == PORT_PLAIN || cfg->tls == TLS_OFF)
        return SMTP_CLIENT_TLS_NONE;
    return cfg->tls == TLS_MAY ? SMTP_CLIENT_TLS_MAY : SMTP_CLIENT_TLS_STARTTLS;
}

void rung_init(struct rung *r, size_t index, struct port_report *report,
               const struct upstream_env *env, const char *helo, struct tls_context *tls)
{
    const struct upstream_config *cfg = env->cfg;
    const struct port *port = &cfg->ports.items[index];
    size_t room = strlen(cfg->host) + 8;
    *r = (struct rung){.index = index,
                       .report = report,
                       .tried = loop_now(env->io->loop),
                       .resume_key = mem_alloc(room)};
    snprintf(r->resume_key, room, "%s:%u", cfg->host, (unsigned)port->number);
    enum smtp_client_tls mode = tls_for(cfg, port->mode);
    r->settings = (struct smtp_client_settings){
        .helo = helo,
        .tls = mode,
        .context = mode == SMTP_CLIENT_TLS_NONE ? NULL : tls,
        .needs_verified = !cfg->plaintext_auth,
        .auth = cfg->username ? cfg->auth : AUTH_NONE,
        .secret = cfg->oauth.flow == TOKEN_NONE ? MECHANISM_PASSWORD : MECHANISM_TOKEN,
        .host = cfg->host,
        .port = port->number,
        .resume_key = r->resume_key,
        .reply_timeout = cfg->reply_timeout,
        .final_timeout = cfg->final_timeout,
        .first_reply_timeout = FIRST_REPLY_TIMEOUT,
    };
    r->report->port = *port;
    finding_words(&(struct finding_detail){.finding = FINDING_UNTRIED, .port = *port},
                  r->report->words, sizeof r->report->words);
}

bool rung_is_api(const struct rung *r)
{
    return r->report->port.mode == PORT_API;
}

void rung_api_refused(struct rung *r, const char *identity, const char *words)
{
    if (r->events)
        r->events->refused(r->ctx, r, identity, words);
}

void rung_api_strange(struct rung *r, const char *words)
{
    if (r->events)
        r->events->strange(r->ctx, r, words);
}

void rung_free(struct rung *r)
{
    free(r->resume_key);
    r->resume_key = NULL;
}

static void log_change(const struct rung *r, const struct upstream_env *env, enum finding before)
{
    char address[ADDR_TEXT] = "";
    const struct port_report *p = r->report;
    enum log_level level = p->finding == FINDING_WORKS ? LOG_INFO : r->loops ? LOG_ERROR : LOG_WARN;
    if (p->address.family != ADDR_NONE)
        addr_text(&p->address, address);
    log_event(env->io->log, level, p->words, log_str("account", env->cfg->name),
              log_str("host", rung_is_api(r) && env->api ? env->api->host : env->cfg->host),
              log_num("port", p->port.number), log_str("mode", port_mode_name(p->port.mode)),
              log_str("address", address[0] ? address : NULL),
              log_str("finding", finding_name(p->finding)), log_str("before", finding_name(before)),
              log_usec("took", p->took));
}

void rung_report(struct rung *r, const struct upstream_env *env,
                 const struct attempt_result *result)
{
    struct port_report *p = r->report;
    enum finding before = p->finding;
    p->finding = result->finding;
    p->address = result->address;
    p->took = result->took;
    p->saw_bytes = result->saw_bytes;
    p->is_local = result->is_local;
    memcpy(p->words, result->words, sizeof p->words);
    r->loops = result->loops;
    r->at_once = result->at_once;
    r->sight = result->sight;
    r->tried = loop_now(env->io->loop);
    if (result->finding == FINDING_WORKS)
        p->proven = r->tried;
    if (before == result->finding)
        return;
    p->since_ms = loop_wall_ms(env->io->loop);
    log_change(r, env, before);
}

const char *rungs_summary(const struct rung *rungs, size_t n, char *out, size_t size)
{
    size_t len = 0;
    if (size)
        out[0] = 0;
    for (size_t i = 0; i < n && len + 1 < size; i++) {
        const struct port_report *p = rungs[i].report;
        int wrote =
            snprintf(out + len, size - len, "%s%u%s %s", i ? ", " : "", (unsigned)p->port.number,
                     rung_is_api(&rungs[i]) ? "/api" : "", finding_name(p->finding));
        len += wrote > 0 ? (size_t)wrote : 0;
    }
    return out;
}
