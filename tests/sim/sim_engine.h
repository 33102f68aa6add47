/* A shared engine of the simulated world: the protocol of Redis over its network, the model behind
 * it, and the ways in which one can fail, which may begin and end in mid-history. */
#ifndef SIM_SIM_ENGINE_H
#define SIM_SIM_ENGINE_H

#include "engine_model.h"
#include "sim.h"
#include "sim_net.h"

enum sim_engine_fault {
    SIM_ENGINE_WELL,
    /* Answers after `delay`, whatever that is otherwise. */
    SIM_ENGINE_SLOW,
    /* kill -STOP: nothing is read. What came meanwhile is done when the fault ends, also what came
     * on a connection that its peer has closed. */
    SIM_ENGINE_STOPPED,
    /* Reads, runs what it is asked, and its answers are lost. */
    SIM_ENGINE_SILENT,
    /* A reset in the middle of each reply to a script, which has run. */
    SIM_ENGINE_RESETS,
    /* Nobody listens. */
    SIM_ENGINE_DOWN,
    SIM_ENGINE_READONLY,
    SIM_ENGINE_LOADING,
    SIM_ENGINE_FULL,
    SIM_ENGINE_FORBIDS,
    /* The connections that hear a channel are dead from now on, and nobody is told. What is said
     * meanwhile is lost. */
    SIM_ENGINE_DEAF,
    /* Answers in another protocol; with a reply that never ends; twice. */
    SIM_ENGINE_BABBLES,
    SIM_ENGINE_FLOODS,
    SIM_ENGINE_TWICE,
    SIM_ENGINE_FAULTS
};

struct sim_engine_script {
    /* Each script takes so long. */
    usec delay;
    /* NULL: none is asked for. */
    const char *password;
    /* NULL: clear. */
    const struct sim_tls_server *tls;
};

struct sim_engine;

/* Listens at "address:port". Borrows the texts of the script. */
struct sim_engine *sim_engine_new(struct sim *sim, const char *at,
                                  const struct sim_engine_script *script);
void sim_engine_free(struct sim_engine **e);
/* `delay` is for SIM_ENGINE_SLOW. DOWN ends all connections. */
void sim_engine_fault(struct sim_engine *e, enum sim_engine_fault fault, usec delay);
/* FLUSHALL. */
void sim_engine_flush(struct sim_engine *e);
/* The process dies and another one begins, empty; scripts are forgotten, too. */
void sim_engine_restart(struct sim_engine *e);

/* ---- for tests and the oracle ---- */
struct engine_model *sim_engine_model(struct sim_engine *e);
/* Publishes as a client of it would. */
void sim_engine_publish(struct sim_engine *e, const char *channel, const char *message);
unsigned sim_engine_runs(const struct sim_engine *e);
size_t sim_engine_sessions(const struct sim_engine *e);
const char *sim_engine_fault_name(enum sim_engine_fault fault);

#endif
