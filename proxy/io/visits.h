/* The connections of a server that accepts on a thread of its own, as the admin page does. At most
 * CAP_ADMIN_CONNECTIONS, and CAP_ADMIN_PER_ADDRESS of one client: one more, and the connection that
 * has been waited for longest is shut, so that a few that send a letter now and then do not keep
 * the others out. Each request has a deadline, too.
 *
 * All calls may come from any thread. A connection that is shut stays in here until its owner has
 * seen its end, and calls visits_leave before it closes the descriptor. */
#ifndef IO_VISITS_H
#define IO_VISITS_H

#include "base/addr.h"
#include "base/units.h"

struct visits;
struct visit;

/* gives */
struct visits *visits_new(void);
/* nobody is in there any more; NULL is fine */
void visits_free(struct visits **visits);

/* Borrowed until visits_leave. Keeps fd, and only ever shuts it down. */
struct visit *visits_enter(struct visits *v, const struct addr *from, int fd, usec now);
void visits_leave(struct visits *v, struct visit *visit);
/* The head of a request is whole: an answer follows. */
void visits_ask(struct visits *v, struct visit *visit);
/* The answer is out: another request may follow. */
void visits_answered(struct visits *v, struct visit *visit, usec now);
/* Shuts the connections whose head or answer takes too long. */
void visits_expire(struct visits *v, usec now);

#endif
