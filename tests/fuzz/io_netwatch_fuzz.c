/* The kernel's messages about addresses and routes. The source file itself stands in here, so that
 * its recv can hand it the input, with nothing to be read beyond it. What must hold: no octet
 * beyond a message is looked at, the table stays a table of places each known once. */
#include <sanitizer/asan_interface.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"

static struct slice input;

/* One datagram a call, its length in two octets in front. */
static ssize_t fuzz_recv(int fd, void *to, size_t size, int flags)
{
    (void)fd;
    (void)flags;
    ASAN_UNPOISON_MEMORY_REGION(to, size);
    if (input.len < 2)
        return -1;
    size_t n = (unsigned char)input.data[0] | (size_t)(unsigned char)input.data[1] << 8;
    input = slice_from(input, 2);
    n = n < input.len ? n : input.len;
    n = n < size ? n : size;
    memcpy(to, input.data, n);
    input = slice_from(input, n);
    ASAN_POISON_MEMORY_REGION((char *)to + n, size - n);
    return (ssize_t)n;
}

#define recv fuzz_recv
#include "io/netwatch.c"
#undef recv

/* The loop below it is not there. */
struct timer {
    bool armed;
};

static struct timer burst;

struct ev_loop *loop_ev(struct loop *loop)
{
    (void)loop;
    return NULL;
}

void loop_free_later(struct loop *loop, void *p, void (*destroy)(void *p))
{
    (void)loop;
    destroy(p);
}

struct timer *timer_new(struct loop *loop, timer_fn *fn, void *arg)
{
    (void)loop;
    (void)fn;
    (void)arg;
    return &burst;
}

void timer_free(struct timer **timer)
{
    *timer = NULL;
}

void timer_arm(struct timer *timer, usec delay)
{
    CHECK(delay > 0);
    timer->armed = true;
}

bool timer_is_armed(const struct timer *timer)
{
    return timer->armed;
}

static void check_places(const struct netwatch *w)
{
    CHECK(w->nplaces <= CAP_NETWATCH_PLACES);
    for (size_t i = 0; i < w->nplaces; i++) {
        CHECK(w->places[i].kind == RTM_NEWADDR || w->places[i].kind == RTM_NEWROUTE);
        for (size_t k = 0; k < i; k++)
            CHECK(memcmp(&w->places[i], &w->places[k], sizeof w->places[i]) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct netwatch *w = NEW(struct netwatch);
    w->fd = -1;
    w->inventory = data[0] & 1 ? LISTED : LISTING_ADDRESSES;
    w->burst = &burst;
    burst.armed = false;
    input = slice_make(data + 1, size - 1);
    while (input.len >= 2)
        on_news(NULL, &w->watcher, 0);
    check_places(w);
    CHECK(w->inventory == LISTED || !burst.armed);
    free(w);
    return 0;
}
