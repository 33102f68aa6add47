/* A message that the session at hand does not take although another might: what carries mail over
 * HTTPS knows no null sender, no recipient but those of the header, and has a size of its own. */
#ifndef DELIVERY_DECLINE_H
#define DELIVERY_DECLINE_H

#include "delivery/state.h"

/* Another port of the account that may take it is tried, once. Else it ends: where the account also
 * names an SMTP port that may take it, by "try again" (or it is kept for later), else for good.
 * words: of the event `declined`. */
void decline_message(struct delivery *d, enum smtp_client_decline why, const char *words);
/* The port of the session does not take the message, and another port may: that is tried, once.
 * Returns false if it was, or if too little of the message is left. */
bool decline_goes_elsewhere(struct delivery *d);
/* What the session lacks for the message, where that is a session over HTTPS. Returns what is to be
 * said instead, because an SMTP port may take it; else `lacks`. words_r: for outcome_own. */
enum own decline_shortcoming(const struct delivery *d, enum own lacks, const char **words_r);

#endif
