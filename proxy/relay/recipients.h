/* The recipients of one message: what the client was told about each, and what the session at hand was asked and has answered. A session that
 * replaces a lost one is asked again for those that were accepted; its answers are compared with what was told (PRODUCT 6, replay). */
#ifndef RELAY_RECIPIENTS_H
#define RELAY_RECIPIENTS_H

#include "wire/address.h"
#include "wire/params.h"
#include "wire/reply.h"

struct server_command;

enum told { TOLD_NOTHING, TOLD_ACCEPTED, TOLD_REFUSED };

struct recipient {
    char *to, *notify, *orcpt; /* "" for none */
    bool has_utf8;
    struct server_command *cmd; /* waits for an answer while TOLD_NOTHING */
    enum told told;
};

struct recipients {
    struct recipient
        *items; /* in the order of the client; refused ones are left out sooner or later, or a client could name them without end */
    size_t n, room;
    size_t accepted, refused; /* ever */
    size_t waiting;           /* tickets */
    size_t cursor;            /* those before were considered for the session at hand */
    size_t *asked;            /* indexes in `items`, in the order in which the session was asked, from the dropped-th on */
    size_t nasked, asked_room;
    size_t answered, dropped; /* of those asked: how many have their answer, how many of these left the list */
};

void recipients_free(struct recipients *rs); /* zero-initialised is empty */
/* Copies address and parameters; keeps cmd. */
void recipients_add(struct recipients *rs, const struct address *to, const struct rcpt_params *params, struct server_command *cmd);
void recipients_restart(struct recipients *rs); /* a new session: nobody was asked */
bool recipients_any_to_ask(const struct recipients *rs);
struct recipient *recipients_next(struct recipients *rs); /* the next to ask the session for, or NULL: refused ones are left out */
void recipients_asked(struct recipients *rs, const struct recipient *r);
struct recipient *recipients_of_answer(struct recipients *rs, size_t index); /* the index-th that this session was asked for; NULL beyond */

enum comparison {
    COMPARE_FIRST,   /* the client has not been told yet: tell */
    COMPARE_SAME,    /* accepted before, accepted now */
    COMPARE_CHANGED, /* accepted before, not now: nothing may be sent */
};
enum comparison recipients_compare(const struct recipient *r, const struct reply *reply);

struct server_command *recipients_tell(struct recipients *rs, struct recipient *r,
                                       bool accepted);       /* gives the ticket back, to be answered now */
bool recipients_promised_utf8(const struct recipients *rs);  /* one who is not ASCII was accepted */
struct recipient *recipients_waiting(struct recipients *rs); /* the first whose ticket waits, or NULL */

#endif
