/* AUTH with auth = required. Checks a name and a password against the listener's users. An unknown
 * name takes as long as a known one, and each failure is answered a second later. */
#ifndef RELAY_LOGIN_H
#define RELAY_LOGIN_H

#include "relay/session_state.h"

/* Begins the login of the session, which has one at a time. Answers cmd now or later and keeps it
 * until then. Borrows the rest. */
void login_begin(struct session *s, struct smtp_server_command *cmd, struct slice user,
                 struct slice password);
/* The client is gone. NULL is fine. */
void login_abandon(struct client_login **login);

#endif
