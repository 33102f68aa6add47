/* What the files of the relay share. Nobody else includes this.
 *
 * relay all clients and all messages of a process generation one config and its accounts; lives as
 * long as a session or message that began with it session one client (session.c) transaction one
 * message, from MAIL to its verdict; may outlive its client, who may leave after the final dot
 * (transaction.c, body.c, replay.c) */
#ifndef RELAY_RELAY_PRIVATE_H
#define RELAY_RELAY_PRIVATE_H

#include "base/list.h"
#include "base/log.h"
#include "io/io.h"
#include "io/loop.h"
#include "mail/message.h"
#include "mail/rewrite.h"
#include "mail/route.h"
#include "relay/certificates.h"
#include "relay/copy.h"
#include "relay/failure.h"
#include "relay/guard.h"
#include "relay/recipients.h"
#include "relay/relay.h"
#include "relay/visitors.h"
#include "smtp/server.h"
#include "upstream/account.h"

/* ------------------------------------------------------------------ relay.c */

struct listener_view {
    const struct listen_config *config;
    struct smtp_server_settings settings;
};

struct generation {
    unsigned refs;
    struct config *config;
    /* as config->upstreams; each a reference of ours. NULL once the relay was freed */
    struct account **accounts;
    struct listener_view *listeners;
    struct certificates *certificates;
};

/* by name, so that clients are counted across a reload */
struct listener_count {
    struct link link;
    char *name;
    unsigned clients;
    /* connections of load balancers that have not said yet who the client is */
    unsigned introductions;
    struct visitors *visitors;
    /* of the lines about refused clients */
    usec second_began;
    unsigned lines, silent;
    /* all clients so far came from there */
    struct addr one;
    unsigned from_one;
};

/* a connection, and who it is */
struct arrival {
    /* either this */
    struct transport *transport;
    /* ... or this: it was read from before */
    struct stream *stream;
    struct addr peer, local;
    /* where it meant to go; family ADDR_NONE: here */
    struct addr original;
};

struct relay {
    /* the owner's and one per session */
    unsigned refs;
    const struct io *io;
    struct generation *current;
    struct link sessions;
    /* also those whose client is gone */
    struct link transactions;
    struct link counts;
    struct link introductions;
    /* Connections whose session is over already. Strangers never push out clients. */
    struct lingering refused, left;
    /* of `destinations`, and of the upstreams where a listener intercepts */
    struct names *names;
    size_t clients;
    struct copy_budget budget;
    /* logins of clients */
    struct passwords *passwords;
    struct guard guard;
    struct message_watch watch;
    unsigned ids;
    /* drawn at once for as many ids */
    uint16_t chances[64];
    bool draining;
    /* by its owner: sessions only wait for their closed() */
    bool freed;
    void (*drained)(void *ctx);
    void *drained_ctx;
    struct deferred tell_drained;
};

struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation **g);
void relay_unref(struct relay *relay);
/* Takes the connection: a session of the listener, or a refusal, whatever the newest configuration
 * says. */
void relay_admit(struct relay *relay, const char *listener, const struct arrival *a);
/* Something ended: was it the last that a drain waits for? */
void relay_ended(struct relay *relay);

/* ------------------------------------------------------------------ admission.c */

bool admission_is_balancer(const struct listen_config *l, const struct addr *peer);
/* OWN_NOTHING: it may come in. */
enum own admission_judge(const struct relay *relay, const struct listener_view *view,
                         const struct listener_count *count, const struct arrival *a);
void admission_tell_refused(struct relay *relay, const struct listen_config *l,
                            struct listener_count *count, const struct arrival *a, enum own why);
void admission_watch_gateway(struct relay *relay, struct listener_count *count,
                             const struct arrival *a);

/* ------------------------------------------------------------------ introduction.c */

/* Takes a load balancer's connection; relay_admit follows when it has said who the client is. */
void introduction_begin(struct relay *relay, struct listener_count *count, struct transport *t);
/* all of them, at once */
void introductions_end(struct relay *relay);

/* ------------------------------------------------------------------ session.c */

struct transaction;

struct session {
    struct link link;
    struct relay *relay;
    struct generation *generation;
    const struct listener_view *listener;
    /* NULL: refused at connect, counted nowhere */
    struct listener_count *count;
    /* its address among the listener's; with count */
    struct visitor *visitor;
    /* where it meant to go */
    struct addr original;
    struct smtp_server *server;
    /* or NULL */
    struct transaction *transaction;
    /* an AUTH that is being checked, or NULL */
    struct login *login;
};

/* Takes the connection. refuse: OWN_NOTHING, or what to say instead of a greeting. */
void session_begin(struct relay *relay, const struct listener_view *listener,
                   struct listener_count *count, const struct arrival *a, enum own refuse);
/* the relay is being freed */
void session_abandon(struct session *s);

/* ------------------------------------------------------------------ login.c */

struct login;

void login_begin(struct session *s, struct smtp_server_command *cmd, struct slice user,
                 struct slice password);
/* the client is gone; NULL is fine */
void login_abandon(struct login **login);

/* ------------------------------------------------------------------ transaction.c */

/* Two phases tell where a message stands. The front: what the client has said and was told. */
enum front {
    /* MAIL was answered 250; RCPTs come, or nothing for the moment */
    FRONT_ENVELOPE,
    /* DATA waits for its answer */
    FRONT_DATA,
    /* 354 was said; octets come */
    FRONT_BODY,
    /* the end of data came and waits for its answer */
    FRONT_END,
    /* the same, but nobody is there any more to hear it */
    FRONT_GONE,
    /* the verdict came early: the server half discards the rest */
    FRONT_REFUSING,
};

/* The back: what the upstream was asked. A session that replaces a lost one walks from
 * BACK_ACQUIRING on again, with the front further along: that is all there is to a replay. */
enum back {
    /* none, and none is asked for: the next RCPT does */
    BACK_NONE,
    /* `answer` answers everything more that the client asks in this transaction */
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

struct transaction {
    /* in relay.transactions */
    struct link link;
    struct relay *relay;
    struct generation *generation;
    /* NULL once the client is gone */
    struct session *session;
    struct addr client;
    struct account *account;
    const struct upstream_config *upstream;
    struct message message;
    /* only its memory is still there, until the end of the turn */
    bool over;

    enum front front;
    enum back back;
    /* DATA (FRONT_DATA) or the end of data (FRONT_END) */
    struct smtp_server_command *cmd;
    /* BACK_SETTLED */
    struct reply answer;
    bool answer_is_upstreams;
    /* of `answer` */
    enum result result;

    /* the envelope */
    bool eightbit, has_size;
    /* SMTPUTF8 was asked for */
    bool wants_utf8;
    uint64_t size;
    char *ret, *envid;
    /* as the upstream hears it; message.from is what the client said */
    char *sender;
    struct recipients recipients;
    /* the last of a recipient, for the line of a message that nobody gets */
    struct reply refusal;
    /* by the server half: its first refusal, or its goodbye */
    struct reply told;
    /* ... it was that */
    bool said_goodbye;

    /* BACK_ACQUIRING and beyond */
    struct lease *lease;
    /* Of the client: MAIL, or the last recipient that was accepted. What is refused takes it
     * nowhere. */
    usec progressed;
    /* Its last session died, and there is no other yet. It may also have been given back, or was
     * one too many. */
    bool lost;
    /* Since when the upstream has said that its sessions are too many; 0: it has not. */
    usec crowded_since;
    /* MAIL went with SMTPUTF8 */
    bool mail_utf8;
    /* by which the session said that we are not logged in: then it does not go back to the pool;
     * code 0: it did not */
    struct reply unfit;
    /* ... to MAIL, which every message needs */
    bool unfit_at_mail;
    /* MAIL and RCPTs */
    unsigned unanswered;

    struct copy body;
    /* from the go-ahead on */
    struct rewrite rewrite;
    bool explained;
    /* the server half was told to hold the body */
    bool held;

    /* to its account's fallback */
    bool fell_back;
    /* a session was replaced, and that counted */
    bool replaced;
    /* dead sessions of the pool */
    unsigned first_uses;
    /* how often BDAT was refused for this message, for itself */
    unsigned probes;
};

/* Begins one for the session: routed, local checks done. Takes `message` and the sender that the
 * upstream is to hear. */
struct transaction *transaction_begin(struct session *s, size_t upstream, struct message *message,
                                      char *sender, const struct mail_params *params,
                                      bool wants_utf8);
void transaction_rcpt(struct transaction *t, struct smtp_server_command *cmd,
                      const struct address *to, const struct rcpt_params *params);
void transaction_data(struct transaction *t, struct smtp_server_command *cmd);
void transaction_reset(struct transaction *t, enum smtp_server_end why);
/* the server half did */
void transaction_told(struct transaction *t, const struct answer *answer, bool goodbye);
void transaction_client_gone(struct transaction *t, const char *why);
/* the relay is being freed */
void transaction_abandon(struct transaction *t);

/* The pool's key beside the account: whose name goes into AUTH. sender: as the upstream hears it;
 * NULL: not known yet. NULL: that decides. */
const char *transaction_identity(const struct upstream_config *u, const char *sender);

/* asks of the upstream whatever front and back allow by now */
void transaction_advance(struct transaction *t);
void transaction_acquire(struct transaction *t, uint16_t avoid, bool had_turn);
/* Its session, in a pause of the client's: what comes next asks for another. */
void transaction_give_back(struct transaction *t);
/* Everything is said about this message: `own`, or what the upstream said, answers what the client
 * waits for now or asks next. */
void transaction_settle_own(struct transaction *t, enum own own, const char *detail);
void transaction_settle_reply(struct transaction *t, const struct reply *reply);
/* An upstream's refusal, for the log: what in the configuration may cure it. Once per message. */
void transaction_explain(struct transaction *t, const struct reply *reply);
/* 530 and its like: what it said goes into the log, the client is not told */
void transaction_note_unfit(struct transaction *t, const struct reply *reply);
/* the client was told that a recipient is accepted */
bool transaction_promised(const struct transaction *t);

/* ------------------------------------------------------------------ fallback.c */

/* There is no session, for this reason; `detail` as for failure_say. true: the account's fallback
 * is asked for one now. */
bool transaction_fall_back(struct transaction *t, enum own own, const char *detail);

/* ------------------------------------------------------------------ upstream_events.c */

extern const struct lease_events transaction_lease_events;
extern const struct smtp_client_events transaction_client_events;

/* ------------------------------------------------------------------ envelope.c */

/* MAIL where it did not go yet, and every recipient not asked for; in one flight */
void envelope_send(struct transaction *t);
/* one recipient, here */
void envelope_refuse(struct transaction *t, struct recipient *r, enum own own);
/* with t->answer */
void envelope_answer_waiting(struct transaction *t);
void envelope_mail_reply(struct transaction *t, const struct reply *reply);
void envelope_rcpt_reply(struct transaction *t, size_t index, const struct reply *reply);

/* ------------------------------------------------------------------ answer.c */

void answer_with(struct smtp_server_command *cmd, const struct reply *reply, bool from_upstream);
/* smtp_server_refuse_body */
void answer_body_with(struct smtp_server *server, const struct reply *reply, bool from_upstream);
/* The way back, for the log: a reply that the server half made, and how it ended with the id. `out`
 * is initialised. */
void answer_keep(struct reply *out, const struct answer *answer, const char *id);

/* ------------------------------------------------------------------ body.c */

/* the client is about to be told 354 */
void body_begin(struct transaction *t);
void transaction_body(struct transaction *t, struct slice octets);
void transaction_body_end(struct transaction *t, struct smtp_server_command *cmd);
/* BACK_BODY: gives the session what it takes, and the end when all is there */
void body_pump(struct transaction *t);
/* tells the server half to hold or to go on */
void body_hold(struct transaction *t);

/* ------------------------------------------------------------------ replay.c */

void replay_lost(struct transaction *t, const struct smtp_client_failure *failure);
/* The probing BDAT was refused, and the transaction with it, or a later one was answered as
 * unknown: it walks again, without a probe or by DATA; on this session where that is clean, else
 * on another. */
void replay_after_bdat(struct transaction *t);
/* MAIL went without SMTPUTF8, and a recipient needs it: MAIL is said again with it, and those who
 * were accepted are asked for again, unseen. */
void replay_with_utf8(struct transaction *t);
/* This answer to MAIL is not about the message: the session is one too many. true: it is gone, and
 * another is waited for. */
bool replay_crowded(struct transaction *t, const struct reply *reply);

#endif
