/* An error says why something failed. It has a kind for the program, and words for a person. A
 * function that can fail returns 0 or -1 and fills one of these when it returns -1. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

enum err_kind {
    ERR_NONE = 0,
    /* A system call failed. The words hold strerror. */
    ERR_SYSTEM,
    /* The connection was refused. */
    ERR_REFUSED,
    /* There is no route, or the network is down. */
    ERR_UNREACHABLE,
    ERR_TIMEOUT,
    /* The peer cut the connection. */
    ERR_RESET,
    /* The peer closed the connection where it must not. */
    ERR_CLOSED,
    /* The TLS handshake or the record layer failed. */
    ERR_TLS,
    /* The peer's certificate does not deserve trust. tls_facts says which fault it has. */
    ERR_CERTIFICATE,
    /* The peer broke its protocol. */
    ERR_PROTOCOL,
    /* One of our caps was reached. */
    ERR_LIMIT,
    /* A name or a file does not exist. */
    ERR_NOT_FOUND,
    ERR_PERMISSION,
    /* Another process has the address. */
    ERR_IN_USE,
    /* An argument or a value is invalid. */
    ERR_INVALID,
    /* A SOCKS or HTTP proxy on the way refused. The words are the proxy's own. */
    ERR_PROXY,
    /* There is no room on the disk: ENOSPC, EDQUOT or EFBIG. */
    ERR_FULL,
    /* A file of that name exists already. */
    ERR_EXISTS,
};

/* The cause says why a TLS handshake failed (kind ERR_TLS), where our advice depends on it. */
enum err_cause {
    ERR_CAUSE_OTHER = 0,
    /* Both sides have no version of TLS in common. */
    ERR_CAUSE_TLS_VERSION,
    /* The peer's alert says that it does not trust our certificate. */
    ERR_CAUSE_TLS_DISTRUST,
    /* The peer sent something other than TLS. */
    ERR_CAUSE_NOT_TLS,
};

struct err {
    enum err_kind kind;
    char words[320];
    enum err_cause cause;
};

void err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Sets the words to "doing: strerror" and the kind that fits the number. */
void err_set_errno(struct err *e, int number, const char *doing);

#endif
