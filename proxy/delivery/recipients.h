/* The recipients of one message: what was told of each, and what the session at hand
 * was asked and has answered. A session that replaces a lost one is asked again for those that were
 * accepted; its answers are compared with what was told (PROMISES 6, replay). */
#ifndef DELIVERY_RECIPIENTS_H
#define DELIVERY_RECIPIENTS_H

#include "wire/address.h"
#include "wire/params.h"
#include "wire/reply.h"

enum told { TOLD_NOTHING, TOLD_ACCEPTED, TOLD_REFUSED };

struct recipient {
    char *to;
    /* NULL for none, as most have: nothing is allocated for what is not there. */
    char *notify, *orcpt;
    /* in the order in which they were added, from 0 on */
    size_t index;
    bool has_utf8;
    enum told told;
};

struct recipients {
    /* in the order of the client; refused ones are left out sooner or later, or a client could name
     * them without end */
    struct recipient *items;
    size_t n, room;
    /* ever */
    size_t accepted, refused;
    /* who were told nothing yet */
    size_t waiting;
    /* those before were considered for the session at hand */
    size_t cursor;
    /* indexes in `items`, in the order in which the session was asked, from the dropped-th on */
    size_t *asked;
    size_t nasked, asked_room;
    /* of those asked: how many have their answer, how many of these left the list */
    size_t answered, dropped;
};

/* zero-initialised is empty */
void recipients_free(struct recipients *rs);
/* Copies address and parameters. Lends the new one until the next is added. */
struct recipient *recipients_add(struct recipients *rs, const struct address *to,
                                 const struct rcpt_params *params);
/* a new session: nobody was asked */
void recipients_restart(struct recipients *rs);
bool recipients_any_to_ask(const struct recipients *rs);
/* the next to ask the session for, or NULL: refused ones are left out */
struct recipient *recipients_next(struct recipients *rs);
void recipients_asked(struct recipients *rs, const struct recipient *r);
/* the index-th that this session was asked for; NULL beyond */
struct recipient *recipients_of_answer(struct recipients *rs, size_t index);

enum comparison {
    /* nothing was told yet: tell */
    COMPARE_FIRST,
    /* accepted before, accepted now */
    COMPARE_SAME,
    /* accepted before, not now: nothing may be sent */
    COMPARE_CHANGED,
};
enum comparison recipients_compare(const struct recipient *r, const struct reply *reply);

/* The recipient gets its answer now. */
void recipients_tell(struct recipients *rs, struct recipient *r, bool accepted);
/* one who is not ASCII was accepted */
bool recipients_promised_utf8(const struct recipients *rs);

#endif
