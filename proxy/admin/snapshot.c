#include "admin/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/text.h"
#include "base/mem.h"
#include "config/presets.h"
#include "io/listener.h"
#include "upstream/rung.h"

#define STANDSTILL (15 * USEC_PER_SEC)
/* Proofs are made once a second at most, so a shorter validity could not be kept up. */
#define LEAST_VALIDITY (2 * USEC_PER_SEC)

void snapshot_free(void *snapshot)
{
    struct snapshot *s = snapshot;
    for (size_t i = 0; i < s->naccounts; i++)
        free(s->accounts[i].ports);
    free(s->accounts);
    free(s->gone);
    free(s->listeners);
    free(s->allow.items);
    for (size_t i = 0; i < s->hosts.n; i++)
        free(s->hosts.items[i]);
    free(s->hosts.items);
    tally_free(&s->tally);
    free(s);
}

usec snapshot_validity(const struct upstream_config *cfg)
{
    return cfg->reprobe > LEAST_VALIDITY ? cfg->reprobe : LEAST_VALIDITY;
}

usec snapshot_proven(const struct account *a)
{
    size_t n;
    const struct port_report *reports = account_reports(a, &n);
    usec newest = 0;
    for (size_t i = 0; i < n; i++)
        if (reports[i].finding == FINDING_WORKS && reports[i].proven > newest)
            newest = reports[i].proven;
    return newest;
}

static void add_notes(struct account_view *v, const struct upstream_config *cfg)
{
    struct preset_choice choice;
    struct err err;
    if (!cfg->provider || preset_choose(slice_of(cfg->provider), true, &choice, &err) != 0)
        return;
    const struct preset *p = choice.preset;
    snprintf(v->title, sizeof v->title, "%s", p->title);
    if (cfg->username && cfg->auth != AUTH_NONE && cfg->oauth.flow == TOKEN_NONE)
        v->password_until = p->password_until;
    if (p->password_words)
        v->notes[v->nnotes++] = p->password_words;
    for (size_t i = 0; p->notes[i].text && v->nnotes < sizeof v->notes / sizeof v->notes[0]; i++)
        v->notes[v->nnotes++] = p->notes[i].text;
}

static void add_ports(struct account_view *v, const struct account *a, int64_t wall_ms, usec now)
{
    const struct port_report *reports = account_reports(a, &v->nports);
    struct port_view *next = NULL;
    v->ports = mem_alloc((v->nports + 1) * sizeof *v->ports);
    for (size_t i = 0; i < v->nports; i++) {
        struct port_view *p = &v->ports[i];
        const struct sight *sight = account_sight(a, i);
        p->report = reports[i];
        text_clean(p->report.words, sizeof p->report.words, slice_of(reports[i].words));
        p->proven_ms = reports[i].proven ? wall_ms - (now - reports[i].proven) / USEC_PER_MS : 0;
        p->expires = sight && sight->has_tls ? sight->tls.not_after : 0;
        if (reports[i].finding == FINDING_WORKS &&
            (!next || reports[i].proven > next->report.proven))
            next = p;
    }
    if (next)
        next->next = true;
}

static void add_token(struct account_view *v, const struct account *a, int64_t wall_ms)
{
    struct token_view t;
    struct token_shown *shown = &v->token;
    if (!account_token(a, &t))
        return;
    snprintf(shown->flow, sizeof shown->flow, "%s", token_flow_name(t.flow));
    shown->expires = t.expires_in ? wall_ms / 1000 + t.expires_in / USEC_PER_SEC : 0;
    shown->secret_expires = t.secret_expires;
    shown->certificate_expires = t.certificate_expires;
    text_clean(shown->error, sizeof shown->error, slice_of(t.error));
    text_clean(shown->words, sizeof shown->words, slice_of(t.words));
    memcpy(shown->requests, t.requests, sizeof shown->requests);
}

/* The text shows the patterns, all of which must match, as in "from @firm.test, of clients
 * 192.168.1.0/24". A long list is cut. */
struct pattern_text {
    char text[320];
    size_t len;
};

static void add_pattern(struct pattern_text *p, const char *before, const char *word)
{
    int n = snprintf(p->text + p->len, sizeof p->text - p->len, "%s%s", before, word);
    p->len += n > 0 && (size_t)n < sizeof p->text - p->len ? (size_t)n : 0;
    p->text[p->len] = 0;
}

static void add_words(struct pattern_text *p, const char *what, const struct strings *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (i == 0)
            add_pattern(p, p->len ? ", " : "", what);
        add_pattern(p, " ", list->items[i]);
    }
}

static void add_route(struct account_view *v, const struct upstream_config *cfg)
{
    struct pattern_text p = {.text = ""};
    char one[ADDR_TEXT];
    add_words(&p, "from", &cfg->senders);
    for (size_t i = 0; i < cfg->clients.n; i++)
        add_pattern(&p,
                    i       ? " "
                    : p.len ? ", of clients "
                            : "of clients ",
                    network_text(&cfg->clients.items[i], one));
    add_words(&p, "of users", &cfg->users);
    for (size_t i = 0; i < cfg->destinations.n; i++) {
        const struct destination *d = &cfg->destinations.items[i];
        add_pattern(&p,
                    i       ? " "
                    : p.len ? ", meant for "
                            : "meant for ",
                    d->name ? d->name : network_text(&d->network, one));
    }
    text_clean(v->takes, sizeof v->takes, slice_of(p.text));
    text_clean(v->user, sizeof v->user,
               slice_of(cfg->identity == IDENTITY_SENDER ? "the sender of each message"
                        : cfg->username                  ? cfg->username
                                                         : ""));
    text_clean(v->secret_file, sizeof v->secret_file,
               slice_of(cfg->password_file ? cfg->password_file : ""));
}

void snapshot_add_account(struct snapshot *s, const struct account *a, usec now)
{
    const struct upstream_config *cfg = account_config(a);
    usec proven = snapshot_proven(a);
    s->accounts = mem_resize(s->accounts, (s->naccounts + 1) * sizeof *s->accounts);
    struct account_view *v = &s->accounts[s->naccounts++];
    *v = (struct account_view){.standing = account_standing(a),
                               .pool = account_pool_counts(a),
                               .tally = *account_tally(a)};
    text_clean(v->name, sizeof v->name, slice_of(cfg->name));
    text_clean(v->host, sizeof v->host, slice_of(cfg->host));
    v->max_connections = cfg->max_connections;
    v->is_shared = account_slots(a, &v->slots);
    v->works = v->standing == STANDING_WORKS && proven > 0;
    v->fresh_until = v->works ? proven + snapshot_validity(cfg) : 0;
    v->certificate_expires = account_certificate_expires(a);
    add_ports(v, a, s->wall_ms, now);
    add_notes(v, cfg);
    add_route(v, cfg);
    v->rests_for = account_rests_for(a);
    add_token(v, a, s->wall_ms);
}

struct spool_shown *snapshot_add_gone(struct snapshot *s, const char *name)
{
    s->gone = mem_resize(s->gone, (s->ngone + 1) * sizeof *s->gone);
    struct gone_account *g = &s->gone[s->ngone++];
    *g = (struct gone_account){.name = ""};
    text_clean(g->name, sizeof g->name, slice_of(name));
    return &g->spool;
}

void snapshot_add_cluster(struct snapshot *s, const struct cluster *c, usec now)
{
    struct cluster_shown *shown = &s->cluster;
    struct cluster_view v;
    if (!c)
        return;
    cluster_view(c, &v);
    *shown = (struct cluster_shown){.is_on = true,
                                    .up = v.up,
                                    .instances = v.instances,
                                    .alone = v.alone,
                                    .alone_for = v.alone_since ? now - v.alone_since : 0,
                                    .latency = v.latency,
                                    .nshown = v.nshown};
    text_clean(shown->place, sizeof shown->place, slice_of(v.place));
    text_clean(shown->words, sizeof shown->words, slice_of(v.words));
    for (size_t i = 0; i < v.nshown; i++) {
        struct cluster_instance_shown *one = &shown->shown[i];
        text_clean(one->name, sizeof one->name, slice_of(v.shown[i].name));
        one->age = v.shown[i].age;
        one->is_this = v.shown[i].is_this;
        one->other_key = v.shown[i].other_key;
    }
}

bool snapshot_is_alive(const struct snapshot *s, usec now)
{
    return now - s->made < STANDSTILL;
}

static bool is_named(const struct account_view *a, const char *name)
{
    char cleaned[sizeof a->name];
    text_clean(cleaned, sizeof cleaned, slice_of(name));
    return strcmp(a->name, cleaned) == 0;
}

bool snapshot_has_account(const struct snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->naccounts; i++)
        if (is_named(&s->accounts[i], name))
            return true;
    return false;
}

bool snapshot_is_ready(const struct snapshot *s, const char *account, usec now, char *why,
                       size_t size)
{
    if (s->draining) {
        snprintf(why, size, "shutting down");
        return false;
    }
    bool spools = false;
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct account_view *a = &s->accounts[i];
        if ((a->works && now <= a->fresh_until) || (account && !is_named(a, account)))
            continue;
        if (s->spool.takes) {
            spools = true;
            continue;
        }
        const char *what = a->standing == STANDING_AUTH_REFUSED ? "the credentials are refused"
                           : a->standing == STANDING_NO_TOKEN   ? "there is no access token"
                           : a->standing == STANDING_NO_PORT    ? "no port works"
                           : a->works ? "what is known is too old and is being renewed"
                                      : "no port is proven yet";
        snprintf(why, size, "account %s (%s): %s", a->name, a->host, what);
        return false;
    }
    snprintf(why, size, "%s", spools ? "spooling" : "ready");
    return true;
}

/* Then others of a group would do better. */
static bool is_full_and_cut_off(const struct snapshot *s)
{
    for (size_t i = 0; i < s->naccounts; i++)
        if (s->accounts[i].works)
            return false;
    return s->spool.is_full;
}

bool snapshot_is_accepting(const struct snapshot *s, usec now, char *why, size_t size)
{
    const char *what = s->draining                  ? "shutting down"
                       : !s->listening              ? "no socket takes clients"
                       : s->spool.is_drained        ? "the spool is drained"
                       : !snapshot_is_alive(s, now) ? "the event loop stands still"
                       : is_full_and_cut_off(s)     ? "no port works and the spool is full"
                                                    : NULL;
    snprintf(why, size, "%s", what ? what : "accepting");
    return !what;
}

/* Reads "gateway:8025" or "[::1]:8025" and returns the name without brackets and port. */
static struct slice without_port(struct slice host)
{
    size_t close = slice_find(host, ']');
    if (slice_starts(host, "[") && close < host.len)
        return slice_head(host, close + 1);
    return slice_head(host, slice_find(host, ':'));
}

bool snapshot_has_host(const struct snapshot *s, struct slice host)
{
    struct addr asked, known;
    struct slice bare = without_port(slice_trim(host));
    bool is_address = addr_parse(bare, &asked);
    if (bare.len > 1 && bare.data[bare.len - 1] == '.')
        bare.len--;
    for (size_t i = 0; i < s->hosts.n; i++) {
        struct slice name = slice_of(s->hosts.items[i]);
        if (is_address ? addr_parse(name, &known) && addr_equal(&asked, &known)
                       : slice_is_word(bare, s->hosts.items[i]))
            return true;
    }
    return is_address && s->own_addresses && listener_address_is_ours(&asked);
}
