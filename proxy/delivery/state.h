/* The inside of a delivery, for the files of this room. */
#ifndef DELIVERY_STATE_H
#define DELIVERY_STATE_H

#include "delivery/recipients.h"
#include "delivery/terms.h"
#include "mail/rewrite.h"

/* Two phases tell where a message stands. The first: what its user has given. */
enum phase {
    /* recipients come, or nothing for the moment */
    PHASE_ENVELOPE,
    /* the body is next, and its first octets were not asked for yet */
    PHASE_DATA,
    /* octets come */
    PHASE_BODY,
    /* all octets came */
    PHASE_END,
};

/* The second: what the upstream was asked. A session that replaces a lost one walks from
 * BACK_ACQUIRING on again, with the first phase further along: that is all there is to a replay. */
enum back {
    /* none, and none is asked for: the next RCPT does */
    BACK_NONE,
    /* `outcome` answers everything more */
    BACK_SETTLED,
    /* a session is asked for */
    BACK_ACQUIRING,
    /* a session is ours, nothing was said on it */
    BACK_READY,
    /* MAIL went, and the RCPTs there were */
    BACK_ENVELOPE,
    /* DATA or the probing BDAT went */
    BACK_GO_AHEAD,
    /* the body flows */
    BACK_BODY,
    /* the end of data was given to the session; the verdict is awaited */
    BACK_END,
};

/* The recipient that the account's `journal` adds, on the session at hand. */
enum journal_state {
    JOURNAL_DUE,
    JOURNAL_ASKED,
    JOURNAL_TAKEN,
    /* refused, or not wanted: no session is asked any more */
    JOURNAL_OVER,
};
#define JOURNAL_NOWHERE SIZE_MAX

struct delivery {
    const struct delivery_env *env;
    struct account *account;
    const struct upstream_config *upstream;
    struct message *message;
    struct addr client;
    const struct delivery_events *events;
    void *ctx;
    const struct lease_events *lease_events;

    enum phase phase;
    enum back back;
    /* from BACK_SETTLED on */
    struct outcome outcome;

    bool yields;
    /* of the order */
    const char *date, *message_id;

    /* the envelope */
    bool eightbit, has_size;
    /* SMTPUTF8 was asked for */
    bool wants_utf8;
    uint64_t size;
    char *ret, *envid;
    /* as the upstream hears it; message->from is what the client said */
    char *sender;
    struct recipients recipients;
    /* a reply of ours to one recipient */
    struct reply own;

    /* BACK_ACQUIRING and beyond */
    struct lease *lease;
    /* Of the user: the beginning, or the last recipient that was accepted. What is refused takes
     * it nowhere. */
    usec progressed;
    /* The order's. */
    enum keep_when keep;
    usec wait;
    /* Since when somebody waits for the session that is asked for; 0: nobody does, or it came.
     * Only with `wait`. */
    usec waits_since;
    /* Wall clock at the beginning: of the lines that are added. */
    int64_t seconds;
    /* Its last session died, and there is no other yet. It may also have been given back, or was
     * one too many. */
    bool lost;
    /* Since when the upstream has said that its sessions are too many; 0: it has not. */
    usec crowded_since;
    /* MAIL went with SMTPUTF8 */
    bool mail_utf8;
    /* What a service over HTTPS said when its session ended; code 0: nothing. */
    struct reply said;
    /* by which the session said that we are not logged in: then it does not go back to the pool;
     * code 0: it did not */
    struct reply unfit;
    /* ... to MAIL, which every message needs */
    bool unfit_at_mail;
    /* MAIL and RCPTs, the journal's included */
    unsigned unanswered;
    enum journal_state journal;
    /* how many recipients the session was asked for before it; JOURNAL_NOWHERE: it was not */
    size_t journal_place;

    struct delivery_origin origin;
    /* NULL: octets are pushed, and kept in `copy` for a replay */
    const struct body_source *source;
    /* of the source, so many octets were read for the session at hand */
    uint64_t offset;
    struct copy copy;
    /* from the go-ahead on */
    struct rewrite rewrite;
    bool explained;
    /* the log was told of the fields that a signature left out */
    bool left_out_said;

    /* to its account's fallback */
    bool fell_back;
    /* a session was replaced, and that counted */
    bool replaced;
    /* dead sessions of the pool */
    unsigned first_uses;
    /* how often BDAT was refused for this message, for itself */
    unsigned probes;
};

/* A recipient was told that it is accepted. */
bool state_has_promised(const struct delivery *d);
/* The body can be given again from its first octet on. */
bool state_is_replayable(const struct delivery *d);
/* Its user waits for an answer, or will not ask for anything more. */
bool state_is_awaited(const struct delivery *d);
/* The account has a login to lose. */
bool state_logs_in(const struct delivery *d);

/* The session, or the place in the queue for one, serves nobody while the client thinks. */
void state_note_pause(struct delivery *d);
/* How long a session may take. */
usec state_patience(const struct delivery *d);
/* Somebody waits from now on for the session that was asked for before. */
void state_note_wait(struct delivery *d);
/* Asks for a session. avoid, had_turn: lease.h. */
void state_acquire(struct delivery *d, uint16_t avoid, bool had_turn);
/* The session is given up or given back: RSET where that is clean, never a dot, never LAST.
 * judged: the upstream has answered for the message. */
void state_leave_upstream(struct delivery *d, bool judged);
/* Its session, in a pause of the client's: what comes next asks for another. */
void state_give_back(struct delivery *d);
/* delivery_is_full may answer otherwise. */
void state_tell_flow(const struct delivery *d);

#endif
