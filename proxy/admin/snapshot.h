/* Everything that answers are made from, as it was at one moment. The loop makes it, the HTTP
 * threads read it. It holds copies only, and its texts are cleaned. */
#ifndef ADMIN_SNAPSHOT_H
#define ADMIN_SNAPSHOT_H

#include "admin/tally.h"
#include "mail/refusals.h"
#include "oauth/token.h"
#include "upstream/account.h"
#include "upstream/cluster.h"
#include "upstream/slots.h"
#include "upstream/tally.h"

struct port_view {
    struct port_report report;
    /* Wall clock. 0 if there was none since the start. */
    int64_t proven_ms;
    /* The time in Unix seconds at which the certificate seen there expires, or 0. */
    int64_t expires;
    /* New sessions go here. */
    bool next;
};

/* What is known of an account's access token. */
struct token_shown {
    /* This is the name of the flow, such as "application access". It is empty if the account logs
     * in without a token. */
    char flow[32];
    /* This is the end of the token in Unix seconds. It is 0 if there is no token. */
    int64_t expires;
    /* These are the ends of the client's secret and certificate in Unix seconds. They are 0 if they
     * are not known. */
    int64_t secret_expires, certificate_expires;
    /* These say why there is no token. They are empty if nothing is wrong. */
    char error[64], words[512];
    /* The index is an enum token_result. */
    uint64_t requests[TOKEN_RESULTS];
};

/* There are three reasons for a full spool: its octets, its messages, its disk. */
enum { SPOOL_TRIES = 5, SPOOL_FULL_WHYS = 3 };
/* This is what is kept for later, of one account or of all. */
struct spool_shown {
    /* There is a spool. */
    bool is_on;
    /* It would take a message now. */
    bool takes;
    /* A drain has closed it, so it takes nothing new. Somebody is about to end this instance. */
    bool is_drained;
    /* It should, and has no room. */
    bool is_full;
    size_t waiting, held, failed, corrupt;
    uint64_t bytes;
    /* The oldest message has been under way for so long. It is 0 if there is none. */
    usec oldest;
    /* Above this somebody is called. */
    usec alert_age;
    /* The next try is in so long. It is 0 if no try is set. */
    usec next_in;
    /* These count the tries by result: delivered, deferred, refused, unknown, no_session. */
    uint64_t tries[SPOOL_TRIES];
    uint64_t bounces;
    /* These count the messages that it had no room for, by the reasons size, messages, disk. */
    uint64_t full[SPOOL_FULL_WHYS];
    /* This says in words why the mail waits. */
    char reason[320];
    /* This says why the newest failed message was given up. It is empty if this process does not
     * know that. */
    char failed_reason[320];
};

/* Another instance, or this one. */
struct cluster_instance_shown {
    char name[128];
    usec age;
    bool is_this, other_key;
};

/* What is known of the shared engine, and of those who share it. */
struct cluster_shown {
    /* There is a [cluster]. */
    bool is_on;
    bool up;
    char place[300], words[320];
    unsigned instances;
    /* This instance was by itself for so long in all, and has been so now for so long. The latter
     * is 0 if it is not by itself. */
    usec alone, alone_for;
    /* The answer to the last question took so long. */
    usec latency;
    struct cluster_instance_shown shown[CAP_CLUSTER_INSTANCES];
    size_t nshown;
};

struct account_view {
    /* The title is the provider's, or "". */
    char name[64], host[256], title[64];
    /* Which mail it takes, as whom it sends, and where its secret lies; the last "" if in no
     * file. */
    char takes[320], user[256], secret_file[256];
    /* The refused login is tried again in so long. 0: it is not refused. */
    usec rests_for;
    enum standing standing;
    /* The last thing that was learnt: a port works, and the credentials are accepted. */
    bool works;
    /* On the monotonic clock. Until then `works` is no older than `reprobe`. */
    usec fresh_until;
    struct pool_counts pool;
    unsigned max_connections;
    /* Its sessions are shared with other instances. */
    bool is_shared;
    struct slots_view slots;
    struct upstream_tally tally;
    struct port_view *ports;
    size_t nports;
    /* The time in Unix seconds at which our client certificate expires, or 0 if there is none. */
    int64_t certificate_expires;
    /* The time in Unix seconds at which the provider ends the password login that this account
     * uses, or 0 if no day is known. */
    int64_t password_until;
    struct token_shown token;
    /* These are the provider's notes from the built-in table. */
    const char *notes[12];
    size_t nnotes;
    struct spool_shown spool;
};

/* An account that the configuration has no longer, and for which mail is kept. */
struct gone_account {
    char name[64];
    struct spool_shown spool;
};

/* A client that was not let in. */
struct refused_shown {
    char client[ADDR_TEXT], listener[64];
    enum client_refusal why;
    uint64_t count;
    int64_t last_ms;
    /* What to change, as it stands in proxy.ini, or in words. */
    char cure[512];
};

struct listener_shown {
    char name[64], address[256];
    unsigned clients, max_clients;
    /* Since the start, by why. */
    uint64_t refused[CLIENT_REFUSALS];
    /* The time in Unix seconds at which the listener's certificate expires, or 0 if it shows
     * none. */
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
    /* The start counts as good. */
    int64_t last_good_ms;
};

struct snapshot {
    /* This time is on the monotonic clock. */
    usec made;
    int64_t wall_ms, started_ms;
    /* This machine's name. */
    char host[256];
    /* For the page's style. Unpredictable. */
    char nonce[33];
    bool draining;
    /* At least one socket accepts clients. */
    bool listening;
    /* This is the longest turn of the last minute. */
    usec longest_turn;
    /* This is the share of the last minute in which the loop worked, from 0 to 1. */
    double busy;
    struct reloads reloads;
    struct account_view *accounts;
    size_t naccounts;
    struct gone_account *gone;
    size_t ngone;
    struct listener_shown *listeners;
    size_t nlisteners;
    /* The newest first. */
    struct refused_shown refused[CAP_REFUSED_CLIENTS];
    size_t nrefused;
    struct spool_shown spool;
    struct cluster_shown cluster;
    struct tally tally;
    struct warning warnings[CAP_ADMIN_WARNINGS];
    size_t nwarnings;
    struct networks allow;
    /* The hosts of [admin]. With own_addresses each address of this machine is allowed, too. */
    struct strings hosts;
    bool own_addresses;
};

void snapshot_free(void *snapshot);
/* Lent until the next one is added. */
struct spool_shown *snapshot_add_gone(struct snapshot *s, const char *name);
void snapshot_add_account(struct snapshot *s, const struct account *a, usec now);
void snapshot_add_cluster(struct snapshot *s, const struct cluster *c, usec now);
/* Fills the warnings from the rest of the snapshot. */
void snapshot_warn(struct snapshot *s);

/* Returns how long knowledge about an account is valid. */
usec snapshot_validity(const struct upstream_config *cfg);
/* Returns the loop time of the newest proof among the ports that work, or 0. */
usec snapshot_proven(const struct account *a);

/* Returns false if the loop has published nothing for too long. */
bool snapshot_is_alive(const struct snapshot *s, usec now);
/* Returns whether this snapshot says now (monotonic clock) that mail of every account can be sent,
 * or that a spool keeps it until then (why: "spooling"). If `account` is not NULL, only that one
 * counts, which must exist. why: the reason, for a
 * person. */
bool snapshot_is_ready(const struct snapshot *s, const char *account, usec now, char *why,
                       size_t size);
bool snapshot_has_account(const struct snapshot *s, const char *name);
/* Returns whether this instance can give a client true answers. An account that cannot send is no
 * reason to say no: another instance would have the same problem, and the client learns it from the
 * reply to its own message. */
bool snapshot_is_accepting(const struct snapshot *s, usec now, char *why, size_t size);
/* Returns whether the page may be requested under this name: the Host of a request, with or without
 * a port. */
bool snapshot_has_host(const struct snapshot *s, struct slice host);

/* Writes "3 minutes". Returns out. */
#define SPAN_TEXT 32
const char *span_words(int64_t seconds, char out[SPAN_TEXT]);
/* Rounds down. A negative number means that it has expired. */
int64_t days_left(int64_t expires, int64_t now_ms);

#endif
