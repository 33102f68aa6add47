#include "mail/refusals.h"

#include <stdio.h>
#include <string.h>

const char *refusal_name(enum client_refusal why)
{
    static const char *const names[] = {[CLIENT_NOT_ALLOWED] = "not-allowed",
                                        [CLIENT_MAX_CLIENTS] = "max-clients",
                                        [CLIENT_MAX_CLIENTS_PER_IP] = "max-clients-per-ip",
                                        [CLIENT_LOOP] = "loop",
                                        [CLIENT_LOGIN_WRONG] = "login"};
    _Static_assert(sizeof names / sizeof *names == CLIENT_REFUSALS, "a refusal has no name");
    return names[why];
}

/* Its place, or that of the one that gives way to it. */
static size_t place_of(struct refused_clients *r, const struct addr *client, const char *listener,
                       enum client_refusal why)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->list[i].why == why && addr_equal(&r->list[i].client, client) &&
            strcmp(r->list[i].listener, listener) == 0)
            return i;
    if (r->n < CAP_REFUSED_CLIENTS)
        r->n++;
    r->list[r->n - 1] = (struct refused_client){.client = *client, .why = why};
    snprintf(r->list[r->n - 1].listener, sizeof r->list[0].listener, "%s", listener);
    return r->n - 1;
}

void refusals_note(struct refused_clients *r, const struct addr *client, const char *listener,
                   enum client_refusal why, int64_t wall_ms)
{
    struct addr bare = *client;
    /* Each connection comes from another port. */
    bare.port = 0;
    size_t at = place_of(r, &bare, listener, why);
    struct refused_client seen = r->list[at];
    seen.count++;
    seen.last_ms = wall_ms;
    memmove(r->list + 1, r->list, at * sizeof *r->list);
    r->list[0] = seen;
}
