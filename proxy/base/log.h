/* The log: one line per event, logfmt or JSON with the same keys. Every value is escaped here, so
 * that no peer can forge a line. There is no field for a `struct secret`, so that none can be
 * printed. The owner of the log provides the sink (stderr, file, syslog; a list in tests) and the
 * clock. Nothing here blocks longer than the sink does. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_sink {
    /* The line ends in a newline and has no NUL. */
    void (*write)(void *ctx, enum log_level level, const char *line, size_t len);
    /* Returns Unix time in milliseconds. */
    int64_t (*wall_ms)(void *ctx);
    void *ctx;
};

struct log;

struct log *log_new(enum log_level level, bool json, struct log_sink sink);
void log_free(struct log **log);
/* Is called after a reload. */
void log_set(struct log *log, enum log_level level, bool json);
bool log_wants(const struct log *log, enum log_level level);

/* One field of a line. Only the functions below make one. It borrows its text until the line is
 * written. */
struct log_field {
    /* A NULL key ends a list of fields. */
    const char *key;
    enum { LOG_TEXT, LOG_NUMBER, LOG_MS } kind;
    struct slice text;
    int64_t number;
};

/* If text is NULL, the field is left out. */
struct log_field log_str(const char *key, const char *text);
struct log_field log_slice(const char *key, struct slice text);
struct log_field log_num(const char *key, int64_t number);
/* Prints seconds with three decimals, like Postfix's delay. */
struct log_field log_usec(const char *key, int64_t microseconds);

/* Writes time=… level=… msg=…, then the fields in their order. `msg` is a word or a sentence. */
void log_write(struct log *log, enum log_level level, const char *msg,
               const struct log_field *fields);

#define log_event(log, level, msg, ...)                                                            \
    log_write((log), (level), (msg), (const struct log_field[]){__VA_ARGS__, {.key = NULL}})
/* Writes a sentence without fields. */
void log_say(struct log *log, enum log_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
