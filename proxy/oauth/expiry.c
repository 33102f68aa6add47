#include "oauth/expiry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"

#define DAY INT64_C(86400)
/* The wall clock is read this often, because it may be set meanwhile. */
#define LOOK_EVERY (3600 * USEC_PER_SEC)

/* Days before the end, the longest first. 0 is the end itself. */
static const int64_t marks[EXPIRY_STEPS] = {30, 14, 7, 3, 1, 0};

struct expiry {
    const struct io *io;
    char *account;
    const char *what;
    struct timer *timer;
    int64_t end;
    /* How many of the marks have passed. */
    unsigned passed;
};

unsigned expiry_step(int64_t end, int64_t now)
{
    unsigned passed = 0;
    while (end && passed < EXPIRY_STEPS && end - now <= marks[passed] * DAY)
        passed++;
    return passed;
}

static void announce(const struct expiry *e, int64_t left)
{
    char words[160];
    if (left <= 0)
        snprintf(words, sizeof words, "the %s of this account has ended: put a new one in place",
                 e->what);
    else
        snprintf(words, sizeof words,
                 "the %s of this account ends in %" PRId64 " day%s: make a new one in time",
                 e->what, (left + DAY - 1) / DAY, left <= DAY ? "" : "s");
    log_event(e->io->log, left <= 7 * DAY ? LOG_ERROR : LOG_WARN, words,
              log_str("account", e->account));
}

static void look(void *arg)
{
    struct expiry *e = arg;
    int64_t now = loop_wall_ms(e->io->loop) / 1000;
    unsigned passed = expiry_step(e->end, now);
    if (passed > e->passed)
        announce(e, e->end - now);
    /* After the clock was set back, the marks are announced again. */
    e->passed = passed;
    timer_arm(e->timer, LOOK_EVERY);
}

struct expiry *expiry_new(const struct io *io, const char *account, const char *what)
{
    struct expiry *e = NEW(struct expiry);
    e->io = io;
    e->account = mem_string(account ? account : "");
    e->what = what;
    e->timer = timer_new(io->loop, look, e);
    return e;
}

void expiry_free(struct expiry **expiry)
{
    struct expiry *e = *expiry;
    *expiry = NULL;
    if (!e)
        return;
    timer_free(&e->timer);
    free(e->account);
    free(e);
}

void expiry_set(struct expiry *e, int64_t end)
{
    if (e->end == end)
        return;
    e->end = end;
    e->passed = 0;
    if (end)
        timer_arm(e->timer, 1);
    else
        timer_stop(e->timer);
}

int64_t expiry_end(const struct expiry *e)
{
    return e->end;
}
