/* The addresses in the value of To, Cc or Bcc (RFC 5322 3.4), read strictly: groups, comments,
 * quoted pairs, and folded lines are understood, and a value that two readers could understand in
 * two ways is none. */
#ifndef API_ADDRESS_LIST_H
#define API_ADDRESS_LIST_H

#include "base/buf.h"
#include "base/slice.h"

struct listed_address {
    /* This is the form that is compared. It is "local@domain" without quotes and comments, in small
     * letters. An address without a domain has only the local part, such as "root". */
    struct slice key;
    bool has_domain;
    /* The position of the address in the value. */
    size_t from, to;
};

/* Calls `each` for each address in order. *entries_r is the number of addresses and groups.
 * Returns false if the value is no list, or as soon as `each` does. */
bool address_list_read(struct slice value, bool (*each)(void *ctx, const struct listed_address *a),
                       void *ctx, size_t *entries_r);

#endif
