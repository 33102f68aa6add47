/* The outside world, passed down as one value. No room above io/ uses anything else of it. Every
 * room borrows it; app/ or the simulator owns it. */
#ifndef IO_IO_H
#define IO_IO_H

struct loop;
struct offload;
struct dns;
struct log;
struct http;
struct oauth;
struct gather_place;

struct io {
    struct loop *loop;
    struct offload *offload;
    /* Helpers for files that the configuration names. A file on a mount that hangs delays other
     * files, but neither lookups nor logins. */
    struct offload *disk;
    struct dns *dns;
    struct log *log;
    /* Requests over HTTPS, and the access tokens that they fetch (oauth/token.h); NULL where no
     * account is to log in by token. */
    struct http *http;
    struct oauth *oauth;
    /* Where a message waits that is gathered and too large for memory (io/gather.h); NULL:
     * nowhere. */
    struct gather_place *gather;
};

#endif
