#include "upstream/ceiling.h"

#define FIRST_WAIT (1 * USEC_PER_SEC)
#define LONGEST_WAIT (64 * USEC_PER_SEC)

bool ceiling_is_meant_by(int code)
{
    return code == 421 || code == 432 || code == 454;
}

void ceiling_hit(struct ceiling *c, unsigned sessions, usec now)
{
    /* Several dials may have been in progress when the first was refused. Together they are one
     * try. */
    if (!c->sessions || now >= c->until) {
        c->wait = !c->sessions || !c->wait ? FIRST_WAIT
                  : c->wait < LONGEST_WAIT ? 2 * c->wait
                                           : c->wait;
        c->until = now + c->wait;
    }
    c->sessions = sessions;
}

void ceiling_raise(struct ceiling *c, unsigned sessions, unsigned max, usec now)
{
    if (!c->sessions || sessions <= c->sessions)
        return;
    c->sessions = sessions;
    if (now >= c->until)
        c->wait = 0;
    if (sessions >= max)
        ceiling_forget(c);
}

void ceiling_forget(struct ceiling *c)
{
    *c = (struct ceiling){0};
}

unsigned ceiling_limit(const struct ceiling *c, unsigned max, usec now)
{
    unsigned limit = c->sessions + (now >= c->until);
    return c->sessions && limit < max ? limit : max;
}

usec ceiling_wait(const struct ceiling *c, usec now)
{
    return c->sessions && now < c->until ? c->until - now : 0;
}
