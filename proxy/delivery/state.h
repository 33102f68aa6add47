/* The inside of a delivery, for the files of this room. */
#ifndef DELIVERY_STATE_H
#define DELIVERY_STATE_H

#include "delivery/recipients.h"
#include "delivery/terms.h"
#include "mail/rewrite.h"

/* Two values tell how far a message is. This one tells what its user has given. */
enum phase {
    /* Recipients come, or nothing for the moment. */
    PHASE_ENVELOPE,
    /* The body is next. Its first octets were not asked for yet. */
    PHASE_DATA,
    /* Octets come. */
    PHASE_BODY,
    /* All octets have come. */
    PHASE_END,
};

/* This one tells what the upstream was asked. A session that replaces a lost one begins again with
 * BACK_ACQUIRING, while the phase stays as it is. A replay is nothing else. */
enum back {
    /* There is no session, and none is asked for. The next RCPT asks for one. */
    BACK_NONE,
    /* The delivery has ended. `outcome` answers everything else. */
    BACK_SETTLED,
    /* A session is asked for. */
    BACK_ACQUIRING,
    /* We have a session and have sent nothing on it. */
    BACK_READY,
    /* MAIL was sent, and RCPT for the recipients so far. */
    BACK_ENVELOPE,
    /* DATA or the probing BDAT was sent. */
    BACK_GO_AHEAD,
    /* The body is being sent. */
    BACK_BODY,
    /* The end of data was given to the session. The verdict is awaited. */
    BACK_END,
};

/* The recipient that the account's `journal` adds, on the present session. */
enum journal_state {
    JOURNAL_DUE,
    JOURNAL_ASKED,
    JOURNAL_TAKEN,
    /* It was refused or is not wanted. No session is asked for it any more. */
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
    /* Valid in BACK_SETTLED. */
    struct outcome outcome;

    bool yields;
    /* From the order. */
    const char *date, *message_id;

    /* The envelope. */
    bool eightbit, has_size;
    /* SMTPUTF8 was asked for. */
    bool wants_utf8;
    uint64_t size;
    char *ret, *envid;
    /* The address that the upstream gets. message->from is what the client said. */
    char *sender;
    struct recipients recipients;
    /* A reply of ours to one recipient. */
    struct reply own;

    /* Set from BACK_ACQUIRING on. */
    struct lease *lease;
    /* The loop time of the beginning, or of the last recipient that was accepted. A refused
     * recipient is no progress. */
    usec progressed;
    /* From the order. */
    enum keep_when keep;
    usec wait;
    /* The loop time since which the user waits for the session that is asked for, or 0. It is used
     * only with `wait`. */
    usec waits_since;
    /* The Unix time of the beginning. The lines that are added have it. */
    int64_t seconds;
    /* The last session was lost, and there is no other yet. */
    bool lost;
    /* The loop time since which the upstream says that our sessions are too many, or 0. */
    usec crowded_since;
    /* MAIL was sent with SMTPUTF8. */
    bool mail_utf8;
    /* What a service over HTTPS said when its session ended; code 0: nothing. */
    struct reply said;
    /* The reply that revoked our login on this session, or code 0. Such a session does not go back
     * to the pool. */
    struct reply unfit;
    /* That reply answered MAIL, which every message needs. */
    bool unfit_at_mail;
    /* The number of MAIL and RCPT without an answer, the journal's included. */
    unsigned unanswered;
    enum journal_state journal;
    /* The number of recipients that the session was asked for before the journal, or
     * JOURNAL_NOWHERE. */
    size_t journal_place;

    struct delivery_origin origin;
    /* NULL if octets are pushed. They are kept in `copy` for a replay. */
    const struct body_source *source;
    /* The number of octets that were read from the source for the present session. */
    uint64_t offset;
    struct copy copy;
    /* Valid from the go-ahead on. */
    struct rewrite rewrite;
    bool explained;
    /* The log was told which fields were not added because of a signature. */
    bool left_out_said;

    /* Its account's fallback has the message. */
    bool fell_back;
    /* A session was replaced, and this was the one time. */
    bool replaced;
    /* A session did not take the message, and another port was asked for. */
    bool declined;
    /* The number of sessions that were dead when they came from the pool. */
    unsigned first_uses;
    /* How often BDAT itself was refused for this message. */
    unsigned probes;
};

/* Returns whether any recipient was told that it is accepted. */
bool state_has_promised(const struct delivery *d);
/* Returns whether the body can be sent again from its first octet on. */
bool state_is_replayable(const struct delivery *d);
/* Returns whether the user waits for an answer, or will not ask for anything more. */
bool state_is_awaited(const struct delivery *d);
/* Returns whether the account logs in. */
bool state_logs_in(const struct delivery *d);

/* Tells the lease whether the client pauses. During a pause the session, or the place in the queue
 * for one, may go to another message. */
void state_note_pause(struct delivery *d);
/* Returns how long a session may take. */
usec state_patience(const struct delivery *d);
/* From now on the user waits for the session that was asked for before. */
void state_note_wait(struct delivery *d);
/* Asks for a session. For avoid and had_turn see lease.h. */
void state_acquire(struct delivery *d, uint16_t avoid, bool had_turn);
/* Gives the session up or back: by RSET where that is clean, never by a dot or LAST. judged: the
 * upstream has answered for the message. */
void state_leave_upstream(struct delivery *d, bool judged);
/* Gives the session back in a pause of the client. The next command asks for another. */
void state_give_back(struct delivery *d);
/* Tells the user that the answer of delivery_is_full may have changed. */
void state_tell_flow(const struct delivery *d);

#endif
