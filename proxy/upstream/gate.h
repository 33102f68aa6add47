/* The AUTH gate of an account (PROMISES 5: AUTH is never raced). While the credentials are
 * unproven, one attempt at a time may send AUTH. The others wait in the order of their ports, then
 * in the order of their arrival. After an AUTH that proved nothing, the attempts of other ports go
 * first, because a port that is silent at one address is probably silent at the next. Once the
 * credentials are proven, every attempt passes. */
#ifndef UPSTREAM_GATE_H
#define UPSTREAM_GATE_H

#include <stdbool.h>

#include "base/list.h"

enum gate_state { GATE_OUTSIDE, GATE_WAITING, GATE_HOLDING };

/* It is embedded in the attempt and belongs to it. */
struct gate_pass {
    struct link link;
    enum gate_state state;
    /* The attempt's port, for the order. */
    unsigned port;
    /* The place of the port in the ladder, for the order. */
    size_t rank;
    /* May be called from inside gate_enter, gate_leave and gate_prove. It must not change the
     * gate. */
    void (*granted)(void *ctx);
    /* It is not let in: another instance was refused with the same secret. May be NULL. Comes from
     * the loop. */
    void (*refused)(void *ctx);
    void *ctx;
};

struct gate {
    bool proven;
    /* NULL if the gate is free or the credentials are proven. */
    struct gate_pass *holder;
    /* The port of the last holder. 0 if there was none. */
    unsigned last;
    struct link waiting;
};

void gate_init(struct gate *g);
void gate_pass_init(struct gate_pass *p, unsigned port, size_t rank, void (*granted)(void *ctx),
                    void *ctx);
void gate_enter(struct gate *g, struct gate_pass *p);
/* If the holder leaves, the next one is let in. It is harmless for a pass that is outside. */
void gate_leave(struct gate *g, struct gate_pass *p);
/* An AUTH was answered 2xx. All waiting attempts pass. */
void gate_prove(struct gate *g);
/* Call this at the start, on a reload and after a refusal. */
void gate_doubt(struct gate *g);
/* Puts the waiting attempts outside. The holder stays. */
void gate_dismiss(struct gate *g);
/* Puts every attempt outside and lets none in: the ladder stops. */
void gate_clear(struct gate *g);

#endif
