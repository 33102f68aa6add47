/* The first half of a reload: everything that reads files, on a helper thread, while the server goes on. A file that hangs, or a thousand accounts, holds no mail up. */
#ifndef APP_REREAD_H
#define APP_REREAD_H

#include "base/err.h"
#include "base/log.h"
#include "config/config.h"

struct certificates;
struct contexts;
struct io;
struct reread;

/* What was read, to be put into force or thrown away. Who takes a part out leaves NULL behind. */
struct reread_result {
    struct config *config;       /* NULL: it has errors, and all below but the report is empty */
    struct config_report report; /* what is to be said about it */
    struct contexts *contexts;
    struct certificates *certificates; /* NULL: err */
    struct err err;
};

/* Reads `file`; of what may no longer be read, config and certificates of the one in force are looked at, and kept for the time that this takes. done(ctx, …) is called on
 * the loop; after it the reread is gone, with what was not taken. What the making of certificates has to say is written to `sink` before. Gives; it is not to be
 * freed before the helpers have ended. */
struct reread *reread_begin(const struct io *io, const char *file, struct config *in_force, struct certificates *shown,
                            struct log_sink sink, void (*done)(void *ctx, struct reread_result *result), void *ctx);
/* For the end of the process, when `done` will not be called any more. NULL is fine. One that hangs in a file is left to the process's end. */
void reread_abandon(struct reread **reread);

#endif
