/* The log: one line per event, logfmt or JSON with the same keys. Every value is escaped here, so
 * that nobody forges a line; a `struct secret` has no field maker, so that none can be printed. The
 * sink (stderr, file, syslog; a list in tests) and the clock belong to whoever made the log.
 * Nothing here blocks beyond the sink. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_sink {
    /* line ends in a newline, not NUL */
    void (*write)(void *ctx, enum log_level level, const char *line, size_t len);
    /* Unix time in milliseconds */
    int64_t (*wall_ms)(void *ctx);
    void *ctx;
};

struct log;

struct log *log_new(enum log_level level, bool json, struct log_sink sink);
void log_free(struct log **log);
/* after a reload */
void log_set(struct log *log, enum log_level level, bool json);
bool log_wants(const struct log *log, enum log_level level);

/* One field of a line. Made by the functions below only; borrows its text until the line is
 * written. */
struct log_field {
    /* NULL ends a list */
    const char *key;
    enum { LOG_TEXT, LOG_NUMBER, LOG_MS } kind;
    struct slice text;
    int64_t number;
};

/* NULL text: the field is left out */
struct log_field log_str(const char *key, const char *text);
struct log_field log_slice(const char *key, struct slice text);
struct log_field log_num(const char *key, int64_t number);
/* printed in seconds with three decimals, as Postfix's delay */
struct log_field log_usec(const char *key, int64_t microseconds);

/* time=… level=… msg=… then the fields in order. `msg` is a word or a sentence. */
void log_write(struct log *log, enum log_level level, const char *msg,
               const struct log_field *fields);

#define log_event(log, level, msg, ...)                                                            \
    log_write((log), (level), (msg), (const struct log_field[]){__VA_ARGS__, {.key = NULL}})
/* a sentence without fields */
void log_say(struct log *log, enum log_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
