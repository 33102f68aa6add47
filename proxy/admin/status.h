/* /status.json (PROMISES 8):
 * {"accounts":[{"name","host","works","ports":[{"port","mode","address","finding","words","ms"}]}],
 * …}. */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include "admin/snapshot.h"

/* Gives; release it with free(). now is on the monotonic clock. */
char *status_json(const struct snapshot *s, usec now);

#endif
