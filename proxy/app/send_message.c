#include "app/send_message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Bare CR and bare LF become CRLF, as in a message that comes through a listener. */
static bool put_canonical(struct buf *out, struct slice in, bool *after_cr)
{
    bool ok = true;
    for (size_t i = 0; ok && i < in.len; i++) {
        char c = in.data[i];
        if (c == '\n' && *after_cr) {
            *after_cr = false;
            continue;
        }
        *after_cr = c == '\r';
        ok = c == '\r' || c == '\n' ? buf_append(out, "\r\n", 2) : buf_append(out, &c, 1);
    }
    return ok;
}

static int read_all(int fd, struct buf *out, struct err *err)
{
    char piece[65536];
    bool after_cr = false;
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_set_errno(err, errno, "cannot read the message");
            return -1;
        }
        if (n == 0)
            return 0;
        if (!put_canonical(out, slice_make(piece, (size_t)n), &after_cr)) {
            err_set(err, ERR_LIMIT, "the message is larger than %zu MiB", SEND_MESSAGE_CAP >> 20);
            return -1;
        }
    }
}

int send_message_read(const char *path, struct buf *out, struct err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        err_set_errno(err, errno, path);
        return -1;
    }
    buf_init(out, SEND_MESSAGE_CAP);
    int status = read_all(fd, out, err);
    struct slice all = buf_view(out);
    if (status == 0 && all.len && all.data[all.len - 1] != '\n' && !buf_append(out, "\r\n", 2))
        status = -1;
    if (!is_stdin)
        close(fd);
    return status;
}

void send_message_test(const char *from, const char *to, const char *hostname, struct buf *out)
{
    char date[64];
    time_t now = time(NULL);
    struct tm parts;
    localtime_r(&now, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &parts);
    buf_init(out, SEND_MESSAGE_CAP);
    if (!buf_printf(out,
                    "From: <%s>\r\nTo: <%s>\r\nSubject: Test from smtp-detour on %s\r\nDate: %s\r\nMessage-ID: <%lld.%ld@%s>\r\n"
                    "\r\nThis message was sent with `smtp-detour send`.\r\nIf you can read it, the way through works.\r\n",
                    from, to, hostname, date, (long long)now, (long)getpid(), hostname))
        buf_clear(out);
}
