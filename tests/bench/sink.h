/* The sink: a submission server that takes everything as fast as one thread can, and counts. */
#ifndef TESTS_BENCH_SINK_H
#define TESTS_BENCH_SINK_H

#include "bench/chan.h"
#include "bench/digest.h"

#include <stdbool.h>
#include <stdint.h>

/* A listener's kind. `pipe` wants TLS at once and no AUTH: for byte pipes that cannot log in. */
enum sink_kind { SINK_STARTTLS, SINK_IMPLICIT, SINK_PIPE, SINK_PLAIN, SINK_KINDS };

struct sink_counts {
    uint64_t connections, handshakes, resumed, auths, auths_refused, mails, recipients, messages,
        bytes, digest, errors;
    /* when the first and the last message was complete */
    uint64_t first_ns, last_ns;
};

struct sink {
    int epoll;
    SSL_CTX *context;
    /* what every user's password must be */
    const char *password;
    bool chunking;
    /* connections now */
    long open;
    struct sink_counts counts;
};

enum sink_state { SINK_LINE, SINK_AUTH, SINK_DATA, SINK_CHUNK, SINK_END };

/* One connection. */
struct sink_session {
    struct chan chan;
    struct sink *sink;
    enum sink_kind kind;
    enum sink_state state;
    bool tls, tls_next, greeted, authenticated, mail, recipient, last_chunk;
    uint64_t chunk_left;
    struct digest digest;
    uint64_t raw_bytes;
    /* the last two bytes of DATA before what comes next */
    char previous[2];
    /* see sink_body.c */
    unsigned dot_state;
};

void sink_session_start(struct sink *sink, int fd, enum sink_kind kind);

/* After every event: reads, answers, writes; ends and frees the session when it is over. */
void sink_session_event(struct sink_session *s);

/* Takes DATA bytes up to the final dot: how many of `len` were used; *complete_r: the dot was
 * seen. */
size_t sink_body_data(struct sink_session *s, const char *data, size_t len, bool *complete_r);

#endif
