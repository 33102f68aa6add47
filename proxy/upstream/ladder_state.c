/* The knowledge of the ladder: which port works, what EHLO said, and why a race failed. It is
 * reported and stored here, too. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/loop.h"
#include "upstream/credential.h"
#include "upstream/ladder_private.h"
#include "upstream/share.h"

/* PROMISES 5: an outage must not cost every message the full wait. */
#define FAILURE_REMEMBERED (10 * USEC_PER_SEC)
/* A failure that came at once may be a restart, which is over in a moment. One more race is run
 * before any client hears of it. */
#define RESTART_REMEMBERED (1 * USEC_PER_SEC)

static usec now_of(const struct ladder *l)
{
    return loop_now(l->env->io->loop);
}

/* ---- memory ---- */

static void store(struct ladder *l)
{
    if (!l->retired)
        memory_put(l->memory, l->env->cfg->name, l->env->cfg->host, &l->record);
}

void ladder_recall(struct ladder *l)
{
    memory_get(l->memory, l->env->cfg->name, l->env->cfg->host, &l->record);
    for (size_t i = 0; i < l->n; i++) {
        const struct port *p = &l->reports[i].port;
        if (p->number == l->record.works.number && p->mode == l->record.works.mode)
            l->best = &l->rungs[i];
    }
    memcpy(l->env->good, l->record.addresses, sizeof l->env->good);
    l->env->ngood = l->record.naddresses;
}

static bool facts_equal(const struct account_facts *a, const struct account_facts *b)
{
    return a->known == b->known && a->has_size == b->has_size && a->size == b->size &&
           a->dsn == b->dsn && a->smtputf8 == b->smtputf8 && a->chunking == b->chunking &&
           a->eightbit == b->eightbit;
}

static bool learn_facts(struct ladder *l, const struct ehlo *e)
{
    struct account_facts f = {.known = true,
                              .has_size = e->has_size,
                              .size = e->size,
                              .dsn = e->dsn,
                              .smtputf8 = e->smtputf8,
                              .chunking = e->chunking,
                              .eightbit = e->eightbit};
    bool changed = !facts_equal(&f, &l->record.facts);
    l->record.facts = f;
    return changed;
}

/* Learns the address that worked first, then the other addresses of the name. Behind a proxy the
 * addresses are the proxy's and not worth storing. */
static bool learn_addresses(struct ladder *l, const struct addr *worked,
                            const struct addr *addresses, size_t n)
{
    struct addr list[CAP_DNS_ADDRESSES];
    size_t count = 0;
    bool changed;
    if (l->env->cfg->proxy.kind != PROXY_NONE || !worked || worked->family == ADDR_NONE)
        return false;
    list[count++] = *worked;
    list[0].port = 0;
    for (size_t i = 0; i < n && count < CAP_DNS_ADDRESSES; i++)
        if (!addr_equal(&addresses[i], worked))
            list[count++] = addresses[i];
    changed = count != l->env->ngood;
    for (size_t i = 0; i < count && !changed; i++)
        changed = !addr_equal(&list[i], &l->env->good[i]);
    memcpy(l->env->good, list, count * sizeof *list);
    memcpy(l->record.addresses, list, count * sizeof *list);
    l->env->ngood = l->record.naddresses = count;
    return changed;
}

void ladder_learn(struct ladder *l, const struct carrier *carrier, const struct addr *addresses,
                  size_t n)
{
    bool changed = learn_facts(l, carrier_ehlo(carrier));
    changed = learn_addresses(l, carrier_peer(carrier), addresses, n) || changed;
    if (changed)
        store(l);
}

void ladder_set_best(struct ladder *l, struct rung *rung)
{
    struct rung *before = l->best;
    l->best = rung;
    if (!rung)
        return;
    const struct port *p = &rung->report->port;
    if (before && before != rung) {
        char words[160];
        snprintf(words, sizeof words, "new sessions go to port %u now, no longer to %u",
                 (unsigned)p->number, (unsigned)before->report->port.number);
        log_event(l->env->io->log, LOG_INFO, words, log_str("account", l->env->cfg->name),
                  log_str("host", l->env->cfg->host));
    }
    if (p->number == l->record.works.number && p->mode == l->record.works.mode)
        return;
    l->record.works = *p;
    store(l);
}

enum smtp_client_chunking ladder_chunking(const struct ladder *l, const struct rung *rung,
                                          uint64_t fingerprint)
{
    for (size_t i = 0; i < l->record.nbdat; i++)
        if (l->record.bdat[i].port == rung->report->port.number &&
            l->record.bdat[i].fingerprint == fingerprint)
            return l->record.bdat[i].known;
    return CHUNKING_UNPROVEN;
}

void ladder_learn_chunking(struct ladder *l, const struct rung *rung, uint64_t fingerprint,
                           enum smtp_client_chunking known)
{
    uint16_t port = rung->report->port.number;
    enum smtp_client_chunking before = ladder_chunking(l, rung, fingerprint);
    size_t i = 0;
    /* One denial outweighs any proof. Otherwise a session that was told of the proof would undo the
     * denial. */
    if (known == CHUNKING_UNPROVEN || before == known || before == CHUNKING_BROKEN)
        return;
    if (before == CHUNKING_PROVEN)
        log_event(l->env->io->log, LOG_WARN,
                  "the upstream knew BDAT and denies it now, behind the same EHLO: messages go by "
                  "DATA from now on",
                  log_str("account", l->env->cfg->name), log_str("host", l->env->cfg->host),
                  log_num("port", port));
    while (i < l->record.nbdat && l->record.bdat[i].port != port)
        i++;
    if (i == CAP_MEMORY_PORTS)
        i = 0;
    else if (i == l->record.nbdat)
        l->record.nbdat++;
    l->record.bdat[i] = (struct memory_bdat){port, fingerprint, known};
    store(l);
}

/* ---- standing ---- */

/* Returns the words of the account's host about its login. 530 is also the answer to an account
 * without a login. */
static const char *refusal_words(const struct ladder *l)
{
    return credential_user(l->env->credential)[0] ? "refuses the configured credentials"
                                                  : "wants a login, and the account has none";
}

static void say_standing(const struct ladder *l, enum standing before)
{
    char words[700], list[512];
    const char *host = l->env->cfg->host;
    enum log_level level = LOG_ERROR;
    switch (l->standing) {
    case STANDING_NO_PORT:
        snprintf(words, sizeof words, "no port of %s works: %s", host,
                 rungs_summary(l->rungs, l->n, list, sizeof list));
        break;
    case STANDING_AUTH_REFUSED:
        (void)ladder_reason(l, NULL, list, sizeof list);
        snprintf(words, sizeof words,
                 "%s; the next try is in %" PRId64 " s, or after a reload with others", list,
                 ladder_wait_left(l) / USEC_PER_SEC);
        break;
    case STANDING_WORKS:
        /* The port's own line has said it. */
        if (before == STANDING_UNKNOWN)
            return;
        level = LOG_INFO;
        snprintf(words, sizeof words, "%s works again", host);
        break;
    default: return;
    }
    log_event(l->env->io->log, level, words, log_str("account", l->env->cfg->name),
              log_str("host", host));
}

void ladder_set_standing(struct ladder *l, enum standing standing)
{
    enum standing before = l->standing;
    l->standing = standing;
    if (before != standing)
        say_standing(l, before);
}

enum standing ladder_standing(const struct ladder *l)
{
    return l->standing;
}

/* ---- why there is no session ---- */

static bool only_tls_is_wrong(const struct ladder *l)
{
    bool some = false;
    for (size_t i = 0; i < l->n; i++) {
        if (!l->reports[i].saw_bytes)
            continue;
        if (!finding_is_tls(l->reports[i].finding))
            return false;
        some = true;
    }
    return some;
}

/* Of SMTP, where there is such a port: the login of `443/api` is another. */
static bool some_port_is(const struct ladder *l, enum finding finding)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->reports[i].finding == finding && (!rung_is_api(&l->rungs[i]) || !ladder_has_smtp(l)))
            return true;
    return false;
}

/* No access token is to be had just now, and nobody asks for one. */
static bool is_denied(const struct ladder *l, const char *identity)
{
    return logins_denied_for(l->env->share->logins, identity) > 0;
}

enum refusal ladder_reason(const struct ladder *l, const char *identity, char *words, size_t size)
{
    if (!ladder_has_smtp(l) && (ladder_rests(l, identity) || some_port_is(l, FINDING_TOKEN)))
        return ladder_api_reason(l, identity, words, size);
    if (credential_wait_left(l->env->credential) > 0) {
        snprintf(words, size, "%s %s", l->env->cfg->host, refusal_words(l));
        return REFUSAL_CREDENTIALS;
    }
    if (identity && logins_wait_left(l->env->share->logins, identity) > 0) {
        snprintf(words, size, "%s refuses the login of %s", l->env->cfg->host, identity);
        return REFUSAL_CREDENTIALS;
    }
    if (is_denied(l, identity) || some_port_is(l, FINDING_TOKEN)) {
        const char *whose = identity ? identity : credential_user(l->env->credential);
        const char *why = credential_denial(logins_credential(l->env->share->logins, whose));
        snprintf(words, size, "%s", why[0] ? why : "the token service has not answered yet");
        return REFUSAL_TOKEN;
    }
    rungs_summary(l->rungs, l->n, words, size);
    if (some_port_is(l, FINDING_AUTH_TEMPORARY))
        return REFUSAL_AUTH_TEMPORARY;
    for (size_t i = 0; i < l->n; i++)
        if (l->rungs[i].loops) {
            snprintf(words, size, "%s is this proxy itself", l->env->cfg->host);
            return REFUSAL_LOOP;
        }
    return only_tls_is_wrong(l) ? REFUSAL_TLS : REFUSAL_NO_PORT;
}

static bool all_came_at_once(const struct ladder *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (!l->rungs[i].at_once && !ladder_rung_rests(l, &l->rungs[i], NULL))
            return false;
    return true;
}

void ladder_race_begins(struct ladder *l)
{
    l->race_retries = now_of(l) < l->retry_until;
}

void ladder_close(struct ladder *l)
{
    usec now = now_of(l);
    bool at_once = all_came_at_once(l);
    usec remembered = at_once ? RESTART_REMEMBERED : FAILURE_REMEMBERED;
    l->failed_why = ladder_reason(l, NULL, l->failed_words, sizeof l->failed_words);
    l->failed_until = now + remembered;
    l->retry_until = at_once ? l->failed_until + RESTART_REMEMBERED : 0;
    l->answers_until = !at_once ? INT64_MAX : l->race_retries ? now : INT64_MIN;
    l->full = some_port_is(l, FINDING_GREETING_4XX) || some_port_is(l, FINDING_AUTH_TEMPORARY);
    timer_arm(l->reopen, remembered);
    ladder_set_best(l, NULL);
    ladder_set_standing(l, STANDING_NO_PORT);
}

void ladder_reopen(struct ladder *l)
{
    l->failed_until = 0;
    l->full = false;
    timer_stop(l->reopen);
}

void ladder_forget_failure(struct ladder *l)
{
    ladder_reopen(l);
    l->retry_until = 0;
}

bool ladder_awaits_secret(const struct ladder *l, const char *identity)
{
    return credential_is_asked_again(l->env->credential) ||
           (identity && logins_awaits_secret(l->env->share->logins, identity));
}

bool ladder_is_closed(const struct ladder *l, const char *identity, enum refusal *why_r,
                      char *words, size_t size)
{
    if (ladder_awaits_secret(l, identity))
        return false;
    if (ladder_rests(l, identity)) {
        *why_r = ladder_reason(l, identity, words, size);
        return true;
    }
    if (now_of(l) >= l->failed_until)
        return false;
    *why_r = l->failed_why;
    snprintf(words, size, "%s", l->failed_words);
    return true;
}

usec ladder_answers_until(const struct ladder *l)
{
    return ladder_rests(l, NULL) ? INT64_MAX : l->answers_until;
}

bool ladder_is_full(const struct ladder *l)
{
    return l->full;
}

/* ---- the order of a race ---- */

/* A rung is the best one, or one that is not blamed, or one that is. */
enum rung_place { PLACE_BEST, PLACE_OTHER, PLACE_BLAMED, PLACES };

static enum rung_place place_of(const struct ladder *l, const struct rung *r)
{
    return r == l->best ? PLACE_BEST : r->blamed ? PLACE_BLAMED : PLACE_OTHER;
}

size_t ladder_order(struct ladder *l, const char *identity, const struct rung *without,
                    struct rung **out)
{
    size_t n = 0;
    for (int place = PLACE_BEST; place < PLACES; place++)
        for (size_t i = 0; i < l->n; i++) {
            struct rung *r = &l->rungs[i];
            if (r != without && (int)place_of(l, r) == place && !ladder_rung_rests(l, r, identity))
                out[n++] = r;
        }
    return n;
}

const struct account_facts *ladder_facts(const struct ladder *l)
{
    return &l->record.facts;
}

const struct rung *ladder_rungs(const struct ladder *l, size_t *n_r)
{
    *n_r = l->n;
    return l->rungs;
}

const struct port_report *ladder_reports(const struct ladder *l, size_t *n_r)
{
    *n_r = l->n;
    return l->reports;
}
