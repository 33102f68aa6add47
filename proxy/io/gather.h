/* A message that is gathered before it is sent: a service over HTTPS wants its length first, and
 * all of it within one request. Up to CAP_GATHER octets stay in memory; of a longer one the
 * beginning does, and the rest goes to a file without a name, on the disk's thread. */
#ifndef IO_GATHER_H
#define IO_GATHER_H

#include "base/attr.h"
#include "base/err.h"
#include "base/octets.h"
#include "base/slice.h"
#include "io/loop.h"

struct gather;
struct gather_place;

/* ---- where the files are ---- */

/* A directory that is there, with a thread that begins with the first file. Copies the path. Gives
 * one reference. Each gather holds another. */
struct gather_place *gather_place_new(struct loop *loop, const char *path);
/* *place may be NULL. */
void gather_place_unref(struct gather_place **place);

/* ---- one message ---- */

/* All of them come on the loop, none from inside a call. */
struct gather_events {
    /* This comes after gather_put returned less than all. There is room again. */
    void (*low)(void *ctx);
    /* The message cannot be kept. The error is ERR_FULL where there is no room. The words say
     * where. What else is put is taken and forgotten. No other event comes. */
    void (*failed)(void *ctx, const struct err *err);
    /* This comes after gather_end. The function gather_octets has all of the message. */
    void (*whole)(void *ctx);
};

/* The place is NULL where there is none. Then a message beyond CAP_GATHER fails. Gives a new
 * gather. */
struct gather *gather_new(struct loop *loop, struct gather_place *place,
                          const struct gather_events *events, void *ctx);
/* Copies. Returns how many octets were taken. */
size_t gather_put(struct gather *g, struct slice octets) MUST_USE;
uint64_t gather_size(const struct gather *g);
void gather_end(struct gather *g);
/* After `whole`. They may be read by any thread, until gather_free. */
struct octets gather_octets(struct gather *g);
/* No event any more; it stays as it is. */
void gather_leave(struct gather *g);
/* No event any more. *gather may be NULL. */
void gather_free(struct gather **gather);

#endif
