#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/transport_fd.h"

enum { BACKLOG = 4096, ACCEPTS_PER_TURN = 64 };

static const usec rest_after_exhaustion = 100 * USEC_PER_MS;

struct listener {
    struct loop *loop;
    ev_io watcher;
    int fd;
    /* /dev/null. When descriptors have run out, it is closed for a moment to accept and answer one
     * connection. Then it is -1. */
    int reserve;
    struct timer *rest;
    bool paused, resting;
    accept_fn *fn;
    void *ctx;
    struct addr at;
};

static void watch(struct listener *l)
{
    if (l->paused || l->resting)
        ev_io_stop(loop_ev(l->loop), &l->watcher);
    else
        ev_io_start(loop_ev(l->loop), &l->watcher);
}

static void take_reserve(struct listener *l)
{
    if (l->reserve < 0)
        l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_rested(void *arg)
{
    struct listener *l = arg;
    l->resting = false;
    take_reserve(l);
    watch(l);
}

/* Tells the client why, instead of letting it wait in the backlog. It reads nothing: the client has
 * not spoken yet, and so few bytes arrive even if the socket is closed without reading. */
static void turn_away(struct listener *l)
{
    static const char words[] = "421 4.3.2 Too many connections, try again later\r\n";
    if (l->reserve >= 0) {
        close(l->reserve);
        l->reserve = -1;
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            (void)!send(fd, words, sizeof words - 1, MSG_NOSIGNAL);
            shutdown(fd, SHUT_WR);
            close(fd);
        }
        take_reserve(l);
    }
    l->resting = true;
    timer_arm(l->rest, rest_after_exhaustion);
    watch(l);
}

static bool is_exhaustion(int number)
{
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

static void on_connection(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct listener *l = CONTAINER(watcher, struct listener, watcher);
    (void)ev;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && l->fd >= 0 && !l->paused && !loop_is_late(l->loop);
         i++) {
        struct sockaddr_storage sa = {0};
        socklen_t len = sizeof sa;
        int fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            struct addr peer = addr_from_sockaddr((struct sockaddr *)&sa);
            /* This may pause or close the listener. */
            l->fn(l->ctx, transport_accepted(l->loop, fd, &peer));
        } else if (is_exhaustion(errno)) {
            turn_away(l);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
        /* Otherwise this one connection has failed (ECONNABORTED, or a network error that Linux
         * passes on). The loop continues with the next. */
    }
}

struct listener *listener_take(struct loop *loop, int fd, accept_fn *fn, void *ctx)
{
    struct listener *l = NEW(struct listener);
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    l->loop = loop;
    l->fd = fd;
    l->reserve = -1;
    l->fn = fn;
    l->ctx = ctx;
    l->rest = timer_new(loop, on_rested, l);
    getsockname(fd, (struct sockaddr *)&sa, &len);
    l->at = addr_from_sockaddr((struct sockaddr *)&sa);
    take_reserve(l);
    ev_io_init(&l->watcher, on_connection, fd, EV_READ);
    watch(l);
    return l;
}

static int bind_and_listen(int fd, const struct addr *at)
{
    struct sockaddr_storage sa;
    socklen_t len = sockaddr_from(at, &sa);
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -1;
    if (at->family == ADDR_V6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&sa, len) < 0)
        return -1;
    return listen(fd, BACKLOG);
}

int listener_bind(const struct addr *at, struct addr *bound_r, struct err *err)
{
    char text[ADDR_TEXT], doing[ADDR_TEXT + 16] = "listen on ";
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    strcat(doing, addr_text_with_port(at, text));
    int fd = socket(at->family == ADDR_V6 ? AF_INET6 : AF_INET,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind_and_listen(fd, at) == 0) {
        getsockname(fd, (struct sockaddr *)&sa, &len);
        *bound_r = addr_from_sockaddr((struct sockaddr *)&sa);
        return fd;
    }
    err_set_errno(err, errno, doing);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* A socket can only be bound to an address of this machine, so no list has to be read or kept. */
bool listener_address_is_ours(const struct addr *at)
{
    struct sockaddr_storage sa;
    struct addr any_port = *at;
    any_port.port = 0;
    if (addr_is_loopback(at))
        return true;
    if (at->family == ADDR_NONE || addr_is_any(at))
        return false;
    int fd = socket(at->family == ADDR_V6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool ours = bind(fd, (struct sockaddr *)&sa, sockaddr_from(&any_port, &sa)) == 0;
    close(fd);
    return ours;
}

struct listener *listener_open(struct loop *loop, const struct addr *at, accept_fn *fn, void *ctx,
                               struct err *err)
{
    struct addr bound;
    int fd = listener_bind(at, &bound, err);
    return fd < 0 ? NULL : listener_take(loop, fd, fn, ctx);
}

struct listener *listener_adopt(struct loop *loop, int fd, accept_fn *fn, void *ctx,
                                struct err *err)
{
    int listening = 0;
    socklen_t len = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0) {
        err_set_errno(err, errno, "passed socket");
        return NULL;
    }
    if (!listening) {
        err_set(err, ERR_INVALID,
                "passed socket: it does not listen; its unit needs ListenStream and Accept=no");
        return NULL;
    }
    struct sockaddr_storage sa = {0};
    int type = 0;
    socklen_t type_len = sizeof type, sa_len = sizeof sa;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_STREAM ||
        getsockname(fd, (struct sockaddr *)&sa, &sa_len) < 0 ||
        (sa.ss_family != AF_INET && sa.ss_family != AF_INET6)) {
        err_set(err, ERR_INVALID, "passed socket: it is no TCP socket");
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return listener_take(loop, fd, fn, ctx);
}

const struct addr *listener_address(const struct listener *l)
{
    return &l->at;
}

void listener_pause(struct listener *l, bool paused)
{
    l->paused = paused;
    watch(l);
}

void listener_close(struct listener **listener)
{
    struct listener *l = *listener;
    *listener = NULL;
    if (!l)
        return;
    ev_io_stop(loop_ev(l->loop), &l->watcher);
    timer_free(&l->rest);
    close(l->fd);
    if (l->reserve >= 0)
        close(l->reserve);
    l->fd = l->reserve = -1;
    loop_free_later(l->loop, l, free);
}
