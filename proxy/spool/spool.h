/* The spool as the rest of the program meets it: what lies in the store is tried, again and again,
 * until every recipient is served, refused or given up, and is then gone, bounced or in failed/.
 * The store (store.h) keeps messages; this sends them. The relay puts messages into the store
 * itself (spool_store, store_begin) and wakes this; listings and the page ask here. */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include "config/config.h"
#include "mail/message.h"
#include "mail/names.h"
#include "spool/store.h"
#include "upstream/account.h"

struct spool;

/* When a message is kept rather than refused for now; the relay's business alone. */
enum spool_when { SPOOL_OUTAGE, SPOOL_TEMPORARY, SPOOL_ALWAYS };
enum spool_bounce_to { SPOOL_BOUNCE_TO_SENDER, SPOOL_BOUNCE_TO_ADDRESSES, SPOOL_BOUNCE_TO_NOBODY };

/* [spool]. Copied; the strings are borrowed during the call. */
struct spool_options {
    struct spool_settings store;
    enum spool_when when;
    /* How long a client waits for a session before its message is kept. */
    usec wait;
    usec retry_first, retry_longest;
    /* How many ends of data may stay without an answer before a message is given up. */
    unsigned max_unknown;
    enum spool_bounce_to bounce_to;
    /* with SPOOL_BOUNCE_TO_ADDRESSES */
    struct strings bounce_addresses;
    usec alert_age;
};

/* ---- life ---- */

/* Gives. Opens, locks and reads the directory, as store_open does; nothing is tried before
 * spool_start. Keeps io. NULL with ERR_IN_USE: another process has the directory. */
struct spool *spool_new(const struct io *io, const struct spool_options *options,
                        struct err *err) MUST_USE;
/* The configuration by which messages are tried from now on; what is under way finishes by the one
 * it began with. Wakes all that waits. Keeps references to config and its accounts, and borrows
 * names (NULL: no name is known) until the next call or spool_free. */
void spool_reload(struct spool *spool, const struct spool_options *options, struct config *config,
                  struct accounts *accounts, const struct names *names);
/* The disk gets its own thread, and what waits is tried, oldest first. After spool_reload. */
int spool_start(struct spool *spool, struct err *err) MUST_USE;
/* Nothing new is tried. Sessions whose end of data went out await their answer, others are dropped
 * at once. `drained` is called on the loop, once, when nothing is under way on the wire and on the
 * disk. */
void spool_drain(struct spool *spool, void (*drained)(void *ctx), void *ctx);
/* Drops what is under way, as a crash would: a session after its end of data counts as unknown at
 * the next start. To be called before the accounts are freed. NULL is fine. */
void spool_free(struct spool **spool);

/* ---- waking ---- */

/* Something may go now that did not go before: the network changed (account NULL: all accounts), a
 * client's message was delivered, a credential has changed. Rests and waits end, but for the wait
 * of a message after an answer that put itself off. */
void spool_awake(struct spool *spool, const char *account);

/* ---- the store, for those that put messages in ---- */

/* Lends, as long as the spool lives. Its watch is this spool's. */
struct store *spool_store(struct spool *spool);
const struct spool_options *spool_options_of(const struct spool *spool);

/* ---- what is told ---- */

enum spool_state {
    SPOOL_WAITING,
    SPOOL_SENDING,
    /* no account takes it */
    SPOOL_HELD,
    SPOOL_FAILED,
};
/* "waiting", "sending" ... */
const char *spool_state_name(enum spool_state state);

/* Of one message, as listings show it. Lent until the next turn. */
struct spool_view {
    enum spool_state state;
    /* Virtual time, on the clock of store_now; 0: none is set, or at once. */
    usec next;
    /* Of the last try, else of why it was kept, where this process knows it; else "". */
    const char *reason;
    /* the account whose turn it is by the configuration in force; NULL: none takes it */
    const char *account;
};
void spool_view_of(const struct spool *spool, const struct spool_entry *entry,
                   struct spool_view *view_r);

enum spool_try {
    SPOOL_TRY_DELIVERED,
    SPOOL_TRY_DEFERRED,
    SPOOL_TRY_REFUSED,
    SPOOL_TRY_UNKNOWN,
    SPOOL_TRY_NO_SESSION,
    SPOOL_TRY_COUNT
};
/* "delivered" ..., the label of the metric */
const char *spool_try_name(enum spool_try result);

struct spool_counts {
    size_t waiting, held, failed, sending;
    uint64_t bytes;
    /* how long the oldest that waits or is held was under way; 0: none */
    usec oldest;
    /* virtual time of the account's next try; 0: none is set */
    usec next;
    /* why the account's messages wait, in words; "": they do not */
    const char *reason;
    /* likewise why the newest that failed was given up, where this process knows it */
    const char *failed_reason;
    uint64_t tries[SPOOL_TRY_COUNT];
    uint64_t bounces;
};
/* account NULL: of all. Walks all messages. */
void spool_count(const struct spool *spool, const char *account, struct spool_counts *counts_r);

/* Of every account that messages or tries are counted for, whether it is configured or gone, in one
 * walk: for the page and the metrics. */
struct spool_share {
    const char *account;
    struct spool_counts counts;
};
struct spool_census {
    struct spool_counts all;
    /* by name */
    struct spool_share *shares;
    size_t n;
};
/* Gives what spool_census_free frees; the names and reasons are lent until the next turn. */
void spool_census_take(const struct spool *spool, struct spool_census *census_r);
void spool_census_free(struct spool_census *census);
/* NULL: nothing is counted for it. */
const struct spool_counts *spool_census_find(const struct spool_census *census,
                                             const char *account);

/* ---- what an administrator does ---- */

/* Tries it now, whatever it waits for; from failed/ it goes back to queue/, and its age begins
 * anew. ERR_IN_USE: it is being sent. */
void spool_retry(struct spool *spool, struct spool_entry *entry, store_done *fn, void *arg);
/* All that waits, of one account or (NULL) of all: rests end, but that after refused credentials,
 * which is the account's own. Gives how many. */
size_t spool_retry_all(struct spool *spool, const char *account);
/* ERR_IN_USE: it is being sent. */
void spool_remove(struct spool *spool, struct spool_entry *entry, store_done *fn, void *arg);

#endif
