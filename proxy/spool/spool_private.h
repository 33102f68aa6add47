/* What the sending half's files share: schedule.c (what is tried when), sender.c (one try),
 * report.c (its bounce) and spool.c (life, and what is told). */
#ifndef SPOOL_SPOOL_PRIVATE_H
#define SPOOL_SPOOL_PRIVATE_H

#include "delivery/delivery.h"
#include "spool/bounce.h"
#include "spool/kept_body.h"
#include "spool/rules.h"
#include "spool/spool.h"

/* put-offs of different messages in a row that rest an account */
enum { LANE_PUT_OFFS = 3, LANE_REASON = 240 };

/* The messages of one account. */
struct lane {
    struct lane *next;
    char *name;
    unsigned running, most;
    /* So many may run: one after an outage, twice as many after each success. */
    unsigned width;
    /* the last back-off; 0: none. Until then (monotonic) nothing of it is tried. */
    usec wait, rests_until;
    /* messages (by sequence) put off since the last success, each once */
    uint64_t put_off[LANE_PUT_OFFS];
    unsigned nput_off;
    /* since the start no session was to be had, or a message of it was tried */
    bool was_tried;
    enum standing standing;
    char reason[LANE_REASON];
    uint64_t tries[SPOOL_TRY_COUNT];
};

/* One message, as far as its tries go; an entry's `user`. */
struct errand {
    /* NULL: to be routed */
    struct lane *lane;
    /* its own back-off, likewise */
    usec wait, waits_until;
    bool was_tried, is_held, is_sending;
    /* an administrator wants it tried, whatever it waits for */
    bool is_wanted;
    /* of the last try; NULL: none */
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
    /* struct trial */
    struct link trials;
    size_t ntrials, nroutings, nreports;
    struct timer *timer;
    struct deferred later;
    uint64_t bounces;
    /* trouble.c */
    struct link troubles;
    struct timer *trouble_timer;
    bool is_started, is_draining;
    void (*drained)(void *ctx);
    void *ctx;
};

/* How a try ended, for the schedule. */
struct trial_end {
    enum spool_try result;
    /* it says something about the account, not about the message: the account rests */
    bool rests_account;
    /* The account is not to be tried for so long. 0: nobody asked for that. */
    usec wait;
    /* a reload or our own end: nothing is to be learnt of it */
    bool is_ours;
    const char *reason;
};

/* One try of one message. */
struct trial {
    struct link link;
    struct spool *spool;
    /* NULL: it is gone */
    struct spool_entry *entry;
    struct lane *lane;
    struct rules *rules;
    struct store_message *message;
    struct kept_body body;
    struct delivery *delivery;
    struct message record;
    struct addr client;
    struct deferred later;
    /* those who wait: index in the message, answer */
    struct person {
        size_t index;
        enum { PERSON_WAITS, PERSON_ACCEPTED, PERSON_PUT_OFF, PERSON_REFUSED, PERSON_SERVED } fate;
        unsigned code;
        char *words;
    } * people;
    size_t npeople, nanswered, naccepted;
    bool all_added, has_data, is_over, is_settled, only_gives_up, rests_account;
    /* of the delivery */
    struct outcome outcome;
    char host[256];
    /* the account that tried it last; NULL: none */
    const struct upstream_config *upstream;
    char reason[LANE_REASON];

    /* report.c */
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
/* looks at all that waits, at the end of the turn */
void schedule_later(struct spool *spool);
void schedule_reload(struct spool *spool);
void schedule_awake(struct spool *spool, const char *account);
struct errand *schedule_job(struct spool *spool, struct spool_entry *entry);
void schedule_forget(struct spool_entry *entry);
/* the account whose turn it is, else the one that it was kept for */
const char *schedule_account_of(const struct spool_entry *entry);
struct lane *schedule_lane(const struct spool *spool, const char *name);
/* NULL: there is no such account by the configuration in force. */
struct lane *schedule_open_lane(const struct spool *spool, const char *account);
/* What a try showed: the account rests, the message waits, or neither. */
void schedule_note(struct trial *t, const struct trial_end *end);
/* The message waits at least so long. */
void schedule_put_off(struct spool *spool, struct spool_entry *entry, usec wait,
                      const char *reason);
bool schedule_is_too_old(const struct spool *spool, const struct spool_entry *entry);

/* ---- sender.c ---- */
/* Tries a message, or gives up what must be; lane NULL: it is routed only. */
void trial_begin(struct spool *spool, struct spool_entry *entry, struct lane *lane);
/* nothing of it is under way any more */
void trial_end(struct trial *t);
/* the entry is gone */
void trial_forget(struct spool *spool, const struct spool_entry *entry);
/* Nothing new; what awaits its verdict goes on. */
void trial_drain(struct trial *t);
/* As a crash would. */
void trial_abandon(struct trial *t);

/* ---- trouble.c ---- */
void trouble_init(struct spool *spool);
void trouble_start(struct spool *spool);
void trouble_stop(struct spool *spool);
void trouble_free(struct spool *spool);

/* ---- report.c ---- */
/* Gives up the recipients in `given_up`, with a bounce where one is due; ends the trial. */
void report_begin(struct trial *t);
void report_free(struct trial *t);

#endif
