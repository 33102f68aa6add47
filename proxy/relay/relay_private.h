/* What the files of the relay share. Nobody else includes this.
 *
 * relay        all clients and all messages of a process
 * generation   one config and its accounts; lives as long as a session or message that began with it
 * session      one client (session.c)
 * transaction  one message, from MAIL to its verdict; may outlive its client, who may leave after the final dot (transaction.c, body.c, replay.c) */
#ifndef RELAY_RELAY_PRIVATE_H
#define RELAY_RELAY_PRIVATE_H

#include "base/list.h"
#include "io/io.h"
#include "io/loop.h"
#include "relay/certificates.h"
#include "relay/copy.h"
#include "relay/failure.h"
#include "relay/guard.h"
#include "relay/recipients.h"
#include "relay/relay.h"
#include "relay/report.h"
#include "relay/rewrite.h"
#include "relay/route.h"
#include "relay/visitors.h"
#include "smtp/server.h"
#include "upstream/account.h"

/* ------------------------------------------------------------------ relay.c */

struct listener_view {
    const struct listen_config *config;
    struct server_settings settings;
};

struct generation {
    unsigned refs;
    struct config *config;
    struct account **accounts; /* as config->upstreams; each a reference of ours. NULL once the relay was freed */
    struct listener_view *listeners;
    struct certificates *certificates;
};

struct listener_count { /* by name, so that clients are counted across a reload */
    struct link link;
    char *name;
    unsigned clients;
    unsigned introductions; /* connections of load balancers that have not said yet who the client is */
    struct visitors *visitors;
    usec second_began; /* of the lines about refused clients */
    unsigned lines, silent;
    struct addr one; /* all clients so far came from there */
    unsigned from_one;
};

struct arrival {                 /* a connection, and who it is */
    struct transport *transport; /* either this */
    struct stream *stream;       /* ... or this: it was read from before */
    struct addr peer, local;
    struct addr original; /* where it meant to go; family ADDR_NONE: here */
};

struct relay {
    unsigned refs; /* the owner's and one per session */
    const struct io *io;
    struct generation *current;
    struct link sessions;
    struct link transactions; /* also those whose client is gone */
    struct link counts;
    struct link introductions;
    struct names *names; /* of `destinations`, and of the upstreams where a listener intercepts */
    size_t clients;
    struct copy_budget budget;
    struct passwords *passwords; /* logins of clients */
    struct guard guard;
    struct message_watch watch;
    unsigned ids;
    uint16_t chances[64]; /* drawn at once for as many ids */
    bool draining;
    bool freed; /* by its owner: sessions only wait for their closed() */
    void (*drained)(void *ctx);
    void *drained_ctx;
    struct deferred tell_drained;
};

struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation **g);
void relay_unref(struct relay *relay);
/* Takes the connection: a session of the listener, or a refusal, whatever the newest configuration says. */
void relay_admit(struct relay *relay, const char *listener, const struct arrival *a);
/* Something ended: was it the last that a drain waits for? */
void relay_ended(struct relay *relay);

/* ------------------------------------------------------------------ admission.c */

bool admission_is_balancer(const struct listen_config *l, const struct addr *peer);
/* OWN_COUNT: it may come in. */
enum own admission_judge(const struct relay *relay, const struct listener_view *view, const struct listener_count *count,
                         const struct arrival *a);
void admission_tell_refused(struct relay *relay, const struct listen_config *l, struct listener_count *count, const struct arrival *a,
                            enum own why);
void admission_watch_gateway(struct relay *relay, struct listener_count *count, const struct arrival *a);

/* ------------------------------------------------------------------ introduction.c */

/* Takes a load balancer's connection; relay_admit follows when it has said who the client is. */
void introduction_begin(struct relay *relay, struct listener_count *count, struct transport *t);
void introductions_end(struct relay *relay); /* all of them, at once */

/* ------------------------------------------------------------------ session.c */

struct transaction;

struct session {
    struct link link;
    struct relay *relay;
    struct generation *generation;
    const struct listener_view *listener;
    struct listener_count *count; /* NULL: refused at connect, counted nowhere */
    struct visitor *visitor;      /* its address among the listener's; with count */
    struct addr original;         /* where it meant to go */
    struct server *server;
    struct transaction *transaction; /* or NULL */
    struct login *login;             /* an AUTH that is being checked, or NULL */
};

/* Takes the connection. refuse: OWN_COUNT, or what to say instead of a greeting. */
void session_begin(struct relay *relay, const struct listener_view *listener, struct listener_count *count, const struct arrival *a,
                   enum own refuse);
void session_abandon(struct session *s); /* the relay is being freed */

/* ------------------------------------------------------------------ login.c */

struct login;

void login_begin(struct session *s, struct server_command *cmd, struct slice user, struct slice password);
void login_abandon(struct login **login); /* the client is gone; NULL is fine */

/* ------------------------------------------------------------------ transaction.c */

/* Two phases tell where a message stands. The front: what the client has said and was told. */
enum front {
    FRONT_ENVELOPE, /* MAIL was answered 250; RCPTs come, or nothing for the moment */
    FRONT_DATA,     /* DATA waits for its answer */
    FRONT_BODY,     /* 354 was said; octets come */
    FRONT_END,      /* the end of data came and waits for its answer */
    FRONT_GONE,     /* the same, but nobody is there any more to hear it */
    FRONT_REFUSING, /* the verdict came early: the server half discards the rest */
};

/* The back: what the upstream was asked. A session that replaces a lost one walks from BACK_ACQUIRING on again, with the front further along: that is all there is to a replay. */
enum back {
    BACK_NONE,      /* none, and none is asked for: the next RCPT does */
    BACK_SETTLED,   /* `answer` answers everything more that the client asks in this transaction */
    BACK_ACQUIRING, /* a session is asked for */
    BACK_READY,     /* a session is ours, nothing was said on it */
    BACK_ENVELOPE,  /* MAIL went, and the RCPTs there were */
    BACK_GO_AHEAD,  /* DATA or the probing BDAT went */
    BACK_BODY,      /* the body flows */
    BACK_END,       /* the end of data was given to the session; the verdict is awaited */
};

struct transaction {
    struct link link; /* in relay.transactions */
    struct relay *relay;
    struct generation *generation;
    struct session *session; /* NULL once the client is gone */
    struct account *account;
    const struct upstream_config *upstream;
    struct message message;
    bool over; /* only its memory is still there, until the end of the turn */

    enum front front;
    enum back back;
    struct server_command *cmd; /* DATA (FRONT_DATA) or the end of data (FRONT_END) */
    struct reply answer;        /* BACK_SETTLED */
    bool answer_is_upstreams;
    enum result result; /* of `answer` */

    bool eightbit, has_size; /* the envelope */
    bool wants_utf8;         /* SMTPUTF8 was asked for */
    uint64_t size;
    char *ret, *envid;
    char *sender; /* as the upstream hears it; message.from is what the client said */
    struct recipients recipients;
    struct reply refusal; /* the last of a recipient, for the line of a message that nobody gets */
    struct reply told;    /* by the server half: its first refusal, or its goodbye */
    bool said_goodbye;    /* ... it was that */

    struct lease *lease; /* BACK_ACQUIRING and beyond */
    bool mail_utf8;      /* MAIL went with SMTPUTF8 */
    struct reply unfit;  /* by which the session said that we are not logged in: then it does not go back to the pool; code 0: it did not */
    bool unfit_at_mail;  /* ... to MAIL, so about the session, not about one recipient or message */
    unsigned unanswered; /* MAIL and RCPTs */

    struct copy body;
    struct rewrite rewrite; /* from the go-ahead on */
    bool explained;
    bool held; /* the server half was told to hold the body */

    bool fell_back;      /* to its account's fallback */
    bool replaced;       /* a session was replaced, and that counted */
    unsigned first_uses; /* dead sessions of the pool */
    unsigned probes;     /* how often BDAT was probed for this message, and the empty chunk refused */
};

/* Begins one for the session: routed, local checks done. Takes `message` and the sender that the upstream is to hear. */
struct transaction *transaction_begin(struct session *s, size_t upstream, struct message *message, char *sender,
                                      const struct mail_params *params, bool wants_utf8);
void transaction_rcpt(struct transaction *t, struct server_command *cmd, const struct address *to, const struct rcpt_params *params);
void transaction_data(struct transaction *t, struct server_command *cmd);
void transaction_reset(struct transaction *t, enum server_end why);
void transaction_told(struct transaction *t, const struct answer *answer, bool goodbye); /* the server half did */
void transaction_client_gone(struct transaction *t, const char *why);
void transaction_abandon(struct transaction *t); /* the relay is being freed */

/* The pool's key beside the account: whose name goes into AUTH. sender: as the upstream hears it; NULL: not known yet. NULL: that decides. */
const char *transaction_identity(const struct upstream_config *u, const char *sender);

void transaction_advance(struct transaction *t); /* asks of the upstream whatever front and back allow by now */
void transaction_acquire(struct transaction *t, uint16_t avoid, bool had_turn);
/* Everything is said about this message: `own`, or what the upstream said, answers what the client waits for now or asks next. */
void transaction_settle_own(struct transaction *t, enum own own, const char *detail);
void transaction_settle_reply(struct transaction *t, const struct reply *reply);
/* An upstream's refusal, for the log: what in the configuration may cure it. Once per message. */
void transaction_explain(struct transaction *t, const struct reply *reply);
void transaction_note_unfit(struct transaction *t,
                            const struct reply *reply); /* 530 and its like: what it said goes into the log, the client is not told */
bool transaction_promised(const struct transaction *t); /* the client was told that a recipient is accepted */

/* ------------------------------------------------------------------ fallback.c */

/* There is no session, for this reason; `detail` as for failure_say. true: the account's fallback is asked for one now. */
bool transaction_fall_back(struct transaction *t, enum own own, const char *detail);

/* ------------------------------------------------------------------ upstream_events.c */

extern const struct lease_events transaction_lease_events;
extern const struct client_events transaction_client_events;

/* ------------------------------------------------------------------ envelope.c */

void envelope_send(struct transaction *t); /* MAIL where it did not go yet, and every recipient not asked for; in one flight */
void envelope_refuse(struct transaction *t, struct recipient *r, enum own own); /* one recipient, here */
void envelope_answer_waiting(struct transaction *t);                            /* with t->answer */
void envelope_mail_reply(struct transaction *t, const struct reply *reply);
void envelope_rcpt_reply(struct transaction *t, size_t index, const struct reply *reply);

/* ------------------------------------------------------------------ answer.c */

void answer_with(struct server_command *cmd, const struct reply *reply, bool from_upstream);
void answer_body_with(struct server *server, const struct reply *reply, bool from_upstream); /* server_refuse_body */
/* The way back, for the log: a reply that the server half made, and how it ended with the id. `out` is initialised. */
void answer_keep(struct reply *out, const struct answer *answer, const char *id);

/* ------------------------------------------------------------------ body.c */

void body_begin(struct transaction *t); /* the client is about to be told 354 */
void transaction_body(struct transaction *t, struct slice octets);
void transaction_body_end(struct transaction *t, struct server_command *cmd);
void body_pump(struct transaction *t); /* BACK_BODY: gives the session what it takes, and the end when all is there */
void body_hold(struct transaction *t); /* tells the server half to hold or to go on */

/* ------------------------------------------------------------------ replay.c */

void replay_lost(struct transaction *t, const struct client_failure *failure);
/* The probing BDAT was refused for being empty, and the transaction with it: it walks again, on this session or another, without a probe. */
void replay_after_probe(struct transaction *t);

#endif
