/* The parameters of MAIL and RCPT: RFC 1870 SIZE, 6152 BODY, 6531 SMTPUTF8, 3461 RET ENVID NOTIFY
 * ORCPT, 4954 AUTH. */
#ifndef WIRE_PARAMS_H
#define WIRE_PARAMS_H

#include <stdint.h>

#include "base/slice.h"

enum params_fault {
    PARAMS_OK,
    /* 555 5.5.4: of no extension that was offered */
    PARAMS_UNKNOWN,
    /* 501 5.5.4: bad value, or twice */
    PARAMS_SYNTAX,
};

/* what this session's EHLO reply listed; HELO clients: all false */
struct params_offer {
    bool size, eightbit, smtputf8, dsn, auth;
};

enum body_type { BODY_NONE, BODY_7BIT, BODY_8BITMIME };

/* slices borrow the line */
struct mail_params {
    bool has_size;
    uint64_t size;
    enum body_type body;
    bool smtputf8;
    /* the value is validated as xtext, then dropped: we never pass it on */
    bool has_auth;
    /* "FULL" or "HDRS" as written; "" none */
    struct slice ret;
    /* xtext as written, validated, 100 octets at most */
    struct slice envid;
};

struct rcpt_params {
    /* as written, validated */
    struct slice notify;
    /* "addr-type;xtext" as written, validated, 500 octets at most */
    struct slice orcpt;
};

enum params_fault params_parse_mail(struct slice in, const struct params_offer *offer,
                                    struct mail_params *params_r);
enum params_fault params_parse_rcpt(struct slice in, const struct params_offer *offer,
                                    struct rcpt_params *params_r);

#endif
