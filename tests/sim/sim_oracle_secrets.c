/* "No credential leaves unprotected": the password is searched for, raw and in base64 at each of
 * its three alignments, in everything that went clear, in the log, in files and in what clients
 * were told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_history.h"

enum { NEEDLE = 200 };

struct needles {
    /* raw, then base64 at offsets 0, 1, 2 of a group */
    char text[4][NEEDLE];
};

static void encode(const unsigned char *in, size_t n, char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (; n >= 3; n -= 3, in += 3) {
        unsigned bits = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *out++ = alphabet[bits >> shift & 63];
    }
    /* whole groups only: what is sure to appear whatever follows */
    *out = '\0';
}

static void make_needles(struct needles *n, const char *secret)
{
    snprintf(n->text[0], NEEDLE, "%s", secret);
    /* the secret begins in the middle of a group: its first whole group counts */
    for (size_t offset = 0; offset < 3; offset++) {
        size_t skip = (3 - offset) % 3;
        n->text[1 + offset][0] = '\0';
        if (strlen(secret) > skip + 5)
            encode((const unsigned char *)secret + skip, strlen(secret) - skip,
                   n->text[1 + offset]);
    }
}

static const char *find(const struct needles *n, struct slice hay)
{
    for (size_t i = 0; i < 4; i++)
        if (n->text[i][0] && memmem(hay.data, hay.len, n->text[i], strlen(n->text[i])))
            return n->text[i];
    return NULL;
}

static bool may_be_clear_at(const struct sim_plan *plan, const struct addr *to)
{
    for (size_t i = 0; i < plan->nplaces; i++) {
        struct addr at;
        if (addr_parse_with_port(slice_of(plan->places[i].at), &at) && at.port == to->port &&
            addr_equal(&at, to))
            return plan->places[i].script.may_be_clear;
    }
    return false;
}

static void search_connections(const struct sim_play *play, const struct needles *n,
                               struct sim_verdict *v)
{
    for (size_t i = 0; i < sim_conn_count(play->sim); i++) {
        char text[ADDR_TEXT];
        if (may_be_clear_at(play->plan, sim_conn_to(play->sim, i)))
            continue;
        for (int d = SIM_UP; d <= SIM_DOWN; d++)
            if (find(n, sim_conn_clear(play->sim, i, (enum sim_direction)d)))
                sim_accuse(v, "the password went clear over connection %zu to %s", i,
                           addr_text_with_port(sim_conn_to(play->sim, i), text));
    }
}

static void check_logins(const struct sim_play *play, struct sim_verdict *v)
{
    const struct sim_plan *plan = play->plan;
    for (size_t i = 0; i < play->ledger->nlogins; i++) {
        const struct sim_login *l = &play->ledger->logins[i];
        if ((plan->needs_sealed && !l->sealed) || (plan->needs_genuine && !l->genuine))
            sim_accuse(v, "credentials were given to port %u, which had not earned them (%s, %s)",
                       l->port, l->sealed ? "sealed" : "clear",
                       l->genuine ? "genuine" : "an impostor");
        /* sim_oracle_tokens.c */
        if (plan->service.used && l->account == 0)
            continue;
        const struct sim_account *a = &plan->accounts[l->account];
        const char *user = plan->naccounts > 0 ? a->user : plan->user,
                   *password = plan->naccounts > 0 ? a->password : plan->password;
        bool whose = plan->by_sender || strcmp(l->user, user) == 0;
        if (!whose || strcmp(l->password, password) != 0)
            sim_accuse(v, "wrong credentials were sent to port %u", l->port);
    }
}

/* With identity = sender a message goes over a session that its own sender logged in on; one
 * without a sender by the account's name. */
static void check_identities(const struct sim_play *play, struct sim_verdict *v)
{
    for (size_t i = 0; play->plan->by_sender && i < play->ledger->nmails; i++) {
        const struct sim_mail *m = &play->ledger->mails[i];
        const char *whose = m->from[0] ? m->from : play->plan->user;
        bool found = false;
        for (size_t k = 0; k < play->ledger->nlogins; k++)
            found = found || (play->ledger->logins[k].session == m->session &&
                              strcmp(play->ledger->logins[k].user, whose) == 0);
        /* A service over HTTPS has no sessions. */
        if (!found && !m->by_api)
            sim_accuse(v, "mail from <%s> went over somebody else's session", m->from);
    }
}

/* A new process knows nothing of the refusal, nor does an account whose settings a reload changed;
 * what the old one was dialing then may end beside it. A reload that changes nothing forgives
 * nothing. */
static bool begins_anew_between(const struct sim_plan *plan, usec from, usec to)
{
    /* seconds: acquire_timeout, and the AUTH itself */
    enum { UNDER_WAY = 30 };
    const char *in_force = plan->ini;
    for (size_t i = 0; i < plan->nchanges; i++) {
        const struct sim_change *c = &plan->changes[i];
        /* the clock starts at one second; a restart may come later still */
        usec at = c->at + USEC_PER_SEC;
        if (c->what == SIM_TURN_NETWORK || c->what == SIM_TURN_CUT)
            continue;
        bool changed = strcmp(c->ini, in_force) != 0;
        in_force = c->ini;
        if (c->what != SIM_TURN_RELOAD
                ? to >= at
                : changed && to >= at && from <= at + UNDER_WAY * USEC_PER_SEC)
            return true;
    }
    return false;
}

/* All links died about when it was given: nobody heard it, and after silence the next one may
 * try. */
static bool answer_was_lost(const struct sim_plan *plan, usec when)
{
    for (size_t i = 0; i < plan->nchanges; i++) {
        const struct sim_change *c = &plan->changes[i];
        usec at = c->at + USEC_PER_SEC;
        if (c->what == SIM_TURN_CUT && at > when - USEC_PER_SEC && at < when + USEC_PER_SEC)
            return true;
    }
    return false;
}

/* A rest is forgotten by who starts anew, and ends with a network that changed. Who stopped just
 * before the answer came has not heard it. */
static bool stops_between(const struct sim_play *play, usec from, usec to)
{
    usec heard = from - USEC_PER_SEC;
    bool stops = play->healed > from && play->healed <= to;
    for (size_t i = 0; i < play->nstops; i++)
        stops = stops || (play->stops[i].at >= heard && play->stops[i].at <= to);
    return stops;
}

/* PROMISES 5: refused credentials are not tried again before retry_auth. Sessions that were under
 * way at that moment may still end. */
static void check_refused_logins(const struct sim_play *play, struct sim_verdict *v)
{
    /* seconds */
    enum { RETRY = 300, UNDER_WAY = 1 };
    const struct sim_ledger *l = play->ledger;
    for (size_t i = 0; i < l->nlogins; i++) {
        if (play->plan->service.used && l->logins[i].account == 0)
            continue;
        if ((l->logins[i].code != 535 && l->logins[i].code != 534 && l->logins[i].code != 530) ||
            answer_was_lost(play->plan, l->logins[i].when))
            continue;
        for (size_t k = i + 1; k < l->nlogins; k++) {
            usec after = l->logins[k].when - l->logins[i].when;
            if (l->logins[k].account != l->logins[i].account ||
                strcmp(l->logins[k].user, l->logins[i].user) != 0 ||
                begins_anew_between(play->plan, l->logins[i].when, l->logins[k].when) ||
                stops_between(play, l->logins[i].when, l->logins[k].when))
                continue;
            if (after > UNDER_WAY * USEC_PER_SEC && after < RETRY * USEC_PER_SEC)
                sim_accuse(
                    v, "credentials refused at port %u were sent again after %lld ms to port %u",
                    l->logins[i].port, (long long)(after / USEC_PER_MS), l->logins[k].port);
        }
    }
}

static void search(const struct sim_play *play, const char *password, struct sim_verdict *v)
{
    struct needles n;
    make_needles(&n, password);
    search_connections(play, &n, v);
    for (size_t i = 0; i < sim_log_count(play->sim); i++)
        if (find(&n, slice_of(sim_log_line(play->sim, i))))
            sim_accuse(v, "the password stands in the log: %s", sim_log_line(play->sim, i));
    for (size_t i = 0; i < play->plan->nclients; i++)
        if (find(&n, slice_of(sim_client_replies(play->clients[i]))))
            sim_accuse(v, "client %zu was told the password", i);
}

void sim_judge_secrets(const struct sim_play *play, struct sim_verdict *v)
{
    if (!play->plan->password)
        return;
    check_logins(play, v);
    check_identities(play, v);
    check_refused_logins(play, v);
    search(play, play->plan->password, v);
    for (size_t i = 0; i < play->service.ngiven && play->plan->service.used; i++) {
        char token[SIM_TOKEN];
        search(play, sim_service_token(i, token), v);
    }
    for (size_t i = 1; i < play->plan->naccounts; i++)
        search(play, play->plan->accounts[i].password, v);
}
