/* What the sending half's files share: schedule.c (what is tried when), sender.c (one try),
 * report.c (its bounce) and spool.c (life, and what is told). */
#ifndef SPOOL_SPOOL_PRIVATE_H
#define SPOOL_SPOOL_PRIVATE_H

#include "delivery/delivery.h"
#include "spool/bounce.h"
#include "spool/kept_body.h"
#include "spool/rules.h"
#include "spool/spool.h"

/* An account rests after LANE_PUT_OFFS different messages in a row were put off. */
enum { LANE_PUT_OFFS = 3, LANE_REASON = 240 };

/* The messages of one account. */
struct lane {
    struct lane *next;
    char *name;
    unsigned running, most;
    /* So many tries may run. After an outage it is one, and each success doubles it. */
    unsigned width;
    /* The last back-off is `wait`, or 0 if there was none. Before `rests_until` (monotonic) no
     * message of the account is tried, unless an administrator wants it. */
    usec wait, rests_until;
    /* These messages (by sequence) were put off in a row. Each is there once. A success, a rest and
     * the end of a rest empty the list. */
    uint64_t put_off[LANE_PUT_OFFS];
    unsigned nput_off;
    /* A try found no session, and the upstream has taken or refused no message since then. */
    bool was_tried;
    enum standing standing;
    char reason[LANE_REASON];
    uint64_t tries[SPOOL_TRY_COUNT];
};

/* The tries of one message. An entry's `user` points to it. */
struct errand {
    /* It is NULL if the message must be routed first. */
    struct lane *lane;
    /* The message has a back-off of its own, like that of its lane. */
    usec wait, waits_until;
    bool was_tried, is_held, is_sending;
    /* An administrator wants the message tried, whatever it waits for. */
    bool is_wanted;
    /* It says why the message was last put off, or how its last try ended. It is NULL if neither
     * has happened. */
    char *reason;
};

struct spool {
    const struct io *io;
    struct spool_options options;
    struct strings bounce_addresses;
    struct store *store;
    struct rules *rules;
    struct copy_budget budget;
    struct lane *lanes;
    /* Every item is a struct trial. */
    struct link trials;
    size_t ntrials, nroutings, nreports;
    struct timer *timer;
    struct deferred later;
    uint64_t bounces;
    /* Only trouble.c uses these two. */
    struct link troubles;
    struct timer *trouble_timer;
    bool is_started, is_draining;
    void (*drained)(void *ctx);
    void *ctx;
};

/* How a try ended, for the schedule. */
struct trial_end {
    enum spool_try result;
    /* The answer concerns the account, not the message. The account rests. */
    bool rests_account;
    /* The upstream asked that the account rests for so long. It is 0 if nobody asked. */
    usec wait;
    /* A reload or our own end stopped the try. Nothing is learnt from it. */
    bool is_ours;
    const char *reason;
};

/* One try of one message. */
struct trial {
    struct link link;
    struct spool *spool;
    /* It is NULL if the entry is gone. */
    struct spool_entry *entry;
    struct lane *lane;
    struct rules *rules;
    struct store_message *message;
    struct kept_body body;
    struct delivery *delivery;
    struct message record;
    struct addr client;
    struct deferred later;
    /* These recipients wait. Each has its index in the message, and its answer. */
    struct person {
        size_t index;
        enum { PERSON_WAITS, PERSON_ACCEPTED, PERSON_PUT_OFF, PERSON_REFUSED, PERSON_SERVED } fate;
        unsigned code;
        char *words;
    } * people;
    size_t npeople, nanswered, naccepted;
    bool all_added, has_data, is_over, is_settled, only_gives_up, rests_account;
    /* The delivery gave this outcome, or we did because there was no delivery. */
    struct outcome outcome;
    char host[256];
    /* This account tried the message last. It is NULL if none did. */
    const struct upstream_config *upstream;
    char reason[LANE_REASON];

    /* These belong to the bounce (report.c). */
    size_t *given_up;
    size_t ngiven_up;
    enum bounce_why why;
    struct store_writer *writer;
    struct spool_entry *bounce;
    struct buf text, quoted;
    size_t written;
    char *bounce_to;
};

/* ---- schedule.c ---- */
void schedule_init(struct spool *spool);
void schedule_free(struct spool *spool);
/* Looks at all that waits, at the end of the turn. */
void schedule_later(struct spool *spool);
void schedule_reload(struct spool *spool);
void schedule_awake(struct spool *spool, const char *account);
struct errand *schedule_job(struct spool *spool, struct spool_entry *entry);
void schedule_forget(struct spool_entry *entry);
/* Returns the account that will try the message. If there is none yet, returns the account that the
 * message was kept for. */
const char *schedule_account_of(const struct spool_entry *entry);
struct lane *schedule_lane(const struct spool *spool, const char *name);
/* Returns NULL if the configuration in force has no such account. */
struct lane *schedule_open_lane(const struct spool *spool, const char *account);
/* Learns from a try. The account rests, the message waits, or neither does. */
void schedule_note(struct trial *t, const struct trial_end *end);
/* The message waits at least so long. */
void schedule_put_off(struct spool *spool, struct spool_entry *entry, usec wait,
                      const char *reason);
bool schedule_is_too_old(const struct spool *spool, const struct spool_entry *entry);

/* ---- sender.c ---- */
/* Tries a message, or gives up the recipients that must be given up. With lane NULL a message that
 * is not given up is only routed. */
void trial_begin(struct spool *spool, struct spool_entry *entry, struct lane *lane);
/* Ends a trial of which nothing is under way any more. */
void trial_end(struct trial *t);
/* The entry is gone, and no trial may use it any more. */
void trial_forget(struct spool *spool, const struct spool_entry *entry);
/* Stops the delivery of the trial, unless it awaits the verdict of the message. */
void trial_drain(struct trial *t);
/* Drops the trial, as a crash would. */
void trial_abandon(struct trial *t);

/* ---- trouble.c ---- */
void trouble_init(struct spool *spool);
void trouble_start(struct spool *spool);
void trouble_stop(struct spool *spool);
void trouble_free(struct spool *spool);

/* ---- report.c ---- */
/* Gives up the recipients in `given_up`, with a bounce where one is due. Ends the trial. */
void report_begin(struct trial *t);
void report_free(struct trial *t);

#endif
