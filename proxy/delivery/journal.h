/* The recipient that the account's `journal` adds. Each session is asked for it once another
 * recipient was accepted, and the client is not told. After a refusal, or after a session that was
 * lost because of it, this message goes without it: that is logged and counted, and changes nothing
 * else. */
#ifndef DELIVERY_JOURNAL_H
#define DELIVERY_JOURNAL_H

#include "delivery/state.h"

/* Call this when there is a new session. */
void journal_restart(struct delivery *d);
/* Asks the session for it if it is time and it was not asked before. Call this when every other
 * recipient was asked for. */
void journal_send(struct delivery *d);
/* Returns true if this answer to a RCPT is about the journal. Otherwise *index_r becomes the place
 * among the other recipients. */
bool journal_takes_reply(struct delivery *d, size_t *index_r, const struct reply *reply) MUST_USE;
/* Returns whether the journal has no answer, and all that was asked before it has one. Recipients
 * of the client may wait behind it. */
bool journal_is_next(const struct delivery *d);
/* The session was lost because of it, so it is not asked for again. */
void journal_give_up(struct delivery *d, const char *why);

#endif
