/* A scripted server's session, shared by sim_upstream.c (life, faults, answers),
 * sim_upstream_smtp.c (commands) and sim_ledger.c. */
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
    /* how often a step came */
    unsigned seen[SIM_STEP_COUNT];
    unsigned struck, capped;
    /* commands seen */
    unsigned bdats;
    /* How many sessions the world had seen when a BDAT was first answered as unknown; 0: none
     * was. */
    size_t sessions_at_loss;
};

enum up_state {
    UP_COMMANDS,
    UP_SASL_PLAIN,
    UP_SASL_USER,
    UP_SASL_PASSWORD,
    UP_SASL_TOKEN,
    /* its error was told, and is not answered yet */
    UP_SASL_TOKEN_ERROR,
    UP_BODY,
    UP_CHUNK,
    /* stalled: reads and ignores */
    UP_DEAF
};
enum up_after { AFTER_NOTHING, AFTER_TLS, AFTER_BODY, AFTER_CLOSE };

struct up_session {
    struct link link;
    struct sim_upstream *u;
    struct sim_end *end;
    size_t number;
    enum up_state state;
    /* what follows when the answer has left */
    enum up_after after;
    /* an answer is due: commands wait */
    bool busy;
    bool handshaking, sealed, greeted, authenticated, extended, body_struck;
    /* between the two lines of LOGIN; with `token`, while the error of one is not answered */
    char *user, *token;
    /* by OAUTHBEARER */
    bool bearer;
    struct sim_event due, idle;
    /* out: the answer that is due */
    struct buf in, out;
    /* dripped so far */
    size_t out_done;
    bool drips;
    /* transaction */
    bool has_mail;
    bool body_7bit_only;
    /* growing */
    struct sim_mail mail;
    /* of the DATA body */
    bool line_start;
    uint64_t chunk_left, body_bytes;
    bool last_chunk, chunk_refused;
    /* A BDAT was not known: so many octets of its payload are still to be read as commands. What
     * they say is not the client's fault; what comes behind them is. */
    uint64_t leak;
    bool leaked, reads_leak;
    /* the answer that is due is this message's 2xx */
    bool verdict_is_good;
    /* its number in the ledger, counted from 1 */
    size_t mail_taken;
};

/* with room for a token's response */
enum { UP_LINE = 24 * 1024 };

void up_complain(struct up_session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Answers `text` (lines with CRLF) after the script's delay, unless a fault strikes at this
 * step. */
void up_answer(struct up_session *s, enum sim_step step, enum up_after after, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* What the script's cap says at this step to a session that is one too many, or NULL. Counts it. */
const char *up_cap_says(struct up_session *s, enum sim_step step);
/* no fault can strike */
void up_answer_plain(struct up_session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* a fault at SIM_AT_BODY is due, and has struck: stop reading this body */
bool up_strikes_body(struct up_session *s);
/* as many commands as may be answered now */
void up_process(struct up_session *s);
void up_reset_transaction(struct up_session *s);
/* the message goes into the ledger */
void up_take_mail(struct up_session *s);
/* the rule that will strike at this step next, or NULL */
const struct sim_fault_rule *up_rule_due(const struct sim_upstream *u, enum sim_step step);

/* what stands behind a command that must be the last of its group */
void up_check_last_in_group(struct up_session *s, const char *verb, bool may_be_followed);
/* a 421 closes */
enum up_after up_ends(const char *reply);

/* ---- sim_upstream_auth.c ---- */
void up_auth(struct up_session *s, const char *args);
/* the next line of an exchange */
void up_sasl_line(struct up_session *s, const char *line);

struct sim_login *ledger_login(struct up_session *s, const char *user, const char *password);
void ledger_mail_free(struct sim_mail *m);

#endif
