/* These are the clients that were not let in, and the reasons. They are kept for the person who
 * looks for a scanner whose mail does not arrive, and counted for monitoring. This file is pure. */
#ifndef MAIL_REFUSALS_H
#define MAIL_REFUSALS_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/caps.h"

enum client_refusal {
    CLIENT_NOT_ALLOWED,
    CLIENT_MAX_CLIENTS,
    CLIENT_MAX_CLIENTS_PER_IP,
    /* It would have come back to us. */
    CLIENT_LOOP,
    /* It came in, and its name or password is not in users_file. */
    CLIENT_LOGIN_WRONG,
    CLIENT_REFUSALS
};

/* Returns "not-allowed" and so on. */
const char *refusal_name(enum client_refusal why);

struct refused_client {
    struct addr client;
    char listener[64];
    enum client_refusal why;
    uint64_t count;
    /* Wall clock. */
    int64_t last_ms;
};

/* The clients that were refused last, at most CAP_REFUSED_CLIENTS of them: who came longest ago
 * gives way. */
struct refused_clients {
    struct refused_client list[CAP_REFUSED_CLIENTS];
    size_t n;
};

/* Copies. Afterwards this one is the first of the list. */
void refusals_note(struct refused_clients *r, const struct addr *client, const char *listener,
                   enum client_refusal why, int64_t wall_ms);

#endif
