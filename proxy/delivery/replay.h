/* A session was lost in the middle of a message, or must be left. failure.c decides, and this file
 * does it. Before *sent* the session is replaced, once, and the delivery begins again with MAIL. */
#ifndef DELIVERY_REPLAY_H
#define DELIVERY_REPLAY_H

#include "delivery/state.h"

void replay_lost(struct delivery *d, const struct smtp_client_failure *failure);
/* The probing BDAT was refused, and the transaction with it, or a later BDAT was answered as
 * unknown. The delivery begins again, without a probe or with DATA. It uses this session if that is
 * clean, and otherwise another. */
void replay_after_bdat(struct delivery *d);
/* MAIL was sent without SMTPUTF8, and a recipient needs it. MAIL is sent again with it, and the
 * accepted recipients are asked for again. The client is not told. */
void replay_with_utf8(struct delivery *d);
/* Returns true if this answer to MAIL is about the number of our sessions. Then the session is
 * gone, and the delivery waits for another. */
bool replay_crowded(struct delivery *d, const struct reply *reply);
/* The session does not take the message: it walks again on another port, or on this one where no
 * other works. */
void replay_elsewhere(struct delivery *d);

#endif
