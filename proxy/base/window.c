#include "base/window.h"

enum { COUNTS = WINDOW_SLOTS + 1 };

static usec slot_width(usec period)
{
    return period / WINDOW_SLOTS > 0 ? period / WINDOW_SLOTS : 1;
}

/* Moves the window to now. The slots that leave it become empty. */
static void move(struct window *w, usec now)
{
    int64_t slot = w->period ? now / slot_width(w->period) : 0;
    for (int64_t i = w->newest + 1; i <= slot && i <= w->newest + COUNTS; i++)
        w->counts[i % COUNTS] = 0;
    if (slot > w->newest)
        w->newest = slot;
}

unsigned window_count(struct window *w, usec now)
{
    unsigned sum = 0;
    move(w, now);
    for (int i = 0; i < COUNTS; i++)
        sum += w->counts[i];
    return sum;
}

static void set_period(struct window *w, usec period, usec now)
{
    if (w->period != period)
        *w = (struct window){.period = period, .newest = now / slot_width(period)};
}

bool window_take(struct window *w, unsigned limit, usec period, usec now)
{
    set_period(w, period, now);
    if (window_count(w, now) >= limit)
        return false;
    w->counts[w->newest % COUNTS]++;
    return true;
}

void window_give_back(struct window *w, usec then, usec now)
{
    move(w, now);
    int64_t slot = w->period ? then / slot_width(w->period) : -1;
    if (slot >= 0 && slot > w->newest - COUNTS && slot <= w->newest && w->counts[slot % COUNTS] > 0)
        w->counts[slot % COUNTS]--;
}

usec window_wait(struct window *w, unsigned limit, usec period, usec now)
{
    set_period(w, period, now);
    unsigned sum = window_count(w, now);
    for (int64_t slot = w->newest - WINDOW_SLOTS; slot <= w->newest; slot++) {
        if (sum < limit)
            return slot > w->newest - WINDOW_SLOTS
                       ? (slot + WINDOW_SLOTS) * slot_width(period) - now
                       : 0;
        if (slot >= 0)
            sum -= w->counts[slot % COUNTS];
    }
    return (w->newest + COUNTS) * slot_width(period) - now;
}
