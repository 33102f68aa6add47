/* MAIL and RCPT upstream, and what is told of each recipient: the upstream's own code and text
 * (PROMISES 6). */
#ifndef DELIVERY_ENVELOPE_H
#define DELIVERY_ENVELOPE_H

#include "delivery/state.h"

/* MAIL where it did not go yet, and every recipient not asked for; in one flight. */
void envelope_send(struct delivery *d);
/* A reply of ours to one recipient. */
void envelope_refuse(struct delivery *d, struct recipient *r, enum own own);
/* true: the delivery goes on from here (advance). */
bool envelope_mail_reply(struct delivery *d, const struct reply *reply) MUST_USE;
bool envelope_rcpt_reply(struct delivery *d, size_t index, const struct reply *reply) MUST_USE;

#endif
