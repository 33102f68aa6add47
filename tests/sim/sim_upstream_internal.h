/* A scripted server's session, shared by sim_upstream.c (life, faults, answers), sim_upstream_smtp.c (commands) and sim_ledger.c. */
#ifndef SIM_SIM_UPSTREAM_INTERNAL_H
#define SIM_SIM_UPSTREAM_INTERNAL_H

#include "sim_upstream.h"
#include "sim_world.h"

struct sim_upstream {
    struct sim *sim;
    struct sim_ledger *ledger;
    struct sim_listening *listening;
    struct addr at;
    struct sim_upstream_script script;
    struct link sessions;
    size_t nsessions;
    unsigned seen[SIM_STEP_COUNT]; /* how often a step came */
    unsigned struck;
};

enum up_state { UP_COMMANDS, UP_SASL_PLAIN, UP_SASL_USER, UP_SASL_PASSWORD, UP_BODY, UP_CHUNK, UP_DEAF /* stalled: reads and ignores */ };
enum up_after { AFTER_NOTHING, AFTER_TLS, AFTER_BODY, AFTER_CLOSE };

struct up_session {
    struct link link;
    struct sim_upstream *u;
    struct sim_end *end;
    size_t number;
    enum up_state state;
    enum up_after after; /* what follows when the answer has left */
    bool busy;           /* an answer is due: commands wait */
    bool handshaking, sealed, greeted, authenticated, extended, body_struck;
    char *user; /* between the two lines of LOGIN */
    struct sim_event due, idle;
    struct buf in, out; /* out: the answer that is due */
    size_t out_done;    /* dripped so far */
    bool drips;
    /* transaction */
    bool has_mail;
    bool body_7bit_only;
    struct sim_mail mail; /* growing */
    bool line_start;      /* of the DATA body */
    uint64_t chunk_left, body_bytes;
    bool last_chunk, chunk_refused;
    bool verdict_is_good; /* the answer that is due is this message's 2xx */
    size_t mail_taken;    /* its number in the ledger, counted from 1 */
};

void up_complain(struct up_session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Answers `text` (lines with CRLF) after the script's delay, unless a fault strikes at this step. */
void up_answer(struct up_session *s, enum sim_step step, enum up_after after, const char *fmt, ...) PRINTF_LIKE(4, 5);
void up_answer_plain(struct up_session *s, const char *fmt, ...) PRINTF_LIKE(2, 3); /* no fault can strike */
bool up_strikes_body(struct up_session *s); /* a fault at SIM_AT_BODY is due, and has struck: stop reading this body */
void up_process(struct up_session *s);      /* as many commands as may be answered now */
void up_reset_transaction(struct up_session *s);
void up_take_mail(struct up_session *s); /* the message goes into the ledger */
const struct sim_fault_rule *up_rule_due(const struct sim_upstream *u,
                                         enum sim_step step); /* the rule that will strike at this step next, or NULL */

struct sim_login *ledger_login(struct up_session *s, const char *user, const char *password);
void ledger_mail_free(struct sim_mail *m);

#endif
