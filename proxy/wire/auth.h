/* AUTH as a client sends it (RFC 4954, RFC 4616): bytes in, values out. Decoded text is a secret,
 * so the owner of the buffer erases it. */
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

/* Borrows the arguments. */
struct auth_request {
    /* NONE means that there was no argument at all. */
    enum auth_mechanism mechanism;
    bool has_initial;
    /* The initial response as it came, in base64. "=" is an empty one. */
    struct slice initial;
    /* There are words behind the initial response. */
    bool too_many;
};

/* Parses the arguments of AUTH. */
struct auth_request auth_parse(struct slice args);

/* Decodes a response strictly. "=" (only as an initial response) and "" are empty. Returns false if
 * it is not base64 or does not fit `out`. */
bool auth_decode(struct slice text, bool initial, struct buf *out) MUST_USE;

/* Borrows the message. */
struct auth_plain {
    struct slice authzid, user, password;
};
/* Splits authzid NUL authcid NUL passwd (RFC 4616). Returns false unless there are exactly two
 * NULs. */
bool auth_split_plain(struct slice message, struct auth_plain *plain_r) MUST_USE;

/* Returns whether a line, perhaps an incomplete one, begins with the verb AUTH. Such a line may be
 * longer than others. */
bool auth_is_line(struct slice line);

#endif
