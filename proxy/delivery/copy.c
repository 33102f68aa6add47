#include "delivery/copy.h"

#include <assert.h>

#include "base/caps.h"

void copy_init(struct copy *c, struct copy_budget *budget)
{
    *c = (struct copy){.budget = budget, .whole = true};
    buf_init(&c->octets, CAP_REPLAY);
}

/* Keeps only the octets that the session has not taken yet. The budget does not count them. */
void copy_give_up(struct copy *c)
{
    if (!c->whole)
        return;
    c->budget->used -= c->octets.len;
    c->whole = false;
    buf_consume(&c->octets, c->fed);
    c->fed = 0;
}

void copy_free(struct copy *c)
{
    copy_give_up(c);
    buf_free(&c->octets);
}

void copy_put(struct copy *c, struct slice octets)
{
    if (c->whole) {
        if (octets.len <= buf_room(&c->octets) && octets.len <= CAP_REPLAY_TOTAL - c->budget->used)
            c->budget->used += octets.len;
        else
            copy_give_up(c);
    }
    assert(c->whole || c->octets.len + octets.len <= CAP_CHUNK + CAP_REWRITE);
    bool fits = buf_append_slice(&c->octets, octets);
    assert(fits);
    (void)fits;
}

struct slice copy_next(const struct copy *c)
{
    return slice_from(buf_view(&c->octets), c->fed);
}

void copy_fed(struct copy *c, size_t n)
{
    if (c->whole)
        c->fed += n;
    else
        buf_consume(&c->octets, n);
}

void copy_rewind(struct copy *c)
{
    assert(c->whole);
    c->fed = 0;
}
