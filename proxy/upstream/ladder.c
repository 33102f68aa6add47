/* Decides which port is dialled when. */
#include "upstream/ladder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "upstream/credential.h"
#include "upstream/ladder_private.h"
#include "upstream/share.h"

/* There was no room for one more session, so the probe waits. */
#define PROBE_POSTPONED (10 * USEC_PER_SEC)

static const struct race_events dial_events;

/* ---- dials ---- */

static struct dial *dial_start(struct ladder *l, enum dial_kind kind, const char *identity,
                               struct rung *const *rungs, size_t n)
{
    struct dial *d = NEW(struct dial);
    d->ladder = l;
    d->kind = kind;
    d->identity = mem_string(identity);
    d->rung = rungs[0];
    link_init(&d->link);
    list_push_back(&l->dials, &d->link);
    d->race = race_new(l->env, rungs, n, identity, &dial_events, d);
    return d;
}

static void dial_destroy(void *p)
{
    struct dial *d = p;
    free(d->identity);
    free(d);
}

/* Makes a dial none of those of which the ladder has only one. */
static void dial_step_down(struct dial *d)
{
    struct ladder *l = d->ladder;
    if (l->race == d)
        l->race = NULL;
    if (l->detour == d)
        l->detour = NULL;
    if (l->probe == d)
        l->probe = NULL;
}

static void dial_end(struct dial *d)
{
    struct ladder *l = d->ladder;
    if (!d->race)
        return;
    link_remove(&d->link);
    dial_step_down(d);
    race_free(&d->race);
    loop_free_later(l->env->io->loop, d, dial_destroy);
}

static void end_all(struct ladder *l)
{
    /* No attempt is let in because another leaves. */
    logins_clear(l->env->share->logins, NULL);
    while (!link_is_alone(&l->dials))
        dial_end(CONTAINER(l->dials.next, struct dial, link));
}

/* The dials of one identity. */
static void end_identity(struct ladder *l, const char *identity)
{
    logins_clear(l->env->share->logins, identity);
    LIST_EACH (&l->dials, it) {
        struct dial *d = CONTAINER(it, struct dial, link);
        if (strcmp(d->identity, identity) == 0)
            dial_end(d);
    }
}

static void end_all_but_a_login(struct ladder *l)
{
    logins_dismiss(l->env->share->logins);
    LIST_EACH (&l->dials, it) {
        struct dial *d = CONTAINER(it, struct dial, link);
        if (race_keep_login(d->race)) {
            dial_step_down(d);
            d->kind = DIAL_LOGIN;
        } else {
            dial_end(d);
        }
    }
}

static void end_stalled(struct ladder *l)
{
    LIST_EACH (&l->dials, it) {
        struct dial *d = CONTAINER(it, struct dial, link);
        if (d->kind == DIAL_BEST && d->stalled && d->rung != l->best)
            dial_end(d);
    }
}

/* ---- better ports, in the background ---- */

/* A login that was refused is not tried again unless somebody needs it. Where mail goes by
 * `443/api` all of it does. */
static bool may_probe(const struct ladder *l, const struct rung *r, const char *identity)
{
    if (ladder_rung_rests(l, r, identity))
        return false;
    return rung_is_api(r) || rung_is_api(l->best) || share_may_prove(l->env->share, identity);
}

static void arm_reprobe(struct ladder *l)
{
    usec due = INT64_MAX;
    if (l->retired || l->probe || !l->best) {
        timer_stop(l->reprobe);
        return;
    }
    for (size_t i = 0; i < l->best->index; i++)
        if (l->rungs[i].tried < due)
            due = l->rungs[i].tried;
    if (due == INT64_MAX)
        timer_stop(l->reprobe);
    else
        timer_arm(l->reprobe, due + l->env->cfg->reprobe - loop_now(l->env->io->loop));
}

static void on_reprobe(void *arg)
{
    struct ladder *l = arg;
    usec due = loop_now(l->env->io->loop) - l->env->cfg->reprobe;
    if (l->retired || l->probe || !l->best)
        return;
    const char *identity = credential_user(l->env->credential);
    bool has_room = l->events->has_room(l->ctx), postponed = false;
    for (size_t i = 0; i < l->best->index; i++) {
        struct rung *r = &l->rungs[i];
        if (r->tried > due)
            continue;
        if (has_room && may_probe(l, r, identity)) {
            l->probe = dial_start(l, DIAL_PROBE, identity, &r, 1);
            return;
        }
        postponed = true;
    }
    if (postponed)
        timer_arm(l->reprobe, PROBE_POSTPONED);
    else
        arm_reprobe(l);
}

void ladder_probe_again(struct ladder *l)
{
    on_reprobe(l);
}

/* ---- how dials end ---- */

static void adopt_winner(struct dial *d, struct rung *rung)
{
    struct ladder *l = d->ladder;
    bool better = !l->best || rung->index < l->best->index;
    bool alone = d->kind == DIAL_PROBE || d->kind == DIAL_DETOUR;
    rung->blamed = false;
    ladder_forget_failure(l);
    if (d->kind == DIAL_RACE || (alone && better) || !l->best)
        ladder_set_best(l, rung);
    ladder_set_standing(l, STANDING_WORKS);
    if (d->kind == DIAL_RACE)
        end_stalled(l);
}

static void on_won(void *ctx, struct carrier *carrier, struct rung *rung)
{
    struct dial *d = ctx;
    struct ladder *l = d->ladder;
    size_t n;
    const struct addr *addresses = race_addresses(d->race, &n);
    /* The first message proves the login of `443/api`. What its sessions say in the place of EHLO
     * counts where there is no other. */
    if (!rung_is_api(rung))
        share_login_accepted(l->env->share, d->identity);
    if (!rung_is_api(rung) || !ladder_has_smtp(l))
        ladder_learn(l, carrier, addresses, n);
    adopt_winner(d, rung);
    l->events->session(l->ctx, carrier, rung, d->identity);
    dial_end(d);
    arm_reprobe(l);
    l->events->changed(l->ctx);
}

static void on_failed(void *ctx)
{
    struct dial *d = ctx;
    struct ladder *l = d->ladder;
    enum dial_kind kind = d->kind;
    uint16_t avoid = d->avoid;
    dial_end(d);
    if (kind == DIAL_RACE)
        ladder_close(l);
    else if (kind == DIAL_DETOUR)
        l->events->no_detour(l->ctx, avoid);
    arm_reprobe(l);
    l->events->changed(l->ctx);
}

/* Tries no other port, because the same provider is behind it. */
static bool on_full(void *ctx, const char *words)
{
    struct dial *d = ctx;
    struct ladder *l = d->ladder;
    enum dial_kind kind = d->kind;
    uint16_t avoid = d->avoid;
    if (!l->events->full(l->ctx, words))
        return false;
    if (kind == DIAL_PROBE)
        d->rung->tried = loop_now(l->env->io->loop);
    dial_end(d);
    if (kind == DIAL_DETOUR)
        l->events->no_detour(l->ctx, avoid);
    arm_reprobe(l);
    l->events->changed(l->ctx);
    return true;
}

static void say_asked_again(const struct ladder *l, const char *whose)
{
    char words[400];
    snprintf(words, sizeof words,
             credential_gives_tokens(l->env->credential)
                 ? "%s is refused: %s is asked for another token"
                 : "%s is refused: %s is asked whether there is another password by now",
             whose, credential_key(l->env->credential));
    log_event(l->env->io->log, LOG_WARN, words, log_str("account", l->env->cfg->name),
              log_str("host", l->env->cfg->host));
}

/* One identity's, as long as it does not look like the account's: the others go on. */
static void identity_refused(struct ladder *l, const char *identity)
{
    char words[400];
    usec wait = logins_wait_left(l->env->share->logins, identity);
    snprintf(words, sizeof words, "the login of %s", identity);
    if (ladder_awaits_secret(l, identity)) {
        say_asked_again(l, words);
    } else {
        snprintf(words, sizeof words, "%s refuses the login of %s; the other identities go on",
                 l->env->cfg->host, identity);
        log_event(l->env->io->log, LOG_WARN, words, log_str("account", l->env->cfg->name),
                  log_str("host", l->env->cfg->host), log_str("identity", identity),
                  log_num("retry_in", wait / USEC_PER_SEC));
    }
    end_identity(l, identity);
}

static void account_refused(struct ladder *l)
{
    end_all(l);
    if (ladder_awaits_secret(l, NULL))
        say_asked_again(l, "the login");
    else
        ladder_say_resting(l, STANDING_AUTH_REFUSED);
}

/* Borrows an identity that may go with its dial. */
static void credentials_refused(struct ladder *l, const char *identity)
{
    char *whose = mem_string(identity);
    if (share_login_refused(l->env->share, whose))
        account_refused(l);
    else
        identity_refused(l, whose);
    free(whose);
    arm_reprobe(l);
    l->events->changed(l->ctx);
}

static void on_refused(void *ctx)
{
    struct dial *d = ctx;
    credentials_refused(d->ladder, d->identity);
}

/* There is no access token, whatever the port: all stop who would need it. */
static void on_denied(void *ctx)
{
    struct dial *d = ctx;
    struct ladder *l = d->ladder;
    if (logins_denied_for(l->env->share->logins, NULL) > 0 ||
        l->env->cfg->identity == IDENTITY_USERNAME) {
        end_all(l);
        ladder_say_resting(l, STANDING_NO_TOKEN);
    } else {
        end_identity(l, d->identity);
    }
    arm_reprobe(l);
    l->events->changed(l->ctx);
}

/* The port that worked fails or stands still: the rest of the ladder comes into play beside it,
 * once for however many dials. */
static void grow_into_race(struct dial *d)
{
    struct ladder *l = d->ladder;
    struct rung **others = mem_alloc(l->n * sizeof *others);
    size_t n = ladder_order(l, d->identity, d->rung, others);
    d->kind = DIAL_RACE;
    l->race = d;
    ladder_race_begins(l);
    race_extend(d->race, others, n);
    free(others);
}

static void on_stalled(void *ctx)
{
    struct dial *d = ctx;
    struct ladder *l = d->ladder;
    if (d->kind == DIAL_DETOUR) {
        l->events->no_detour(l->ctx, d->avoid);
        l->events->changed(l->ctx);
    } else if (d->kind == DIAL_BEST && !l->race) {
        grow_into_race(d);
    } else if (d->kind == DIAL_BEST) {
        d->stalled = true;
    }
}

static const struct race_events dial_events = {.won = on_won,
                                               .failed = on_failed,
                                               .full = on_full,
                                               .refused = on_refused,
                                               .denied = on_denied,
                                               .stalled = on_stalled};

/* ---- what the pool wants ---- */

static unsigned count_dials(const struct ladder *l, const char *identity)
{
    unsigned n = 0;
    LIST_EACH (&l->dials, it) {
        const struct dial *d = CONTAINER(it, struct dial, link);
        if (d->kind == DIAL_BEST && !d->stalled && strcmp(d->identity, identity) == 0)
            n++;
    }
    return n;
}

static void start_race(struct ladder *l, const char *identity)
{
    struct rung **order = mem_alloc(l->n * sizeof *order);
    size_t n = ladder_order(l, identity, NULL, order);
    if (n > 0) {
        ladder_race_begins(l);
        l->race = dial_start(l, DIAL_RACE, identity, order, n);
    }
    free(order);
}

void ladder_supply(struct ladder *l, const char *identity, unsigned wanted, unsigned room)
{
    enum refusal why;
    char words[8];
    bool api = l->best && rung_is_api(l->best);
    bool proven = api || logins_is_proven(l->env->share->logins, identity);
    bool is_one = l->env->cfg->identity == IDENTITY_USERNAME;
    if (l->race || room == 0 || wanted == 0 || ladder_awaits_secret(l, identity) ||
        ladder_is_closed(l, identity, &why, words, sizeof words))
        return;
    /* Another token would end the rest after refused ones. */
    if (!api && ladder_has_smtp(l) && !ladder_smtp_rests(l, identity))
        credential_prepare(logins_credential(l->env->share->logins, identity));
    if (!l->best || (is_one && !proven) || ladder_rung_rests(l, l->best, identity)) {
        start_race(l, identity);
        return;
    }
    /* The port is known, this sender is not: one login finds out. */
    wanted = proven ? wanted : 1;
    for (unsigned have = count_dials(l, identity); have < wanted && room > 0; have++, room--)
        dial_start(l, DIAL_BEST, identity, &l->best, 1);
}

void ladder_detour(struct ladder *l, const char *identity, uint16_t avoid)
{
    struct rung **order;
    size_t n;
    const struct rung *avoided = NULL;
    if (l->detour || ladder_awaits_secret(l, identity))
        return;
    for (size_t i = 0; i < l->n; i++)
        if (l->reports[i].port.number == avoid)
            avoided = &l->rungs[i];
    order = mem_alloc(l->n * sizeof *order);
    n = ladder_order(l, identity, avoided, order);
    if (n && avoided) {
        l->detour = dial_start(l, DIAL_DETOUR, identity, order, n);
        l->detour->avoid = avoid;
    } else {
        l->events->no_detour(l->ctx, avoid);
    }
    free(order);
}

bool ladder_works_on(const struct ladder *l, uint16_t port)
{
    return l->best && l->best->report->port.number == port;
}

unsigned ladder_dialing(const struct ladder *l)
{
    unsigned n = 0;
    LIST_EACH (&l->dials, it)
        n++;
    return n;
}

bool ladder_is_racing(const struct ladder *l)
{
    return l->race != NULL;
}

void ladder_report_so_far(struct ladder *l)
{
    if (l->race)
        race_report_so_far(l->race->race);
}

bool ladder_is_dialing_for(const struct ladder *l, const char *identity)
{
    return l->race || count_dials(l, identity) > 0;
}

/* ---- what happens to it ---- */

void ladder_blame(struct ladder *l, struct rung *rung, const struct smtp_client_failure *failure)
{
    struct attempt_result result = {
        .finding = FINDING_RESET, .saw_bytes = true, .address = rung->report->address};
    /* What the API refuses, or answers in its place, was told by its session. */
    if (!failure || failure->fault == SMTP_CLIENT_FAULT_REPLY ||
        failure->fault == SMTP_CLIENT_FAULT_BARRED || failure->fault == SMTP_CLIENT_FAULT_STRANGE)
        return;
    snprintf(
        result.words, sizeof result.words,
        rung_is_api(rung)
            ? "%u/api answers, and does not take a message (%.200s): the service does not work "
              "just now, or something on the way breaks it off"
            : "%u logs us in and then loses the session (%.200s): something on the way, or the "
              "server itself, breaks it off",
        (unsigned)rung->report->port.number, failure->err.words);
    rung_report(rung, l->env, &result);
    rung->blamed = true;
    if (l->best == rung)
        ladder_set_best(l, NULL);
}

void ladder_login_revoked(struct ladder *l, struct rung *rung, const char *identity,
                          const struct reply *reply)
{
    char said[160];
    const struct upstream_config *cfg = l->env->cfg;
    struct attempt_result result = {.finding = FINDING_AUTH_REFUSED,
                                    .saw_bytes = true,
                                    .address = rung->report->address,
                                    .took = rung->report->took,
                                    .sight = rung->sight};
    snprintf(result.words, sizeof result.words,
             cfg->username
                 ? "%u let us log in, and takes no mail from us all the same (%s): the login is "
                   "good for something else, or was locked"
                 : "%u takes no mail without a login (%s): set username and password_file",
             (unsigned)rung->report->port.number, reply_words(reply, said, sizeof said));
    rung_report(rung, l->env, &result);
    credentials_refused(l, identity);
}

void ladder_another_secret(struct ladder *l)
{
    ladder_forget_failure(l);
    if (l->standing == STANDING_AUTH_REFUSED || l->standing == STANDING_NO_TOKEN)
        ladder_set_standing(l, STANDING_UNKNOWN);
    l->events->changed(l->ctx);
}

void ladder_credentials_doubted(struct ladder *l, bool changed)
{
    logins_doubted(l->env->share->logins, changed);
    if (changed)
        ladder_another_secret(l);
}

/* The source of the secret was asked again, and has answered. What a source answers of itself ends
 * every rest; what it was asked for one identity, that one's. */
static void on_fetched(void *ctx, bool differs)
{
    struct ladder *l = ctx;
    bool awaited = logins_secret_fetched(l->env->share->logins, differs);
    if (credential_wait_left(l->env->credential) > 0)
        ladder_say_resting(l, STANDING_AUTH_REFUSED);
    if (!differs) {
        l->events->changed(l->ctx);
        return;
    }
    logins_doubted(l->env->share->logins, !awaited);
    ladder_another_secret(l);
}

void ladder_network_changed(struct ladder *l)
{
    end_all_but_a_login(l);
    ladder_forget_failure(l);
    ladder_set_best(l, NULL);
    for (size_t i = 0; i < l->n; i++)
        l->rungs[i].blamed = false;
    arm_reprobe(l);
    l->events->changed(l->ctx);
}

void ladder_set_tls(struct ladder *l, struct tls_context *tls)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->rungs[i].settings.context)
            l->rungs[i].settings.context = tls;
}

/* ---- life ---- */

static void on_reopen(void *arg)
{
    struct ladder *l = arg;
    ladder_reopen(l);
    l->events->changed(l->ctx);
}

struct ladder *ladder_new(struct upstream_env *env, struct memory *memory, const char *helo,
                          struct tls_context *tls, const struct ladder_events *events, void *ctx)
{
    struct ladder *l = NEW(struct ladder);
    l->env = env;
    l->memory = memory_ref(memory);
    l->events = events;
    l->ctx = ctx;
    l->n = env->cfg->ports.n;
    l->rungs = mem_alloc(l->n * sizeof *l->rungs);
    l->reports = mem_alloc(l->n * sizeof *l->reports);
    for (size_t i = 0; i < l->n; i++)
        rung_init(&l->rungs[i], i, &l->reports[i], env, helo, tls);
    link_init(&l->dials);
    l->reprobe = timer_new(env->io->loop, on_reprobe, l);
    l->reopen = timer_new(env->io->loop, on_reopen, l);
    ladder_recall(l);
    logins_set_listener(env->share->logins, on_fetched, l);
    ladder_listen_to_api(l);
    return l;
}

void ladder_retire(struct ladder *l)
{
    l->retired = true;
    timer_stop(l->reprobe);
    if (l->probe)
        dial_end(l->probe);
}

void ladder_free(struct ladder **ladder)
{
    struct ladder *l = *ladder;
    *ladder = NULL;
    if (!l)
        return;
    end_all(l);
    logins_set_listener(l->env->share->logins, NULL, NULL);
    ladder_leave_api(l);
    timer_free(&l->reprobe);
    timer_free(&l->reopen);
    for (size_t i = 0; i < l->n; i++)
        rung_free(&l->rungs[i]);
    free(l->rungs);
    free(l->reports);
    memory_unref(&l->memory);
    free(l);
}
