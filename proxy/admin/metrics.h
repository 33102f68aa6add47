/* /metrics: Prometheus text format, version 0.0.4. */
#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "admin/snapshot.h"
#include "admin/text.h"

/* The time `now` is on the monotonic clock. */
void metrics_write(const struct snapshot *s, usec now, struct out *o);

#endif
