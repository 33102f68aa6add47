/* Why something failed: a kind for the program, words for a person. Functions that can fail return
 * 0 or -1 and fill one of these. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

enum err_kind {
    ERR_NONE = 0,
    /* a system call said no; the words hold strerror */
    ERR_SYSTEM,
    /* connection refused */
    ERR_REFUSED,
    /* no route, network down */
    ERR_UNREACHABLE,
    ERR_TIMEOUT,
    /* the peer cut the connection */
    ERR_RESET,
    /* the peer closed where it must not */
    ERR_CLOSED,
    /* the handshake failed, or the record layer did */
    ERR_TLS,
    /* the peer's certificate does not earn trust; tls_facts tell which fault */
    ERR_CERTIFICATE,
    /* the peer broke its protocol */
    ERR_PROTOCOL,
    /* one of our caps */
    ERR_LIMIT,
    /* a name, a file */
    ERR_NOT_FOUND,
    ERR_PERMISSION,
    /* somebody else has the address */
    ERR_IN_USE,
    /* an argument, a value */
    ERR_INVALID,
    /* a SOCKS or HTTP proxy on the way said no; the words are its own */
    ERR_PROXY,
    /* no room on the disk: ENOSPC, EDQUOT, EFBIG */
    ERR_FULL,
    /* a file of that name is there already */
    ERR_EXISTS,
};

/* Why a TLS handshake failed, where advice depends on it (kind ERR_TLS). */
enum err_cause {
    ERR_CAUSE_OTHER = 0,
    /* Both sides have no version of TLS in common. */
    ERR_CAUSE_TLS_VERSION,
    /* The peer's alert says that it does not trust our certificate. */
    ERR_CAUSE_TLS_DISTRUST,
    /* The peer sent something else than TLS. */
    ERR_CAUSE_NOT_TLS,
};

struct err {
    enum err_kind kind;
    char words[320];
    enum err_cause cause;
};

void err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* "doing: strerror", with the kind that fits */
void err_set_errno(struct err *e, int number, const char *doing);

#endif
