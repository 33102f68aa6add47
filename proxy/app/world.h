/* The real world as one value: loop, helper threads, resolver, log. It is for every subcommand that
 * uses the network. */
#ifndef APP_WORLD_H
#define APP_WORLD_H

#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "io/io.h"

/* Fills *io_r, which stays where it is until world_close. On -1 nothing is held. Called before
 * there are threads. world_close releases it in the right order; where a refresh token is being
 * renewed it waits for the answer first, for as long as a token service may take. */
int world_open(struct io *io_r, enum log_level level, bool json, struct log_sink sink,
               struct err *err) MUST_USE;
void world_close(struct io *io);

/* Where messages wait that are gathered and too large for memory: in the spool's directory, else in
 * state_dir; nowhere if no account of the configuration sends over HTTPS. Those that are under way
 * stay where they are. */
void world_gather(struct io *io, const struct config *config);

#endif
