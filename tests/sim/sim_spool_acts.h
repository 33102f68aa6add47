/* Inside the spool's histories: the model, and the acts that play it. */
#ifndef SIM_SIM_SPOOL_ACTS_H
#define SIM_SIM_SPOOL_ACTS_H

#include "sim_spool.h"
#include "spool/store.h"

enum { MAILS = 24, PEOPLE = 3, ACTS = 4, CYCLES = 32 };

struct person {
    unsigned copies, allowed;
    /* told by a callback */
    bool is_served, is_failed;
    /* served, but nobody knows whether the disk knows */
    bool in_window;
    /* retries so far; bounces that were sent for each */
    unsigned cycle;
    unsigned char reports[CYCLES];
};

struct mail {
    char id[SPOOL_ID_SIZE];
    char *body;
    size_t len, n;
    struct person people[PEOPLE];
    /* It must be there; it must not; neither: it may. */
    bool must, must_not;
    bool is_leaving;
    /* of a bounce: its message, and whom it is about in which cycle */
    struct mail *parent;
    bool is_about[PEOPLE];
    unsigned about_cycle[PEOPLE];
    bool was_sent;
    /* unknown outcomes that must be known; ... after a power cut, too; that may be */
    unsigned must_unknown, synced_unknown, may_unknown;
    bool dot_is_open;
};

enum kind { IDLE, TAKE, SEND, GIVE_UP, RETRY, REMOVE };

struct act {
    struct play *play;
    enum kind kind;
    struct mail *mail, *bounce;
    struct store_writer *writer;
    struct store_message *message;
    size_t offset;
    bool differs;
    size_t people[PEOPLE], npeople;
    /* the end of data went out; its answer, which comes later */
    bool awaits;
    struct store_fate fates[PEOPLE];
    struct store_outcome outcome;
};

struct play {
    struct sim *sim;
    struct store *store;
    struct sim_rng rng;
    struct mail mails[MAILS];
    size_t nmails;
    struct act acts[ACTS];
    struct sim_disk_faults faults;
    /* the last run: all is served */
    bool drains;
    bool is_broken;
    char words[256];
    struct sim_spool_totals *totals;
};

/* The first broken promise ends the history. */
void sim_spool_broken(struct play *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool sim_spool_chance(struct play *p, unsigned percent);
/* One act more, where one is free; answers that are awaited come. */
void sim_spool_act(struct play *p);

#endif
