/* What the four tools of the benchmark share: arguments, sockets, a clock. They run on loopback, so
 * a failure of the machine (no memory, no descriptors) ends the program with a message: a benchmark
 * that limps on measures something else. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints the words like printf, a newline, and exits with status 2. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* CLOCK_MONOTONIC in nanoseconds: comparable between the tools of one machine. */
uint64_t now_ns(void);

/* Memory or death. */
void *must_alloc(size_t size);
void *must_grow(void *old, size_t size);

/* The value of --name, or `otherwise`. Every argument is a pair "--name value"; args_check dies on
 * anything else than the names listed. */
const char *arg_text(int argc, char **argv, const char *name, const char *otherwise);
long arg_number(int argc, char **argv, const char *name, long otherwise);
void args_check(int argc, char **argv, const char *const *names);

/* "127.0.0.1:2525". Dies on anything else. */
struct sockaddr_in endpoint(const char *text);

/* Listens on 127.0.0.1, port 0 meaning any; the port used goes to *port_r. */
int listen_on(uint16_t port, uint16_t *port_r);

/* The next waiting connection, non-blocking and without Nagle; -1 when none waits. */
int accept_one(int listener);

/* Starts to connect, non-blocking and without Nagle; source_index 0: from 127.0.0.1, otherwise from
 * one of 250 other loopback addresses, so that ten thousand clients a second do not run out of port
 * numbers. Returns the descriptor; the outcome shows as writability. */
int connect_to(const struct sockaddr_in *to, unsigned source_index);

/* As many descriptors as the system lets us have. */
void raise_descriptor_limit(void);

#endif
