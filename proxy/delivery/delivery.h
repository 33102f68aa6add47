/* One message to one account, without a client: MAIL and RCPT in one flight, each recipient's own
 * answer, the body rewritten as the account says, and the verdict. Sessions that are lost before
 * the end of the data was sent are replaced, and the account's fallback is followed, unseen.
 *
 * Begun with an order, it asks for a session at once. Recipients may be added while it runs, until
 * delivery_data; from then on it walks to its end by itself, as far as the body is there. A body is
 * pushed, or pulled from a source. An outcome ends it: then it only answers recipients that are
 * still added, with that outcome.
 *
 * Events come on the loop. Those that need nothing of the upstream (a recipient that cannot be
 * sent, a body that must not go on, whatever follows an outcome) may come before the call that
 * caused them has returned. delivery_free may be called in an outcome's event, in no other. */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include "delivery/terms.h"
#include "wire/address.h"

struct delivery;

/* What is wrong with a message before an upstream is asked, as far as the last EHLO of its account
 * tells. upstream: what route_find said; from: as it was said; sender: of rewrite_sender, NULL: it
 * has no domain. OWN_NOTHING: nothing. Borrows all. */
enum own delivery_fault(const struct delivery_env *env, size_t upstream, const struct address *from,
                        const char *sender, const struct mail_params *params);

/* Gives. The events come with ctx. */
struct delivery *delivery_begin(const struct delivery_order *order,
                                const struct delivery_events *events, void *ctx);
/* Asks for one recipient more, as the client named it: aliases and `qualify` are applied here.
 * Copies. Returns its index, 0 for the first. */
size_t delivery_recipient(struct delivery *d, const struct address *to,
                          const struct rcpt_params *params);
/* No recipient follows, and at least one was accepted: the body is next. Recipients that still wait
 * for their answer get it before. A delivery none of whose recipients was accepted is freed.
 * Borrows what origin points to until go_ahead or the outcome; where the body has a source, until
 * delivery_free. */
void delivery_data(struct delivery *d, const struct delivery_origin *origin);
/* After go_ahead, while delivery_is_full is false: octets of the message, cut anywhere, every line
 * with its CRLF; CAP_CHUNK of them at most. Borrows them during the call. */
void delivery_body(struct delivery *d, struct slice octets);
/* No octet follows. */
void delivery_body_end(struct delivery *d);
/* The source had none and has octets now, or now knows whether it may end. */
void delivery_go_on(struct delivery *d);

/* Octets of the body must wait. */
bool delivery_is_full(const struct delivery *d);
/* A recipient was told that it is accepted. */
bool delivery_has_promised(const struct delivery *d);
/* The end of the data was given to the session, and its answer is awaited. */
bool delivery_awaits_verdict(const struct delivery *d);
/* NULL: it has not ended. Lends it until delivery_free. */
const struct outcome *delivery_outcome(const struct delivery *d);
/* The wall clock, in seconds, of the lines that are added to the message. */
int64_t delivery_seconds(const struct delivery *d);
/* Of the account at hand, which may be the fallback. Lends. */
const struct upstream_config *delivery_upstream(const struct delivery *d);

/* Gives up what has not ended: RSET where that is clean, never a dot, never LAST. NULL is fine. */
void delivery_free(struct delivery **d);
/* The same, where the accounts may be freed in this turn. */
void delivery_abandon(struct delivery **d);

#endif
