/* This file counts how much of the Internet a list of networks covers, in whatever way the list is
 * written. */
#ifndef CONFIG_COVERAGE_H
#define CONFIG_COVERAGE_H

#include "config/config.h"

/* Returns whether the networks together hold every address of the family, like 0.0.0.0/1 and
 * 128.0.0.0/1. */
bool networks_cover_all(const struct networks *list, enum addr_family family);
/* Returns whether the networks together hold more than half of what the Internet uses: of IPv4, or
 * of 2000::/3. */
bool networks_cover_most(const struct networks *list, enum addr_family family);
/* Describes what is mostly covered, for example "more than half of IPv4". Returns NULL if neither
 * family is. */
const char *networks_world(const struct networks *list);

#endif
