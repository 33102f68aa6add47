/* The extensions that an EHLO reply offers (RFC 5321 4.1.1.1). */
#ifndef WIRE_EHLO_H
#define WIRE_EHLO_H

#include <stdint.h>

#include "wire/reply.h"

struct ehlo {
    bool pipelining, starttls, eightbit, chunking, dsn, smtputf8, enhanced, auth;
    /* There is a keyword like XXXXXXXA or STARTTLX: a firewall overwrote STARTTLS. */
    bool starttls_mangled;
    bool has_size;
    /* 0 means that SIZE was announced without a limit. */
    uint64_t size;
    /* The mechanisms of "AUTH a b" and "AUTH=a b" are merged, as bits of base/mechanism.h. */
    unsigned mechanisms;
    /* The mechanisms as announced, for doctor. */
    char mechanisms_text[200];
    /* The fingerprint of the whole text but its first line. It is equal as long as the server
     * announces the same. */
    uint64_t fingerprint;
};

void ehlo_parse(const struct reply *reply, struct ehlo *ehlo_r);

#endif
