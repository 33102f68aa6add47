/* A session died under a message, or must be left: what failure.c decides is done here. Before
 * *sent* it is replaced, once, and the delivery walks its way again from MAIL on. */
#ifndef DELIVERY_REPLAY_H
#define DELIVERY_REPLAY_H

#include "delivery/state.h"

void replay_lost(struct delivery *d, const struct smtp_client_failure *failure);
/* The probing BDAT was refused, and the transaction with it, or a later one was answered as
 * unknown: it walks again, without a probe or by DATA; on this session where that is clean, else
 * on another. */
void replay_after_bdat(struct delivery *d);
/* MAIL went without SMTPUTF8, and a recipient needs it: MAIL is said again with it, and those who
 * were accepted are asked for again, unseen. */
void replay_with_utf8(struct delivery *d);
/* This answer to MAIL is not about the message: the session is one too many. true: it is gone, and
 * another is waited for. */
bool replay_crowded(struct delivery *d, const struct reply *reply);

#endif
