/* How much of the world a list of networks covers, however the list is written. */
#ifndef CONFIG_COVERAGE_H
#define CONFIG_COVERAGE_H

#include "config/config.h"

/* The networks, together, hold every address of the family: 0.0.0.0/1 and 128.0.0.0/1 do. */
bool networks_cover_all(const struct networks *list, enum addr_family family);
/* The networks, together, hold more than half of what the Internet uses: of IPv4, or of
 * 2000::/3. */
bool networks_cover_most(const struct networks *list, enum addr_family family);
/* What is mostly covered, in words, such as "more than half of IPv4"; NULL: neither family is. */
const char *networks_world(const struct networks *list);

#endif
