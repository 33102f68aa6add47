/* The messages that all instances together may send with one credential in a period. The engine
 * grants as many as wait, with one question under way for each account. A grant that no message
 * used goes back. An engine that was emptied is told what was granted in the last period. Above
 * CAP_CLUSTER_RATE messages per period, and while the engine is away, each instance has its part of
 * the limit. */
#ifndef UPSTREAM_GRANTS_H
#define UPSTREAM_GRANTS_H

#include "upstream/cluster.h"

struct grants;

/* Gives. changed: messages may go that might not before. */
struct grants *grants_new(struct cluster *c, const char *id, const struct rate_limit *rate,
                          void (*changed)(void *ctx), void *ctx);
void grants_free(struct grants **g);

/* The time until one more message may go; 0: now. Where it is not known yet it is the time that a
 * question may take. */
usec grants_wait(struct grants *g);
/* It is the engine that knows of no place, or our own part: not just a question under way. */
bool grants_are_used_up(struct grants *g);
/* Takes a place, and gives its stamp. */
usec grants_take(struct grants *g);
/* No message went. */
void grants_give_back(struct grants *g, usec stamp);
/* So many messages wait for a place. Asks in the background. */
void grants_wish(struct grants *g, unsigned waiting);

#endif
