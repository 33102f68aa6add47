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
    DIAL_LOGIN /* one of them, of which only a login is left (race_keep_login) */
};

struct dial {
    struct link link;
    struct ladder *ladder;
    enum dial_kind kind;
    struct race *race;
    char *identity;
    struct rung *rung; /* where DIAL_BEST and DIAL_PROBE go */
    uint16_t avoid;    /* of DIAL_DETOUR */
    bool stalled;      /* a DIAL_BEST that stands still beside a race: no supply to count on */
};

struct ladder {
    struct upstream_env *env;
    struct memory *memory;
    const struct ladder_events *events;
    void *ctx;
    struct rung *rungs;
    struct port_report *reports;
    size_t n;
    struct rung *best; /* where dials go; NULL: not known */
    struct link dials;
    struct dial *race, *detour, *probe; /* also in the list; one each at a time */
    struct timer *reprobe, *reopen;
    usec failed_until;
    enum refusal failed_why;
    char failed_words[512];
    bool full;
    enum standing standing;
    struct memory_record record;
    bool retired;
};

/* ---- ladder_state.c ---- */
void ladder_recall(struct ladder *l); /* from memory, at start */
void ladder_learn(struct ladder *l, const struct client *client, const struct addr *addresses, size_t n);
void ladder_set_best(struct ladder *l, struct rung *rung); /* NULL: none */
void ladder_set_standing(struct ladder *l, enum standing standing);
void ladder_close(struct ladder *l); /* a race failed: remembers why, for a moment */
void ladder_reopen(struct ladder *l);
size_t ladder_order(struct ladder *l, const struct rung *without, struct rung **out); /* the rungs as a race should try them */

#endif
