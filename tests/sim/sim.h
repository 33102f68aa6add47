/* A simulated world: virtual clock, network, resolver, files, children and TLS, all from one seed. It stands at link time in the place
 * of the real io/ (all of it but stream.c and tunnel.c), so the rooms above run unmodified and cannot tell. Nothing here sleeps:
 * an hour passes as fast as its events can be run, and the same seed gives the same history to the byte.
 *
 * One world at a time is the current one of a thread (files have no loop to find it by): the last made. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/units.h"
#include "io/io.h"
#include "io/loop.h"

struct sim;

struct sim *sim_new(uint64_t seed);
void sim_free(struct sim **sim); /* everything of the product must be gone; what is left is counted by sim_living before */
struct loop *sim_loop(struct sim *sim);
struct io *sim_io(struct sim *sim); /* loop, offload, dns and log of this world; the world's */

/* The clock starts at 1 s (monotonic) and 2026-01-01T00:00:00Z (wall). */
usec sim_now(const struct sim *sim);
void sim_run_for(struct sim *sim, usec span);         /* runs everything due within the span; the clock then stands at its end */
bool sim_run_until_idle(struct sim *sim, usec limit); /* until nothing is left to happen (true) or `limit` has passed (false) */
bool sim_run_until(struct sim *sim, bool (*done)(void *ctx), void *ctx,
                   usec limit); /* asked after each turn; false: the limit came first */

/* Chance. Each purpose has its own stream, so that a question more in one place does not change another. */
struct sim_rng {
    uint64_t state;
};
uint64_t sim_rng_next(struct sim_rng *rng);
uint64_t sim_rng_below(struct sim_rng *rng, uint64_t n); /* 0 .. n-1; n > 0 */
bool sim_rng_chance(struct sim_rng *rng, unsigned percent);
struct sim_rng *sim_script_rng(struct sim *sim); /* for whoever writes the history */

/* The trace: a hash over everything that happened (time, connection, bytes), and its text on stderr when asked for. */
uint64_t sim_trace_hash(const struct sim *sim);
void sim_be_verbose(struct sim *sim, bool verbose);
bool sim_is_verbose(const struct sim *sim);
void sim_say(struct sim *sim, const char *fmt, ...) PRINTF_LIKE(2, 3); /* a line into the trace */

/* What of the product still lives: to find leaks at the end of a history. */
struct sim_living {
    size_t timers, transports, queries, jobs, processes, listeners, contexts;
};
struct sim_living sim_living(const struct sim *sim);
size_t sim_most_held(
    const struct sim *sim); /* octets: the most that one stream ever kept, unread by the product or not yet handed to its peer */

/* The log: sim_io()->log keeps its lines here. */
size_t sim_log_count(const struct sim *sim);
const char *sim_log_line(const struct sim *sim, size_t i);
bool sim_log_has(const struct sim *sim, const char *text); /* some line contains it */

/* ---- network: what lies on the way to "address:port" ---- */
enum sim_syn {
    SIM_OPEN,        /* a listener answers, or there is none: then refused */
    SIM_REFUSED,     /* RST after a round trip */
    SIM_DROPPED,     /* the SYN vanishes; ETIMEDOUT after 127 s */
    SIM_UNREACHABLE, /* ICMP after one way */
};

#define SIM_NEVER UINT64_MAX

struct sim_path { /* tests change it before the connect; a connection keeps a copy */
    enum sim_syn syn;
    usec latency;                  /* one way; default 5 ms */
    usec jitter;                   /* 0..jitter more per segment; order is kept */
    size_t window;                 /* bytes in flight or unread per direction: beyond, writes are partial; default 64 KiB */
    size_t segment;                /* longest segment; default 1460 */
    bool shred;                    /* segments of 1..segment bytes, by the seed */
    uint64_t hole_up, hole_down;   /* after so many bytes (to the server, from it) the rest vanishes */
    uint64_t reset_up, reset_down; /* ... or both ends get a RST */
    size_t mtu;                    /* handshake flights and segments longer than this vanish, and all after them; 0: none */
};

struct sim_path *sim_path(struct sim *sim, const char *address_with_port);
struct sim_path *sim_path_default(struct sim *sim); /* of every address without its own */
void sim_network_change(struct sim *sim);           /* what io/netwatch reports 2 s later */

/* ---- names ---- */
enum sim_dns_manner { SIM_DNS_ANSWERS, SIM_DNS_NXDOMAIN, SIM_DNS_FAILS, SIM_DNS_SILENT };
/* Addresses of a name, blanks between, both families mixed; "" for none. Names not defined do not exist. Replaces an earlier definition. */
void sim_name(struct sim *sim, const char *host, const char *addresses);
void sim_name_manner(struct sim *sim, const char *host, enum addr_family family, enum sim_dns_manner manner, usec delay);
unsigned sim_name_questions(const struct sim *sim, const char *host); /* lookups begun */

/* ---- files ---- */
void sim_file(struct sim *sim, const char *path, const char *text); /* NULL removes it */
const char *sim_file_text(const struct sim *sim,
                          const char *path); /* NULL: there is none. NUL-terminated; borrowed until the next change */
void sim_files_refuse_writes(struct sim *sim, bool refuse);

/* ---- children ---- */
/* What running argv[0] = program does: after `delay` prints `output` (NULL: exits with status 1). */
void sim_program(struct sim *sim, const char *program, const char *output, usec delay);
unsigned sim_program_runs(const struct sim *sim, const char *program);

#endif
