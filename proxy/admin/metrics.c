#include "admin/metrics.h"

#include <inttypes.h>

/* The labels of a line beside its value. Text is escaped here and nowhere else. */
struct label {
    /* A NULL name ends a list. */
    const char *name, *value;
};

static void family(struct out *o, const char *name, const char *type, const char *help)
{
    out_printf(o, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void start(struct out *o, const char *name, const struct label *labels)
{
    const char *before = "{";
    out_add(o, name);
    for (; labels && labels->name; labels++) {
        out_printf(o, "%s%s=\"", before, labels->name);
        out_label(o, labels->value);
        out_add(o, "\"");
        before = ",";
    }
    out_add(o, before[0] == ',' ? "} " : " ");
}

static void whole(struct out *o, const char *name, const struct label *labels, uint64_t value)
{
    start(o, name, labels);
    out_printf(o, "%" PRIu64 "\n", value);
}

static void decimal(struct out *o, const char *name, const struct label *labels, double value)
{
    start(o, name, labels);
    out_printf(o, "%.6f\n", value);
}

#define LABELS(...) ((const struct label[]){__VA_ARGS__, {NULL, NULL}})

static const char *number(unsigned n, char out[16])
{
    snprintf(out, 16, "%u", n);
    return out;
}

/* ---- messages ---- */

static void messages(const struct tally *t, struct out *o)
{
    char port[16];
    const char *name = "smtp_detour_messages_total";
    family(o, name, "counter",
           "Messages that ended, by account (empty: no account takes them) and result.");
    for (size_t i = 0; i < t->naccounts; i++)
        for (int r = 0; r < RESULT_COUNT; r++)
            whole(
                o, name,
                LABELS({"account", t->accounts[i].name}, {"result", result_label((enum result)r)}),
                t->accounts[i].messages[r]);
    name = "smtp_detour_port_messages_total";
    family(
        o, name, "counter",
        "The same messages by the upstream port of their session too (0: there was no session).");
    for (size_t i = 0; i < t->nports; i++)
        for (int r = 0; r < RESULT_COUNT; r++)
            whole(o, name,
                  LABELS({"account", t->accounts[t->ports[i].account].name},
                         {"port", number(t->ports[i].port, port)},
                         {"result", result_label((enum result)r)}),
                  t->ports[i].messages[r]);
    name = "smtp_detour_delivered_bytes_total";
    family(o, name, "counter", "Octets of delivered messages, as the clients sent them.");
    for (size_t i = 0; i < t->naccounts; i++)
        whole(o, name, LABELS({"account", t->accounts[i].name}), t->accounts[i].bytes);
}

static void durations(const struct tally *t, struct out *o)
{
    const char *name = "smtp_detour_message_duration_seconds";
    family(o, name, "histogram", "From the client's MAIL to the answer that ended the message.");
    for (size_t i = 0; i < t->naccounts; i++) {
        const struct tally_account *a = &t->accounts[i];
        uint64_t sum = 0;
        char bound[16];
        for (size_t b = 0; b <= TALLY_BOUNDS; b++) {
            sum += a->delays[b];
            if (b < TALLY_BOUNDS)
                snprintf(bound, sizeof bound, "%g", tally_bounds[b]);
            whole(o, "smtp_detour_message_duration_seconds_bucket",
                  LABELS({"account", a->name}, {"le", b < TALLY_BOUNDS ? bound : "+Inf"}), sum);
        }
        decimal(o, "smtp_detour_message_duration_seconds_sum", LABELS({"account", a->name}),
                a->delay_sum);
        whole(o, "smtp_detour_message_duration_seconds_count", LABELS({"account", a->name}), sum);
    }
}

/* ---- accounts and their ports ---- */

typedef void port_fn(struct out *o, const char *name, const struct account_view *a,
                     const struct port_view *p, const char *port);

static void each_port(const struct snapshot *s, struct out *o, const char *name, port_fn *fn)
{
    char port[16];
    for (size_t i = 0; i < s->naccounts; i++)
        for (size_t k = 0; k < s->accounts[i].nports; k++)
            fn(o, name, &s->accounts[i], &s->accounts[i].ports[k],
               number(s->accounts[i].ports[k].report.port.number, port));
}

static void port_works(struct out *o, const char *name, const struct account_view *a,
                       const struct port_view *p, const char *port)
{
    whole(o, name, LABELS({"account", a->name}, {"port", port}),
          p->report.finding == FINDING_WORKS);
}

static void port_finding(struct out *o, const char *name, const struct account_view *a,
                         const struct port_view *p, const char *port)
{
    whole(o, name,
          LABELS({"account", a->name}, {"port", port},
                 {"mode", port_mode_name(p->report.port.mode)},
                 {"finding", finding_name(p->report.finding)}),
          1);
}

static void port_proven(struct out *o, const char *name, const struct account_view *a,
                        const struct port_view *p, const char *port)
{
    if (p->proven_ms)
        decimal(o, name, LABELS({"account", a->name}, {"port", port}), (double)p->proven_ms / 1000);
}

static void port_expires(struct out *o, const char *name, const struct account_view *a,
                         const struct port_view *p, const char *port)
{
    if (p->expires)
        whole(o, name, LABELS({"account", a->name}, {"port", port}), (uint64_t)p->expires);
}

static void ports(const struct snapshot *s, struct out *o)
{
    const char *name = "smtp_detour_port_works";
    family(o, name, "gauge",
           "1 where a session was authenticated at the last try, 0 where not, or not tried yet.");
    each_port(s, o, name, port_works);
    name = "smtp_detour_port_finding_info";
    family(o, name, "gauge", "What the last try of a port came to, in the label finding.");
    each_port(s, o, name, port_finding);
    name = "smtp_detour_port_proven_timestamp_seconds";
    family(o, name, "gauge", "When a session was last authenticated on this port.");
    each_port(s, o, name, port_proven);
    name = "smtp_detour_certificate_expires_timestamp_seconds";
    family(o, name, "gauge", "When the certificate that was last seen on this port expires.");
    each_port(s, o, name, port_expires);
}

static void account_days(const struct snapshot *s, struct out *o)
{
    const char *name = "smtp_detour_client_certificate_expires_timestamp_seconds";
    family(o, name, "gauge", "When the client certificate of the account expires.");
    for (size_t i = 0; i < s->naccounts; i++)
        if (s->accounts[i].certificate_expires)
            whole(o, name, LABELS({"account", s->accounts[i].name}),
                  (uint64_t)s->accounts[i].certificate_expires);
    name = "smtp_detour_password_login_ends_timestamp_seconds";
    family(o, name, "gauge",
           "When the provider has announced to end the login by password that the account uses.");
    for (size_t i = 0; i < s->naccounts; i++)
        if (s->accounts[i].password_until)
            whole(o, name, LABELS({"account", s->accounts[i].name}),
                  (uint64_t)s->accounts[i].password_until);
}

static void seconds_left(struct out *o, const char *name, const struct label *labels, int64_t end,
                         const struct snapshot *s)
{
    if (end)
        decimal(o, name, labels, (double)end - (double)s->wall_ms / 1000);
}

static void tokens(const struct snapshot *s, struct out *o)
{
    static const char *const results[TOKEN_RESULTS] = {
        [TOKEN_GIVEN] = "given", [TOKEN_REFUSED] = "refused", [TOKEN_PUT_OFF] = "put_off"};
    const char *name = "smtp_detour_token_expires_seconds";
    family(o, name, "gauge", "How long the access token of the account lives; 0: there is none.");
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct account_view *a = &s->accounts[i];
        if (a->token.flow[0] && !a->token.expires)
            whole(o, name, LABELS({"account", a->name}), 0);
        seconds_left(o, name, LABELS({"account", a->name}), a->token.expires, s);
    }
    name = "smtp_detour_token_requests_total";
    family(o, name, "counter",
           "Requests for a token by result; put_off: the service had no answer, or no time.");
    for (size_t i = 0; i < s->naccounts; i++)
        for (int r = 0; r < TOKEN_RESULTS && s->accounts[i].token.flow[0]; r++)
            whole(o, name, LABELS({"account", s->accounts[i].name}, {"result", results[r]}),
                  s->accounts[i].token.requests[r]);
    name = "smtp_detour_credential_expires_seconds";
    family(o, name, "gauge",
           "How long the client's secret (oauth_secret_expires) or certificate still lives.");
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct account_view *a = &s->accounts[i];
        seconds_left(o, name, LABELS({"account", a->name}, {"kind", "secret"}),
                     a->token.secret_expires, s);
        seconds_left(o, name, LABELS({"account", a->name}, {"kind", "certificate"}),
                     a->token.certificate_expires, s);
    }
}

static void standing(const struct snapshot *s, usec now, struct out *o)
{
    char why[400];
    const char *name = "smtp_detour_account_works";
    family(o, name, "gauge",
           "1 if a port of the account works and the credentials are accepted, as last learnt.");
    for (size_t i = 0; i < s->naccounts; i++)
        whole(o, name, LABELS({"account", s->accounts[i].name}), s->accounts[i].works);
    name = "smtp_detour_credentials_refused";
    family(o, name, "gauge", "1 while the upstream refuses the configured credentials.");
    for (size_t i = 0; i < s->naccounts; i++)
        whole(o, name, LABELS({"account", s->accounts[i].name}),
              s->accounts[i].standing == STANDING_AUTH_REFUSED);
    family(o, "smtp_detour_ready", "gauge",
           "1 if every account has a port that was proven within its reprobe, as /readyz says.");
    whole(o, "smtp_detour_ready", NULL, snapshot_is_ready(s, NULL, now, why, sizeof why));
}

/* ---- what is kept for later ---- */

static void spool_state(const char *name, const char *account, const struct spool_shown *spool,
                        struct out *o)
{
    whole(o, name, LABELS({"account", account}, {"state", "waiting"}), spool->waiting);
    whole(o, name, LABELS({"account", account}, {"state", "held"}), spool->held);
    whole(o, name, LABELS({"account", account}, {"state", "failed"}), spool->failed);
}

static void spool_states(const struct snapshot *s, struct out *o)
{
    const char *name = "smtp_detour_spool_messages";
    family(o, name, "gauge", "Messages in the spool by state; corrupt ones belong to no account.");
    for (size_t i = 0; i < s->naccounts; i++)
        spool_state(name, s->accounts[i].name, &s->accounts[i].spool, o);
    for (size_t i = 0; i < s->ngone; i++)
        spool_state(name, s->gone[i].name, &s->gone[i].spool, o);
    whole(o, name, LABELS({"account", ""}, {"state", "corrupt"}), s->spool.corrupt);
    family(o, "smtp_detour_spool_bytes", "gauge", "Octets of all messages in the spool.");
    whole(o, "smtp_detour_spool_bytes", NULL, s->spool.bytes);
    family(o, "smtp_detour_spool_takes", "gauge", "1 if the spool would take a message now.");
    whole(o, "smtp_detour_spool_takes", NULL, s->spool.takes);
    name = "smtp_detour_spool_oldest_seconds";
    family(o, name, "gauge", "How long the oldest message that waits was under way; 0: none.");
    for (size_t i = 0; i < s->naccounts; i++)
        decimal(o, name, LABELS({"account", s->accounts[i].name}),
                (double)s->accounts[i].spool.oldest / USEC_PER_SEC);
    for (size_t i = 0; i < s->ngone; i++)
        decimal(o, name, LABELS({"account", s->gone[i].name}),
                (double)s->gone[i].spool.oldest / USEC_PER_SEC);
    name = "smtp_detour_spool_alert_age_seconds";
    family(o, name, "gauge", "How long a message may wait before it is an alert (alert_age).");
    decimal(o, name, NULL, (double)s->spool.alert_age / USEC_PER_SEC);
}

static void spool_taken(const struct snapshot *s, struct out *o)
{
    const char *name = "smtp_detour_spool_taken_total";
    const struct tally *t = &s->tally;
    family(o, name, "counter", "Messages of clients that were kept for later, by why.");
    for (size_t i = 0; i < t->nkept; i++)
        whole(o, name,
              LABELS({"account", t->accounts[t->kept[i].account].name},
                     {"reason", t->kept[i].reason}),
              t->kept[i].messages);
}

static void spool(const struct snapshot *s, struct out *o)
{
    static const char *const results[SPOOL_TRIES] = {"delivered", "deferred", "refused", "unknown",
                                                     "no_session"};
    const char *name = "smtp_detour_spool_tries_total";
    static const char *const whys[SPOOL_FULL_WHYS] = {"size", "messages", "disk"};
    if (!s->spool.is_on)
        return;
    spool_states(s, o);
    spool_taken(s, o);
    family(o, "smtp_detour_spool_full_total", "counter",
           "Messages that the spool had no room for, by what was full.");
    for (int w = 0; w < SPOOL_FULL_WHYS; w++)
        whole(o, "smtp_detour_spool_full_total", LABELS({"why", whys[w]}), s->spool.full[w]);
    family(o, name, "counter", "Tries of messages in the spool by what came of them.");
    for (size_t i = 0; i < s->naccounts; i++)
        for (int r = 0; r < SPOOL_TRIES; r++)
            whole(o, name, LABELS({"account", s->accounts[i].name}, {"result", results[r]}),
                  s->accounts[i].spool.tries[r]);
    family(o, "smtp_detour_spool_bounces_total", "counter", "Bounces written.");
    whole(o, "smtp_detour_spool_bounces_total", NULL, s->spool.bounces);
}

static void sessions(const struct snapshot *s, struct out *o)
{
    const char *name = "smtp_detour_sessions";
    family(o, name, "gauge",
           "Sessions upstream by state: idle in the pool, leased to a message, dialing.");
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct account_view *a = &s->accounts[i];
        whole(o, name, LABELS({"account", a->name}, {"state", "idle"}), a->pool.idle);
        whole(o, name, LABELS({"account", a->name}, {"state", "leased"}), a->pool.leased);
        whole(o, name, LABELS({"account", a->name}, {"state", "dialing"}), a->pool.dialing);
    }
    name = "smtp_detour_sessions_max";
    family(o, name, "gauge", "How many sessions the account may have (max_connections).");
    for (size_t i = 0; i < s->naccounts; i++)
        whole(o, name, LABELS({"account", s->accounts[i].name}), s->accounts[i].max_connections);
    name = "smtp_detour_messages_waiting";
    family(o, name, "gauge", "Messages that wait for a session.");
    for (size_t i = 0; i < s->naccounts; i++)
        whole(o, name, LABELS({"account", s->accounts[i].name}), s->accounts[i].pool.waiting);
}

/* ---- several instances ---- */

static void cluster_slots(const struct snapshot *s, struct out *o)
{
    const char *name = "smtp_detour_cluster_slots";
    family(o, name, "gauge",
           "Sessions of a shared account: of this instance, of all, and how many there may be.");
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct account_view *a = &s->accounts[i];
        if (!a->is_shared)
            continue;
        whole(o, name, LABELS({"account", a->name}, {"whose", "mine"}), a->slots.mine);
        whole(o, name, LABELS({"account", a->name}, {"whose", "all"}), a->slots.all);
        whole(o, name, LABELS({"account", a->name}, {"whose", "cap"}), a->slots.cap);
    }
    name = "smtp_detour_cluster_waiting";
    family(o, name, "gauge", "Other instances that wait for a session of the account.");
    for (size_t i = 0; i < s->naccounts; i++)
        if (s->accounts[i].is_shared)
            whole(o, name, LABELS({"account", s->accounts[i].name}), s->accounts[i].slots.waiting);
}

static void cluster(const struct snapshot *s, struct out *o)
{
    const struct cluster_shown *c = &s->cluster;
    if (!c->is_on)
        return;
    family(o, "smtp_detour_cluster_up", "gauge",
           "1 while the shared engine does what it is asked.");
    whole(o, "smtp_detour_cluster_up", NULL, c->up);
    family(o, "smtp_detour_cluster_instances", "gauge",
           "Instances that share, as last heard, else as configured (expect).");
    whole(o, "smtp_detour_cluster_instances", NULL, c->instances);
    family(o, "smtp_detour_cluster_alone_seconds_total", "counter",
           "How long this instance has been without the engine.");
    decimal(o, "smtp_detour_cluster_alone_seconds_total", NULL, (double)c->alone / USEC_PER_SEC);
    family(o, "smtp_detour_cluster_request_duration_seconds", "gauge",
           "How long the last question to the engine took.");
    decimal(o, "smtp_detour_cluster_request_duration_seconds", NULL,
            (double)c->latency / USEC_PER_SEC);
    cluster_slots(s, o);
}

static void upstream_counters(const struct snapshot *s, struct out *o)
{
    const char *name = "smtp_detour_sessions_opened_total";
    family(o, name, "counter", "Sessions upstream that were authenticated.");
    for (size_t i = 0; i < s->naccounts; i++)
        whole(o, name, LABELS({"account", s->accounts[i].name}), s->accounts[i].tally.sessions);
    name = "smtp_detour_pool_leases_total";
    family(o, name, "counter",
           "Sessions leased to messages; reused ones had served or rested before.");
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct upstream_tally *t = &s->accounts[i].tally;
        whole(o, name, LABELS({"account", s->accounts[i].name}, {"session", "fresh"}),
              t->leases - t->leases_reused);
        whole(o, name, LABELS({"account", s->accounts[i].name}, {"session", "reused"}),
              t->leases_reused);
    }
    name = "smtp_detour_tls_handshakes_total";
    family(o, name, "counter",
           "TLS handshakes with upstreams, by whether a former session was resumed.");
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct upstream_tally *t = &s->accounts[i].tally;
        whole(o, name, LABELS({"account", s->accounts[i].name}, {"resumed", "false"}),
              t->handshakes - t->resumptions);
        whole(o, name, LABELS({"account", s->accounts[i].name}, {"resumed", "true"}),
              t->resumptions);
    }
    name = "smtp_detour_auths_total";
    family(o, name, "counter",
           "Logins at upstreams by result; failed: answered 4xx, lost or given up.");
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct upstream_tally *t = &s->accounts[i].tally;
        whole(o, name, LABELS({"account", s->accounts[i].name}, {"result", "accepted"}),
              t->auth_accepted);
        whole(o, name, LABELS({"account", s->accounts[i].name}, {"result", "refused"}),
              t->auth_refused);
        whole(o, name, LABELS({"account", s->accounts[i].name}, {"result", "failed"}),
              t->auth_failed);
    }
}

static void journals(const struct snapshot *s, struct out *o)
{
    const char *name = "smtp_detour_journal_refused_total";
    family(o, name, "counter",
           "Messages that went without the copy for the account's journal, which was refused.");
    for (size_t i = 0; i < s->naccounts; i++)
        whole(o, name, LABELS({"account", s->accounts[i].name}),
              s->accounts[i].tally.journal_refused);
}

/* ---- clients and the process ---- */

static void listeners(const struct snapshot *s, struct out *o)
{
    const char *name = "smtp_detour_clients";
    family(o, name, "gauge", "Clients connected.");
    for (size_t i = 0; i < s->nlisteners; i++)
        whole(o, name, LABELS({"listener", s->listeners[i].name}), s->listeners[i].clients);
    name = "smtp_detour_clients_max";
    family(o, name, "gauge", "How many clients the listener takes (max_clients).");
    for (size_t i = 0; i < s->nlisteners; i++)
        whole(o, name, LABELS({"listener", s->listeners[i].name}), s->listeners[i].max_clients);
    name = "smtp_detour_clients_refused_total";
    family(o, name, "counter",
           "Connections that were not let in, and logins of clients that were refused, by why.");
    for (size_t i = 0; i < s->nlisteners; i++)
        for (int why = 0; why < CLIENT_REFUSALS; why++)
            whole(o, name,
                  LABELS({"listener", s->listeners[i].name},
                         {"reason", refusal_name((enum client_refusal)why)}),
                  s->listeners[i].refused[why]);
    name = "smtp_detour_listener_certificate_expires_timestamp_seconds";
    family(o, name, "gauge", "When the certificate that the listener shows expires.");
    for (size_t i = 0; i < s->nlisteners; i++)
        if (s->listeners[i].expires)
            whole(o, name, LABELS({"listener", s->listeners[i].name}),
                  (uint64_t)s->listeners[i].expires);
}

static void process(const struct snapshot *s, struct out *o)
{
    family(o, "smtp_detour_build_info", "gauge", "The version that runs.");
    whole(o, "smtp_detour_build_info", LABELS({"version", VERSION}), 1);
    family(o, "process_start_time_seconds", "gauge", "When the process started.");
    decimal(o, "process_start_time_seconds", NULL, (double)s->started_ms / 1000);
    family(o, "smtp_detour_config_reloads_total", "counter", "Reloads (SIGHUP) by result.");
    whole(o, "smtp_detour_config_reloads_total", LABELS({"result", "success"}), s->reloads.good);
    whole(o, "smtp_detour_config_reloads_total", LABELS({"result", "failure"}), s->reloads.bad);
    family(o, "smtp_detour_config_last_reload_successful", "gauge",
           "0 if the last reload changed nothing because the file has errors.");
    whole(o, "smtp_detour_config_last_reload_successful", NULL, !s->reloads.last_failed);
    family(o, "smtp_detour_config_last_reload_success_timestamp_seconds", "gauge",
           "When the current configuration was loaded.");
    decimal(o, "smtp_detour_config_last_reload_success_timestamp_seconds", NULL,
            (double)s->reloads.last_good_ms / 1000);
    family(o, "smtp_detour_loop_longest_turn_seconds", "gauge",
           "The longest turn of the event loop in the last minute.");
    decimal(o, "smtp_detour_loop_longest_turn_seconds", NULL,
            (double)s->longest_turn / (double)USEC_PER_SEC);
    family(o, "smtp_detour_loop_busy_ratio", "gauge",
           "The share of the last minute in which the event loop worked; near 1 it is full.");
    decimal(o, "smtp_detour_loop_busy_ratio", NULL, s->busy);
}

void metrics_write(const struct snapshot *s, usec now, struct out *o)
{
    messages(&s->tally, o);
    durations(&s->tally, o);
    standing(s, now, o);
    ports(s, o);
    account_days(s, o);
    tokens(s, o);
    sessions(s, o);
    spool(s, o);
    cluster(s, o);
    upstream_counters(s, o);
    journals(s, o);
    listeners(s, o);
    process(s, o);
}
