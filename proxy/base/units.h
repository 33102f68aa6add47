/* Units that every room uses. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>

/* A span of time, or a point in time on the loop's monotonic clock, in microseconds. */
typedef int64_t usec;

#define USEC_PER_MS ((usec)1000)
#define USEC_PER_SEC ((usec)1000000)

#endif
