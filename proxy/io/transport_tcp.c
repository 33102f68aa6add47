#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <time.h>

#include <linux/errqueue.h>
#endif

#include "base/mem.h"
#include "io/transport_fd.h"

/* A dead peer behind a silent NAT is noticed after about five minutes instead of two hours. */
enum { KEEP_IDLE = 120, KEEP_INTERVAL = 30, KEEP_COUNT = 6 };

socklen_t sockaddr_from(const struct addr *a, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (a->family == ADDR_V4) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(a->port);
        memcpy(&in->sin_addr, a->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(a->port);
    in6->sin6_scope_id = a->scope;
    memcpy(&in6->sin6_addr, a->bytes, 16);
    return sizeof *in6;
}

struct addr addr_from_sockaddr(const struct sockaddr *sa)
{
    struct addr a = {0};
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        a.family = ADDR_V4;
        a.port = ntohs(in.sin_port);
        memcpy(a.bytes, &in.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        a.family = ADDR_V6;
        a.port = ntohs(in6.sin6_port);
        a.scope = in6.sin6_scope_id;
        memcpy(a.bytes, &in6.sin6_addr, 16);
    }
    return addr_unmap(&a);
}

void socket_keep_alive(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
#ifdef TCP_KEEPIDLE
    int idle = KEEP_IDLE, interval = KEEP_INTERVAL, count = KEEP_COUNT;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
#endif
}

static struct addr local_address(int fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    getsockname(fd, (struct sockaddr *)&sa, &len);
    return addr_from_sockaddr((struct sockaddr *)&sa);
}

#ifdef __linux__

/* Of ICMP, what a packet filter says; "host unreachable" comes from this machine too when a
 * neighbour does not answer. */
static bool is_a_filters_word(const struct sock_extended_err *e)
{
    if (e->ee_origin == SO_EE_ORIGIN_ICMP)
        return e->ee_type == ICMP_DEST_UNREACH &&
               (e->ee_code == ICMP_PORT_UNREACH || e->ee_code == ICMP_NET_ANO ||
                e->ee_code == ICMP_HOST_ANO || e->ee_code == ICMP_PKT_FILTERED);
    return e->ee_origin == SO_EE_ORIGIN_ICMP6 && e->ee_type == ICMP6_DST_UNREACH &&
           (e->ee_code == ICMP6_DST_UNREACH_ADMIN || e->ee_code == ICMP6_DST_UNREACH_NOPORT);
}

/* Returns whether the connection was refused by an ICMP error that this machine sent to itself.
 * Such an error is the word of its own packet filter. Linux keeps such errors on a connecting
 * socket (since 5.11), with the address that sent them. */
static bool is_rejected_here(int fd)
{
    union {
        struct cmsghdr align;
        char bytes[512];
    } control;
    char data[64];
    struct iovec iov = {data, sizeof data};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    struct addr local = local_address(fd);
    if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        struct {
            struct sock_extended_err error;
            struct sockaddr_in6 sender;
        } said = {0};
        size_t len = c->cmsg_len - CMSG_LEN(0);
        if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
            !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            continue;
        memcpy(&said, CMSG_DATA(c), len < sizeof said ? len : sizeof said);
        if (said.sender.sin6_family != AF_INET && said.sender.sin6_family != AF_INET6)
            continue;
        struct addr sender =
            addr_from_sockaddr((const struct sockaddr *)(const void *)&said.sender);
        if (is_a_filters_word(&said.error) && addr_equal(&sender, &local))
            return true;
    }
    return false;
}

#else

static bool is_rejected_here(int fd)
{
    (void)fd;
    return false;
}

#endif

static enum transport_step tcp_connect_step(struct transport *base, struct err *err)
{
    struct fd_transport *t = fd_transport(base);
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    int error = 0;
    socklen_t error_len = sizeof error;
    if (t->connected)
        return TRANSPORT_DONE;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0)
        error = errno;
    if (error) {
        if (is_rejected_here(t->fd))
            err_set(err, ERR_PERMISSION, "connect: this machine's packet filter rejects it");
        else
            err_set_errno(err, error, "connect");
        return TRANSPORT_FAILED;
    }
    if (getpeername(t->fd, (struct sockaddr *)&sa, &len) < 0)
        return TRANSPORT_AGAIN;
    t->connected = true;
    base->local = local_address(t->fd);
    return TRANSPORT_DONE;
}

static ssize_t tcp_read(struct transport *base, void *out, size_t n, struct err *err)
{
    ssize_t got;
    do
        got = recv(fd_transport(base)->fd, out, n, 0);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        return got;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (got < 0)
        err_set_errno(err, errno, "read");
    else
        err_set(err, ERR_CLOSED, "the peer closed the connection");
    return -1;
}

static ssize_t tcp_write(struct transport *base, const void *data, size_t n, struct err *err)
{
    ssize_t put;
    do
        put = send(fd_transport(base)->fd, data, n, MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put >= 0)
        return put;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return 0;
    err_set_errno(err, errno, "write");
    return -1;
}

static bool tcp_write_is_uncertain(const struct transport *base)
{
    (void)base;
    return false;
}

static enum transport_step tcp_handshake_step(struct transport *base, struct err *err)
{
    (void)base;
    (void)err;
    return TRANSPORT_DONE;
}

static const struct tls_facts *tcp_tls(const struct transport *base)
{
    (void)base;
    return NULL;
}

static void tcp_want(struct transport *base, bool want_read, bool want_write)
{
    fd_transport_watch(fd_transport(base), (want_read ? EV_READ : 0) | (want_write ? EV_WRITE : 0));
}

static bool tcp_has_pending(const struct transport *base)
{
    (void)base;
    return false;
}

void fd_transport_gather(struct transport *base, bool on)
{
#ifdef TCP_CORK
    int cork = on;
    setsockopt(fd_transport(base)->fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof cork);
#else
    (void)base;
    (void)on;
#endif
}

static void tcp_shutdown(struct transport *base)
{
    shutdown(fd_transport(base)->fd, SHUT_WR);
}

static void tcp_close(struct transport *base)
{
    fd_transport_close(fd_transport(base));
}

static const struct transport_ops tcp_ops = {
    .connect_step = tcp_connect_step,
    .read = tcp_read,
    .write = tcp_write,
    .write_is_uncertain = tcp_write_is_uncertain,
    .start_tls = fd_transport_start_tls,
    .handshake_step = tcp_handshake_step,
    .tls = tcp_tls,
    .want = tcp_want,
    .has_pending = tcp_has_pending,
    .gather = fd_transport_gather,
    .shutdown = tcp_shutdown,
    .close = tcp_close,
};

static void on_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct fd_transport *t = CONTAINER(watcher, struct fd_transport, watcher);
    (void)ev;
    (void)events;
    loop_queue_ready(t->base.loop, &t->ready);
}

static void on_turn(void *arg)
{
    struct fd_transport *t = arg;
    /* This may close t. Its memory lasts until the end of the turn. */
    t->base.wake(t->base.stream);
}

void fd_transport_watch(struct fd_transport *t, int events)
{
    struct ev_loop *ev = loop_ev(t->base.loop);
    if (ev_is_active(&t->watcher) && (t->watcher.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(ev, &t->watcher);
    /* Unlike ev_io_set, a change that is undone within a turn costs no system call. */
    ev_io_modify(&t->watcher, events);
    if (events)
        ev_io_start(ev, &t->watcher);
    else
        deferred_cancel(&t->ready);
}

void fd_transport_close(struct fd_transport *t)
{
    fd_transport_watch(t, 0);
    close(t->fd);
    loop_free_later(t->base.loop, t, free);
}

static struct fd_transport *fd_transport_new(struct loop *loop, int fd)
{
    struct fd_transport *t = NEW(struct fd_transport);
    t->base.ops = &tcp_ops;
    t->base.loop = loop;
    t->fd = fd;
    ev_io_init(&t->watcher, on_ready, fd, 0);
    deferred_init(&t->ready, on_turn, t);
    return t;
}

/* Netfilter's headers clash with libc's, so their two numbers are repeated here. */
enum {
    ORIGINAL_DESTINATION_V4 = 80 /* SO_ORIGINAL_DST */,
    /* IP6T_SO_ORIGINAL_DST */
    ORIGINAL_DESTINATION_V6 = 80
};

/* With connection tracking every connection has an original destination. It means something only if
 * it is not our own address. Any error means that the connection was not redirected. */
static struct addr original_destination(int fd, const struct addr *local)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    bool v4 = local->family == ADDR_V4;
    if (getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
                   v4 ? ORIGINAL_DESTINATION_V4 : ORIGINAL_DESTINATION_V6, &sa, &len) < 0)
        return (struct addr){0};
    struct addr original = addr_from_sockaddr((struct sockaddr *)&sa);
    return addr_equal(&original, local) && original.port == local->port ? (struct addr){0}
                                                                        : original;
}

static bool has_peer(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    return getpeername(fd, (struct sockaddr *)&sa, &len) == 0;
}

struct transport *transport_accepted(struct loop *loop, int fd, const struct addr *peer)
{
    struct fd_transport *t = fd_transport_new(loop, fd);
    t->connected = true;
    t->base.peer = *peer;
    t->base.is_gone = !has_peer(fd);
    t->base.local = local_address(fd);
    t->base.original = original_destination(fd, &t->base.local);
    socket_keep_alive(fd);
    return &t->base;
}

/* The source's port may be 0. Linux then chooses it at connect, by both ends, so that many
 * connections from one address are possible. */
static int bind_source(int fd, const struct addr *source, struct err *err)
{
    struct sockaddr_storage sa;
    socklen_t len = sockaddr_from(source, &sa);
#ifdef IP_BIND_ADDRESS_NO_PORT
    int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
    if (bind(fd, (struct sockaddr *)&sa, len) == 0)
        return 0;
    char text[ADDR_TEXT], doing[ADDR_TEXT + 32];
    strcpy(doing, "source address ");
    strcat(doing, addr_text(source, text));
    err_set_errno(err, errno, doing);
    return -1;
}

struct transport *transport_connect(struct loop *loop, const struct addr *to,
                                    const struct addr *source, struct err *err)
{
    struct sockaddr_storage sa;
    socklen_t len = sockaddr_from(to, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        err_set_errno(err, errno, "socket");
        return NULL;
    }
    socket_keep_alive(fd);
    if (source && bind_source(fd, source, err) < 0) {
        close(fd);
        return NULL;
    }
    if (connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS && errno != EINTR) {
        err_set_errno(err, errno, "connect");
        close(fd);
        return NULL;
    }
    struct fd_transport *t = fd_transport_new(loop, fd);
    t->base.peer = *to;
    return &t->base;
}
