/* The first half of a reload: everything that reads files. It runs on its own thread (the helpers
 * may all be waiting for a dead resolver) while the server works on. A file that hangs, or a
 * thousand accounts, delays no mail. */
#ifndef APP_REREAD_H
#define APP_REREAD_H

#include "base/attr.h"
#include "base/err.h"
#include "base/log.h"
#include "config/config.h"

struct certificates;
struct contexts;
struct loop;
struct reread;

/* The result of a reread, to be applied or thrown away. A part that is taken out is replaced by
 * NULL. */
struct reread_result {
    /* NULL if it has errors. Then everything below but the report is empty. */
    struct config *config;
    /* The file could not be read for lack of a right. */
    bool is_forbidden;
    /* The errors and warnings about it. */
    struct config_report report;
    struct contexts *contexts;
    /* NULL with err if they could not be made. */
    struct certificates *certificates;
    struct err err;
};

/* Gives. Reads `file`. For files that may no longer be read, it consults the current config and
 * certificates and keeps references to both meanwhile. done(ctx, …) is called on the loop. After it
 * the reread is freed with every part that was not taken. What the making of certificates reports
 * is written to `sink` before that. */
struct reread *reread_begin(struct loop *loop, const char *file, struct config *in_force,
                            struct certificates *shown, struct log_sink sink,
                            void (*done)(void *ctx, struct reread_result *result), void *ctx);
/* For the end of the process, when the loop no longer runs: `done` is not called. *reread may be
 * NULL. Waits a moment for the thread. Returns false if the thread still reads; then the process
 * must end by _exit. */
bool reread_abandon(struct reread **reread) MUST_USE;

#endif
