/* NOOP, VRFY, EXPN, HELP and QUIT are answered without a handler (RFC 5321 4.1.1.6 to 4.1.1.10). */
#include "smtp/server_private.h"

void server_do_noop(struct smtp_server *s, const struct command *command)
{
    (void)command;
    smtp_server_say(s, 250, "2.0.0", "done");
}

void server_do_vrfy(struct smtp_server *s, const struct command *command)
{
    (void)command;
    smtp_server_say(s, 252, "2.5.1", "not verified here; mail to it will be tried");
}

void server_do_expn(struct smtp_server *s, const struct command *command)
{
    (void)command;
    smtp_server_say(s, 502, "5.5.1", "no lists are shown here");
}

void server_do_help(struct smtp_server *s, const struct command *command)
{
    (void)command;
    smtp_server_say(s, 214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY QUIT: see RFC 5321");
}

void server_do_quit(struct smtp_server *s, const struct command *command)
{
    (void)command;
    smtp_server_say(s, 221, "2.0.0", "goodbye");
    smtp_server_end(s, s->transaction ? "the client said QUIT before its message was complete"
                                      : "the client said QUIT");
}
