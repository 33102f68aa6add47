/* Chooses the account of a message: the first in the file whose given patterns all match (PROMISES
 * 3, senders, clients, users, destinations). It only computes: config and addresses in, an index
 * out. */
#ifndef MAIL_ROUTE_H
#define MAIL_ROUTE_H

#include "config/config.h"
#include "mail/names.h"
#include "wire/address.h"

#define ROUTE_NONE ((size_t)-1)
/* It depends on a name of `destinations` for which no resolver has answered yet. */
#define ROUTE_LATER ((size_t)-2)

struct route_question {
    const struct config *config;
    /* It may pin its messages to one account. NULL if the message came through no listener. */
    const struct listen_config *listener;
    const struct addr *client;
    /* The user that logged in, or NULL if none has (yet). */
    const char *user;
    /* The original destination of an intercepted client. NULL or family ADDR_NONE if it was not
     * intercepted. */
    const struct addr *original;
    /* The names are for `destinations`. NULL means that no name is known. */
    const struct names *names;
};

/* The miss says why an account does not take a message. */
enum route_miss {
    ROUTE_FITS,
    /* The listener is pinned to another account. */
    ROUTE_PINNED,
    ROUTE_CLIENT,
    ROUTE_USER,
    ROUTE_SENDER,
    ROUTE_DESTINATION,
    /* A name of `destinations` is not resolved yet and may decide. */
    ROUTE_UNKNOWN,
};
enum route_miss route_judge(const struct route_question *q, size_t index,
                            const struct address *from);
/* Returns an index into config->upstreams, ROUTE_NONE or ROUTE_LATER. */
size_t route_find(const struct route_question *q, const struct address *from);
/* Before MAIL the sender is not known. Considers the accounts in order. Returns whether
 * upstreams[index] may take some message of this client that the accounts before it leave, and
 * whether those behind it get none. */
bool route_may_take(const struct route_question *q, size_t index);
bool route_takes_all(const struct route_question *q, size_t index);
/* Compares with one pattern of `senders`: "user@dom", "@dom", "user@*", "*", "<>". ASCII case is
 * ignored. */
bool route_sender_matches(const char *pattern, const struct address *from);

#endif
