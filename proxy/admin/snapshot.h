/* All that the answers are made from, as it was at one moment: the loop makes it, the HTTP threads
 * read it. Holds copies only, and texts are cleaned. */
#ifndef ADMIN_SNAPSHOT_H
#define ADMIN_SNAPSHOT_H

#include "admin/tally.h"
#include "oauth/token.h"
#include "upstream/account.h"
#include "upstream/tally.h"

struct port_view {
    struct port_report report;
    /* wall clock; 0: not since the start */
    int64_t proven_ms;
    /* of the certificate seen there, Unix seconds; 0: none */
    int64_t expires;
    /* new sessions go here */
    bool next;
};

/* What is known of an account's access token. */
struct token_shown {
    /* "application access"; "" it logs in without */
    char flow[32];
    /* Unix seconds; 0: there is none */
    int64_t expires;
    /* of the client's secret and certificate; 0: not known */
    int64_t secret_expires, certificate_expires;
    /* why there is none; "" nothing is wrong */
    char error[64], words[512];
    /* by enum token_result */
    uint64_t requests[TOKEN_RESULTS];
};

/* What is kept for later: of one account, or of all. */
enum { SPOOL_TRIES = 5 };
struct spool_shown {
    /* There is a spool. */
    bool is_on;
    /* It would take a message now. */
    bool takes;
    /* It should, and has no room. */
    bool is_full;
    size_t waiting, held, failed, corrupt;
    uint64_t bytes;
    /* How long the oldest was under way; 0: none. */
    usec oldest;
    /* delivered, deferred, refused, unknown, no_session */
    uint64_t tries[SPOOL_TRIES];
    uint64_t bounces;
    /* Why it waits, in words. */
    char reason[320];
};

struct account_view {
    /* title: of the provider; "" none */
    char name[64], host[256], title[64];
    enum standing standing;
    /* the last that was learnt: a port works and the credentials are accepted */
    bool works;
    /* monotonic clock: until then `works` is no older than `reprobe` */
    usec fresh_until;
    struct pool_counts pool;
    unsigned max_connections;
    struct upstream_tally tally;
    struct port_view *ports;
    size_t nports;
    /* of our client certificate, Unix seconds; 0: none */
    int64_t certificate_expires;
    /* when the provider ends login by password, which this account uses, Unix seconds; 0: no day is
     * known */
    int64_t password_until;
    struct token_shown token;
    /* of the provider, from the built-in table */
    const char *notes[12];
    size_t nnotes;
    struct spool_shown spool;
};

struct listener_shown {
    char name[64], address[256];
    unsigned clients, max_clients;
    /* of the certificate it shows, Unix seconds; 0: none */
    int64_t expires;
};

enum gravity { GRAVITY_NOTE, GRAVITY_WARNING, GRAVITY_BROKEN };
struct warning {
    enum gravity gravity;
    char words[320];
};

struct reloads {
    uint64_t good, bad;
    bool last_failed;
    /* the start counts */
    int64_t last_good_ms;
};

#define SNAPSHOT_WARNINGS 40

struct snapshot {
    /* monotonic clock */
    usec made;
    int64_t wall_ms, started_ms;
    /* for the page's style, unpredictable */
    char nonce[33];
    bool draining;
    /* at least one socket takes clients */
    bool listening;
    /* in the last minute */
    usec longest_turn;
    struct reloads reloads;
    struct account_view *accounts;
    size_t naccounts;
    struct listener_shown *listeners;
    size_t nlisteners;
    struct spool_shown spool;
    struct tally tally;
    struct warning warnings[SNAPSHOT_WARNINGS];
    size_t nwarnings;
    struct networks allow;
    /* As [admin] hosts; with own_addresses each address of this machine is one, too. */
    struct strings hosts;
    bool own_addresses;
};

void snapshot_free(void *snapshot);
void snapshot_add_account(struct snapshot *s, const struct account *a, usec now);
/* fills the warnings from what is there */
void snapshot_warn(struct snapshot *s);

/* How long what was learnt of an account holds. */
usec snapshot_validity(const struct upstream_config *cfg);
/* Loop time of the newest proof among the ports that work; 0: none. */
usec snapshot_proven(const struct account *a);

/* A loop that published nothing for so long does not live. */
bool snapshot_is_alive(const struct snapshot *s, usec now);
/* Whether this snapshot, looked at now (monotonic clock), says that mail of every account can go
 * out, or is kept by a spool until it can (why: "spooling"); with `account` (not NULL) that one's, which must be there. why: what is missing, for a
 * person. */
bool snapshot_is_ready(const struct snapshot *s, const char *account, usec now, char *why,
                       size_t size);
bool snapshot_has_account(const struct snapshot *s, const char *name);
/* Whether this instance can answer a client truthfully. That some account cannot send is no reason:
 * another instance would fare no better, and the client hears so in the reply to its own
 * message. */
bool snapshot_is_accepting(const struct snapshot *s, usec now, char *why, size_t size);
/* Whether the page may be asked for under this name: the Host of a request, with or without a
 * port. */
bool snapshot_has_host(const struct snapshot *s, struct slice host);

/* "3 minutes"; returns out. */
#define SPAN_TEXT 32
const char *span_words(int64_t seconds, char out[SPAN_TEXT]);
/* rounded down; negative: it has expired */
int64_t days_left(int64_t expires, int64_t now_ms);

#endif
