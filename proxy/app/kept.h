/* The daemon's spool: opened once, told of each configuration, asked by the relay. */
#ifndef APP_KEPT_H
#define APP_KEPT_H

#include "base/attr.h"
#include "io/files.h"
#include "relay/keep.h"
#include "spool/spool.h"

/* [spool] as the room wants it; what it points to belongs to the configuration. */
void kept_options(const struct config *config, struct spool_options *out);
/* Before root is given up: the directory, for the user that the server becomes. owner: NULL:
 * nobody else's. */
int kept_prepare(const struct config *config, const struct file_owner *owner,
                 struct err *err) MUST_USE;
/* Gives. Waits for the lock, at once and without the loop, for `patience`; NULL: ERR_IN_USE:
 * another process has it still; ERR_CLOSED: a signal wants the end. */
struct spool *kept_open(const struct io *io, const struct config *config, usec patience,
                        struct err *err) MUST_USE;
/* Notes in state_dir where the spool is that was opened, for commands after [spool] has gone from
 * the configuration. */
void kept_note(const struct config *config);
/* Whether mail may have been kept: there is a [spool], or what a server with one left behind, whose
 * directory the configuration names from now on. */
bool kept_find(struct config *config);
/* What the relay keeps by this configuration; spool may be NULL. */
struct relay_keep kept_rule(struct spool *spool, const struct config *config);
/* A change of the directory counts at the next start: says so. */
void kept_warn_of_move(const struct io *io, const struct config *old, const struct config *fresh);

#endif
