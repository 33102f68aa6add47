/* A look at the shared engine from outside, for `cluster status` and `doctor`: does it do what the
 * instances need, who is there, and what is in use. */
#ifndef APP_CLUSTER_LOOK_H
#define APP_CLUSTER_LOOK_H

#include "base/caps.h"
#include "upstream/cluster.h"
#include "upstream/slots.h"

struct cluster_account {
    /* Borrowed from the config. */
    const char *name;
    struct slots_view slots;
    /* No instance has it. */
    bool unused;
};

struct cluster_look {
    /* There is a [cluster]; else the rest is empty. */
    bool is_on;
    /* A script that writes has run there. */
    bool works;
    char place[300];
    /* Why it does not work, or "". */
    char words[320];
    usec latency;
    struct cluster_instance shown[CAP_CLUSTER_INSTANCES];
    size_t nshown;
    struct cluster_account *accounts;
    size_t naccounts;
    /* Its maxmemory-policy; "": this user may not ask. */
    char policy[64];
};

/* Runs the loop until everything is known, for some seconds at most. -1: a file that [cluster]
 * names is at fault. cluster_look_free it in either case. */
int cluster_look(const struct io *io, struct config *config, struct cluster_look *look_r,
                 struct err *err) MUST_USE;
void cluster_look_free(struct cluster_look *look);

#define CLUSTER_ADVICE 900
/* Writes the i-th thing that is to be mended. Returns false if there are no more. */
bool cluster_look_advice(const struct cluster_look *look, size_t i, char out[CLUSTER_ADVICE]);

#endif
