/* Why something failed: a kind for the program, words for a person. Functions that can fail return 0 or -1 and fill one of these. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

enum err_kind {
    ERR_NONE = 0,
    ERR_SYSTEM,      /* a system call said no; the words hold strerror */
    ERR_REFUSED,     /* connection refused */
    ERR_UNREACHABLE, /* no route, network down */
    ERR_TIMEOUT,
    ERR_RESET,       /* the peer cut the connection */
    ERR_CLOSED,      /* the peer closed where it must not */
    ERR_TLS,         /* the handshake failed, or the record layer did */
    ERR_CERTIFICATE, /* the peer's certificate does not earn trust; tls_facts tell which fault */
    ERR_PROTOCOL,    /* the peer broke its protocol */
    ERR_LIMIT,       /* one of our caps */
    ERR_NOT_FOUND,   /* a name, a file */
    ERR_PERMISSION,
    ERR_INVALID, /* an argument, a value */
    ERR_PROXY,   /* a SOCKS or HTTP proxy on the way said no; the words are its own */
};

struct err {
    enum err_kind kind;
    char words[320];
};

void err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
void err_set_errno(struct err *e, int number, const char *doing); /* "doing: strerror", with the kind that fits */

#endif
