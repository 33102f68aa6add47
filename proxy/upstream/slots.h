/* The sessions that all instances together may have with one credential. Each one that this
 * instance has, or dials, needs a slot; a slot is a name in the engine that lives for `lease`
 * without a word from its holder. Slots are taken one after the other, first come, first served
 * among the instances; all that is held is stated at every heartbeat; what is not needed is given
 * back. While the engine is away each instance uses its part of the limit. */
#ifndef UPSTREAM_SLOTS_H
#define UPSTREAM_SLOTS_H

#include "upstream/cluster.h"

struct slots;

/* One account. Several may have the same credential, and share one limit. */
struct slot_user {
    struct link link;
    struct slots *slots;
    /* This is the value of max_connections. */
    unsigned cap;
    /* Sessions that are open or being dialled, and how many more there should be. */
    unsigned used, wanted;
    /* The numbers of the slots that it holds. */
    uint64_t *members;
    unsigned held, size;
    /* How many of them go to others, whatever is wanted here. */
    unsigned owed;
    /* Since when it holds more than it needs. 0: it does not. */
    usec surplus_since;
    /* There may be more room than before, or less. */
    void (*changed)(void *ctx);
    void *ctx;
};

/* A user joins the other users of the credential. The struct belongs to the caller. */
void slots_join(struct cluster *c, const char *id, struct slot_user *user, unsigned cap,
                void (*changed)(void *ctx), void *ctx);
/* Gives back what it holds. */
void slots_leave(struct slot_user *user);

/* How many sessions may be begun, where `used` are open or being dialled, of `limit` at most. */
unsigned slots_room(const struct slot_user *user, unsigned used, unsigned limit);
/* Says what is used and how many more are wanted. Takes and gives in the background. */
void slots_wish(struct slot_user *user, unsigned used, unsigned wanted);
/* Somebody elsewhere waits for a slot: what is idle is to be given up. */
bool slots_are_contended(const struct slot_user *user);
/* A session has ended because others wait: its slot is theirs, and who wants one here asks anew. */
void slots_owe(struct slot_user *user);
/* Without the engine each has its part, and none waits until the lease of another is over: as many
 * sessions as this are too many, and those of them that are idle must end. */
unsigned slots_excess(const struct slot_user *user, unsigned used);
/* The engine has said that there is no slot for us now, or we have our part by ourselves. */
bool slots_are_short(const struct slot_user *user);
/* The others have sessions, had some a moment ago, or may have some. */
bool slots_others_have(const struct slot_user *user);
/* How many sessions the others have, as last heard. */
unsigned slots_elsewhere(const struct slot_user *user);

struct slots_view {
    unsigned mine, all, cap, waiting;
};
void slots_view(const struct slot_user *user, struct slots_view *view_r);

/* Asks for the same of any credential, without a part in it. `mine` stays 0. The question ends with
 * the cluster. view NULL: the engine is away. */
struct slots_look {
    void (*answer)(void *ctx, const struct slots_view *view);
    void *ctx;
};
void slots_look(struct cluster *c, const char *id, struct slots_look *look);

#endif
