/* The outside world, handed down as one value: no room above io/ reaches for anything else.
 * Borrowed by all, owned by app/ (or by the simulator). */
#ifndef IO_IO_H
#define IO_IO_H

struct loop;
struct offload;
struct dns;
struct log;
struct http;
struct oauth;

struct io {
    struct loop *loop;
    struct offload *offload;
    /* Helpers for files that somebody else names: one on a mount that hangs holds up neither
     * lookups nor logins, only others of its kind. */
    struct offload *disk;
    struct dns *dns;
    struct log *log;
    /* Requests over HTTPS, and the access tokens that they fetch (oauth/token.h); NULL where no
     * account is to log in by token. */
    struct http *http;
    struct oauth *oauth;
};

#endif
