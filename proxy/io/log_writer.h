/* Takes a log's lines and writes them in their order on its own thread, so that a full pipe, a
 * stopped syslog or a slow disk never delays the loop. The queue is bounded. If it is full, new
 * lines are dropped, and a line says how many were lost as soon as it can be written. */
#ifndef IO_LOG_WRITER_H
#define IO_LOG_WRITER_H

#include "base/log.h"
#include "base/units.h"
#include "io/log_outlet.h"

struct log_writer;

/* Gives. Takes the outlet. Until log_writer_start there is no thread, and a line that cannot be
 * written at once waits. */
struct log_writer *log_writer_new(struct log_outlet outlet);

/* Call this when the process has its final user, because rights belong to threads. If the system
 * gives no thread, the writer works as before. */
void log_writer_start(struct log_writer *w);

/* The two functions of a log's sink. ctx is the writer. Any thread may call them. */
void log_writer_line(void *ctx, enum log_level level, const char *line, size_t len);
int64_t log_writer_wall_ms(void *ctx);

/* Takes another outlet and closes the old one. Earlier lines go to the old outlet as long as it
 * accepts them at once, else to the new one. */
void log_writer_switch(struct log_writer *w, struct log_outlet outlet);

/* Waits at most `longest` for the lines that are not written yet, and drops the rest. */
void log_writer_free(struct log_writer **w, usec longest);

#endif
