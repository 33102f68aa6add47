/* The connections of a server that accepts on a thread of its own, like the admin page. There are
 * at most CAP_ADMIN_CONNECTIONS, and CAP_ADMIN_PER_ADDRESS of one client. One more shuts the
 * connection that has been waited for longest, so that a few that send a letter now and then do not
 * keep the others out. Each request has a deadline, too.
 *
 * Any thread may make the calls. A connection that is shut stays here until its owner has seen its
 * end and calls visits_leave, before it closes the descriptor. */
#ifndef IO_VISITS_H
#define IO_VISITS_H

#include "base/addr.h"
#include "base/units.h"

struct visits;
struct visit;

/* Gives. */
struct visits *visits_new(void);
/* No visit may be left. *visits may be NULL. */
void visits_free(struct visits **visits);

/* Borrowed until visits_leave. Keeps fd, and only ever shuts it down. */
struct visit *visits_enter(struct visits *v, const struct addr *from, int fd, usec now);
void visits_leave(struct visits *v, struct visit *visit);
/* The head of a request is complete. An answer follows. */
void visits_ask(struct visits *v, struct visit *visit);
/* The answer was sent. Another request may follow. */
void visits_answered(struct visits *v, struct visit *visit, usec now);
/* Shuts the connections whose head or answer takes too long. */
void visits_expire(struct visits *v, usec now);

#endif
