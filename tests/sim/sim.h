/* A simulated world: virtual clock, network, resolver, files, children and TLS, all from one seed.
 * It stands at link time in the place of the real io/ (all of it but stream.c and tunnel.c), so the
 * rooms above run unmodified and cannot tell. Nothing here sleeps: an hour passes as fast as its
 * events can be run, and the same seed gives the same history to the byte.
 *
 * One world at a time is the current one of a thread (files have no loop to find it by): the last
 * made. */
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
/* everything of the product must be gone; what is left is counted by sim_living before */
void sim_free(struct sim **sim);
struct loop *sim_loop(struct sim *sim);
/* loop, offload, dns and log of this world; the world's */
struct io *sim_io(struct sim *sim);

/* The clock starts at 1 s (monotonic) and 2026-01-01T00:00:00Z (wall). */
usec sim_now(const struct sim *sim);
/* The wall clock is set anew, so many milliseconds later or earlier. */
void sim_wall_jump(struct sim *sim, int64_t ms);
/* runs everything due within the span; the clock then stands at its end */
void sim_run_for(struct sim *sim, usec span);
/* until nothing is left to happen (true) or `limit` has passed (false) */
bool sim_run_until_idle(struct sim *sim, usec limit);
/* asked after each turn; false: the limit came first */
bool sim_run_until(struct sim *sim, bool (*done)(void *ctx), void *ctx, usec limit);

/* Chance. Each purpose has its own stream, so that a question more in one place does not change
 * another. */
struct sim_rng {
    uint64_t state;
};
uint64_t sim_rng_next(struct sim_rng *rng);
/* 0 .. n-1; n > 0 */
uint64_t sim_rng_below(struct sim_rng *rng, uint64_t n);
/* the same for what counts things in memory */
size_t sim_rng_index(struct sim_rng *rng, size_t n);
bool sim_rng_chance(struct sim_rng *rng, unsigned percent);
/* for whoever writes the history */
struct sim_rng *sim_script_rng(struct sim *sim);

/* The trace: a hash over everything that happened (time, connection, bytes), and its text on stderr
 * when asked for. */
uint64_t sim_trace_hash(const struct sim *sim);
void sim_be_verbose(struct sim *sim, bool verbose);
bool sim_is_verbose(const struct sim *sim);
/* a line into the trace */
void sim_say(struct sim *sim, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What of the product still lives: to find leaks at the end of a history. */
struct sim_living {
    size_t timers, transports, queries, jobs, processes, listeners, contexts;
};
struct sim_living sim_living(const struct sim *sim);
/* octets: the most that one stream ever kept, unread by the product or not yet handed to its
 * peer */
size_t sim_most_held(const struct sim *sim);

/* The log: sim_io()->log keeps its lines here. */
size_t sim_log_count(const struct sim *sim);
const char *sim_log_line(const struct sim *sim, size_t i);
/* some line contains it */
bool sim_log_has(const struct sim *sim, const char *text);

/* ---- network: what lies on the way to "address:port" ---- */
enum sim_syn {
    /* a listener answers, or there is none: then refused */
    SIM_OPEN,
    /* RST after a round trip */
    SIM_REFUSED,
    /* the SYN vanishes; ETIMEDOUT after 127 s */
    SIM_DROPPED,
    /* ICMP after one way */
    SIM_UNREACHABLE,
};

#define SIM_NEVER UINT64_MAX

/* tests change it before the connect; a connection keeps a copy */
struct sim_path {
    enum sim_syn syn;
    /* one way; default 5 ms */
    usec latency;
    /* 0..jitter more per segment; order is kept */
    usec jitter;
    /* bytes in flight or unread per direction: beyond, writes are partial; default 64 KiB */
    size_t window;
    /* longest segment; default 1460 */
    size_t segment;
    /* segments of 1..segment bytes, by the seed */
    bool shred;
    /* after so many bytes (to the server, from it) the rest vanishes */
    uint64_t hole_up, hole_down;
    /* ... or both ends get a RST */
    uint64_t reset_up, reset_down;
    /* handshake flights and segments longer than this vanish, and all after them; 0: none */
    size_t mtu;
};

struct sim_path *sim_path(struct sim *sim, const char *address_with_port);
/* of every address without its own */
struct sim_path *sim_path_default(struct sim *sim);
/* what io/netwatch reports 2 s later */
void sim_network_change(struct sim *sim);

/* ---- names ---- */
enum sim_dns_manner { SIM_DNS_ANSWERS, SIM_DNS_NXDOMAIN, SIM_DNS_FAILS, SIM_DNS_SILENT };
/* Addresses of a name, blanks between, both families mixed; "" for none. Names not defined do not
 * exist. Replaces an earlier definition. */
void sim_name(struct sim *sim, const char *host, const char *addresses);
void sim_name_manner(struct sim *sim, const char *host, enum addr_family family,
                     enum sim_dns_manner manner, usec delay);
/* lookups begun */
unsigned sim_name_questions(const struct sim *sim, const char *host);

/* ---- files ---- */
/* NULL removes it */
void sim_file(struct sim *sim, const char *path, const char *text);
/* NULL: there is none. NUL-terminated; borrowed until the next change */
const char *sim_file_text(const struct sim *sim, const char *path);
void sim_files_refuse_writes(struct sim *sim, bool refuse);
/* A mount without its server: whoever reads a secret waits until his own deadline. */
void sim_files_hang(struct sim *sim, bool hang);
/* The process dies: what its helpers for files had not begun does not happen. */
void sim_disk_dies(struct sim *sim);
/* how often a secret's file was read */
unsigned sim_secret_reads(const struct sim *sim);

/* ---- children ---- */
/* What running argv[0] = program does: after `delay` prints `output` (NULL: exits with status
 * 1). */
void sim_program(struct sim *sim, const char *program, const char *output, usec delay);
unsigned sim_program_runs(const struct sim *sim, const char *program);
/* The variables that its last run was given beside its own, a line each. Lends. */
const char *sim_program_env(const struct sim *sim, const char *program);

#endif
