/* The first half of a reload: everything that reads files, on a thread of its own (the helpers may
 * all be waiting for a dead resolver), while the server goes on. A file that hangs, or a thousand
 * accounts, holds no mail up. */
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

/* What was read, to be put into force or thrown away. Who takes a part out leaves NULL behind. */
struct reread_result {
    /* NULL: it has errors, and all below but the report is empty */
    struct config *config;
    /* ... because the file may not be read */
    bool is_forbidden;
    /* what is to be said about it */
    struct config_report report;
    struct contexts *contexts;
    /* NULL: err */
    struct certificates *certificates;
    struct err err;
};

/* Reads `file`; of what may no longer be read, config and certificates of the one in force are
 * looked at, and kept for the time that this takes. done(ctx, …) is called on the loop; after it
 * the reread is gone, with what was not taken. What the making of certificates has to say is
 * written to `sink` before. Gives. */
struct reread *reread_begin(struct loop *loop, const char *file, struct config *in_force,
                            struct certificates *shown, struct log_sink sink,
                            void (*done)(void *ctx, struct reread_result *result), void *ctx);
/* For the end of the process, when the loop runs no more: `done` is not called. NULL is fine.
 * False: the thread still reads, and after a moment it was left behind; then the process must end
 * by _exit. */
bool reread_abandon(struct reread **reread) MUST_USE;

#endif
