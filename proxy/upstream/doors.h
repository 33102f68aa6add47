/* The logins of all instances with one secret: one at a time while it is not known to work, and
 * none, anywhere, until the wait after a refusal is over. A pass that the account's own gate lets
 * in (gate.h) stands before a door until the engine has said that its secret may be tried. Another
 * secret is another door, so that a refusal of the old one never stops the new one. While the
 * engine is away every door is open: each instance goes by its own gate. */
#ifndef UPSTREAM_DOORS_H
#define UPSTREAM_DOORS_H

#include "upstream/cluster.h"
#include "upstream/logins.h"

struct doors;

/* Keeps a reference to the cluster, keeps cfg and logins. Gives. */
struct doors *doors_new(struct cluster *c, const struct io *io, const struct upstream_config *cfg,
                        struct logins *logins);
/* Every pass has left. */
void doors_free(struct doors **d);

/* Before gate_enter, and before gate_leave. */
void doors_enter(struct doors *d, struct login *login, struct gate_pass *pass);
void doors_leave(struct doors *d, struct gate_pass *pass);
/* An AUTH of this identity was answered. */
void doors_accepted(struct doors *d, const char *identity);
void doors_refused(struct doors *d, const char *identity);

#endif
