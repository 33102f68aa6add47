/* The ladder of one account (PROMISES 5): which port works, what the others turned out to be, and
 * who dials when. The pool says how many sessions it wants; the ladder delivers sessions, or says
 * why there are none.
 *
 *   dial straight to the port that works; several at once. When that port fails or stands still,
 *   the dial grows into the race.
 *   race    all ports; one at a time, however many clients wait.
 *   detour  all ports but one: a session died young on that one, and another is wanted if it works.
 *   probe   one better port alone, in the background, after `reprobe`. */
#ifndef UPSTREAM_LADDER_H
#define UPSTREAM_LADDER_H

#include "upstream/facts.h"
#include "upstream/memory.h"
#include "upstream/rung.h"

struct ladder;

struct ladder_events {
    /* gives an idle authenticated session */
    void (*session)(void *ctx, struct smtp_client *client, struct rung *rung, const char *identity);
    /* a dial ended, a wait is over: look again at what is wanted */
    void (*changed)(void *ctx);
    /* no other port than this one works at the moment */
    void (*no_detour)(void *ctx, uint16_t port);
    /* The upstream refused one more session with these words. true: others of the account are
     * authenticated, so it speaks of their number, and not of a port. */
    bool (*full)(void *ctx, const char *words);
    /* may a background probe hold one session more? */
    bool (*has_room)(void *ctx);
};

/* Borrows env, keeps memory (a reference); starts from what it knows. Gives. */
struct ladder *ladder_new(struct upstream_env *env, struct memory *memory, const char *helo,
                          struct tls_context *tls, const struct ladder_events *events, void *ctx);
void ladder_free(struct ladder **l);
/* no background probes, nothing is remembered any more */
void ladder_retire(struct ladder *l);

/* Wants `wanted` sessions for the identity, of which `room` may be dialled beyond what is being
 * dialled. */
void ladder_supply(struct ladder *l, const char *identity, unsigned wanted, unsigned room);
/* false: there is no way to try (one port only), or one is on already. */
void ladder_detour(struct ladder *l, const char *identity, uint16_t avoid);
/* that is where the next dial goes */
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
/* refused, and the secret's source is asked again: neither closed nor open for a moment */
bool ladder_awaits_secret(const struct ladder *l, const char *identity);
/* the upstream answered the last race with 4xx: it is there, and has enough of us */
bool ladder_is_full(const struct ladder *l);
/* what a race still under way has found */
void ladder_report_so_far(struct ladder *l);
/* as things stand now, for who waited too long */
enum refusal ladder_reason(const struct ladder *l, const char *identity, char *words, size_t size);

/* A session that never completed anything died on this port: others go first. failure: NULL is no
 * fault of the port. */
void ladder_blame(struct ladder *l, struct rung *rung, const struct smtp_client_failure *failure);
/* Outside of AUTH: reply_revokes_login. */
void ladder_login_revoked(struct ladder *l, const struct rung *rung, const char *identity,
                          const struct reply *reply);
/* a reload: the next AUTH goes alone; a changed secret ends a wait */
void ladder_credentials_doubted(struct ladder *l, bool changed);
void ladder_network_changed(struct ladder *l);
/* borrows: for sessions to come */
void ladder_set_tls(struct ladder *l, struct tls_context *tls);

/* BDAT at this port: what is known as long as its EHLO says the same; what a session learnt. */
enum smtp_client_chunking ladder_chunking(const struct ladder *l, const struct rung *rung,
                                          uint64_t fingerprint);
void ladder_learn_chunking(struct ladder *l, const struct rung *rung, uint64_t fingerprint,
                           enum smtp_client_chunking known);

const struct account_facts *ladder_facts(const struct ladder *l);
enum standing ladder_standing(const struct ladder *l);
const struct rung *ladder_rungs(const struct ladder *l, size_t *n_r);
const struct port_report *ladder_reports(const struct ladder *l, size_t *n_r);

#endif
