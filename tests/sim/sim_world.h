/* Inside the simulator only: the world's parts. */
#ifndef SIM_SIM_WORLD_H
#define SIM_SIM_WORLD_H

#include "base/buf.h"
#include "base/list.h"
#include "io/dns.h"
#include "io/turn.h"
#include "sim.h"
#include "sim_http.h"
#include "sim_net.h"

/* Something that happens at a point of virtual time; embedded. */
struct sim_event {
    usec when;
    /* events of one moment happen in the order they were armed */
    uint64_t order;
    /* place in the heap, counted from 1; 0: not armed */
    size_t slot;
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    struct sim *sim;
    usec now;
    uint64_t order;
    /* heap[1] is the next */
    struct sim_event **heap;
    size_t events, heap_size;
    struct turn turn;
    /* all calls so far, by the budgets' clock; one call */
    usec worked, work_takes;
    /* of the wall clock, in milliseconds: how far it was set ahead */
    int64_t wall_ahead;
    /* all of them */
    struct link timers;
    bool stopped;
    /* turns since the clock moved: a world that stands still is a bug */
    size_t turns_now;
};

struct sim {
    struct loop *loop;
    struct io io;
    struct sim_rng net_rng, product_rng, script_rng, disk_rng;
    uint64_t trace;
    bool verbose;
    struct sim_living living;
    /* by one stream of the product, one way */
    size_t most_held;
    char **lines;
    size_t nlines;
    struct link names, files, programs, paths, listenings, watches;
    bool files_refuse_writes, files_hang;
    unsigned secret_reads, tokens_held;
    bool tokens_locked;
    sim_mail_endpoint *mail_endpoint;
    void *mail_endpoint_ctx;
    sim_endpoint *endpoint;
    void *endpoint_ctx;
    /* made with the first disk */
    struct sim_medium *medium;
    struct sim_path path_default;
    struct sim_conn **conns;
    size_t nconns;
    uint16_t next_port;
};

struct sim *sim_current(void);

void sim_event_init(struct sim_event *e, void (*fn)(void *arg), void *arg);
void sim_event_arm(struct loop *loop, struct sim_event *e, usec delay);
void sim_event_stop(struct loop *loop, struct sim_event *e);

struct loop *sim_loop_make(struct sim *sim);
void sim_loop_end_patience(struct loop *loop);
void sim_loop_destroy(struct loop *loop);
/* false: nothing is due until the deadline */
bool sim_loop_turn(struct loop *loop, usec deadline);

void sim_trace_number(struct sim *sim, uint64_t n);
void sim_trace_bytes(struct sim *sim, const void *data, size_t n);

const struct sim_path *sim_path_find(const struct sim *sim, const struct addr *to);
void sim_net_free(struct sim *sim);
void sim_names_free(struct sim *sim);
void sim_files_free(struct sim *sim);
void sim_programs_free(struct sim *sim);
void sim_disk_destroy(struct sim *sim);

/* ---- connections ---- */
enum sim_mark {
    SIM_CLEAR,
    SIM_SEALED,
    SIM_HELLO,
    SIM_FLIGHT,
    SIM_FINISHED,
    SIM_ALERT,
    SIM_NOTIFY,
    SIM_FIN,
    SIM_RST,
    SIM_ACK
};

/* what a handshake message carries */
struct sim_hello {
    enum tls_version oldest, version;
    bool resume;
    struct sim_certificate certificate;
};

/* one segment */
struct sim_chunk {
    /* in to->flying, then to->arrived */
    struct link link;
    struct sim_event event;
    struct sim_end *to;
    enum sim_mark mark;
    size_t len, taken;
    struct sim_hello hello;
    char data[];
};

struct sim_tls;

struct sim_end {
    struct sim_conn *conn;
    /* SIM_UP: the end that connected */
    enum sim_direction sends;
    struct addr local, peer;
    /* on the way to here; here and unread */
    struct link flying, arrived;
    /* bytes sent and not yet read and acknowledged */
    size_t unacked;
    /* bytes sent since the beginning, as the network counts them */
    uint64_t carried;
    /* octets of data: written to this end; read at this end */
    uint64_t handed, read;
    /* of what this end sent: nothing overtakes it */
    usec last_arrival;
    /* what this end sends vanishes */
    bool hole;
    bool connected, fin_sent, fin_seen, reset, closed;
    /* of the connect */
    struct err failure;
    struct sim_tls *tls;
    sim_notify *fn;
    void *ctx;
    /* what it sent clear, for the oracle */
    struct buf clear;
};

struct sim_conn {
    struct sim *sim;
    size_t id;
    struct sim_path path;
    /* [SIM_UP] connected, [SIM_DOWN] listened */
    struct sim_end ends[2];
    struct sim_event connected, accepted;
};

static inline struct sim_end *sim_end_other(struct sim_end *e)
{
    return &e->conn->ends[e->sends == SIM_UP ? SIM_DOWN : SIM_UP];
}

/* the oldest unread, or NULL */
struct sim_chunk *sim_end_front(const struct sim_end *e);
/* read it: the sender gets its acknowledgement */
void sim_end_drop_front(struct sim_end *e);
void sim_end_send_mark(struct sim_end *e, enum sim_mark mark, size_t wire,
                       const struct sim_hello *hello);
void sim_tls_free(struct sim_tls **tls);
bool sim_tls_is_done(const struct sim_tls *tls);

#endif
