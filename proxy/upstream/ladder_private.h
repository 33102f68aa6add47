/* Shared by ladder.c (when each port is dialled) and ladder_state.c (what is known). */
#ifndef UPSTREAM_LADDER_PRIVATE_H
#define UPSTREAM_LADDER_PRIVATE_H

#include "upstream/ladder.h"
#include "upstream/race.h"

enum dial_kind {
    DIAL_BEST,
    DIAL_RACE,
    DIAL_DETOUR,
    DIAL_PROBE,
    /* A dial of any of the kinds above, reduced to its unanswered AUTH (race_keep_login). */
    DIAL_LOGIN
};

struct dial {
    struct link link;
    struct ladder *ladder;
    enum dial_kind kind;
    struct race *race;
    char *identity;
    /* The target of DIAL_BEST and DIAL_PROBE. */
    struct rung *rung;
    /* The port that DIAL_DETOUR avoids. */
    uint16_t avoid;
    /* A DIAL_BEST that makes no progress while a race goes on. Do not count on its session. */
    bool stalled;
};

struct ladder {
    struct upstream_env *env;
    struct memory *memory;
    const struct ladder_events *events;
    void *ctx;
    struct rung *rungs;
    struct port_report *reports;
    size_t n;
    /* The target of dials. NULL if it is not known. */
    struct rung *best;
    struct link dials;
    /* They are also in the list. There is at most one of each. */
    struct dial *race, *detour, *probe;
    struct timer *reprobe, *reopen;
    usec failed_until;
    /* A race that begins before this loop time is the second one after findings that came at
     * once. */
    usec retry_until;
    /* The race in progress is such a second one. */
    bool race_retries;
    /* The failed race answers the leases that began to wait before this loop time. */
    usec answers_until;
    enum refusal failed_why;
    char failed_words[512];
    bool full;
    enum standing standing;
    struct memory_record record;
    bool retired;
};

/* ---- ladder_state.c ---- */
/* Reads the memory. Called at the start. */
void ladder_recall(struct ladder *l);
void ladder_learn(struct ladder *l, const struct carrier *carrier, const struct addr *addresses,
                  size_t n);
/* The rung may be NULL. */
void ladder_set_best(struct ladder *l, struct rung *rung);
void ladder_set_standing(struct ladder *l, enum standing standing);
/* Notes whether it is the second race after findings that came at once. */
void ladder_race_begins(struct ladder *l);
/* Remembers for a moment why a race failed. */
void ladder_close(struct ladder *l);
/* The moment is over, or there is a reason to dial again. */
void ladder_reopen(struct ladder *l);
/* Does what ladder_reopen does, and the next race is a first one. */
void ladder_forget_failure(struct ladder *l);
/* Writes the rungs in the order in which a race tries them, but for those that rest. Returns their
 * number. */
size_t ladder_order(struct ladder *l, const char *identity, const struct rung *without,
                    struct rung **out);

/* ---- ladder.c ---- */
void ladder_another_secret(struct ladder *l);

/* ---- ladder_api.c ---- */
/* It was refused for this identity a while ago, or there is no token for it. NULL: for all. */
bool ladder_rung_rests(const struct ladder *l, const struct rung *r, const char *identity);
/* The same for the rungs of SMTP. */
bool ladder_smtp_rests(const struct ladder *l, const char *identity);
/* How long the login rests: of SMTP, where there is such a port. */
usec ladder_wait_left(const struct ladder *l);
bool ladder_has_smtp(const struct ladder *l);
/* Why `443/api`, which is the only rung, rests. */
enum refusal ladder_api_reason(const struct ladder *l, const char *identity, char *words,
                               size_t size);
/* The rungs of SMTP rest. That is the account's standing, unless `443/api` goes on. */
void ladder_say_resting(struct ladder *l, enum standing standing);
void ladder_listen_to_api(struct ladder *l);
void ladder_leave_api(struct ladder *l);

#endif
