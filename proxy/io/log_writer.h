/* Takes a log's lines and writes them on a thread of its own, in their order, so that a full pipe,
 * a stopped syslog or a slow disk never holds the loop. What waits is bounded; of what does not
 * fit, the newest is dropped, and a line says how many were lost as soon as it can be written. */
#ifndef IO_LOG_WRITER_H
#define IO_LOG_WRITER_H

#include "base/log.h"
#include "base/units.h"
#include "io/log_outlet.h"

struct log_writer;

/* Takes the outlet. Until log_writer_start there is no thread: a line that cannot be written at
 * once waits. Gives. */
struct log_writer *log_writer_new(struct log_outlet outlet);

/* To be called when the process has the user under which it stays (rights belong to threads). Where
 * the system gives no thread, all goes on as before it. */
void log_writer_start(struct log_writer *w);

/* A sink's two functions; ctx is the writer. Any thread may call them. */
void log_writer_line(void *ctx, enum log_level level, const char *line, size_t len);
int64_t log_writer_wall_ms(void *ctx);

/* Takes another outlet and closes the old one. Lines from before go to the old one as long as it
 * takes them at once, else to the new one. */
void log_writer_switch(struct log_writer *w, struct log_outlet outlet);

/* Waits for what is still to be written, at most so long, and drops the rest. */
void log_writer_free(struct log_writer **w, usec longest);

#endif
