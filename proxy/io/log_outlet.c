#include "io/log_outlet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/caps.h"

#define SYSLOG_SOCKET "/dev/log"

enum { SYSLOG_MAIL = 2 << 3, SYSLOG_HEAD = 80 };

/* These are syslog's numbers. The journal takes them, too. */
static const int severities[] = {[LOG_ERROR] = 3, [LOG_WARN] = 4, [LOG_INFO] = 6, [LOG_DEBUG] = 7};

/* The variable JOURNAL_STREAM has the device and inode of the stream that systemd gave us, in
 * decimal (systemd.exec(5)). They differ if another descriptor was put in its place. */
static bool is_journal(const struct stat *st)
{
    char ours[64];
    const char *theirs = getenv("JOURNAL_STREAM");
    snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino);
    return theirs && strcmp(theirs, ours) == 0;
}

struct log_outlet log_outlet_of(int fd, bool is_own)
{
    struct log_outlet outlet = {.fd = fd, .is_own = is_own, .kind = OUTLET_PIPE};
    struct stat st;
    if (fstat(fd, &st) != 0)
        return outlet;
    outlet.is_journal = !is_own && is_journal(&st);
    outlet.kind = S_ISREG(st.st_mode)    ? OUTLET_FILE
                  : S_ISSOCK(st.st_mode) ? OUTLET_SOCKET
                                         : OUTLET_PIPE;
    return outlet;
}

struct log_outlet log_outlet_syslog(void)
{
    return (struct log_outlet){.fd = -1, .is_own = true, .kind = OUTLET_SYSLOG};
}

const char *log_outlet_priority(enum log_level level)
{
    static const char *const texts[] = {
        [LOG_ERROR] = "<3>", [LOG_WARN] = "<4>", [LOG_INFO] = "<6>", [LOG_DEBUG] = "<7>"};
    return log_outlet_of(STDERR_FILENO, false).is_journal ? texts[level] : "";
}

void log_outlet_close(struct log_outlet *outlet)
{
    if (outlet->is_own && outlet->fd >= 0)
        close(outlet->fd);
    outlet->fd = -1;
}

/* ---- descriptors ---- */

static bool has_room(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) > 0;
}

/* A pipe that poll calls writable takes PIPE_BUF octets without blocking. We must not set
 * O_NONBLOCK, because other processes share stderr with us. */
static ssize_t write_some(const struct log_outlet *o, struct slice data)
{
    if (o->kind == OUTLET_FILE)
        return write(o->fd, data.data, data.len);
    if (o->kind == OUTLET_SOCKET)
        return send(o->fd, data.data, data.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!has_room(o->fd)) {
        errno = EAGAIN;
        return -1;
    }
    return write(o->fd, data.data, data.len < PIPE_BUF ? data.len : PIPE_BUF);
}

static bool must_wait(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == ENOBUFS;
}

static enum log_put put_octets(struct log_outlet *o, struct slice line, size_t *at)
{
    while (*at < line.len) {
        ssize_t n = write_some(o, slice_from(line, *at));
        if (n > 0)
            *at += (size_t)n;
        else if (n < 0 && must_wait(errno))
            return PUT_LATER;
        else if (n == 0 || errno != EINTR)
            return PUT_FAILED;
    }
    return PUT_DONE;
}

/* Where a line goes on behind its time: `time=... ` of text, `{"time":"...",` of JSON. */
static size_t behind_time(struct slice line)
{
    bool is_json = slice_starts(line, "{\"time\":");
    size_t end =
        is_json || slice_starts(line, "time=") ? slice_find(line, is_json ? ',' : ' ') : line.len;
    return end < line.len ? end + 1 : 0;
}

/* What stands in the journal before the rest of the line, in place of the time. */
static enum log_put put_head(struct log_outlet *o, enum log_level level, struct slice line,
                             size_t *at)
{
    char head[8];
    size_t skipped = behind_time(line);
    if (!o->is_journal || *at > 0)
        return PUT_DONE;
    snprintf(head, sizeof head, "<%d>%s", severities[level],
             skipped && line.data[0] == '{' ? "{" : "");
    enum log_put result = put_octets(o, slice_of(head), &o->head_at);
    if (result == PUT_LATER)
        return result;
    o->is_torn = result == PUT_FAILED && o->head_at > 0;
    o->head_at = 0;
    *at = skipped;
    return result;
}

static enum log_put put_line(struct log_outlet *o, enum log_level level, struct slice line,
                             size_t *at)
{
    size_t newline = 0;
    enum log_put result = o->is_torn ? put_octets(o, slice_of("\n"), &newline) : PUT_DONE;
    if (result != PUT_DONE)
        return result;
    o->is_torn = false;
    result = put_head(o, level, line, at);
    if (result != PUT_DONE)
        return result;
    result = put_octets(o, line, at);
    o->is_torn = result == PUT_FAILED && *at > 0;
    return result;
}

/* ---- syslog ---- */

bool log_outlet_connect(struct log_outlet *o)
{
    static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
    const struct sockaddr_un there = {.sun_family = AF_UNIX, .sun_path = SYSLOG_SOCKET};
    for (size_t i = 0; o->fd < 0 && i < 2; i++) {
        int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&there, sizeof there) == 0) {
            o->fd = fd;
            o->is_stream = types[i] == SOCK_STREAM;
        } else if (fd >= 0) {
            close(fd);
        }
    }
    return o->fd >= 0;
}

/* Writes RFC 3164's header as libc does. On a stream a NUL ends each message. Returns the
 * length. */
static size_t pack(const struct log_outlet *o, enum log_level level, struct slice line,
                   char out[CAP_SYSLOG_LINE])
{
    char when[32];
    struct tm parts;
    time_t now = time(NULL);
    localtime_r(&now, &parts);
    strftime(when, sizeof when, "%b %e %H:%M:%S", &parts);
    int n = snprintf(out, SYSLOG_HEAD, "<%d>%s smtp-detour[%ld]: ", SYSLOG_MAIL | severities[level],
                     when, (long)getpid());
    size_t head = n > 0 ? (size_t)n : 0;
    struct slice text =
        slice_head(line, line.len && line.data[line.len - 1] == '\n' ? line.len - 1 : line.len);
    text = slice_head(text, CAP_SYSLOG_LINE - SYSLOG_HEAD - 1);
    memcpy(out + head, text.data, text.len);
    out[head + text.len] = 0;
    return head + text.len + (o->is_stream ? 1 : 0);
}

/* A restarted daemon has a new socket, so there is one more try. */
static enum log_put put_syslog(struct log_outlet *o, enum log_level level, struct slice line,
                               size_t *at)
{
    char packed[CAP_SYSLOG_LINE];
    for (int tries = 0; tries < 2; tries++) {
        if (!log_outlet_connect(o))
            return PUT_LATER;
        struct slice whole = slice_make(packed, pack(o, level, line, packed));
        while (*at < whole.len) {
            ssize_t n = send(o->fd, whole.data + *at, whole.len - *at, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n >= 0)
                *at += (size_t)n;
            else if (must_wait(errno))
                return PUT_LATER;
            else if (errno == EMSGSIZE)
                return PUT_FAILED;
            else if (errno != EINTR)
                break;
        }
        if (*at >= whole.len)
            return PUT_DONE;
        log_outlet_close(o);
        *at = 0;
    }
    return PUT_LATER;
}

enum log_put log_outlet_put(struct log_outlet *outlet, enum log_level level, struct slice line,
                            size_t *at)
{
    return outlet->kind == OUTLET_SYSLOG ? put_syslog(outlet, level, line, at)
                                         : put_line(outlet, level, line, at);
}
