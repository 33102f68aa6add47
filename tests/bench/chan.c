#include "bench/chan.h"
#include "bench/bench.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void watch(struct chan *c, void *owner, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = owner};
    if (c->events == events)
        return;
    if (epoll_ctl(c->epoll, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e) != 0)
        die("epoll_ctl: %s", strerror(errno));
    c->events = events;
}

void chan_open(struct chan *c, int epoll, int fd, void *owner, bool connecting)
{
    memset(c, 0, sizeof *c);
    c->fd = fd;
    c->epoll = epoll;
    watch(c, owner, connecting ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void chan_close(struct chan *c)
{
    if (c->ssl) {
        if (!c->handshaking)
            SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
    }
    if (c->fd >= 0)
        close(c->fd);
    free(c->in);
    free(c->out);
    memset(c, 0, sizeof *c);
    c->fd = -1;
    ERR_clear_error();
}

void chan_start_tls(struct chan *c, SSL_CTX *context, bool server, const char *name)
{
    c->ssl = SSL_new(context);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
        die("SSL_new");
    if (name && (SSL_set_tlsext_host_name(c->ssl, name) != 1 || SSL_set1_host(c->ssl, name) != 1))
        die("SSL_set1_host");
    if (server)
        SSL_set_accept_state(c->ssl);
    else
        SSL_set_connect_state(c->ssl);
    c->handshaking = true;
}

/* What an SSL call that returned <= 0 means: 0 wait, -1 over. */
static int ssl_outcome(struct chan *c, int result)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ: return 0;
    case SSL_ERROR_WANT_WRITE: c->ssl_wants_write = true; return 0;
    default: return -1;
    }
}

int chan_handshake(struct chan *c)
{
    ERR_clear_error();
    c->ssl_wants_write = false;
    int result = SSL_do_handshake(c->ssl);
    if (result == 1) {
        c->handshaking = false;
        return 1;
    }
    return ssl_outcome(c, result);
}

long chan_fill(struct chan *c)
{
    if (!c->in)
        c->in = must_alloc(CHAN_IN);
    size_t room = CHAN_IN - c->in_len;
    if (room == 0)
        return -1;
    long got;
    if (c->ssl) {
        ERR_clear_error();
        c->ssl_wants_write = false;
        int result = SSL_read(c->ssl, c->in + c->in_len, (int)room);
        if (result <= 0)
            return ssl_outcome(c, result);
        got = result;
    } else {
        got = recv(c->fd, c->in + c->in_len, room, 0);
        if (got < 0)
            return errno == EAGAIN ? 0 : -1;
        if (got == 0)
            return -1;
    }
    c->in_len += (size_t)got;
    return got;
}

void chan_consume(struct chan *c, size_t count)
{
    c->in_len -= count;
    if (c->in_len)
        memmove(c->in, c->in + count, c->in_len);
}

void chan_queue(struct chan *c, const char *data, size_t len)
{
    if (c->out_len + len > c->out_cap) {
        c->out_cap = (c->out_len + len) * 2;
        c->out = must_grow(c->out, c->out_cap);
    }
    memcpy(c->out + c->out_len, data, len);
    c->out_len += len;
}

void chan_tail(struct chan *c, const char *data, size_t len)
{
    c->tail = data;
    c->tail_len = len;
}

bool chan_has_output(const struct chan *c)
{
    return c->out_len > c->out_done || c->tail_len > 0;
}

static long write_some(struct chan *c)
{
    size_t first = c->out_len - c->out_done;
    if (!c->ssl) {
        struct iovec v[2] = {{c->out ? c->out + c->out_done : NULL, first},
                             {(void *)(uintptr_t)c->tail, c->tail_len}};
        struct msghdr message = {.msg_iov = first ? v : v + 1,
                                 .msg_iovlen = first ? (c->tail_len ? 2 : 1) : 1};
        long sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
        return sent >= 0 ? sent : errno == EAGAIN ? 0 : -1;
    }
    ERR_clear_error();
    const char *data = first ? c->out + c->out_done : c->tail;
    size_t len = first ? first : c->tail_len;
    int result = SSL_write(c->ssl, data, (int)(len > 1 << 20 ? 1 << 20 : len));
    return result > 0 ? result
           : SSL_get_error(c->ssl, result) == SSL_ERROR_WANT_WRITE ||
                   SSL_get_error(c->ssl, result) == SSL_ERROR_WANT_READ
               ? 0
               : -1;
}

int chan_flush(struct chan *c, void *owner)
{
    while (chan_has_output(c)) {
        long sent = write_some(c);
        if (sent < 0)
            return -1;
        if (sent == 0) {
            watch(c, owner, EPOLLIN | EPOLLOUT);
            return 0;
        }
        size_t first = c->out_len - c->out_done,
               from_first = (size_t)sent < first ? (size_t)sent : first;
        c->out_done += from_first;
        if ((size_t)sent > from_first) {
            c->tail += (size_t)sent - from_first;
            c->tail_len -= (size_t)sent - from_first;
        }
    }
    c->out_len = c->out_done = 0;
    watch(c, owner, c->ssl_wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return 0;
}
