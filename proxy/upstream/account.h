/* Accounts: everything known and held for one [upstream]: its ladder (which port works), its pool
 * of authenticated sessions, its credential, what EHLO last said. A delivery asks for a lease; who
 * dials, races, authenticates and remembers is nobody's business but this room's. */
#ifndef UPSTREAM_ACCOUNT_H
#define UPSTREAM_ACCOUNT_H

#include "config/config.h"
#include "upstream/facts.h"
#include "upstream/finding.h"
#include "upstream/lease.h"

struct io;
struct account;
struct cluster;
struct slots_view;
struct accounts;
struct carrier;
struct contexts;
struct rung;
struct sight;
struct token_view;
struct upstream_tally;

/* All accounts of one config. Keeps a reference to it. Reads the memory in state_dir. Gives, or
 * returns NULL with err, for example for a CA file that cannot be read. */
struct accounts *accounts_new(const struct io *io, struct config *config, struct err *err) MUST_USE;
/* Call this after a reload. Accounts of the same name with equal connection settings keep ladder,
 * pool and sessions. A changed secret ends a retry_auth wait. Other accounts drain: their leases
 * stay valid until they are returned. Takes `contexts`, which were made for this config. On success
 * takes *old and gives the new accounts. Returns NULL with err and leaves *old as it is if it
 * fails. */
struct accounts *accounts_reload(struct accounts **old, struct config *config,
                                 struct contexts *contexts, struct err *err) MUST_USE;
/* Sends QUIT to pooled sessions, refuses waiting leases (REFUSAL_GONE, at the end of the turn), and
 * stores the memory. A lease that holds a session stays valid until its holder ends it. */
void accounts_free(struct accounts **accounts);
/* Sets the addresses, with ports, on which this process itself listens. An upstream at one of them
 * is REFUSAL_LOOP. Copies the list. A reload keeps it. */
void accounts_set_own_listeners(struct accounts *accounts, const struct addr *own, size_t n);
/* Forgets failed races and starts the ladders again. A login that is in progress still gets its
 * answer. */
void accounts_network_changed(struct accounts *accounts);
size_t accounts_count(const struct accounts *accounts);
struct account *accounts_at(const struct accounts *accounts, size_t index);
struct account *accounts_find(const struct accounts *accounts, const char *name);

/* An account of one session, which was dialled elsewhere and is idle: a trial's. No port is dialled
 * for it: once the session is lost, leases are refused with the words of the loss. identity: as in
 * the lease's wish. Takes the carrier. Borrows the rung. Gives a reference. */
struct account *account_of_session(const struct io *io, struct config *config,
                                   const struct upstream_config *cfg, struct carrier *carrier,
                                   struct rung *rung, const char *identity);

/* Borrows, until the next reload. */
const struct upstream_config *account_config(const struct account *a);
/* A transaction keeps its account across a reload. Gives a reference. */
struct account *account_ref(struct account *a);
void account_unref(struct account **a);

const struct account_facts *account_facts(const struct account *a);

/* How long until the refused login is tried again, or 0. */
usec account_rests_for(const struct account *a);
enum standing account_standing(const struct account *a);
/* Borrows the reports, in the order of the ladder. */
const struct port_report *account_reports(const struct account *a, size_t *n_r);
/* Borrows what the last attempt at the port of this index showed (rung.h), or returns NULL. */
const struct sight *account_sight(const struct account *a, size_t port);
/* Returns when the client certificate expires, in Unix seconds, or 0 if there is none. */
int64_t account_certificate_expires(const struct account *a);
/* Shows the access token of the configured user's login (oauth/token.h). Returns false if that
 * login uses none. */
bool account_token(const struct account *a, struct token_view *view_r);
/* Lends the counts of the account (tally.h). */
const struct upstream_tally *account_tally(const struct account *a);
/* A message went without the copy for its `journal`. */
void account_note_journal_refused(struct account *a);
/* Dials a fresh session beside the existing ones, so that what is known of the ports is up to date.
 * Does nothing while a race or a dial for the account's user is in progress, while no slot is free,
 * or while there is a standing reason not to dial. */
void account_prove(struct account *a);
/* Writes "587 timeout-connect, 2525 refused, 1025 no-starttls" and returns out. */
const char *account_summary(const struct account *a, char *out, size_t size);

/* Asks for an idle authenticated session. `acquired` or `refused` follows on the loop within
 * acquire_timeout. Borrows the wish. Gives a waiting lease. */
struct lease *account_acquire(struct account *a, const struct lease_wish *wish,
                              const struct lease_events *events, void *ctx);
/* Starts a session if none is ready or on its way. The relay calls this when the client says
 * EHLO. */
void account_warm(struct account *a, const char *identity);

/* The sessions of all instances, as last heard. Returns false if the account is not shared. */
bool account_slots(const struct account *a, struct slots_view *view_r);
/* Borrows. NULL: this instance is alone. */
const struct cluster *accounts_cluster(const struct accounts *all);

struct pool_counts account_pool_counts(const struct account *a);

#endif
