/* The end of a delivery: its message has its answer. */
#ifndef DELIVERY_OUTCOME_H
#define DELIVERY_OUTCOME_H

#include "delivery/state.h"

/* Ends a delivery with KEEP_WHEN_ALWAYS before any upstream was asked. */
void outcome_keep_unasked(struct delivery *d);
/* Ends it with a reply of ours. `detail` is as in failure_say, or NULL. */
void outcome_own(struct delivery *d, enum own own, const char *detail);
/* The same in the words of a service (d->said), where it said something. */
void outcome_said(struct delivery *d, enum own own, const char *detail);
/* Ends it with the upstream's reply about the message or its sender. If the reply is about our
 * login, a reply of ours ends it, or the account's fallback is asked. Copies. */
void outcome_reply(struct delivery *d, const struct reply *reply);
/* Writes to the log which key of the configuration may cure this refusal of the upstream's. Does so
 * once for each message. */
void outcome_explain(struct delivery *d, const struct reply *reply);
/* Notes a reply that is about our login, such as 530. It goes into the log and not to the client.
 * Copies. */
void outcome_note_unfit(struct delivery *d, const struct reply *reply);

#endif
