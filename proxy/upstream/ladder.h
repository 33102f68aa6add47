/* The ladder of one account (PROMISES 5): which port works, what the others turned out to be, and
 * when each is dialled. The pool says how many sessions it wants. The ladder delivers sessions, or
 * says why there are none. It has four kinds of dials.
 *
 * A dial goes to the port that works; there may be several at once. When that port fails or makes
 * no progress, the dial grows into the race.
 *
 * A race goes to all ports. There is one at a time, however many clients wait.
 *
 * A detour goes to all ports but one. A session failed early on that port, and another port is
 * wanted if it works.
 *
 * A probe goes to one better port alone, in the background, after `reprobe`. */
#ifndef UPSTREAM_LADDER_H
#define UPSTREAM_LADDER_H

#include "upstream/facts.h"
#include "upstream/memory.h"
#include "upstream/rung.h"

struct ladder;

struct ladder_events {
    /* Gives an idle authenticated session. */
    void (*session)(void *ctx, struct carrier *carrier, struct rung *rung, const char *identity);
    /* A dial or a wait has ended. The pool shall look again at what it wants. */
    void (*changed)(void *ctx);
    /* No port other than this one works at the moment. */
    void (*no_detour)(void *ctx, uint16_t port);
    /* The upstream refused one more session with these words. Returns true if other sessions of the
     * account are authenticated: then the words are about their number and not about a port. */
    bool (*full)(void *ctx, const char *words);
    /* Returns whether a background probe may hold one more session. */
    bool (*has_room)(void *ctx);
};

/* Borrows env. Keeps a reference to memory and starts with what it holds. Gives. */
struct ladder *ladder_new(struct upstream_env *env, struct memory *memory, const char *helo,
                          struct tls_context *tls, const struct ladder_events *events, void *ctx);
void ladder_free(struct ladder **l);
/* After this there are no background probes, and nothing is remembered. */
void ladder_retire(struct ladder *l);

/* Wants `wanted` sessions for the identity. Of these, `room` may be dialled in addition to the
 * dials in progress. */
void ladder_supply(struct ladder *l, const char *identity, unsigned wanted, unsigned room);
/* Returns false if nothing can be tried (there is only one port), or if a detour is in progress. */
void ladder_detour(struct ladder *l, const char *identity, uint16_t avoid);
/* Returns whether the next dial goes to this port. */
bool ladder_works_on(const struct ladder *l, uint16_t port);
unsigned ladder_dialing(const struct ladder *l);
bool ladder_is_racing(const struct ladder *l);
bool ladder_is_dialing_for(const struct ladder *l, const char *identity);

/* Is there a standing reason not to dial (refused credentials; a race that failed a moment ago)?
 * identity NULL: one that holds for all. */
bool ladder_is_closed(const struct ladder *l, const char *identity, enum refusal *why_r,
                      char *words, size_t size);
/* While it is closed: that answers those who began to wait until this loop time. Those who came
 * later wait for the next race, because what came at once may be a restart of the upstream. */
usec ladder_answers_until(const struct ladder *l);
/* The secret was refused and its source is asked again, so the ladder is neither closed nor open
 * for a moment. */
bool ladder_awaits_secret(const struct ladder *l, const char *identity);
/* Every rung rests for this identity: its login was refused a while ago, or there is no token. */
bool ladder_rests(const struct ladder *l, const char *identity);
/* The number of sessions that the best port takes, whatever max_connections says. */
unsigned ladder_limit(const struct ladder *l);
/* The upstream answered the last race with 4xx: it works and has enough of us. */
bool ladder_is_full(const struct ladder *l);
/* Reports what a race in progress has found. */
void ladder_report_so_far(struct ladder *l);
/* Returns the reason as things are now, for a lease that waited too long. */
enum refusal ladder_reason(const struct ladder *l, const char *identity, char *words, size_t size);

/* A session that completed nothing ended on this port, so other ports go first. A failure of NULL
 * is no fault of the port. */
void ladder_blame(struct ladder *l, struct rung *rung, const struct smtp_client_failure *failure);
/* Outside of AUTH: reply_revokes_login. */
void ladder_login_revoked(struct ladder *l, struct rung *rung, const char *identity,
                          const struct reply *reply);
/* There is room for the probe that was put off. */
void ladder_probe_again(struct ladder *l);
/* Call this on a reload. The next AUTH goes alone. A changed secret ends a wait. */
void ladder_credentials_doubted(struct ladder *l, bool changed);
void ladder_network_changed(struct ladder *l);
/* Borrows the context for future sessions. */
void ladder_set_tls(struct ladder *l, struct tls_context *tls);

/* BDAT at this port: what is known as long as its EHLO says the same, and what a session learnt. */
enum smtp_client_chunking ladder_chunking(const struct ladder *l, const struct rung *rung,
                                          uint64_t fingerprint);
void ladder_learn_chunking(struct ladder *l, const struct rung *rung, uint64_t fingerprint,
                           enum smtp_client_chunking known);

const struct account_facts *ladder_facts(const struct ladder *l);
enum standing ladder_standing(const struct ladder *l);
const struct rung *ladder_rungs(const struct ladder *l, size_t *n_r);
const struct port_report *ladder_reports(const struct ladder *l, size_t *n_r);

#endif
