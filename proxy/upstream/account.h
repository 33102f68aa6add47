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
struct accounts;
struct contexts;
struct sight;
struct token_view;
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

const struct account_facts *account_facts(const struct account *a);

enum standing account_standing(const struct account *a);
/* in ladder order */
const struct port_report *account_reports(const struct account *a, size_t *n_r);
/* what the last attempt at the port of this index showed; rung.h */
const struct sight *account_sight(const struct account *a, size_t port);
/* of the client certificate, Unix seconds; 0: it has none */
int64_t account_certificate_expires(const struct account *a);
/* The access token of the configured user's login (oauth/token.h); false: it logs in without. */
bool account_token(const struct account *a, struct token_view *view_r);
/* tally.h */
const struct upstream_tally *account_tally(const struct account *a);
/* Dials a fresh session beside those that there are, so that what is known of the ports is new
 * again. Nothing happens while a dial for the account's user or a race is on, no slot is free, or
 * there is a standing reason not to dial. */
void account_prove(struct account *a);
/* "587 timeout-connect, 2525 refused, 1025 no-starttls" */
const char *account_summary(const struct account *a, char *out, size_t size);

/* Asks for an idle authenticated session; acquired or refused follows, on the loop, within
 * acquire_timeout. Borrows the wish. Gives a lease in waiting. */
struct lease *account_acquire(struct account *a, const struct lease_wish *wish,
                              const struct lease_events *events, void *ctx);
/* starts a session if none is ready or under way: the client said EHLO */
void account_warm(struct account *a, const char *identity);

struct pool_counts account_pool_counts(const struct account *a);

#endif
