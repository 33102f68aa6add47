/* The ladder of one account (PRODUCT 5): which port works, what the others turned out to be, and who dials when. The pool says how many sessions it
 * wants; the ladder delivers sessions, or says why there are none.
 *
 *   dial    straight to the port that works; several at once. When that port fails or stands still, the dial grows into the race.
 *   race    all ports; one at a time, however many clients wait.
 *   detour  all ports but one: a session died young on that one, and another is wanted if it works.
 *   probe   one better port alone, in the background, after `reprobe`. */
#ifndef UPSTREAM_LADDER_H
#define UPSTREAM_LADDER_H

#include "upstream/account.h"
#include "upstream/memory.h"
#include "upstream/rung.h"

struct ladder;

struct ladder_events {
    void (*session)(void *ctx, struct client *client, struct rung *rung, const char *identity); /* gives an idle authenticated session */
    void (*changed)(void *ctx);                  /* a dial ended, a wait is over: look again at what is wanted */
    void (*no_detour)(void *ctx, uint16_t port); /* no other port than this one works at the moment */
    bool (*has_room)(void *ctx);                 /* may a background probe hold one session more? */
};

/* Borrows env, keeps memory (a reference); starts from what it knows. Gives. */
struct ladder *ladder_new(struct upstream_env *env, struct memory *memory, const char *helo, struct tls_context *tls,
                          const struct ladder_events *events, void *ctx);
void ladder_free(struct ladder **l);
void ladder_retire(struct ladder *l); /* no background probes, nothing is remembered any more */

/* Wants `wanted` sessions for the identity, of which `room` may be dialled beyond what is being dialled. */
void ladder_supply(struct ladder *l, const char *identity, unsigned wanted, unsigned room);
/* false: there is no way to try (one port only), or one is on already. */
void ladder_detour(struct ladder *l, const char *identity, uint16_t avoid);
bool ladder_works_on(const struct ladder *l, uint16_t port); /* that is where the next dial goes */
unsigned ladder_dialing(const struct ladder *l);
bool ladder_is_racing(const struct ladder *l);
bool ladder_is_dialing_for(const struct ladder *l, const char *identity);

/* Is there a standing reason not to dial (refused credentials; a race that failed a moment ago)? */
bool ladder_is_closed(const struct ladder *l, enum refusal *why_r, char *words, size_t size);
bool ladder_awaits_secret(const struct ladder *l); /* refused, and password_command is asked again: neither closed nor open for a moment */
usec ladder_closed_for(const struct ladder *l);    /* until the wait is over; 0: it is open */
bool ladder_is_full(const struct ladder *l);       /* the upstream answered the last race with 4xx: it is there, and has enough of us */
void ladder_report_so_far(struct ladder *l);       /* what a race still under way has found */
enum refusal ladder_reason(const struct ladder *l, char *words, size_t size); /* as things stand now, for who waited too long */

/* A session that never completed anything died on this port: others go first. failure: NULL is no fault of the port. */
void ladder_blame(struct ladder *l, struct rung *rung, const struct client_failure *failure);
void ladder_login_revoked(struct ladder *l, const struct rung *rung, const struct reply *reply); /* 530, 535, 534 outside of AUTH */
void ladder_credentials_doubted(struct ladder *l, bool changed); /* a reload: the next AUTH goes alone; a changed secret ends a wait */
void ladder_network_changed(struct ladder *l);
void ladder_set_tls(struct ladder *l, struct tls_context *tls); /* borrows: for sessions to come */

/* BDAT at this port: what is known as long as its EHLO says the same; what a session learnt. */
enum client_chunking ladder_chunking(const struct ladder *l, const struct rung *rung, uint64_t fingerprint);
void ladder_learn_chunking(struct ladder *l, const struct rung *rung, uint64_t fingerprint, enum client_chunking known);

const struct account_facts *ladder_facts(const struct ladder *l);
enum standing ladder_standing(const struct ladder *l);
const struct rung *ladder_rungs(const struct ladder *l, size_t *n_r);
const struct port_report *ladder_reports(const struct ladder *l, size_t *n_r);

#endif
