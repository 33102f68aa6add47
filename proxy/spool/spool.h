/* The spool. It tries each message in the store again and again, until every recipient is served,
 * refused or given up. Then the message is removed, bounced or moved to failed/. The store
 * (store.h) keeps messages, and this sends them. The relay puts messages into the store itself
 * (spool_store, store_begin) and wakes the spool. Listings and the page ask here. */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include "config/config.h"
#include "mail/message.h"
#include "mail/names.h"
#include "spool/store.h"
#include "upstream/account.h"

struct spool;

/* When a message is kept instead of being refused. Only the relay uses it. */
enum spool_when { SPOOL_OUTAGE, SPOOL_TEMPORARY, SPOOL_ALWAYS };
enum spool_bounce_to { SPOOL_BOUNCE_TO_SENDER, SPOOL_BOUNCE_TO_ADDRESSES, SPOOL_BOUNCE_TO_NOBODY };

/* The keys of [spool]. They are copied. The strings are borrowed during the call. */
struct spool_options {
    struct spool_settings store;
    enum spool_when when;
    /* How long a client waits for a session before its message is kept. */
    usec wait;
    usec retry_first, retry_longest;
    /* How many ends of data may stay without an answer before a message is given up. */
    unsigned max_unknown;
    enum spool_bounce_to bounce_to;
    /* For SPOOL_BOUNCE_TO_ADDRESSES. */
    struct strings bounce_addresses;
    usec alert_age;
};

/* ---- life ---- */

/* Gives. Opens, locks and reads the directory, as store_open does. Nothing is tried before
 * spool_start. Keeps io. Returns NULL with ERR_IN_USE if another process has the directory. */
struct spool *spool_new(const struct io *io, const struct spool_options *options,
                        struct err *err) MUST_USE;
/* Sets the configuration by which messages are tried from now on. A try in progress keeps the one
 * that it began with. Wakes all messages that wait. Keeps references to config and its accounts.
 * Borrows names, which may be NULL, until the next call or spool_free. */
void spool_reload(struct spool *spool, const struct spool_options *options, struct config *config,
                  struct accounts *accounts, const struct names *names);
/* Call this after spool_reload. The disk gets its own thread, and messages that wait are tried, the
 * oldest first. */
int spool_start(struct spool *spool, struct err *err) MUST_USE;
/* Begins no more tries. Sessions whose end of data was sent await their answer. Others are dropped
 * at once. `drained` is called once, on the loop, when the wire and the disk are idle. */
void spool_drain(struct spool *spool, void (*drained)(void *ctx), void *ctx);
/* Drops what is in progress, as a crash would. A try whose end of data was sent counts as unknown
 * at the next start. Call this before the accounts are freed. NULL is fine. */
void spool_free(struct spool **spool);

/* ---- waking ---- */

/* Call this when a try may succeed that did not before: the network or a credential has changed, or
 * a client's message was delivered. account is NULL for all. Ends rests and waits, except the wait
 * of a message after an answer about that message. */
void spool_awake(struct spool *spool, const char *account);

/* ---- the store, for those that put messages in ---- */

/* Lends the store for the life of the spool, which uses the store's watch itself. */
struct store *spool_store(struct spool *spool);
const struct spool_options *spool_options_of(const struct spool *spool);

/* ---- what is told ---- */

enum spool_state {
    SPOOL_WAITING,
    SPOOL_SENDING,
    /* No account takes it. */
    SPOOL_HELD,
    SPOOL_FAILED,
};
/* Returns "waiting", "sending" and so on. */
const char *spool_state_name(enum spool_state state);

/* The state of one message for listings. Lent until the next turn. */
struct spool_view {
    enum spool_state state;
    /* The virtual time (store_now) of the next try. 0 if none is set, or if it comes at once. */
    usec next;
    /* The reason of the last try, or why it was kept, or "" if this process does not know it. */
    const char *reason;
    /* The account that takes it by the present configuration, or NULL. */
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
/* Returns "delivered" and so on, the label of the metric. */
const char *spool_try_name(enum spool_try result);

struct spool_counts {
    size_t waiting, held, failed, sending;
    uint64_t bytes;
    /* The age of the oldest message that waits or is held, or 0. */
    usec oldest;
    /* The virtual time of the account's next try, or 0. */
    usec next;
    /* Why the account's messages wait, in words, or "". */
    const char *reason;
    /* Why the newest failed message was given up, or "". */
    const char *failed_reason;
    uint64_t tries[SPOOL_TRY_COUNT];
    uint64_t bounces;
};
/* Counts the messages of an account, or of all with NULL. Walks all messages. */
void spool_count(const struct spool *spool, const char *account, struct spool_counts *counts_r);

/* The counts of every account with messages or tries, even if it is not configured any more. They
 * are made in one walk, for the page and the metrics. */
struct spool_share {
    const char *account;
    struct spool_counts counts;
};
struct spool_census {
    struct spool_counts all;
    /* Sorted by name. */
    struct spool_share *shares;
    size_t n;
};
/* Gives the content, which spool_census_free frees. Names and reasons are lent until the next
 * turn. */
void spool_census_take(const struct spool *spool, struct spool_census *census_r);
void spool_census_free(struct spool_census *census);
/* Returns NULL if nothing is counted for the account. */
const struct spool_counts *spool_census_find(const struct spool_census *census,
                                             const char *account);

/* ---- what an administrator does ---- */

/* Tries it now, whatever it waits for. A failed message goes back to queue/, and its age begins
 * again. ERR_IN_USE means that it is being sent. */
void spool_retry(struct spool *spool, struct spool_entry *entry, store_done *fn, void *arg);
/* Tries all messages that wait, of one account or with NULL of all. Ends rests, except that after
 * refused credentials, which belongs to the account. Returns their number. */
size_t spool_retry_all(struct spool *spool, const char *account);
/* ERR_IN_USE means that it is being sent. */
void spool_remove(struct spool *spool, struct spool_entry *entry, store_done *fn, void *arg);

#endif
