#include "relay/admission.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/gateway.h"
#include "io/transport.h"

/* ------------------------------------------------------------------ may it come? */

static bool is_in(const struct networks *list, const struct addr *a)
{
    for (size_t i = 0; i < list->n; i++)
        if (network_contains(&list->items[i], a))
            return true;
    return false;
}

bool admission_is_balancer(const struct listen_config *l, const struct addr *peer)
{
    return is_in(&l->proxy_protocol, peer);
}

static bool is_own_listener(const struct config *config, const struct addr *a,
                            const struct addr *local)
{
    for (size_t i = 0; i < config->nlistens; i++)
        for (size_t k = 0; k < config->listens[i].address.n; k++) {
            const struct addr *own = &config->listens[i].address.items[k];
            bool here = addr_equal(own, a) || (addr_is_any(own) && own->family == a->family &&
                                               (addr_is_loopback(a) || addr_equal(local, a)));
            if (own->port == a->port && here)
                return true;
        }
    return false;
}

/* Returns whether this is our own connection to an upstream, which a packet filter has sent back to
 * us because it makes no exception for our user. */
static bool is_own_upstream(const struct config *config, const struct names *names,
                            const struct addr *a)
{
    for (size_t i = 0; i < config->nupstreams; i++) {
        const struct upstream_config *u = &config->upstreams[i];
        for (size_t k = 0; k < u->ports.n; k++)
            if (u->ports.items[k].number == a->port && names_have(names, u->host, a) == NAMES_YES)
                return true;
    }
    return false;
}

enum own admission_judge(const struct relay *relay, const struct listener_view *view,
                         const struct listener_count *count, const struct arrival *a)
{
    const struct listen_config *l = view->config;
    if (relay->draining)
        return OWN_CLOSING;
    if (!is_in(&l->allow, &a->peer))
        return OWN_NOT_ALLOWED;
    if (count->clients >= l->max_clients)
        return OWN_TOO_MANY_CLIENTS;
    if (visitors_clients(count->visitors, &a->peer) >= l->max_clients_per_ip)
        return OWN_TOO_MANY_OF_ONE;
    if (!l->intercept || a->original.family == ADDR_NONE)
        return OWN_NOTHING;
    const struct config *config = relay->current->config;
    if (is_own_listener(config, &a->original, &a->local) ||
        is_own_upstream(config, relay->names, &a->original))
        return OWN_TURNED_BACK;
    return OWN_NOTHING;
}

/* ------------------------------------------------------------------ what is told */

/* The log lines of one listener in a second. A flood of connections must not flood the log. */
enum { LINES_PER_SECOND = 20 };

/* Writes which key of the configuration decided so. Returns NULL if none did. */
static const char *hint(const struct listen_config *l, enum own why, char *out, size_t size)
{
    *out = '\0';
    if (why == OWN_NOT_ALLOWED)
        snprintf(out, size, "[listen %s] allow does not cover this address", l->name);
    else if (why == OWN_TOO_MANY_CLIENTS)
        snprintf(out, size, "[listen %s] max_clients = %u is reached", l->name, l->max_clients);
    else if (why == OWN_TOO_MANY_OF_ONE)
        snprintf(out, size, "[listen %s] max_clients_per_ip = %u is reached", l->name,
                 l->max_clients_per_ip);
    return *out ? out : NULL;
}

void admission_note_refused(struct relay *relay, struct listener_count *count,
                            const struct addr *client, enum client_refusal why)
{
    count->refused[why]++;
    refusals_note(&relay->refusals, client, count->name, why, loop_wall_ms(relay->io->loop));
}

/* Returns false for what is no news of the client: a shutdown. */
static bool refusal_of(enum own why, enum client_refusal *refusal_r)
{
    switch (why) {
    case OWN_NOT_ALLOWED: *refusal_r = CLIENT_NOT_ALLOWED; return true;
    case OWN_TOO_MANY_CLIENTS: *refusal_r = CLIENT_MAX_CLIENTS; return true;
    case OWN_TOO_MANY_OF_ONE: *refusal_r = CLIENT_MAX_CLIENTS_PER_IP; return true;
    case OWN_TURNED_BACK: *refusal_r = CLIENT_LOOP; return true;
    default: return false;
    }
}

void admission_tell_refused(struct relay *relay, const struct listen_config *l,
                            struct listener_count *count, const struct arrival *a, enum own why)
{
    usec now = loop_now(relay->io->loop);
    char client[ADDR_TEXT], original[ADDR_TEXT], words[160];
    enum client_refusal refusal;
    if (a->transport && a->transport->is_gone) {
        log_say(relay->io->log, LOG_DEBUG, "%s was gone from listener %s before it was refused",
                addr_text(&a->peer, client), count->name);
        return;
    }
    if (refusal_of(why, &refusal))
        admission_note_refused(relay, count, &a->peer, refusal);
    if (now - count->second_began >= USEC_PER_SEC) {
        count->second_began = now;
        count->lines = 0;
    }
    if (count->lines++ >= LINES_PER_SECOND) {
        count->silent++;
        return;
    }
    bool meant = a->original.family != ADDR_NONE;
    log_event(relay->io->log, why == OWN_TURNED_BACK ? LOG_ERROR : LOG_WARN, "client refused",
              log_str("client", addr_text(&a->peer, client)), log_str("listener", count->name),
              log_num("status", failure_code(why)), log_str("reply", failure_text(why)),
              log_str("hint", hint(l, why, words, sizeof words)), log_num("untold", count->silent),
              log_str("original", meant ? addr_text_with_port(&a->original, original) : NULL));
    count->silent = 0;
}

/* After so many clients from one address the log is told. */
enum { GATEWAY_CLIENTS = 20 };

/* Warns once for each listener. If a container's ports are published through NAT, every client
 * comes from the gateway's address, and rules about addresses decide wrongly. */
void admission_watch_gateway(struct relay *relay, struct listener_count *count,
                             const struct arrival *a)
{
    char client[ADDR_TEXT];
    if (count->from_one > GATEWAY_CLIENTS || addr_is_loopback(&a->peer) ||
        addr_is_loopback(&a->local))
        return;
    if (count->from_one == 0)
        count->one = a->peer;
    if (!addr_equal(&count->one, &a->peer)) {
        count->from_one = GATEWAY_CLIENTS + 1;
        return;
    }
    if (++count->from_one < GATEWAY_CLIENTS)
        return;
    count->from_one = GATEWAY_CLIENTS + 1;
    if (gateway_is(&a->peer))
        log_say(relay->io->log, LOG_WARN,
                "all clients of listener %s come from %s, this machine's gateway: address "
                "translation, as of published container ports, "
                "hides who "
                "they are, and allow, max_clients_per_ip and rate take them for one; use the "
                "host's network, or a load balancer with "
                "proxy_protocol",
                count->name, addr_text(&a->peer, client));
}
