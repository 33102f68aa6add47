/* One HTTP address, answered by libmicrohttpd's own thread from the newest snapshot. That thread
 * touches nothing else of the program. */
#ifndef ADMIN_HTTP_H
#define ADMIN_HTTP_H

#include "base/addr.h"
#include "base/err.h"
#include "io/published.h"

struct admin_http;

/* Gives. Binds and listens, but does not answer before http_serve. Returns NULL with err, as
 * listener_open does. */
struct admin_http *http_bind(const struct addr *at, struct err *err);
/* Starts the thread. snapshots holds struct snapshot, at least one of them published. Borrowed
 * until http_close. */
int http_serve(struct admin_http *h, struct published *snapshots, struct err *err);
/* Call this once a second. Ends the connections whose request takes too long. */
void http_expire(struct admin_http *h);
bool http_is_serving(const struct admin_http *h);
/* Borrows the address as configured. */
const struct addr *http_asked(const struct admin_http *h);
/* Borrows the address with the real port. */
const struct addr *http_address(const struct admin_http *h);
/* Ends the thread, then closes. *h may be NULL. */
void http_close(struct admin_http **h);

#endif
