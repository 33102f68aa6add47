/* Accounts: everything known and held for one [upstream]: its ladder (which port works), its pool of authenticated sessions, its credential,
 * what EHLO last said. The relay asks for a lease; who dials, races, authenticates and remembers is nobody's business but this room's. */
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

/* All accounts of one config. Keeps a reference to it. state_dir's memory is read. Gives; NULL with err (a CA file that cannot be read …). */
struct accounts *accounts_new(const struct io *io, struct config *config, struct err *err) MUST_USE;
/* After a reload: accounts of the same name whose connection settings are equal keep ladder, pool and sessions; a changed secret ends a retry_auth wait. Others drain: their leases
 * stay valid until returned. Takes `contexts`, made for this config. NULL with err: `old` is unchanged. Otherwise takes *old. */
struct accounts *accounts_reload(struct accounts **old, struct config *config, struct contexts *contexts, struct err *err) MUST_USE;
/* QUITs pooled sessions, refuses who waits (REFUSAL_GONE, at the end of the turn), stores what was learnt. Leases that hold a session stay valid until their
 * holders end them. */
void accounts_free(struct accounts **accounts);
/* Where this process itself listens, with ports: an upstream there is REFUSAL_LOOP. Copied; kept over a reload. */
void accounts_set_own_listeners(struct accounts *accounts, const struct addr *own, size_t n);
void accounts_network_changed(
    struct accounts *accounts); /* forgets failed races, starts the ladders anew; a login under way keeps its answer */
size_t accounts_count(const struct accounts *accounts);
struct account *accounts_at(const struct accounts *accounts, size_t index);
struct account *accounts_find(const struct accounts *accounts, const char *name);

const struct upstream_config *account_config(const struct account *a); /* borrows; until the next reload */
struct account *account_ref(struct account *a);                        /* a transaction keeps its account across a reload */
void account_unref(struct account **a);

struct account_facts { /* what was last seen upstream; from state_dir after a restart */
    bool known;
    bool has_size;
    uint64_t size; /* size 0: no limit announced */
    bool dsn, smtputf8, chunking, eightbit;
};
const struct account_facts *account_facts(const struct account *a);

enum standing { STANDING_UNKNOWN, STANDING_WORKS, STANDING_NO_PORT, STANDING_AUTH_REFUSED };
enum standing account_standing(const struct account *a);
const struct port_report *account_reports(const struct account *a, size_t *n_r); /* in ladder order */
const struct sight *account_sight(const struct account *a,
                                  size_t port);                      /* what the last attempt at the port of this index showed; rung.h */
int64_t account_certificate_expires(const struct account *a);        /* of the client certificate, Unix seconds; 0: it has none */
const struct upstream_tally *account_tally(const struct account *a); /* tally.h */
/* Dials a fresh session beside those that there are, so that what is known of the ports is new again. Nothing happens while a dial for the account's user or a
 * race is on, no slot is free, or there is a standing reason not to dial. */
void account_prove(struct account *a);
/* "587 timeout-connect, 2525 refused, 1025 no-starttls" */
const char *account_summary(const struct account *a, char *out, size_t size);

/* Why there is no session (PRODUCT 7's first rows, in their order). */
enum refusal {
    REFUSAL_CREDENTIALS,    /* 535, 534, 530: 451 4.3.5 */
    REFUSAL_AUTH_TEMPORARY, /* AUTH 4xx, secret not to be had: 451 4.7.0 */
    REFUSAL_TLS,            /* every port that sent bytes ended in a TLS finding: 451 4.7.5 */
    REFUSAL_NO_PORT,        /* 451 4.4.1 */
    REFUSAL_BUSY,           /* no slot within acquire_timeout: 451 4.4.5 */
    REFUSAL_RATE,           /* the account's rate left no room for it within acquire_timeout: 451 4.4.5 */
    REFUSAL_LOOP,           /* the upstream is this proxy itself: 451 4.3.5 */
    REFUSAL_GONE,           /* shutting down */
};

struct lease_events {
    void (*acquired)(void *ctx, struct lease *lease);                /* the session is idle and the caller's: client_set_owner it now */
    void (*refused)(void *ctx, enum refusal why, const char *words); /* words: the list of findings, or a sentence. The lease is gone */
};

/* Asks for an idle authenticated session; exactly one event follows, on the loop, within acquire_timeout. `avoid` (a port number, 0 none): a session on
 * another port is wanted if there is one that works (PRODUCT 6: replacement of a session that never completed a transaction). had_turn: a session was granted before and was
 * lost: it need not wait behind those who came later. Gives a lease in waiting. */
struct lease *account_acquire(struct account *a, const char *identity, uint16_t avoid, bool had_turn, const struct lease_events *events,
                              void *ctx);
void account_warm(struct account *a, const char *identity); /* starts a session if none is ready or under way: the client said EHLO */

struct client *lease_client(const struct lease *lease); /* after acquired */
const struct port *lease_port(const struct lease *lease);
bool lease_is_pooled(const struct lease *lease);     /* has rested in the pool: client_mark_pooled was called */
bool lease_completed_any(const struct lease *lease); /* the session has completed a transaction before */
/* Exactly one of these ends a lease. return: the session is sound (idle, or will be: the pool becomes its owner and waits for `ready`); completed: a transaction ended in an
 * upstream verdict of any class. drop: the session is dead or unwanted; why feeds the ladder (NULL: no fault of the port); completed: as for return, or it may have. What is
 * not completed gives its place in the account's rate back: the message may come again, on another session. cancel: while still waiting. */
void lease_return(struct lease **lease, bool completed);
void lease_drop(struct lease **lease, bool completed,
                const struct client_failure
                    *why); /* the client was closed or has told `lost`; drop never closes a live client: client_close it first */
void lease_cancel(struct lease **lease);

struct pool_counts {
    unsigned idle, leased, dialing, waiting;
};
struct pool_counts account_pool_counts(const struct account *a);

#endif
