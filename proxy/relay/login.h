/* AUTH with auth = required: a name and a password against the listener's users. An unknown name
 * costs the time of a known one, and each failure is answered a second later. */
#ifndef RELAY_LOGIN_H
#define RELAY_LOGIN_H

#include "relay/session_state.h"

/* The session's one login; answered later, or now. Keeps cmd until then, borrows the rest. */
void login_begin(struct session *s, struct smtp_server_command *cmd, struct slice user,
                 struct slice password);
/* the client is gone; NULL is fine */
void login_abandon(struct client_login **login);

#endif
