/* hold: keeps many idle clients connected. Each reads the greeting, says EHLO and reads the answer;
 * when all have, one line of JSON says so. Ends when stdin does, with a second line: how many were
 * closed on us meanwhile. */
#include "bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* clients on their way in at once: no server's listen queue overflows */
#define WINDOW 200

struct holder {
    int fd;
    /* 0 waits for the greeting, 1 for EHLO's, 2 idle */
    unsigned replies;
    /* the beginning of the line that is coming in */
    char last[4];
    unsigned column;
};

struct crowd {
    int epoll;
    struct sockaddr_in to;
    struct holder *holders;
    long wanted, started, idle, lost;
};

static void start_more(struct crowd *c)
{
    while (c->started < c->wanted && c->started - c->idle - c->lost < WINDOW) {
        struct holder *h = &c->holders[c->started];
        h->fd = connect_to(&c->to, (unsigned)c->started + 1);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = h};
        if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, h->fd, &e) != 0)
            die("epoll_ctl: %s", strerror(errno));
        c->started++;
    }
}

static void drop(struct crowd *c, struct holder *h)
{
    if (h->replies >= 2)
        c->idle--;
    close(h->fd);
    h->fd = -1;
    c->lost++;
}

static void end_of_line(struct crowd *c, struct holder *h)
{
    static const char hello[] = "EHLO scanner.office.test\r\n";
    bool final = h->column >= 3 && h->last[3] != '-';
    h->column = 0;
    if (!final)
        return;
    if (h->replies == 0 && send(h->fd, hello, sizeof hello - 1, MSG_NOSIGNAL) < 0)
        die("send: %s", strerror(errno));
    if (++h->replies == 2)
        c->idle++;
}

static void listen_to(struct crowd *c, struct holder *h)
{
    char bytes[2048];
    long got = recv(h->fd, bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(c, h);
        return;
    }
    for (long i = 0; i < got; i++) {
        if (bytes[i] == '\n') {
            end_of_line(c, h);
        } else {
            if (h->column < 4)
                h->last[h->column] = bytes[i];
            h->column++;
        }
    }
}

static void say_counts(const struct crowd *c)
{
    printf("{\"idle\":%ld,\"lost\":%ld}\n", c->idle, c->lost);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const known[] = {"--to", "--clients", NULL};
    struct crowd c = {0};
    bool told = false;
    args_check(argc, argv, known);
    raise_descriptor_limit();
    c.to = endpoint(arg_text(argc, argv, "--to", NULL));
    c.wanted = arg_number(argc, argv, "--clients", 1000);
    c.holders = must_alloc((size_t)c.wanted * sizeof *c.holders);
    c.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event in = {.events = EPOLLIN}, events[256];
    if (epoll_ctl(c.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &in) != 0)
        die("epoll_ctl: %s", strerror(errno));
    for (;;) {
        start_more(&c);
        if (!told && c.idle + c.lost == c.wanted) {
            say_counts(&c);
            told = true;
        }
        int count = epoll_wait(c.epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            char ignored[64];
            struct holder *h = events[i].data.ptr;
            if (!h && read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
                say_counts(&c);
                free(c.holders);
                return 0;
            }
            if (h && h->fd >= 0)
                listen_to(&c, h);
        }
    }
}
