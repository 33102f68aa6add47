/* What an EHLO reply promises (RFC 5321 4.1.1.1). */
#ifndef WIRE_EHLO_H
#define WIRE_EHLO_H

#include <stdint.h>

#include "wire/reply.h"

struct ehlo {
    bool pipelining, starttls, eightbit, chunking, dsn, smtputf8, enhanced, auth;
    /* a keyword like XXXXXXXA or STARTTLX of the same length: a firewall overwrote it */
    bool starttls_mangled;
    bool has_size;
    /* 0: announced without a limit */
    uint64_t size;
    /* "AUTH a b" and "AUTH=a b" merged: bits of base/mechanism.h */
    unsigned mechanisms;
    /* as announced, for doctor */
    char mechanisms_text[200];
    /* of the whole text but its first line: equal as long as the server says the same */
    uint64_t fingerprint;
};

void ehlo_parse(const struct reply *reply, struct ehlo *ehlo_r);

#endif
