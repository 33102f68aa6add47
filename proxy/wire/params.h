/* The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (6152), SMTPUTF8 (6531), RET, ENVID,
 * NOTIFY and ORCPT (3461), AUTH (4954). */
#ifndef WIRE_PARAMS_H
#define WIRE_PARAMS_H

#include <stdint.h>

#include "base/slice.h"

enum params_fault {
    PARAMS_OK,
    /* 555 5.5.4: it belongs to no extension that was offered. */
    PARAMS_UNKNOWN,
    /* 501 5.5.4: its value is bad, or it came twice. */
    PARAMS_SYNTAX,
};

/* The extensions in this session's EHLO reply. For HELO clients everything is false. */
struct params_offer {
    bool size, eightbit, smtputf8, dsn, auth;
};

enum body_type { BODY_NONE, BODY_7BIT, BODY_8BITMIME };

/* The slices borrow the line. */
struct mail_params {
    bool has_size;
    uint64_t size;
    enum body_type body;
    bool smtputf8;
    /* The value is checked as xtext and then dropped: it is never passed on. */
    bool has_auth;
    /* The value is "FULL" or "HDRS" as written, or "". */
    struct slice ret;
    /* Checked xtext as written, at most CAP_ENVID octets. */
    struct slice envid;
};

struct rcpt_params {
    /* Checked, as written. */
    struct slice notify;
    /* The value is "addr-type;xtext", checked, as written. It has at most CAP_ORCPT octets. */
    struct slice orcpt;
};

enum params_fault params_parse_mail(struct slice in, const struct params_offer *offer,
                                    struct mail_params *params_r);
enum params_fault params_parse_rcpt(struct slice in, const struct params_offer *offer,
                                    struct rcpt_params *params_r);

#endif
