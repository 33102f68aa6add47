/* One message to one account, without a client: MAIL and RCPT in one flight, each recipient's own
 * answer, the body rewritten as the account says, and the verdict. Sessions that are lost before
 * the end of the data was sent are replaced, and the account's fallback is followed, unseen.
 *
 * It asks for a session as soon as it begins. Recipients may be added while it runs, until
 * delivery_data. After that it goes to its end by itself, as far as the body is there. The body is
 * pushed, or read from a source. An outcome ends the delivery. Recipients that are added later are
 * answered with that outcome.
 *
 * Events come on the loop. An event that needs nothing of the upstream (a recipient that cannot be
 * sent, a body that must not go on, everything behind an outcome) may come before the call that
 * caused it has returned. delivery_free may be called in the event of an outcome, and in no
 * other. */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include "delivery/terms.h"
#include "wire/address.h"

struct delivery;

/* Returns what is wrong with a message before an upstream is asked, as far as the last EHLO of its
 * account tells, or OWN_NOTHING. `upstream` comes from route_find. `from` is what the client said.
 * `sender` comes from rewrite_sender and is NULL if it has no domain. Borrows all. */
enum own delivery_fault(const struct delivery_env *env, size_t upstream, const struct address *from,
                        const char *sender, const struct mail_params *params);

/* Gives. Every event gets ctx. */
struct delivery *delivery_begin(const struct delivery_order *order,
                                const struct delivery_events *events, void *ctx);
/* Asks for one more recipient, as the client named it. Aliases and `qualify` are applied here.
 * Copies. Returns its index, which is 0 for the first. */
size_t delivery_recipient(struct delivery *d, const struct address *to,
                          const struct rcpt_params *params);
/* No recipient follows, and the body is next. At least one recipient must have been accepted;
 * otherwise free the delivery. Recipients that still wait for their answer get it first. Borrows
 * what origin points to until go_ahead or the outcome, or until delivery_free if the body has a
 * source. */
void delivery_data(struct delivery *d, const struct delivery_origin *origin);
/* Call this after go_ahead, while delivery_is_full is false. Takes at most CAP_CHUNK octets of the
 * message, cut anywhere. Every line has its CRLF. Borrows them during the call. */
void delivery_body(struct delivery *d, struct slice octets);
/* No octet follows. */
void delivery_body_end(struct delivery *d);
/* The source had no octets and has some now, or now knows whether the message may end. */
void delivery_go_on(struct delivery *d);

/* Returns whether octets of the body must wait. */
bool delivery_is_full(const struct delivery *d);
/* Returns whether any recipient was told that it is accepted. */
bool delivery_has_promised(const struct delivery *d);
/* Returns whether the end of the data was given to the session and its answer is awaited. */
bool delivery_awaits_verdict(const struct delivery *d);
/* Lends the outcome until delivery_free, or returns NULL if the delivery has not ended. */
const struct outcome *delivery_outcome(const struct delivery *d);
/* Returns the time of the lines that are added to the message, in Unix seconds. */
int64_t delivery_seconds(const struct delivery *d);
/* Lends the configuration of the present account, which may be the fallback. */
const struct upstream_config *delivery_upstream(const struct delivery *d);

/* Gives up a delivery that has not ended: by RSET where that is clean, never by a dot or LAST. NULL
 * is fine. */
void delivery_free(struct delivery **d);
/* Does the same if the accounts may be freed in this turn. */
void delivery_abandon(struct delivery **d);

#endif
