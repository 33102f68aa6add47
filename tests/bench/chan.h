/* A connection of the generator or of the sink: a socket, perhaps TLS on it, what was read and what
 * is to be written. */
#ifndef TESTS_BENCH_CHAN_H
#define TESTS_BENCH_CHAN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* bytes read at once: two TLS records */
#define CHAN_IN 32768

struct chan {
    int fd;
    int epoll;
    /* what epoll watches now */
    uint32_t events;
    SSL *ssl;
    bool handshaking;
    /* the handshake or a read cannot go on before a write */
    bool ssl_wants_write;
    char *in;
    size_t in_len;
    char *out;
    size_t out_len, out_cap, out_done;
    /* borrowed: written after `out`, not copied */
    const char *tail;
    size_t tail_len;
};

/* Takes fd and watches it in `epoll` with `owner` as the event's pointer. */
void chan_open(struct chan *c, int epoll, int fd, void *owner, bool connecting);
void chan_close(struct chan *c);

/* TLS from here on. The handshake is driven by chan_handshake: 1 done, 0 not yet, -1 failed. */
void chan_start_tls(struct chan *c, SSL_CTX *context, bool server, const char *name);
int chan_handshake(struct chan *c);

/* Reads once into `in`: bytes read, 0 when nothing is there now, -1 at the end of the stream or an
 * error. */
long chan_fill(struct chan *c);
void chan_consume(struct chan *c, size_t count);

/* Queues a copy; chan_tail queues bytes that outlive the write. */
void chan_queue(struct chan *c, const char *data, size_t len);
void chan_tail(struct chan *c, const char *data, size_t len);

/* Writes what is queued: 0 all went out or the socket is full (writability is then awaited), -1 an
 * error. */
int chan_flush(struct chan *c, void *owner);
bool chan_has_output(const struct chan *c);

#endif
