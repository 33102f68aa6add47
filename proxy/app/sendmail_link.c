#include "app/sendmail_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/status.h"
#include "io/transport_fd.h"

enum {
    SMTP_PORT = 25,
    CONNECT_SECONDS = 30,
    SEND_SECONDS = 300,
};

static int open_socket(const struct sockaddr *to, socklen_t len)
{
    struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* It is the limit of connect(), too. */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, to, len) == 0) {
        patience.tv_sec = SEND_SECONDS;
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        return fd;
    }
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

int link_open(struct err *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons(SMTP_PORT),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(SMTP_PORT), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = open_socket((const struct sockaddr *)&v4, sizeof v4);
    if (fd >= 0)
        return fd;
    int why = errno;
    fd = open_socket((const struct sockaddr *)&v6, sizeof v6);
    if (fd < 0)
        err_set_errno(
            err, why,
            "no server accepts mail on 127.0.0.1:25 or [::1]:25 (is smtp-detour running?)");
    return fd;
}

int link_open_at(const struct addr *at, struct err *err)
{
    struct sockaddr_storage to;
    char words[ADDR_TEXT];
    socklen_t len = sockaddr_from(at, &to);
    int fd = open_socket((const struct sockaddr *)&to, len);
    if (fd < 0)
        err_set_errno(err, errno, addr_text_with_port(at, words));
    return fd;
}

int link_send(int fd, struct slice bytes)
{
    while (bytes.len) {
        ssize_t n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes = slice_from(bytes, (size_t)n);
    }
    return 0;
}

/* ---- -bs ---- */

static int write_all(int fd, struct slice bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes = slice_from(bytes, (size_t)n);
    }
    return 0;
}

/* Moves what `from` has now. Returns how much, 0 if it has ended, or -1 if one of both sides is
 * lost. */
static ssize_t move(int from, int to, int (*put)(int, struct slice))
{
    char piece[16384];
    ssize_t n = read(from, piece, sizeof piece);
    if (n < 0 && errno == EINTR)
        return 1;
    if (n <= 0)
        return n;
    return put(to, slice_make(piece, (size_t)n)) == 0 ? n : -1;
}

/* The server limits the silence on both sides. When stdin ends, only our half of the connection
 * ends: the server answers what it has, and closes. */
static void carry(int server)
{
    struct pollfd fds[2] = {{.fd = server, .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return;
        }
        if (fds[0].revents && move(server, STDOUT_FILENO, write_all) <= 0)
            return;
        if (fds[1].revents && move(STDIN_FILENO, server, link_send) <= 0) {
            shutdown(server, SHUT_WR);
            fds[1].fd = -1;
        }
    }
}

int link_carry_stdio(struct err *err)
{
    int server = link_open(err);
    if (server < 0) {
        printf("421 4.3.2 %s\r\n", err->words);
        fflush(stdout);
        return EXIT_TRY_LATER;
    }
    carry(server);
    close(server);
    return EXIT_FINE;
}
