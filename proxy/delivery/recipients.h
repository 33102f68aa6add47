/* The recipients of one message: what the client was told of each, and what the present session was
 * asked and has answered. A session that replaces a lost one is asked again for the recipients that
 * were accepted, and its answers are compared with those that were told (PROMISES 6, replay). */
#ifndef DELIVERY_RECIPIENTS_H
#define DELIVERY_RECIPIENTS_H

#include "wire/address.h"
#include "wire/params.h"
#include "wire/reply.h"

enum told { TOLD_NOTHING, TOLD_ACCEPTED, TOLD_REFUSED };

struct recipient {
    char *to;
    /* NULL if there are none, as with most recipients. */
    char *notify, *orcpt;
    /* The order in which they were added, from 0 on. */
    size_t index;
    bool has_utf8;
    enum told told;
};

struct recipients {
    /* In the order of the client. Refused ones are removed sooner or later; otherwise a client
     * could fill the memory with them. */
    struct recipient *items;
    size_t n, room;
    /* How many ever were. */
    size_t accepted, refused;
    /* How many were told nothing yet. */
    size_t waiting;
    /* The recipients before this index were considered for the present session. */
    size_t cursor;
    /* Indexes in `items`, in the order in which the session was asked. The first `dropped` are gone
     * from it. */
    size_t *asked;
    size_t nasked, asked_room;
    /* How many of those that were asked for have their answer, and how many of these have left the
     * list. */
    size_t answered, dropped;
};

/* A zero-initialised list is empty. */
void recipients_free(struct recipients *rs);
/* Copies address and parameters. Lends the new one until the next is added. */
struct recipient *recipients_add(struct recipients *rs, const struct address *to,
                                 const struct rcpt_params *params);
/* A new session was asked for no recipient yet. */
void recipients_restart(struct recipients *rs);
bool recipients_any_to_ask(const struct recipients *rs);
/* Returns the next recipient that the session shall be asked for, or NULL. Refused ones are
 * skipped. */
struct recipient *recipients_next(struct recipients *rs);
void recipients_asked(struct recipients *rs, const struct recipient *r);
/* Returns the recipient that this session was asked for at this place, or NULL behind the last. */
struct recipient *recipients_of_answer(struct recipients *rs, size_t index);

enum comparison {
    /* The client was told nothing yet. It gets this answer. */
    COMPARE_FIRST,
    /* It was accepted before and is accepted now. */
    COMPARE_SAME,
    /* It was accepted before and is refused now, so nothing may be sent. */
    COMPARE_CHANGED,
};
enum comparison recipients_compare(const struct recipient *r, const struct reply *reply);

/* Notes that the client was told this answer. */
void recipients_tell(struct recipients *rs, struct recipient *r, bool accepted);
/* Returns whether an accepted recipient is not ASCII. */
bool recipients_promised_utf8(const struct recipients *rs);

#endif
