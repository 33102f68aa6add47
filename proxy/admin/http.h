/* One HTTP address, answered by a thread of libmicrohttpd's own from the newest snapshot. That
 * thread touches nothing else of the program. */
#ifndef ADMIN_HTTP_H
#define ADMIN_HTTP_H

#include "base/addr.h"
#include "base/err.h"
#include "io/published.h"

struct admin_http;

/* Binds and listens; nobody is answered before http_serve. Gives; NULL with err as
 * listener_open. */
struct admin_http *http_bind(const struct addr *at, struct err *err);
/* Starts the thread. snapshots: of struct snapshot, at least one published; borrowed until
 * http_close. */
int http_serve(struct admin_http *h, struct published *snapshots, struct err *err);
/* To be called once a second: ends the connections whose request takes too long. */
void http_expire(struct admin_http *h);
bool http_is_serving(const struct admin_http *h);
/* as it was asked for */
const struct addr *http_asked(const struct admin_http *h);
/* with the real port */
const struct addr *http_address(const struct admin_http *h);
/* ends the thread first; NULL is fine */
void http_close(struct admin_http **h);

#endif
