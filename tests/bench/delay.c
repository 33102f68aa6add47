/* delay: a relay that makes a line long. Every byte and every end of stream arrives --ms
 * milliseconds after it was sent, each way; a connection itself takes what TCP's handshake would:
 * the other side hears of it after three one-way delays. Prints {"port":N}; ends when stdin
 * does. */
#include "bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct pair;

struct side {
    struct pair *pair;
    int fd;
    /* its end of stream was read */
    bool ended;
    unsigned index;
};

struct pair {
    /* 0: who connected to us, 1: the target */
    struct side sides[2];
    /* parcels that refer to this pair */
    int in_flight;
    bool dead;
};

/* What is under way: bytes for the other side, its end of stream (len 0), or the connection
 * itself. */
struct parcel {
    struct parcel *next;
    uint64_t due_ns;
    struct pair *pair;
    unsigned to;
    bool opens;
    size_t len;
    char bytes[];
};

struct queue {
    struct parcel *first, **last;
};

struct relay {
    int epoll, timer, listener;
    uint64_t delay_ns;
    struct sockaddr_in to;
    /* each in the order of due times, since each has one delay */
    struct queue openings, bytes;
};

static void post(struct queue *q, struct parcel *p)
{
    p->next = NULL;
    p->pair->in_flight++;
    *q->last = p;
    q->last = &p->next;
}

static void watch(struct relay *r, struct side *s)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
    if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &e) != 0)
        die("epoll_ctl: %s", strerror(errno));
}

static void bury(struct pair *p)
{
    for (int i = 0; i < 2; i++)
        if (p->sides[i].fd >= 0)
            close(p->sides[i].fd);
    p->sides[0].fd = p->sides[1].fd = -1;
    p->dead = true;
    if (p->in_flight == 0)
        free(p);
}

static void accept_all(struct relay *r)
{
    for (int fd = accept_one(r->listener); fd >= 0; fd = accept_one(r->listener)) {
        struct pair *p = must_alloc(sizeof *p);
        p->sides[0] = (struct side){.pair = p, .fd = fd, .index = 0};
        p->sides[1] = (struct side){.pair = p, .fd = -1, .index = 1};
        struct parcel *opening = must_alloc(sizeof *opening);
        opening->due_ns = now_ns() + 3 * r->delay_ns;
        opening->pair = p;
        opening->opens = true;
        post(&r->openings, opening);
    }
}

/* Blocking reads and writes would do no harm here, but a full socket must not stop the clock: what
 * cannot be written at once ends the pair. The messages sent through this relay are small. */
static void deliver(struct relay *r, struct parcel *p)
{
    struct side *to = &p->pair->sides[p->to];
    if (p->opens) {
        p->pair->sides[1].fd = connect_to(&r->to, 0);
        watch(r, &p->pair->sides[0]);
        watch(r, &p->pair->sides[1]);
    } else if (p->len == 0) {
        shutdown(to->fd, SHUT_WR);
        if (p->pair->sides[0].ended && p->pair->sides[1].ended)
            bury(p->pair);
    } else if (send(to->fd, p->bytes, p->len, MSG_NOSIGNAL) != (long)p->len) {
        bury(p->pair);
    }
}

static void deliver_due(struct relay *r, struct queue *q)
{
    while (q->first && q->first->due_ns <= now_ns()) {
        struct parcel *p = q->first;
        struct pair *pair = p->pair;
        q->first = p->next;
        if (!q->first)
            q->last = &q->first;
        if (!pair->dead)
            deliver(r, p);
        pair->in_flight--;
        if (pair->dead && pair->in_flight == 0)
            free(pair);
        free(p);
    }
}

static void take(struct relay *r, struct side *s)
{
    char bytes[65536];
    long got = recv(s->fd, bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    size_t len = got > 0 ? (size_t)got : 0;
    struct parcel *p = must_alloc(sizeof *p + len);
    p->due_ns = now_ns() + r->delay_ns;
    p->pair = s->pair;
    p->to = 1 - s->index;
    p->len = len;
    memcpy(p->bytes, bytes, len);
    post(&r->bytes, p);
    if (len == 0) {
        s->ended = true;
        epoll_ctl(r->epoll, EPOLL_CTL_DEL, s->fd, NULL);
    }
}

static void set_timer(struct relay *r)
{
    uint64_t due = UINT64_MAX;
    if (r->openings.first)
        due = r->openings.first->due_ns;
    if (r->bytes.first && r->bytes.first->due_ns < due)
        due = r->bytes.first->due_ns;
    struct itimerspec at = {0};
    if (due != UINT64_MAX) {
        at.it_value.tv_sec = (time_t)(due / 1000000000u);
        at.it_value.tv_nsec = (long)(due % 1000000000u);
    }
    timerfd_settime(r->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* False when the driver is gone. */
static bool turn(struct relay *r)
{
    struct epoll_event events[64];
    char ignored[64];
    uint64_t expirations;
    set_timer(r);
    int count = epoll_wait(r->epoll, events, 64, -1);
    for (int i = 0; i < count; i++) {
        void *at = events[i].data.ptr;
        if (!at && read(STDIN_FILENO, ignored, sizeof ignored) <= 0)
            return false;
        if (at == &r->timer && read(r->timer, &expirations, sizeof expirations) < 0)
            continue;
        if (at == &r->listener)
            accept_all(r);
        else if (at && at != &r->timer && ((struct side *)at)->fd >= 0)
            take(r, at);
    }
    deliver_due(r, &r->openings);
    deliver_due(r, &r->bytes);
    return true;
}

int main(int argc, char **argv)
{
    static const char *const known[] = {"--to", "--ms", NULL};
    static struct relay r;
    uint16_t port;
    args_check(argc, argv, known);
    r.to = endpoint(arg_text(argc, argv, "--to", NULL));
    r.delay_ns = (uint64_t)arg_number(argc, argv, "--ms", 40) * 1000000u;
    r.openings.last = &r.openings.first;
    r.bytes.last = &r.bytes.first;
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    r.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    r.listener = listen_on(0, &port);
    struct epoll_event in = {.events = EPOLLIN}, timer = {.events = EPOLLIN, .data.ptr = &r.timer},
                       door = {.events = EPOLLIN, .data.ptr = &r.listener};
    if (epoll_ctl(r.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &in) != 0 ||
        epoll_ctl(r.epoll, EPOLL_CTL_ADD, r.timer, &timer) != 0 ||
        epoll_ctl(r.epoll, EPOLL_CTL_ADD, r.listener, &door) != 0)
        die("epoll_ctl: %s", strerror(errno));
    printf("{\"port\":%u}\n", port);
    fflush(stdout);
    while (turn(&r))
        continue;
    return 0;
}
