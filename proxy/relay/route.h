/* Which account takes a message: the first in the file whose given patterns all match (PRODUCT 3, senders, clients, users). Pure: config and addresses in, an index out. */
#ifndef RELAY_ROUTE_H
#define RELAY_ROUTE_H

#include "config/config.h"
#include "wire/address.h"

#define ROUTE_NONE ((size_t)-1)

struct route_question {
    const struct config *config;
    const struct listen_config *listener; /* pins its messages to one account, or not */
    const struct addr *client;
    const char *user; /* it logged in with; NULL: it did not (yet) */
};

/* Index into config->upstreams, or ROUTE_NONE. */
size_t route_find(const struct route_question *q, const struct address *from);
/* May some message of this client go to upstreams[index]? Before MAIL the sender is not known yet. */
bool route_reaches(const struct route_question *q, size_t index);
/* One pattern of `senders`: "user@dom", "@dom", "user@*", "*", "<>". ASCII case is ignored. */
bool route_sender_matches(const char *pattern, const struct address *from);

#endif
