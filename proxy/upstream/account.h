/* Accounts: everything known and held for one [upstream]: its ladder (which port works), its pool
 * of authenticated sessions, its credential, what EHLO last said. The relay asks for a lease; who
 * dials, races, authenticates and remembers is nobody's business but this room's. */
#ifndef UPSTREAM_ACCOUNT_H
#define UPSTREAM_ACCOUNT_H

#include "config/config.h"
#include "smtp/client.h"
#include "upstream/finding.h"

struct io;
struct account;
struct accounts;
struct contexts;
struct lease;
struct sight;
struct upstream_tally;

/* All accounts of one config. Keeps a reference to it. state_dir's memory is read. Gives; NULL with
 * err (a CA file that cannot be read …). */
struct accounts *accounts_new(const struct io *io, struct config *config, struct err *err) MUST_USE;
/* After a reload: accounts of the same name whose connection settings are equal keep ladder, pool
 * and sessions; a changed secret ends a retry_auth wait. Others drain: their leases stay valid
 * until returned. Takes `contexts`, made for this config. NULL with err: `old` is unchanged.
 * Otherwise takes *old. */
struct accounts *accounts_reload(struct accounts **old, struct config *config,
                                 struct contexts *contexts, struct err *err) MUST_USE;
/* QUITs pooled sessions, refuses who waits (REFUSAL_GONE, at the end of the turn), stores what was
 * learnt. Leases that hold a session stay valid until their holders end them. */
void accounts_free(struct accounts **accounts);
/* Where this process itself listens, with ports: an upstream there is REFUSAL_LOOP. Copied; kept
 * over a reload. */
void accounts_set_own_listeners(struct accounts *accounts, const struct addr *own, size_t n);
/* forgets failed races, starts the ladders anew; a login under way keeps its answer */
void accounts_network_changed(struct accounts *accounts);
size_t accounts_count(const struct accounts *accounts);
struct account *accounts_at(const struct accounts *accounts, size_t index);
struct account *accounts_find(const struct accounts *accounts, const char *name);

/* borrows; until the next reload */
const struct upstream_config *account_config(const struct account *a);
/* a transaction keeps its account across a reload */
struct account *account_ref(struct account *a);
void account_unref(struct account **a);

/* what was last seen upstream; from state_dir after a restart */
struct account_facts {
    bool known;
    bool has_size;
    /* size 0: no limit announced */
    uint64_t size;
    bool dsn, smtputf8, chunking, eightbit;
};
const struct account_facts *account_facts(const struct account *a);

enum standing { STANDING_UNKNOWN, STANDING_WORKS, STANDING_NO_PORT, STANDING_AUTH_REFUSED };
enum standing account_standing(const struct account *a);
/* in ladder order */
const struct port_report *account_reports(const struct account *a, size_t *n_r);
/* what the last attempt at the port of this index showed; rung.h */
const struct sight *account_sight(const struct account *a, size_t port);
/* of the client certificate, Unix seconds; 0: it has none */
int64_t account_certificate_expires(const struct account *a);
/* tally.h */
const struct upstream_tally *account_tally(const struct account *a);
/* Dials a fresh session beside those that there are, so that what is known of the ports is new
 * again. Nothing happens while a dial for the account's user or a race is on, no slot is free, or
 * there is a standing reason not to dial. */
void account_prove(struct account *a);
/* "587 timeout-connect, 2525 refused, 1025 no-starttls" */
const char *account_summary(const struct account *a, char *out, size_t size);

/* Why there is no session (PRODUCT 7's first rows, in their order). */
enum refusal {
    /* the login was refused, or revoked later: 451 4.3.5 */
    REFUSAL_CREDENTIALS,
    /* AUTH 4xx, secret not to be had: 451 4.7.0 */
    REFUSAL_AUTH_TEMPORARY,
    /* every port that sent bytes ended in a TLS finding: 451 4.7.5 */
    REFUSAL_TLS,
    /* 451 4.4.1 */
    REFUSAL_NO_PORT,
    /* no slot within acquire_timeout: 451 4.4.5 */
    REFUSAL_BUSY,
    /* the account's rate left no room for it within acquire_timeout: 451 4.4.5 */
    REFUSAL_RATE,
    /* the upstream is this proxy itself: 451 4.3.5 */
    REFUSAL_LOOP,
    /* shutting down */
    REFUSAL_GONE,
};

struct lease_events {
    /* the session is idle and the caller's: smtp_client_set_owner it now */
    void (*acquired)(void *ctx, struct lease *lease);
    /* words: the list of findings, or a sentence. The lease is gone */
    void (*refused)(void *ctx, enum refusal why, const char *words);
    /* The holder has let its session rest for too long while others wait: it ends the lease now,
     * and asks anew when it needs one. NULL: it never rests. */
    void (*recalled)(void *ctx);
};

struct lease_wish {
    /* NULL: the account's own user. */
    const char *identity;
    /* A port number, 0 none: a session on another port is wanted if there is one that works
     * (PRODUCT 6: replacement of a session that never completed a transaction). */
    uint16_t avoid;
    /* A session was granted before and was lost: this one need not wait behind those who came
     * later. */
    bool had_turn;
    /* How long it may take, up to acquire_timeout; 0: so long. */
    usec patience;
    /* Who it is for: while others wait, one client (IPv6: one /64) gets no more than half of the
     * sessions. Family ADDR_NONE: one more client. */
    struct addr client;
};

/* Asks for an idle authenticated session; acquired or refused follows, on the loop, within
 * acquire_timeout. Borrows the wish. Gives a lease in waiting. */
struct lease *account_acquire(struct account *a, const struct lease_wish *wish,
                              const struct lease_events *events, void *ctx);
/* Nothing is asked of the session, or of the place in the queue, since then; false: something is.
 * Who waits and rests lets those pass who ask for something. */
void lease_rest(struct lease *lease, bool rests, usec since);
/* starts a session if none is ready or under way: the client said EHLO */
void account_warm(struct account *a, const char *identity);

/* after acquired */
struct smtp_client *lease_client(const struct lease *lease);
const struct port *lease_port(const struct lease *lease);
/* has rested in the pool: smtp_client_mark_pooled was called */
bool lease_is_pooled(const struct lease *lease);
/* the session has completed a transaction before */
bool lease_completed_any(const struct lease *lease);
/* This answer to MAIL speaks of how many sessions we have, not of the message: there are others.
 * Then the lease is dropped with it, and another is worth waiting for. */
bool lease_is_one_too_many(const struct lease *lease, const struct reply *reply);
/* Exactly one of these ends a lease. return: the session is sound (idle, or will be: the pool
 * becomes its owner and waits for `ready`); completed: a transaction ended in an upstream verdict
 * of any class. drop: the session is dead or unwanted; why feeds the ladder (NULL: no fault of the
 * port); completed: as for return, or it may have. What is not completed gives its place in the
 * account's rate back: the message may come again, on another session. cancel: while still
 * waiting. */
void lease_return(struct lease **lease, bool completed);
/* The client of a lease that is dropped was closed, or has told `lost`, in this turn: drop never
 * closes a live client, and still asks it what it learnt. */
void lease_drop(struct lease **lease, bool completed, const struct smtp_client_failure *why);
/* As drop, where the upstream answered a command with what revokes our login (finding.h): the
 * account rests as after a refused AUTH. Borrows reply. */
void lease_revoked(struct lease **lease, bool completed, const struct reply *reply);
void lease_cancel(struct lease **lease);

struct pool_counts {
    unsigned idle, leased, dialing, waiting;
};
struct pool_counts account_pool_counts(const struct account *a);

#endif
