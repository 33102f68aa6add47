#include "app/send_message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/caps.h"

enum line_place { LINE_START, LINE_DOT, LINE_TEXT };

/* Bare CR and bare LF become CRLF, as in a message that comes through a listener. */
struct canonical {
    struct buf *out;
    bool dot_ends, after_cr, over;
    enum line_place place;
};

static bool put_line_end(struct canonical *c)
{
    c->over = c->place == LINE_DOT;
    c->place = LINE_START;
    return c->over || buf_append(c->out, "\r\n", 2);
}

static bool put_octet(struct canonical *c, char octet)
{
    /* The dot is held until the next octet decides what it was. */
    if (c->dot_ends && c->place == LINE_START && octet == '.') {
        c->place = LINE_DOT;
        return true;
    }
    bool ok = c->place != LINE_DOT || buf_append(c->out, ".", 1);
    c->place = LINE_TEXT;
    return ok && buf_append(c->out, &octet, 1);
}

static bool put_canonical(struct canonical *c, struct slice in)
{
    bool ok = true;
    for (size_t i = 0; ok && i < in.len && !c->over; i++) {
        char octet = in.data[i];
        if (octet == '\n' && c->after_cr) {
            c->after_cr = false;
            continue;
        }
        c->after_cr = octet == '\r';
        ok = octet == '\r' || octet == '\n' ? put_line_end(c) : put_octet(c, octet);
    }
    return ok;
}

static int read_all(int fd, struct canonical *c, struct err *err)
{
    UNINITIALIZED char piece[65536];
    while (!c->over) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_set_errno(err, errno, "cannot read the message");
            return -1;
        }
        if (n == 0)
            break;
        if (!put_canonical(c, slice_make(piece, (size_t)n))) {
            err_set(err, ERR_LIMIT, "the message is larger than %zu MiB", CAP_SEND_MESSAGE >> 20);
            return -1;
        }
    }
    if (c->place == LINE_TEXT && !buf_append(c->out, "\r\n", 2)) {
        err_set(err, ERR_LIMIT, "the message is larger than %zu MiB", CAP_SEND_MESSAGE >> 20);
        return -1;
    }
    return 0;
}

int send_message_read(const char *path, struct buf *out, struct err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        err_set_errno(err, errno, path);
        return -1;
    }
    buf_init(out, CAP_SEND_MESSAGE);
    int status = read_all(fd, &(struct canonical){.out = out}, err);
    if (!is_stdin)
        close(fd);
    return status;
}

int send_message_read_stdin(bool dot_ends, struct buf *out, struct err *err)
{
    buf_init(out, CAP_SEND_MESSAGE);
    return read_all(STDIN_FILENO, &(struct canonical){.out = out, .dot_ends = dot_ends}, err);
}

void send_message_test(const char *from, const char *to, const char *hostname, struct buf *out)
{
    char date[64];
    time_t now = time(NULL);
    struct tm parts;
    localtime_r(&now, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &parts);
    buf_init(out, CAP_SEND_MESSAGE);
    if (!buf_printf(out,
                    "From: <%s>\r\nTo: <%s>\r\nSubject: Test from smtp-detour on %s\r\nDate: "
                    "%s\r\nMessage-ID: <%lld.%ld@%s>\r\n"
                    "\r\nThis message was sent with `smtp-detour send`.\r\nIf you can read it, the "
                    "way through works.\r\n",
                    from, to, hostname, date, (long long)now, (long)getpid(), hostname))
        buf_clear(out);
}
