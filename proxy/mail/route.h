/* Which account takes a message: the first in the file whose given patterns all match (PROMISES 3,
 * senders, clients, users, destinations). Pure: config and addresses in, an index out. */
#ifndef MAIL_ROUTE_H
#define MAIL_ROUTE_H

#include "config/config.h"
#include "mail/names.h"
#include "wire/address.h"

#define ROUTE_NONE ((size_t)-1)
/* it hangs on a name of `destinations` that no resolver has told us about yet */
#define ROUTE_LATER ((size_t)-2)

struct route_question {
    const struct config *config;
    /* pins its messages to one account, or not; NULL: it came through none */
    const struct listen_config *listener;
    const struct addr *client;
    /* it logged in with; NULL: it did not (yet) */
    const char *user;
    /* where an intercepted client meant to go; NULL or family ADDR_NONE: it came by itself */
    const struct addr *original;
    /* for `destinations`; NULL: no name is known */
    const struct names *names;
};

/* Why an account does not take a message. */
enum route_miss {
    ROUTE_FITS,
    /* the listener is pinned to another */
    ROUTE_PINNED,
    ROUTE_CLIENT,
    ROUTE_USER,
    ROUTE_SENDER,
    ROUTE_DESTINATION,
    /* a name of `destinations` is not resolved yet, and may decide */
    ROUTE_UNKNOWN,
};
enum route_miss route_judge(const struct route_question *q, size_t index,
                            const struct address *from);
/* Index into config->upstreams, ROUTE_NONE or ROUTE_LATER. */
size_t route_find(const struct route_question *q, const struct address *from);
/* Before MAIL the sender is not known yet. Of the accounts in order: may upstreams[index] take some
 * message of this client that those before it left, and does it leave none to those behind it? */
bool route_may_take(const struct route_question *q, size_t index);
bool route_takes_all(const struct route_question *q, size_t index);
/* One pattern of `senders`: "user@dom", "@dom", "user@*", "*", "<>". ASCII case is ignored. */
bool route_sender_matches(const char *pattern, const struct address *from);

#endif
