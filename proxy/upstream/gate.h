/* The AUTH gate of an account (PROMISES 5: AUTH is never raced). While the credentials are unproven,
 * one attempt at a time may send AUTH; the others wait in the order of their ports, then in that in
 * which they came; but after an AUTH that proved nothing those of another port go first: a port
 * that is silent at one address is likely to be so at the next. Once proven, everybody passes. */
#ifndef UPSTREAM_GATE_H
#define UPSTREAM_GATE_H

#include <stdbool.h>

#include "base/list.h"

enum gate_state { GATE_OUTSIDE, GATE_WAITING, GATE_HOLDING };

/* embedded in the attempt; belongs to it */
struct gate_pass {
    struct link link;
    enum gate_state state;
    /* whose; for the order */
    unsigned port;
    /* of the port in the ladder, likewise */
    size_t rank;
    /* may be called from inside gate_enter, gate_leave and gate_prove; must not change the gate */
    void (*granted)(void *ctx);
    void *ctx;
};

struct gate {
    bool proven;
    /* NULL: free, or proven */
    struct gate_pass *holder;
    /* the port of the last holder; 0 none */
    unsigned last;
    struct link waiting;
};

void gate_init(struct gate *g);
void gate_pass_init(struct gate_pass *p, unsigned port, size_t rank, void (*granted)(void *ctx),
                    void *ctx);
void gate_enter(struct gate *g, struct gate_pass *p);
/* the holder's leaving lets the next one in; harmless outside */
void gate_leave(struct gate *g, struct gate_pass *p);
/* an AUTH was answered 2xx: all who wait pass */
void gate_prove(struct gate *g);
/* start, reload, a refusal */
void gate_doubt(struct gate *g);
/* puts those who wait outside; the holder stays */
void gate_dismiss(struct gate *g);
/* puts everybody outside without letting anyone in: the ladder stops */
void gate_clear(struct gate *g);

#endif
