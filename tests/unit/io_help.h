/* For the io tests: a loop that runs until something is true, a stream that notes its events,
 * descriptors without a stream as the far end. */
#ifndef UNIT_IO_HELP_H
#define UNIT_IO_HELP_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "io/stream.h"
#include "io/transport_fd.h"

#define UNUSED __attribute__((unused))

struct spin {
    struct loop *loop;
    struct timer *timer;
    bool (*reached)(void *arg);
    void *arg;
    int ticks;
};

static void on_tick(void *arg)
{
    struct spin *s = arg;
    if (s->reached(s->arg) || ++s->ticks > 60000)
        loop_stop(s->loop);
    else
        timer_arm(s->timer, USEC_PER_MS);
}

/* Runs the loop until `reached`; gives up, and fails the test, after very long. */
UNUSED static void spin_until(struct loop *loop, bool (*reached)(void *arg), void *arg)
{
    struct spin s = {.loop = loop, .reached = reached, .arg = arg};
    s.timer = timer_new(loop, on_tick, &s);
    timer_arm(s.timer, 0);
    loop_run(loop);
    timer_free(&s.timer);
    assert_true(reached(arg));
}

static bool turns_over(void *arg)
{
    return --*(int *)arg < 0;
}

/* For showing that nothing happens: gives the loop some turns. */
UNUSED static void spin_some(struct loop *loop)
{
    int turns = 20;
    struct spin s = {.loop = loop, .reached = turns_over, .arg = &turns};
    s.timer = timer_new(loop, on_tick, &s);
    timer_arm(s.timer, 0);
    loop_run(loop);
    timer_free(&s.timer);
}

/* A stream's owner that takes in all bytes and writes down the events: C(onnected) S(ecured)
 * I(nput) L(ow) E(of) F(ailed). */
struct owner {
    struct stream *s;
    /* the first of them; `seen` has all */
    char events[1000];
    size_t nevents;
    bool seen[128];
    /* consumes what comes */
    bool greedy;
    struct buf got;
    /* after noting; may be NULL */
    void (*hook)(struct owner *o, enum stream_event event);
    void *arg;
};

static void owner_event(void *ctx, struct stream *s, enum stream_event event)
{
    struct owner *o = ctx;
    assert_ptr_equal(s, o->s);
    unsigned char letter = (unsigned char)"CSILEF"[event];
    o->seen[letter] = true;
    if (o->nevents < sizeof o->events - 1)
        o->events[o->nevents++] = (char)letter;
    if (event == STREAM_INPUT && o->greedy) {
        assert_true(buf_append_slice(&o->got, stream_view(s)));
        stream_consume(s, stream_view(s).len);
    }
    if (o->hook)
        o->hook(o, event);
}

UNUSED static void owner_init(struct owner *o, bool greedy)
{
    memset(o, 0, sizeof *o);
    o->greedy = greedy;
    buf_init(&o->got, 16 * 1024 * 1024);
}

UNUSED static void owner_close(struct owner *o)
{
    stream_close(&o->s);
    buf_free(&o->got);
}

static bool owner_has(const struct owner *o, char event)
{
    return o->seen[(unsigned char)event];
}

UNUSED static struct loop *new_loop(void)
{
    struct err err;
    struct loop *loop = loop_new(&err);
    assert_non_null(loop);
    return loop;
}

static const struct stream_caps usual_caps = {.input = 16384, .output = 65536};

/* a socket pair's ends have no address */
UNUSED static const struct addr nobody;

/* A stream on one end of a socket pair; returns the other end, which is non-blocking. */
UNUSED static int owner_open(struct owner *o, struct loop *loop, int type, struct stream_caps caps,
                             bool greedy)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    owner_init(o, greedy);
    o->s = stream_accepted(transport_accepted(loop, fds[0], &nobody), caps, owner_event, o);
    return fds[1];
}

/* Two streams that face each other. */
UNUSED static void owners_open(struct owner *a, struct owner *b, struct loop *loop,
                               struct stream_caps caps)
{
    int fd = owner_open(a, loop, SOCK_STREAM, caps, true);
    owner_init(b, true);
    b->s = stream_accepted(transport_accepted(loop, fd, &nobody), caps, owner_event, b);
}

UNUSED static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* a descriptor whose bytes are collected */
struct far_end {
    int fd;
    char got[1 << 20];
    size_t n, want;
    bool eof;
};

UNUSED static bool far_end_read(void *arg)
{
    struct far_end *f = arg;
    for (;;) {
        ssize_t n = recv(f->fd, f->got + f->n, sizeof f->got - f->n, 0);
        if (n <= 0) {
            f->eof = n == 0;
            break;
        }
        f->n += (size_t)n;
    }
    return f->want ? f->n >= f->want : f->eof;
}

#define HAS_EVENT(letter)                                                                          \
    UNUSED static bool has_##letter(void *arg)                                                     \
    {                                                                                              \
        return owner_has(arg, #letter[0]);                                                         \
    }
HAS_EVENT(C)
HAS_EVENT(S)
HAS_EVENT(I)
HAS_EVENT(L)
HAS_EVENT(E)
HAS_EVENT(F)

#endif
