/* The message's octets on their way from client to upstream: looked at, kept for a replay, given on as fast as the upstream takes them. */
#include "relay/relay_private.h"

enum { RECEIVED_MAX = 50 }; /* PRODUCT 7; RFC 5321 6.3 */

static bool is_all_here(const struct transaction *t)
{
    switch (t->front) {
    case FRONT_END:
    case FRONT_GONE: return true;
    case FRONT_ENVELOPE:
    case FRONT_DATA:
    case FRONT_BODY:
    case FRONT_REFUSING: return false;
    }
    return false;
}

void body_hold(struct transaction *t)
{
    bool hold = t->front == FRONT_BODY && (t->back != BACK_BODY || copy_next(&t->body).len);
    if (t->session && hold != t->held) {
        t->held = hold;
        server_hold_body(t->session->server, hold);
    }
}

void body_pump(struct transaction *t)
{
    struct client *c = lease_client(t->lease);
    struct slice next = copy_next(&t->body);
    if (next.len)
        copy_fed(&t->body, client_body(c, next));
    if (!copy_next(&t->body).len && is_all_here(t)) {
        t->back = BACK_END;
        client_end_body(c);
    }
    body_hold(t);
}

/* The last stage: what goes upstream. A stage before it that inserts octets calls this once for each piece. */
static void put(struct transaction *t, struct slice octets)
{
    copy_put(&t->body, octets);
    transaction_advance(t);
    body_hold(t);
}

void transaction_body(struct transaction *t, struct slice octets)
{
    t->message.size += octets.len;
    header_scan(&t->header, octets);
    if (t->header.received > RECEIVED_MAX)
        transaction_settle_own(t, OWN_HOPS, NULL);
    else
        put(t, octets);
}

void transaction_body_end(struct transaction *t, struct server_command *cmd)
{
    t->front = FRONT_END;
    t->cmd = cmd;
    transaction_advance(t);
}
