/* AUTH as a client sends it (RFC 4954, RFC 4616): bytes in, values out. What is decoded here is a
 * secret: whoever holds the buffer wipes it. */
#ifndef WIRE_AUTH_H
#define WIRE_AUTH_H

#include "base/buf.h"

enum auth_mechanism {
    AUTH_MECHANISM_NONE,
    AUTH_MECHANISM_UNKNOWN,
    AUTH_MECHANISM_PLAIN,
    AUTH_MECHANISM_LOGIN,
    AUTH_MECHANISM_CRAM_MD5,
};

/* borrows the arguments */
struct auth_request {
    /* NONE: no argument at all */
    enum auth_mechanism mechanism;
    bool has_initial;
    /* as it came, in base64; "=" is an empty one */
    struct slice initial;
    /* words after the initial response */
    bool too_many;
};

/* what follows AUTH */
struct auth_request auth_parse(struct slice args);

/* Decodes a response strictly. "=" (only as an initial response) and "" are empty. false: not
 * base64, or more than `out` takes. */
bool auth_decode(struct slice text, bool initial, struct buf *out) MUST_USE;

/* borrows the message */
struct auth_plain {
    struct slice authzid, user, password;
};
/* authzid NUL authcid NUL passwd (RFC 4616). false: not exactly two NULs. */
bool auth_split_plain(struct slice message, struct auth_plain *plain_r) MUST_USE;

/* Does a line (perhaps not whole yet) begin with the verb AUTH? Such a line may be longer than
 * others. */
bool auth_is_line(struct slice line);

#endif
