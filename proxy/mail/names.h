/* The addresses of names that the configuration compares destinations with, resolved anew in the
 * background every minute: a message never waits for DNS here. What a name has had lately counts
 * too (CAP_NAME_ADDRESSES): an intercepted client may have asked a moment before us, and rotation
 * may have told it something else. */
#ifndef MAIL_NAMES_H
#define MAIL_NAMES_H

#include <stddef.h>

#include "base/addr.h"
#include "io/io.h"

struct names;

/* gives */
struct names *names_new(const struct io *io);
void names_free(struct names **names);
/* From now on exactly these are known; those that were known before keep their addresses. Copied;
 * address literals are left out. */
void names_watch(struct names *names, const char *const *hosts, size_t n);

enum names_verdict {
    NAMES_NO,
    NAMES_YES,
    /* no resolver has said anything about the name yet */
    NAMES_UNKNOWN,
};
/* Is `a` an address of the host (a name that is watched, or a literal)? Ports are not looked at. */
enum names_verdict names_have(const struct names *names, const char *host, const struct addr *a);

#endif
