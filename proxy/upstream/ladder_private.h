/* What ladder.c (who dials when) and ladder_state.c (what is known) share. */
#ifndef UPSTREAM_LADDER_PRIVATE_H
#define UPSTREAM_LADDER_PRIVATE_H

#include "upstream/ladder.h"
#include "upstream/race.h"

enum dial_kind {
    DIAL_BEST,
    DIAL_RACE,
    DIAL_DETOUR,
    DIAL_PROBE,
    /* one of them, of which only a login is left (race_keep_login) */
    DIAL_LOGIN
};

struct dial {
    struct link link;
    struct ladder *ladder;
    enum dial_kind kind;
    struct race *race;
    char *identity;
    /* where DIAL_BEST and DIAL_PROBE go */
    struct rung *rung;
    /* of DIAL_DETOUR */
    uint16_t avoid;
    /* a DIAL_BEST that stands still beside a race: no supply to count on */
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
    /* where dials go; NULL: not known */
    struct rung *best;
    struct link dials;
    /* also in the list; one each at a time */
    struct dial *race, *detour, *probe;
    struct timer *reprobe, *reopen;
    usec failed_until;
    /* A race that begins until then is the next one after findings that came at once. */
    usec retry_until;
    /* the race under way is such a one */
    bool race_retries;
    /* the failed race answers those who began to wait until then */
    usec answers_until;
    enum refusal failed_why;
    char failed_words[512];
    bool full;
    enum standing standing;
    struct memory_record record;
    bool retired;
};

/* ---- ladder_state.c ---- */
/* from memory, at start */
void ladder_recall(struct ladder *l);
void ladder_learn(struct ladder *l, const struct smtp_client *client, const struct addr *addresses,
                  size_t n);
/* NULL: none */
void ladder_set_best(struct ladder *l, struct rung *rung);
void ladder_set_standing(struct ladder *l, enum standing standing);
/* Notes whether it is the next one after findings that came at once. */
void ladder_race_begins(struct ladder *l);
/* a race failed: remembers why, for a moment */
void ladder_close(struct ladder *l);
/* the moment is over, or dialling has a reason again */
void ladder_reopen(struct ladder *l);
/* the same, and the next race is a first one */
void ladder_forget_failure(struct ladder *l);
/* the rungs as a race should try them */
size_t ladder_order(struct ladder *l, const struct rung *without, struct rung **out);

#endif
