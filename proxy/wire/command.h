/* One command line of a client without its line end, split into verb and arguments (RFC 5321 4.1).
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
    /* GET, POST, "Host:" and the like: the client speaks another protocol. */
    VERB_HTTP,
    /* A PROXY v1 line where SMTP is expected. */
    VERB_PROXY,
    VERB_COUNT
};

enum command_fault {
    COMMAND_OK,
    COMMAND_EMPTY,
    /* The line has a NUL, a bare CR or another control. It is not passed on. */
    COMMAND_CONTROLS
};

struct command {
    enum verb verb;
    /* The verb as it came. */
    struct slice word;
    /* The trimmed rest of the line. For MAIL and RCPT it is the part behind "FROM:" or "TO:" and
     * the blanks after the colon. */
    struct slice args;
    /* MAIL had FROM:, RCPT had TO:. It is true for other verbs. */
    bool keyword_ok;
};

/* Parses a line without CRLF or LF. Bytes above 127 are allowed (SMTPUTF8). A tab counts as a
 * blank. Blanks in front are ignored. *command_r borrows the line. It is filled whatever the fault
 * is, because a BDAT with a NUL in it must still close the connection. */
enum command_fault command_parse(struct slice line, struct command *command_r);
const char *verb_name(enum verb verb);

#endif
