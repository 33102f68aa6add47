/* Reports changes of the network: an address added or removed, or a changed default route
 * (rtnetlink on Linux). Refreshed lifetimes, and veth, docker and bridge devices, are ignored.
 * There is one call 2 s after the first change of a burst. On other systems, or without the right,
 * it never calls. */
#ifndef IO_NETWATCH_H
#define IO_NETWATCH_H

#include "io/loop.h"

struct netwatch;
/* Gives, or returns NULL if the system has no such thing. */
struct netwatch *netwatch_new(struct loop *loop, void (*changed)(void *ctx), void *ctx);
void netwatch_free(struct netwatch **w);

#endif
