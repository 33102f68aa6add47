/* The addresses of the names in `destinations`. They are resolved again in the background every
 * minute, so that a message never waits for DNS here. Recent addresses of a name count, too
 * (CAP_NAME_ADDRESSES): an intercepted client may have asked a moment before us, and rotation may
 * have given it another address. */
#ifndef MAIL_NAMES_H
#define MAIL_NAMES_H

#include <stddef.h>

#include "base/addr.h"
#include "io/io.h"

struct names;

/* Gives. */
struct names *names_new(const struct io *io);
void names_free(struct names **names);
/* From now on exactly these names are watched. Names that were watched before keep their addresses.
 * Copies them. Address literals are ignored. */
void names_watch(struct names *names, const char *const *hosts, size_t n);

enum names_verdict {
    NAMES_NO,
    NAMES_YES,
    /* No resolver has answered for the name yet. */
    NAMES_UNKNOWN,
};
/* Returns whether `a` is an address of the host, which is a watched name or a literal. Ports are
 * ignored. */
enum names_verdict names_have(const struct names *names, const char *host, const struct addr *a);

#endif
