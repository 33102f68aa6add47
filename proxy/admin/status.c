#include "admin/status.h"

#include "upstream/report_json.h"

static json_t *time_json(int64_t ms)
{
    return ms ? json_integer(ms / 1000) : json_null();
}

static json_t *day_json(int64_t seconds)
{
    return seconds ? json_integer(seconds) : json_null();
}

static json_t *ports_json(const struct account_view *a)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->nports; i++) {
        json_t *port = port_report_json(&a->ports[i].report);
        json_object_set_new(port, "since", time_json(a->ports[i].report.since_ms));
        json_object_set_new(port, "proven", time_json(a->ports[i].proven_ms));
        json_object_set_new(port, "certificate_expires", day_json(a->ports[i].expires));
        json_array_append_new(list, port);
    }
    return list;
}

static json_t *token_json(const struct token_shown *t)
{
    if (!t->flow[0])
        return json_null();
    return json_pack("{s:s, s:o, s:s, s:s}", "flow", t->flow, "expires", day_json(t->expires),
                     "error", t->error, "words", t->words);
}

static json_t *spool_json(const struct spool_shown *s, int64_t wall_ms)
{
    if (!s->is_on)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:f, s:o, s:b, s:s}", "waiting", (json_int_t)s->waiting,
                     "held", (json_int_t)s->held, "failed", (json_int_t)s->failed, "bytes",
                     (json_int_t)s->bytes, "oldest_seconds", (double)s->oldest / USEC_PER_SEC,
                     "next", time_json(s->next_in ? wall_ms + s->next_in / USEC_PER_MS : 0),
                     "takes", (int)s->takes, "reason", s->reason);
}

static json_t *slots_json(const struct account_view *a)
{
    if (!a->is_shared)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I}", "mine", (json_int_t)a->slots.mine, "all",
                     (json_int_t)a->slots.all, "cap", (json_int_t)a->slots.cap, "waiting",
                     (json_int_t)a->slots.waiting);
}

static json_t *cluster_json(const struct snapshot *s)
{
    const struct cluster_shown *c = &s->cluster;
    json_t *instances = json_array();
    if (!c->is_on) {
        json_decref(instances);
        return json_null();
    }
    for (size_t i = 0; i < c->nshown; i++)
        json_array_append_new(
            instances, json_pack("{s:s, s:f, s:b, s:b}", "name", c->shown[i].name, "age_seconds",
                                 (double)c->shown[i].age / USEC_PER_SEC, "this",
                                 (int)c->shown[i].is_this, "same_key", !c->shown[i].other_key));
    json_t *accounts = json_object();
    for (size_t i = 0; i < s->naccounts; i++)
        if (s->accounts[i].is_shared)
            json_object_set_new(accounts, s->accounts[i].name, slots_json(&s->accounts[i]));
    return json_pack("{s:b, s:s, s:s, s:I, s:f, s:o, s:o}", "up", (int)c->up, "engine", c->place,
                     "words", c->words, "instances", (json_int_t)c->instances, "alone_seconds",
                     (double)c->alone / USEC_PER_SEC, "members", instances, "slots", accounts);
}

static json_t *accounts_json(const struct snapshot *s)
{
    static const char *const standings[] = {[STANDING_UNKNOWN] = "unknown",
                                            [STANDING_WORKS] = "works",
                                            [STANDING_NO_PORT] = "no-port",
                                            [STANDING_AUTH_REFUSED] = "auth-refused",
                                            [STANDING_NO_TOKEN] = "no-token"};
    json_t *list = json_array();
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct account_view *a = &s->accounts[i];
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:b, s:o, s:s, s:{s:I, s:I, s:I, s:I, s:I}, s:o, s:o, s:o, s:o}",
                      "name", a->name, "host", a->host, "works", (int)a->works, "ports",
                      ports_json(a), "standing", standings[a->standing], "sessions", "idle",
                      (json_int_t)a->pool.idle, "leased", (json_int_t)a->pool.leased, "dialing",
                      (json_int_t)a->pool.dialing, "waiting", (json_int_t)a->pool.waiting, "max",
                      (json_int_t)a->max_connections, "certificate_expires",
                      day_json(a->certificate_expires), "password_until",
                      day_json(a->password_until), "token", token_json(&a->token), "spool",
                      spool_json(&a->spool, s->wall_ms)));
    }
    return list;
}

static json_t *gone_json(const struct snapshot *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->ngone; i++)
        json_array_append_new(list, json_pack("{s:s, s:o}", "name", s->gone[i].name, "spool",
                                              spool_json(&s->gone[i].spool, s->wall_ms)));
    return list;
}

static json_t *listeners_json(const struct snapshot *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->nlisteners; i++) {
        const struct listener_shown *l = &s->listeners[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:o}", "name", l->name, "address",
                                              l->address, "clients", (json_int_t)l->clients,
                                              "certificate_expires", day_json(l->expires)));
    }
    return list;
}

static json_t *refused_json(const struct snapshot *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->nrefused; i++) {
        const struct refused_shown *r = &s->refused[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "client", r->client,
                                        "listener", r->listener, "reason", refusal_name(r->why),
                                        "count", (json_int_t)r->count, "last",
                                        (json_int_t)(r->last_ms / 1000), "cure", r->cure));
    }
    return list;
}

static json_t *messages_json(const struct tally *t)
{
    json_t *totals = json_object();
    for (int r = 0; r < RESULT_COUNT; r++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < t->naccounts; i++)
            sum += t->accounts[i].messages[r];
        json_object_set_new(totals, result_label((enum result)r), json_integer((json_int_t)sum));
    }
    return totals;
}

static json_t *recent_json(const struct tally *t)
{
    json_t *list = json_array();
    const struct message *m;
    for (size_t i = 0; (m = tally_recent(t, i)) != NULL; i++)
        json_array_append_new(
            list,
            json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:i, s:s, s:i, s:s, s:f}",
                      "time", (json_int_t)(m->ended_ms / 1000), "result", result_label(m->result),
                      "id", m->id, "from", m->from, "to", m->to, "nrcpt", (json_int_t)m->nrcpt,
                      "size", (json_int_t)m->size, "client", m->client, "listener", m->listener,
                      "upstream", m->upstream, "port", (int)m->port, "tls", m->tls, "status",
                      m->status, "reply", m->reply, "delay",
                      (double)m->delay / (double)USEC_PER_SEC));
    return list;
}

static json_t *warnings_json(const struct snapshot *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->nwarnings; i++)
        json_array_append_new(list, json_string(s->warnings[i].words));
    return list;
}

char *status_json(const struct snapshot *s, usec now)
{
    char why[400];
    bool ready = snapshot_is_ready(s, NULL, now, why, sizeof why);
    json_t *all = json_pack(
        "{s:o, s:o, s:s, s:I, s:I, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:f, s:o}", "accounts",
        accounts_json(s), "gone", gone_json(s), "version", VERSION, "time",
        (json_int_t)(s->wall_ms / 1000), "started", (json_int_t)(s->started_ms / 1000), "ready",
        (int)ready, "draining", (int)s->draining, "warnings", warnings_json(s), "listeners",
        listeners_json(s), "refused", refused_json(s), "messages", messages_json(&s->tally),
        "recent", recent_json(&s->tally), "busy", s->busy, "cluster", cluster_json(s));
    char *text =
        all ? json_dumps(all, JSON_PRESERVE_ORDER | JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(all);
    return text;
}
