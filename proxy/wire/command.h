/* One command line of a client, without its line end, split into verb and arguments (RFC 5321 4.1).
 * Nothing is copied. */
#ifndef WIRE_COMMAND_H
#define WIRE_COMMAND_H

#include "base/slice.h"

enum verb {
    VERB_UNKNOWN,
    VERB_EHLO,
    VERB_HELO,
    VERB_MAIL,
    VERB_RCPT,
    VERB_DATA,
    VERB_BDAT,
    VERB_RSET,
    VERB_NOOP,
    VERB_VRFY,
    VERB_EXPN,
    VERB_HELP,
    VERB_QUIT,
    VERB_STARTTLS,
    VERB_AUTH,
    /* GET, POST, "Host:" and the like: another protocol on this port */
    VERB_HTTP,
    /* a PROXY v1 line where SMTP belongs */
    VERB_PROXY,
    VERB_COUNT
};

enum command_fault {
    COMMAND_OK,
    COMMAND_EMPTY,
    /* NUL, bare CR or another control: goes nowhere */
    COMMAND_CONTROLS
};

struct command {
    enum verb verb;
    /* the verb as it came */
    struct slice word;
    /* what follows, trimmed; for MAIL and RCPT what follows "FROM:" / "TO:" (blanks after the colon
     * taken) */
    struct slice args;
    /* MAIL had FROM:, RCPT had TO:; true for other verbs */
    bool keyword_ok;
};

/* line: without CRLF or LF. Bytes above 127 are allowed (SMTPUTF8); a tab counts as a blank; blanks
 * in front are ignored. *command_r borrows the line and is filled whatever the fault: a BDAT with a
 * NUL in it must still close the connection. */
enum command_fault command_parse(struct slice line, struct command *command_r);
const char *verb_name(enum verb verb);

#endif
