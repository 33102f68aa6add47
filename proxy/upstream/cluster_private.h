/* Shared by cluster.c (the engine, coming and going) and cluster_members.c (who is there). */
#ifndef UPSTREAM_CLUSTER_PRIVATE_H
#define UPSTREAM_CLUSTER_PRIVATE_H

#include "base/caps.h"
#include "upstream/cluster.h"

enum { MEMBERS_KEYS = 2, MEMBERS_ARGS = 5 };

struct cluster {
    unsigned refs;
    const struct io *io;
    struct config *config;
    const struct cluster_line *kind;
    void *line;
    struct cluster_key *key;
    struct link seats;
    char boot[16], word[CLUSTER_ID], ttl[24];
    uint64_t newest;
    /* Of the question who is there. */
    struct slice keys[MEMBERS_KEYS], args[MEMBERS_ARGS];
    char channel[CLUSTER_MEMBER];
    enum engine_state state;
    char place[300], words[320];
    bool emptied;
    /* As last heard; 0: nothing was. */
    unsigned known;
    /* When the engine made our own row, by our clock; 0: it never did. */
    usec own_born;
    struct cluster_instance shown[CAP_CLUSTER_INSTANCES];
    size_t nshown;
    /* By itself since then (0: not), and in all before. */
    usec alone_since, alone;
    unsigned clashes;
    bool told_alone, told_key;
    /* When it came back the last time, perhaps empty. 0: it never did. */
    usec back_at;
    struct timer *beat, *start, *opening;
    /* It is none of the instances, and tells only this. */
    void (*looked)(void *ctx);
    void *ctx;
};

/* ---- cluster.c ---- */
/* Everybody states his part. emptied: the engine may know nothing of what it was told. */
void cluster_call_state(struct cluster *c, bool emptied);
void cluster_call_changed(struct cluster *c);

/* ---- cluster_members.c ---- */
/* The event `probed` of the engine. */
void cluster_read_members(void *cluster, const struct engine_value *value);

#endif
