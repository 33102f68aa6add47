/* The outside world, handed down as one value: no room above io/ reaches for anything else.
 * Borrowed by all, owned by app/ (or by the simulator). */
#ifndef IO_IO_H
#define IO_IO_H

struct loop;
struct offload;
struct dns;
struct log;

struct io {
    struct loop *loop;
    struct offload *offload;
    struct dns *dns;
    struct log *log;
};

#endif
