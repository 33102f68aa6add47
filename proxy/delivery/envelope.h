/* MAIL and RCPT to the upstream. Each recipient is answered with the upstream's own code and text
 * (PROMISES 6). */
#ifndef DELIVERY_ENVELOPE_H
#define DELIVERY_ENVELOPE_H

#include "delivery/state.h"

/* Sends MAIL, if it was not sent yet, and RCPT for every recipient that was not asked for, in one
 * flight. */
void envelope_send(struct delivery *d);
/* Answers one recipient with a reply of ours. */
void envelope_refuse(struct delivery *d, struct recipient *r, enum own own);
/* These return true if the delivery goes on from here (advance). */
bool envelope_mail_reply(struct delivery *d, const struct reply *reply) MUST_USE;
bool envelope_rcpt_reply(struct delivery *d, size_t index, const struct reply *reply) MUST_USE;

#endif
