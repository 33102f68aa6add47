/* The way of a log's lines out of the process: a descriptor, or syslog at /dev/log. Nothing here
 * waits. */
#ifndef IO_LOG_OUTLET_H
#define IO_LOG_OUTLET_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/log.h"

struct log_outlet {
    /* -1 if it is syslog and not connected now. */
    int fd;
    /* It is closed with the outlet. stderr is not. */
    bool is_own;
    enum { OUTLET_FILE, OUTLET_PIPE, OUTLET_SOCKET, OUTLET_SYSLOG } kind;
    /* The daemon of syslog listens for a stream instead of datagrams. */
    bool is_stream;
    /* Part of a line was written and the rest was lost. */
    bool is_torn;
    /* The descriptor is the journal's own (JOURNAL_STREAM): each line gets its priority in front,
     * "<4>", and no time, which the journal has. */
    bool is_journal;
    /* This many octets of a line's head, which has that priority, were written. */
    size_t head_at;
};

/* Finds out what the descriptor is. */
struct log_outlet log_outlet_of(int fd, bool is_own);
struct log_outlet log_outlet_syslog(void);
void log_outlet_close(struct log_outlet *outlet);
/* For a line on stderr from before there is a log, or beside it: what stands before it, "<3>" if
 * stderr is the journal's own, else "". */
const char *log_outlet_priority(enum log_level level);

enum log_put {
    PUT_DONE,
    /* Nothing more can be written now. Poll `fd` for POLLOUT; if it is -1, try again later. */
    PUT_LATER,
    /* This line cannot be written. */
    PUT_FAILED,
};

/* Writes a line with its newline from octet *at on, and advances *at. Only a disk may block it. */
enum log_put log_outlet_put(struct log_outlet *outlet, enum log_level level, struct slice line,
                            size_t *at) MUST_USE;

/* Connects to syslog if it is not connected. Returns false if nothing listens there now. */
bool log_outlet_connect(struct log_outlet *outlet);

#endif
