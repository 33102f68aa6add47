/* A history: a plan (network, config, servers, clients, all data), its play in a world with the
 * unmodified product inside, and what the oracle says of it. */
#ifndef SIM_SIM_HISTORY_H
#define SIM_SIM_HISTORY_H

#include "delivery/failure.h"
#include "sim_api.h"
#include "sim_client.h"
#include "sim_disk.h"
#include "sim_engine.h"
#include "sim_service.h"
#include "sim_upstream.h"
#include "spool/format.h"
#include "spool/index.h"

enum {
    SIM_CHANGES = 3,
    SIM_ACCOUNTS = 2,
    SIM_PLACES = 16,
    SIM_STOPS = 4,
    SIM_KEEPS_TURNS = 6,
    SIM_REPORTS = 128,
    SIM_CLIENTS = 24,
    SIM_DRAWN_CLIENTS = 6 /* of a generated history */,
    SIM_NAMES = 4,
    SIM_INSTANCES = 4,
    SIM_ACTS = 6,
    SIM_FINDINGS = 12,
    /* of a play with a spool */
    SIM_MAX_UNKNOWN = 3
};
/* ... */
#define SIM_MAX_AGE (5 * 86400 * USEC_PER_SEC)

/* one "address:port" of the upstream's side of the network */
struct sim_place {
    char at[64];
    bool listens;
    struct sim_path path;
    struct sim_upstream_script script;
};

struct sim_plan_name {
    const char *host, *addresses;
    /* IPv4, IPv6 */
    enum sim_dns_manner manner[2];
    usec delay[2];
};

/* what may befall the product in mid-history */
enum sim_turn {
    /* of `ini` */
    SIM_TURN_RELOAD,
    /* the system says that the network changed */
    SIM_TURN_NETWORK,
    /* it says so, and every connection to an upstream is dead */
    SIM_TURN_CUT,
    /* in order: SIGTERM, the end of all sessions, a new process with the old state_dir
                 * and `ini` */
    SIM_TURN_RESTART,
    /* at once */
    SIM_TURN_KILL,
    SIM_TURN_COUNT
};

struct sim_change {
    enum sim_turn what;
    /* of the history; changes stand in their order */
    usec at;
    const char *ini;
};

/* the accounts that a plan's senders go to: [0] takes whom no other takes */
struct sim_account {
    const char *user, *password;
    /* how its senders' addresses end; NULL: all */
    const char *senders;
    /* its mail may go to the other one */
    bool falls_back;
};

/* what may befall a spool, beside stops */
enum sim_keeps_turn {
    /* of the configuration, with [spool] and without */
    SIM_KEEPS_RELOAD,
    SIM_KEEPS_WITHOUT,
    /* the wall clock is set */
    SIM_KEEPS_JUMP,
    /* a bit of a message's file turns over */
    SIM_KEEPS_SPOIL,
    SIM_KEEPS_TURN_COUNT
};

struct sim_keeps_change {
    enum sim_keeps_turn what;
    /* of the history; they stand in their order */
    usec at;
    /* so many milliseconds later; or which message and bit, by chance */
    int64_t by;
};

/* where a play's bounces go with SIM_REPORT_TO_ADDRESS */
#define SIM_REPORT_ADDRESS "ops@alert.example"
enum sim_report_to { SIM_REPORT_TO_NOBODY, SIM_REPORT_TO_SENDER, SIM_REPORT_TO_ADDRESS };

/* What is kept for later, and what befalls the machine meanwhile. */
struct sim_keeps {
    /* KEEP_WHEN_NEVER: there is no spool */
    enum keep_when when;
    /* while the product runs, but for its starts */
    struct sim_disk_faults faults;
    /* The machine stops so many half steps of the disk after each start, and begins anew. */
    uint64_t stops[SIM_STOPS];
    bool cuts_power[SIM_STOPS];
    /* It is off for so long, and wakes in 1970. */
    usec off[SIM_STOPS];
    bool wakes_in_1970[SIM_STOPS];
    size_t nstops;
    struct sim_keeps_change turns[SIM_KEEPS_TURNS];
    size_t nturns;
    /* Who is put off stays so, to the end of max_age. */
    bool stays_later;
    /* Bounces; the servers refuse the null sender. */
    enum sim_report_to report_to;
    bool refuses_null;
};

/* What befalls the instances of a cluster and their engine. */
struct sim_act {
    usec at;
    enum sim_act_kind {
        SIM_ACT_FAULT,
        /* FLUSHALL */
        SIM_ACT_FLUSH,
        SIM_ACT_RESTART,
        /* An instance ends at once, with its sessions; it begins again. Never the first one. */
        SIM_ACT_KILL,
        SIM_ACT_BEGIN,
        SIM_ACT_KINDS
    } what;
    enum sim_engine_fault fault;
    usec delay;
    size_t instance;
};

/* Several instances of the product with one account, which share an engine. */
struct sim_several {
    /* 0: the product is alone. [0] is the one that every plan has. */
    size_t instances;
    const char *engine_at;
    const char *ini[SIM_INSTANCES], *listeners[SIM_INSTANCES];
    struct sim_act acts[SIM_ACTS];
    size_t nacts;
    /* Messages of all in any such period, at most; 0: any number. */
    unsigned rate;
    usec period;
    /* The engine grants everything: the oracle must notice. */
    bool engine_lies;
    /* The wait between two logins with a secret that was refused; 0: it is a good one. */
    usec retry;
};

struct sim_plan {
    /* of the world */
    uint64_t seed;
    const char *ini;
    /* "address:port" the relay is opened on */
    const char *listener;
    struct sim_path client_path;
    struct sim_plan_name names[SIM_NAMES];
    size_t nnames;
    struct sim_place places[SIM_PLACES];
    size_t nplaces;
    struct sim_client_script clients[SIM_CLIENTS];
    usec delays[SIM_CLIENTS];
    size_t nclients;
    struct sim_account accounts[SIM_ACCOUNTS];
    /* 0: one, without a sender's rule */
    size_t naccounts;
    /* gives accounts[0] its tokens, if it is used; `password` is the client's secret then */
    struct sim_service_script service;
    /* accounts[0] has the port 443/api behind its others, if there is one */
    struct sim_api_script api;
    struct sim_change changes[SIM_CHANGES];
    size_t nchanges;
    struct sim_keeps keeps;
    struct sim_several several;
    bool fix_headers;
    /* the first account's; NULL: none */
    const char *journal;
    /* what may never go clear or into the log; NULL: none. accounts[0]'s */
    const char *user, *password;
    /* identity = sender: each sender logs in by its own name, with the same password */
    bool by_sender;
    /* what a connection must have earned before mail or credentials go over it */
    bool needs_sealed, needs_genuine;
    /* the listener takes LF.LF as an end of data too */
    bool lf;
    /* no fault strikes within a transaction: what was answered 250 upstream must be 250 to a client
     * that waits */
    bool calm;
    /* some port works and nothing else is wrong: every message of a patient client is acked (or
     * refused by a rule) */
    bool must_arrive;
    /* the same for those only that heard 354: what an orderly restart leaves of must_arrive */
    bool must_finish;
    /* A client that does not pause has its verdict so soon, whatever others do; 0: not judged. */
    usec fair_wait;
    /* Sessions are short, and nothing else is wrong: the log has no error. */
    bool no_outage;
    /* what is wrong where, for a person; or NULL */
    const char *notes;
    /* what a turn's budgets take one call for; the clock stands still */
    usec work_takes;
    /* SIGTERM at this point of the history; 0: when all clients are done */
    usec drain_at;
    /* what the strings above point into */
    char **texts;
    size_t ntexts;
};

/* everything kind: paths with 5 ms, no place, no client */
void sim_plan_init(struct sim_plan *plan, uint64_t seed);
void sim_plan_free(struct sim_plan *plan);
/* borrows from the plan */
const char *sim_plan_text(struct sim_plan *plan, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *sim_plan_octets(struct sim_plan *plan, const void *data, size_t n);
/* A place with a server as the script says; its path may be changed until the play begins. */
struct sim_place *sim_plan_place(struct sim_plan *plan, const char *at,
                                 const struct sim_upstream_script *script);

enum sim_kind { SIM_KIND_LADDER, SIM_KIND_RELAY, SIM_KIND_ALL, SIM_KIND_KEEPS, SIM_KIND_SEVERAL };
/* initialises; sim_generate.c */
void sim_generate(struct sim_plan *plan, uint64_t seed, enum sim_kind kind);
/* sim_generate_clients.c */
void sim_generate_clients(struct sim_plan *plan, struct sim_rng *rng);
/* sim_generate_journal.c */
void sim_generate_journal(struct sim_plan *plan, uint64_t seed);
/* what goes beyond one account and plain clients; sim_generate_turns.c */
void sim_generate_turns(struct sim_plan *plan, uint64_t seed, enum sim_kind kind);
/* sim_generate_shortage.c */
void sim_generate_shortage(struct sim_plan *plan, uint64_t seed);
/* sim_generate_tokens.c */
void sim_generate_tokens(struct sim_plan *plan, uint64_t seed);
/* sim_generate_api.c */
void sim_generate_api(struct sim_plan *plan, uint64_t seed);
/* sim_generate_keeps.c */
void sim_generate_keeps(struct sim_plan *plan, uint64_t seed);
/* a history of its own: all of the plan; sim_generate_several.c */
void sim_generate_several(struct sim_plan *plan, uint64_t seed);
/* on stderr, for a person */
void sim_plan_print(const struct sim_plan *plan);

/* ---- the play ---- */
/* A message that lay in the spool, and whose it is. */
struct sim_kept {
    char id[SPOOL_ID_SIZE];
    size_t client, message;
    /* when all that was known of it was last on the disk, and the lines of the log by then */
    usec settled;
    size_t settled_lines;
    /* When it was accepted, and was given up as too old; by no clock that jumps. 0: it was not. */
    usec since, too_old;
    /* it lies in failed/ at the end */
    bool has_failed;
    bool is_spoiled;
};

/* A bounce that lay in the spool. */
struct sim_report {
    char id[SPOOL_ID_SIZE];
    /* when all that was known of it was last on the disk */
    usec settled;
};

/* A stop of the machine. */
struct sim_stop {
    usec at;
    /* connections that the servers had accepted by then */
    size_t sessions;
    /* lines of the log that a product which is stopped does not write */
    size_t unsaid, said_again;
    /* The disk did not know what had become of the message since then; SIM_KNOWN: it did. */
    usec since[SIM_CLIENTS][SIM_CLIENT_MESSAGES];
    /* The disk lost its last end of data, and perhaps all since that line of the log;
     * SIM_KNOWN_LINE: it did not. */
    size_t since_line[SIM_CLIENTS][SIM_CLIENT_MESSAGES];
    /* the number of its last try */
    unsigned tries[SIM_CLIENTS][SIM_CLIENT_MESSAGES];
    /* the same of bounces, by their place among the play's */
    usec since_report[SIM_REPORTS];
};
#define SIM_KNOWN INT64_MAX
#define SIM_KNOWN_LINE SIZE_MAX

/* An instance beside the first. */
struct sim_instance {
    struct sim_play *play;
    struct config *config;
    struct accounts *accounts;
    struct relay *relay;
    struct listener *listener;
    bool drained;
};

struct sim_play {
    const struct sim_plan *plan;
    struct sim *sim;
    struct sim_ledger *ledger;
    struct sim_upstream *upstreams[SIM_PLACES];
    struct sim_client *clients[SIM_CLIENTS];
    struct sim_service service;
    struct sim_api api;
    struct config *config;
    struct accounts *accounts;
    struct relay *relay;
    /* NULL: nothing is kept */
    struct spool *spool;
    struct sim_kept kept[SIM_CLIENTS * SIM_CLIENT_MESSAGES];
    size_t nkept;
    struct sim_report reports[SIM_REPORTS];
    size_t nreports;
    struct sim_stop stops[SIM_STOPS];
    size_t nstops;
    size_t turns_done;
    /* There is no [spool] just now; no message that began since may be kept. */
    bool is_without, is_barred[SIM_CLIENTS][SIM_CLIENT_MESSAGES];
    /* when the wall clock was last set while something waited, in this run; 0: it was not */
    usec was_set;
    /* ... and the machine stopped before the product could write that down */
    bool ages_are_unknown;
    size_t log_seen;
    /* when all became whole; 0: not yet */
    usec healed;
    struct listener *listener;
    struct netwatch *netwatch;
    bool drained, draining, restarted;
    /* when the last client was done */
    usec ended;
    struct sim_engine *engine;
    struct sim_instance others[SIM_INSTANCES];
    struct sim_doing *doing;
};

void sim_play_begin(struct sim_play *play, const struct sim_plan *plan, bool verbose);
/* as at SIGHUP */
void sim_play_reload(struct sim_play *play, const char *ini);
/* until all clients are done and the relay has drained; false: it never came to that */
bool sim_play_run(struct sim_play *play);
/* frees the product and the servers; ledger, clients and world stay for the oracle */
void sim_play_close(struct sim_play *play);
void sim_play_free(struct sim_play *play);

/* ---- the spool of a play; sim_keeps.c ---- */

/* After the product's start; whether it is there now. */
void sim_keeps_start(struct sim_play *play);
/* What was seen at each turn: whose messages lie there, and when they were settled. */
void sim_keeps_watch(struct sim_play *play);
/* Behind a reload: with [spool], or without. */
void sim_keeps_reload(struct sim_play *play);
/* sim_keeps_turns.c: the next of the plan's turns is due; comes to pass */
bool sim_keeps_turn_is_due(const struct sim_play *play);
void sim_keeps_turn(struct sim_play *play);
/* After a stop: what the disk knows of the wall clock. The machine is off, and perhaps wakes in
 * 1970. */
void sim_keeps_off(struct sim_play *play, usec off, bool wakes_in_1970);
/* The machine stops: notes whose outcome nobody can know. Before anything is freed. */
void sim_keeps_stop(struct sim_play *play);
/* What the crash left on the disk: whose ends of data are written down there. */
void sim_keeps_crash(struct sim_play *play);
/* Nothing waits, nothing is under way. */
bool sim_keeps_is_empty(const struct sim_play *play);
/* Servers, network and disk are whole from now on. */
void sim_keeps_heal(struct sim_play *play);
/* Notes what lies in failed/. */
void sim_keeps_end(struct sim_play *play);
/* NULL: it never lay there. */
const struct sim_kept *sim_keeps_find(const struct sim_play *play, size_t client, size_t message);
/* Stops of the machine in which the disk could not know that a recipient had been served. */
unsigned sim_keeps_windows(const struct sim_play *play, size_t client, size_t message,
                           const char *recipient);
/* ends of data of it that had no answer */
unsigned sim_keeps_unknown(const struct sim_play *play, const char *id);
/* Those of them that no crash took from the disk, so that the product must count each. */
unsigned sim_keeps_counted(const struct sim_play *play, const struct sim_kept *kept);
/* sim_keeps_reports.c: the same of bounces */
bool sim_keeps_is_report(const char *id);
void sim_keeps_watch_report(struct sim_play *play, const struct spool_entry *entry);
void sim_keeps_stop_reports(struct sim_play *play, struct sim_stop *stop);
unsigned sim_keeps_report_windows(const struct sim_play *play, size_t report);
/* The ID of the bounce that a server took; false: it is none. */
bool sim_keeps_report_of(const struct sim_mail *mail, char id[SPOOL_ID_SIZE]);
/* -1: the spool never held it */
int sim_keeps_find_report(const struct sim_play *play, const char *id);

/* ---- several instances; sim_several.c ---- */

/* The engine, before the first instance's start; the others and what befalls them, behind it. */
void sim_several_engine(struct sim_play *play);
void sim_several_begin(struct sim_play *play);
void sim_several_drain(struct sim_play *play);
bool sim_several_have_drained(const struct sim_play *play);
void sim_several_end(struct sim_play *play);

/* ---- the oracle ---- */
struct sim_verdict {
    /* what is wrong, in words */
    char *findings[SIM_FINDINGS];
    /* may exceed SIM_FINDINGS: the rest is only counted */
    size_t n;
    /* messages */
    unsigned acked, refused, deferred, unanswered, committed, bounces;
};

/* after sim_play_close */
void sim_judge(const struct sim_play *play, bool came_to_its_end, struct sim_verdict *verdict_r);
void sim_verdict_free(struct sim_verdict *v);
void sim_accuse(struct sim_verdict *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* both canonical; what is wrong, or NULL; sim_oracle_header.c */
const char *sim_judge_body(struct slice sent, struct slice got);
/* sim_oracle_secrets.c */
void sim_judge_secrets(const struct sim_play *play, struct sim_verdict *v);

/* sim_oracle_keeps.c: of one message */
void sim_judge_kept(const struct sim_play *play, size_t client, size_t message,
                    struct sim_verdict *v);
/* sim_oracle_reports.c: of bounces */
void sim_judge_reports(const struct sim_play *play, struct sim_verdict *v);
/* sim_oracle_tokens.c */
void sim_judge_tokens(const struct sim_play *play, struct sim_verdict *v);
/* sim_oracle_api.c */
void sim_judge_api(const struct sim_play *play, struct sim_verdict *v);
/* sim_oracle_several.c */
void sim_judge_several(const struct sim_play *play, struct sim_verdict *v);
/* sim_oracle_shortage.c */
void sim_judge_shortage(const struct sim_play *play, struct sim_verdict *v);

/* Plays a plan from beginning to end. Returns the trace's hash. */
uint64_t sim_play_whole(const struct sim_plan *plan, bool verbose, struct sim_verdict *verdict_r);

#endif
