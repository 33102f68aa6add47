/* Tells when the network changed: an address added or removed, a changed default route (rtnetlink
 * on Linux); lifetime refreshes, veth, docker and bridge devices are not heeded. Debounced: one
 * call 2 s after the first of a burst. Elsewhere, or without the right: silently never. */
#ifndef IO_NETWATCH_H
#define IO_NETWATCH_H

#include "io/loop.h"

struct netwatch;
/* gives; NULL where there is no such thing */
struct netwatch *netwatch_new(struct loop *loop, void (*changed)(void *ctx), void *ctx);
void netwatch_free(struct netwatch **w);

#endif
