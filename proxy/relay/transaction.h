/* One message, from MAIL to its verdict: what the client said and was told. Its delivery asks the
 * upstream. A transaction may outlive its client, which may leave after the final dot, and its
 * configuration, but not its relay. */
#ifndef RELAY_TRANSACTION_H
#define RELAY_TRANSACTION_H

#include "base/list.h"
#include "mail/message.h"
#include "relay/session_state.h"
#include "smtp/server.h"

struct transaction;

/* Begins one for the session, after routing and the local checks. Takes `message`. Borrows the
 * sender that the upstream gets. The session has a pointer to it until it ends. */
struct transaction *transaction_begin(struct session *s, size_t upstream, struct message *message,
                                      const char *sender, const struct mail_params *params);
/* Keeps cmd until it is answered. Borrows the rest. */
void transaction_rcpt(struct transaction *t, struct smtp_server_command *cmd,
                      const struct address *to, const struct rcpt_params *params);
void transaction_data(struct transaction *t, struct smtp_server_command *cmd);
void transaction_body(struct transaction *t, struct slice octets);
void transaction_body_end(struct transaction *t, struct smtp_server_command *cmd);
void transaction_reset(struct transaction *t, enum smtp_server_end why);
/* The server half has answered a command by itself. */
void transaction_told(struct transaction *t, const struct answer *answer, bool goodbye);
void transaction_client_gone(struct transaction *t, const char *why);
/* Returns whether a transaction that may be kept has not ended. */
bool transactions_may_keep(const struct relay *relay);
/* The relay is being freed. Ends all of its transactions. */
void transactions_abandon(struct relay *relay);

#endif
