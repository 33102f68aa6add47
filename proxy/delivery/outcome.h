/* The end of a delivery: everything is said about its message. */
#ifndef DELIVERY_OUTCOME_H
#define DELIVERY_OUTCOME_H

#include "delivery/state.h"

/* KEEP_WHEN_ALWAYS: it ends before any upstream was asked. */
void outcome_keep_unasked(struct delivery *d);
/* A reply of ours ends it. detail: for failure_say; NULL: none. */
void outcome_own(struct delivery *d, enum own own, const char *detail);
/* The same in the words of a service (d->said), where it said something. */
void outcome_said(struct delivery *d, enum own own, const char *detail);
/* What the upstream said about the message, or about its sender, ends it; where it speaks of our
 * login, a reply of ours does, or the account's fallback is asked. Copies. */
void outcome_reply(struct delivery *d, const struct reply *reply);
/* An upstream's refusal, for the log: what in the configuration may cure it. Once per message. */
void outcome_explain(struct delivery *d, const struct reply *reply);
/* 530 and its like: what the upstream said goes into the log, the client is not told. Copies. */
void outcome_note_unfit(struct delivery *d, const struct reply *reply);

#endif
