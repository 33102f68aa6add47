/* The load generator: many clients of the legacy kind (one command at a time), each sending
 * messages until all are sent. */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "bench/chan.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum load_tls { LOAD_CLEAR, LOAD_STARTTLS, LOAD_IMPLICIT };

/* The part that all messages share, made once. */
struct message_maker {
    /* as it goes over the wire: dots stuffed, final dot included */
    char *filler;
    size_t filler_len;
    uint64_t filler_sum, filler_power;
    size_t filler_plain_len;
    /* drawn at the start: numbers of two runs differ */
    uint64_t run;
};

/* room for header fields and the first line of the body */
#define MESSAGE_HEAD 640

/* Bodies such that header and body together have `size` bytes (at least about 400). */
void message_maker_init(struct message_maker *m, size_t size);

/* Writes header and first body line of message `number` into `head`; returns their length and the
 * body's digest. */
size_t message_head(const struct message_maker *m, uint64_t number, char *head, uint64_t *digest_r);

struct load_counts {
    uint64_t acked, refused, lost, connections, handshakes, bytes, digest;
    uint64_t first_ack_ns, last_ack_ns;
};

struct load {
    int epoll;
    SSL_CTX *context;
    struct sockaddr_in to;
    enum load_tls tls;
    /* expected in the certificate */
    const char *name;
    /* the AUTH PLAIN command, or empty */
    char auth[512];
    long clients, messages, per_connection, recipients, senders;
    uint64_t size;
    /* clients come from many loopback addresses */
    bool spread;
    struct message_maker maker;
    /* the number of the next message to send */
    uint64_t next;
    /* clients that have not finished */
    long running;
    /* latency of every message acknowledged */
    uint64_t *micros;
    struct load_counts counts;
    /* the first reply or event that was not as hoped */
    char complaint[256];
};

enum load_state {
    LOAD_CONNECT,
    LOAD_GREETING,
    LOAD_EHLO,
    LOAD_GO_TLS,
    LOAD_TLS,
    LOAD_EHLO_TLS,
    LOAD_AUTH,
    LOAD_MAIL,
    LOAD_RCPT,
    LOAD_DATA,
    LOAD_BODY,
    LOAD_QUIT
};

struct load_client {
    struct chan chan;
    struct load *load;
    unsigned index;
    enum load_state state;
    bool finished;
    /* messages of this connection */
    long sent_here;
    /* of this message, so far */
    long recipients;
    /* of this message */
    uint64_t number;
    /* a number was drawn and its fate is open */
    bool has_message;
    uint64_t digest;
    /* connect for a connection's first message, MAIL for the others */
    uint64_t started_ns;
};

void load_client_start(struct load_client *c);
void load_client_event(struct load_client *c, uint32_t events);

/* One line of JSON on stdout. */
void load_report(struct load *load, uint64_t start_ns, bool timed_out);

#endif
