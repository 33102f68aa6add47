/* The filling of share.h for several instances: sessions and messages are shared with the others
 * through the engine (slots.h, grants.h), and each instance uses its part of the limits while the
 * engine is away. */
#ifndef UPSTREAM_TOGETHER_H
#define UPSTREAM_TOGETHER_H

#include "upstream/cluster.h"
#include "upstream/share.h"
#include "upstream/slots.h"

/* As share_alone. Keeps a reference to the cluster. */
struct share *share_together(const struct io *io, const struct upstream_config *cfg,
                             struct credential *credential, struct cluster *cluster);
/* What is known of the sessions of all. false: this share is alone. */
bool share_slots(const struct share *s, struct slots_view *view_r);

#endif
