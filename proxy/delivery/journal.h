/* One recipient more, of the account's `journal`: asked on each session once somebody was accepted,
 * and heard by nobody. A refusal, or a session that dies of it, ends the asking for this message,
 * is logged and counted, and changes nothing else. */
#ifndef DELIVERY_JOURNAL_H
#define DELIVERY_JOURNAL_H

#include "delivery/state.h"

/* A session came that was asked nothing yet. */
void journal_restart(struct delivery *d);
/* Asks the session, where it is time and it was not asked before. Nothing was left unasked of the
 * recipients that there are. */
void journal_send(struct delivery *d);
/* Takes an answer to a RCPT: true where the journal was asked. Else *index_r becomes its place
 * among the other recipients. */
bool journal_takes_reply(struct delivery *d, size_t *index_r, const struct reply *reply) MUST_USE;
/* Of what is unanswered the journal is all. */
bool journal_is_alone(const struct delivery *d);
/* Its session died of being asked: it is not asked again. */
void journal_give_up(struct delivery *d, const char *why);

#endif
