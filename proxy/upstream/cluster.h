/* The other instances, as far as the shared engine tells of them: whether it answers, who is there,
 * and when each account has to state its part again. There is one for a process. What is shared of
 * an account is in slots.h and grants.h, which take a seat here. Nothing waits for the engine: each
 * question is asked in the background, and without an answer this instance goes on by itself. */
#ifndef UPSTREAM_CLUSTER_H
#define UPSTREAM_CLUSTER_H

#include "base/list.h"
#include "config/config.h"
#include "io/engine.h"
#include "io/io.h"
#include "upstream/cluster_key.h"

struct cluster;

/* How the engine is reached: engine.h, or in tests another. The functions mean what theirs mean. */
struct cluster_line {
    void *(*open)(const struct io *io, const struct engine_settings *settings,
                  const struct engine_events *events, void *ctx);
    void (*close)(void *line);
    struct engine_question *(*ask)(void *line, const struct engine_call *call,
                                   engine_answer_fn *answer, void *ctx);
    void (*cancel)(struct engine_question **q);
    usec (*latency)(const void *line);
};

/* Keeps io and a reference to the config, which has a [cluster]. Logs by itself when the engine
 * goes and comes back. Gives one reference. NULL with err: a file for TLS is at fault. */
struct cluster *cluster_new(const struct io *io, struct config *config, struct err *err);
struct cluster *cluster_new_on(const struct io *io, struct config *config,
                               const struct cluster_line *line, struct err *err);
/* Only looks: this process is none of the instances, holds nothing, and logs nothing. looked is
 * called when something is known: by cluster_view. */
struct cluster *cluster_new_looking(const struct io *io, struct config *config,
                                    void (*looked)(void *ctx), void *ctx, struct err *err);
struct cluster *cluster_ref(struct cluster *c);
void cluster_unref(struct cluster **c);
/* A reload has another [cluster]: this one falls silent for good, as if the engine were away. It
 * must not speak under a name that is another's by now. c may be NULL. */
void cluster_retire(struct cluster *c);
/* Returns whether a config's [cluster] is the same in all that this one was made of. */
bool cluster_fits(const struct cluster *c, const struct config *config);

/* ---- what an account's parts ask ---- */

struct cluster_seat_events {
    /* State what is held: a heartbeat, or an engine that has come back or was emptied. */
    void (*state)(void *ctx);
    /* The engine has come or gone, or there are more or fewer instances. */
    void (*changed)(void *ctx);
    /* A slot has become free, or somebody waits for one. May be NULL. */
    void (*heard)(void *ctx);
};

/* What all names in the engine begin with, and the channel on which an instance hears, before its
 * name. */
#define CLUSTER_PREFIX "smtp-detour:"
#define CLUSTER_CHANNEL CLUSTER_PREFIX "free:"

/* Whoever only looks. No instance can have this name. */
#define CLUSTER_ONLOOKER ".onlooker"

/* Embedded. */
struct cluster_seat {
    struct link link;
    struct cluster *cluster;
    char id[CLUSTER_ID];
    const struct cluster_seat_events *events;
    void *ctx;
};

/* The credential's name in the engine: id_r says it, too. Keeps a reference to the cluster. */
void cluster_sit(struct cluster *c, struct cluster_seat *seat, const char *id,
                 const struct cluster_seat_events *events, void *ctx);
/* The seat with these events that was taken first for the credential, or NULL. */
struct cluster_seat *cluster_seat_of(const struct cluster *c, const char *id,
                                     const struct cluster_seat_events *events);
/* Harmless for one who does not sit. */
void cluster_rise(struct cluster_seat *seat);

bool cluster_is_up(const struct cluster *c);
/* At the very beginning the engine has the time of a question to be there. Until then nothing is
 * used by oneself: the others, and what this instance was before, have their part. `changed` says
 * when it is over. */
bool cluster_is_starting(const struct cluster *c);
/* How many instances there are: as last heard, else as configured. Never 0. */
unsigned cluster_instances(const struct cluster *c);
/* The same, and 1 as long as nothing was heard. */
unsigned cluster_known(const struct cluster *c);
/* For `state`: the engine may know nothing of what it was told before. */
bool cluster_was_emptied(const struct cluster *c);
struct loop *cluster_loop(const struct cluster *c);
usec cluster_now(const struct cluster *c);
/* The part of a limit that each instance may use by itself. Never 0. */
unsigned cluster_part(const struct cluster *c, unsigned limit);
const struct cluster_config *cluster_config(const struct cluster *c);
const struct cluster_key *cluster_key(const struct cluster *c);
/* The key for an account of this host and user. */
void cluster_id(const struct cluster *c, const char *host, const char *user, char id_r[CLUSTER_ID]);

/* NULL: a retired one asks nothing, and nothing is answered. */
struct engine_question *cluster_ask(struct cluster *c, const struct engine_call *call,
                                    engine_answer_fn *answer, void *ctx);
void cluster_cancel(struct cluster *c, struct engine_question **q);

/* A number for a new member, higher than all before. */
uint64_t cluster_next(struct cluster *c);
uint64_t cluster_newest(const struct cluster *c);
/* 12 hexadecimal digits: since when this process is there. */
const char *cluster_boot(const struct cluster *c);
#define CLUSTER_MEMBER 320
/* Writes "instance:boot:n". Returns a slice of out. */
struct slice cluster_member(const struct cluster *c, uint64_t n, char out[CLUSTER_MEMBER]);

/* ---- what an operator sees ---- */

struct cluster_instance {
    char name[256];
    usec age;
    bool is_this;
    /* It has another key, and shares nothing with this one. */
    bool other_key;
};

struct cluster_view {
    bool up;
    /* It has said who is there. */
    bool heard;
    const char *place;
    /* Why it is not up, or "". */
    const char *words;
    unsigned instances;
    /* How long this instance has been by itself, in all; and since when now, 0: it is not. */
    usec alone, alone_since;
    usec latency;
    /* These are the instances as last heard, at most CAP_CLUSTER_INSTANCES. */
    const struct cluster_instance *shown;
    size_t nshown;
};

/* Borrows until the next turn. */
void cluster_view(const struct cluster *c, struct cluster_view *view_r);

#endif
