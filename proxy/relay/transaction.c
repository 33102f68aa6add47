/* Every function here is a switch over the front without a default, so that a forgotten case does
 * not compile. */
#include "relay/transaction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "delivery/delivery.h"
#include "relay/answer.h"
#include "relay/keeping.h"
#include "relay/tickets.h"

/* How far the client is with this message. */
enum front {
    /* MAIL was answered 250. RCPTs come, or nothing for the moment. */
    FRONT_ENVELOPE,
    /* DATA waits for its answer. */
    FRONT_DATA,
    /* 354 was sent. Octets come. */
    FRONT_BODY,
    /* The end of data came and waits for its answer. */
    FRONT_END,
    /* The same, but the client is gone. */
    FRONT_GONE,
    /* The verdict came early. The server half discards the rest of the body. */
    FRONT_REFUSING,
};

struct transaction {
    /* In relay.transactions. */
    struct link link;
    struct relay *relay;
    struct generation *generation;
    /* NULL once the client is gone. */
    struct session *session;
    struct message message;
    struct delivery *delivery;

    enum front front;
    /* The ticket of DATA (FRONT_DATA) or of the end of data (FRONT_END). */
    struct smtp_server_command *cmd;
    struct tickets rcpts;
    /* The last reply to a recipient, for the line of a message without an accepted one. Code 0 if
     * there was none. */
    struct reply refusal;
    /* The first refusal that the server half sent itself, or its goodbye. */
    struct reply told;
    /* That reply was the goodbye. */
    bool said_goodbye;
    /* The server half was told to hold the body. */
    bool held;
    /* NULL if no message is kept for later. */
    struct keeping *keeping;
    /* Why it goes to the spool. With KEEP_NOT it goes to the upstream. */
    enum keep turned;
    /* It goes to the spool although the upstream may have taken its end of data. */
    bool unknown;
};

/* ------------------------------------------------------------------ end */

static void destroy(void *arg)
{
    struct transaction *t = arg;
    if (t->generation)
        generation_unref(&t->generation);
    message_free(&t->message);
    reply_free(&t->refusal);
    reply_free(&t->told);
    tickets_free(&t->rcpts);
    free(t);
}

static void detach_session(struct transaction *t)
{
    if (t->session)
        t->session->transaction = NULL;
    t->session = NULL;
    t->cmd = NULL;
}

static void end(struct transaction *t)
{
    delivery_free(&t->delivery);
    keeping_free(&t->keeping);
    detach_session(t);
    link_remove(&t->link);
    relay_state_ended(t->relay);
    loop_free_later(t->relay->io->loop, t, destroy);
}

static void report(struct transaction *t, enum result result, const struct reply *reply)
{
    message_report(&t->message, t->relay->io, &t->relay->watch, result, reply);
}

static void report_outcome(struct transaction *t, const struct outcome *outcome)
{
    report(t, outcome->result, &outcome->reply);
}

static void report_refusal(struct transaction *t, const struct reply *reply)
{
    report(t, reply->code >= 500 ? RESULT_REFUSED : RESULT_DEFERRED, reply);
}

/* A message that ends without a verdict gets its line, too, if every recipient was refused or if
 * the client was told the id. */
static void report_unfinished(struct transaction *t)
{
    if (!t->message.nrcpt && t->refusal.code)
        report_refusal(t, &t->refusal);
    else if (t->told.code)
        report_refusal(t, &t->told);
}

/* ------------------------------------------------------------------ what the spool tells */

static void say(struct transaction *t, struct reply *out, enum own own, const char *detail)
{
    reply_init(out);
    failure_say(out, own, t->message.id, &(struct own_words){.detail = detail});
}

static void answer_end(struct transaction *t, enum result result, const struct reply *reply)
{
    struct smtp_server_command *cmd = t->cmd;
    report(t, result, reply);
    end(t);
    if (cmd)
        answer_with(cmd, reply, false);
}

static void on_taken(void *ctx)
{
    struct transaction *t = ctx;
    struct reply reply;
    say(t, &reply, OWN_KEPT, t->message.kept_words);
    t->message.kept_for = failure_keep_name(t->turned);
    answer_end(t, RESULT_SPOOLED, &reply);
    reply_free(&reply);
}

static void on_flow(void *ctx);

/* If the upstream may have the message, the line says so, whatever became of the file. */
static void on_not_kept(void *ctx, const char *why)
{
    struct transaction *t = ctx;
    enum result result = t->unknown ? RESULT_LOST_LINK : RESULT_DEFERRED;
    struct reply reply;
    say(t, &reply, OWN_NOT_KEPT, why);
    switch (t->front) {
    case FRONT_ENVELOPE:
    case FRONT_REFUSING: break;
    case FRONT_DATA:
        t->front = FRONT_ENVELOPE;
        report(t, result, &reply);
        answer_with(t->cmd, &reply, false);
        t->cmd = NULL;
        break;
    case FRONT_BODY:
        t->front = FRONT_REFUSING;
        report(t, result, &reply);
        on_flow(t);
        answer_body_with(t->session->server, &reply, false);
        break;
    case FRONT_END:
    case FRONT_GONE: answer_end(t, result, &reply); break;
    }
    reply_free(&reply);
}

static const struct keeping_events keeping_events = {
    .taken = on_taken, .failed = on_not_kept, .flow = on_flow};

/* Each recipient is accepted only if there is room. Earlier recipients stay accepted. */
static void answer_kept_recipient(struct transaction *t, size_t index)
{
    const char *obstacle = keeping_obstacle(t->keeping);
    struct reply reply;
    if (obstacle) {
        say(t, &reply, OWN_NOT_KEPT, obstacle);
        reply_copy(&t->refusal, &reply);
    } else {
        say(t, &reply, OWN_WILL_BE_KEPT, t->message.kept_words);
    }
    keeping_told(t->keeping, index, !obstacle);
    t->message.nrcpt = keeping_accepted(t->keeping);
    answer_with(tickets_take(&t->rcpts, index), &reply, false);
    reply_free(&reply);
}

/* Keeps the words of the outcome, without the id at their end. */
static void keep_words(struct transaction *t, const struct outcome *outcome)
{
    char words[1024], mark[sizeof t->message.id + 4];
    if (outcome->why == OWN_NOTHING)
        reply_words(&outcome->reply, words, sizeof words);
    else
        snprintf(words, sizeof words, "%.*s", (int)outcome->reply.text.len,
                 outcome->reply.text.data);
    snprintf(mark, sizeof mark, " [%s]", t->message.id);
    size_t len = strlen(words), tail = strlen(mark);
    if (len > tail && strcmp(words + len - tail, mark) == 0)
        words[len - tail] = '\0';
    free(t->message.kept_words);
    t->message.kept_words = mem_string(t->turned == KEEP_ALWAYS ? "as configured" : words);
}

/* Returns false if it cannot be kept. Then the client has its answer. */
static bool open_file(struct transaction *t)
{
    const char *obstacle = keeping_open(t->keeping, t->message.kept_words, t->unknown);
    if (obstacle)
        on_not_kept(t, obstacle);
    return !obstacle;
}

static void on_go_ahead(void *ctx);

/* From now on the whole message goes to the spool. */
static void turn(struct transaction *t, const struct outcome *outcome)
{
    t->turned = outcome->keep;
    t->unknown = outcome->may_be_taken;
    keep_words(t, outcome);
    switch (t->front) {
    case FRONT_ENVELOPE:
        while (tickets_wait(&t->rcpts))
            answer_kept_recipient(t, tickets_first(&t->rcpts));
        break;
    case FRONT_DATA:
        if (open_file(t))
            on_go_ahead(t);
        break;
    case FRONT_BODY:
        if (open_file(t))
            on_flow(t);
        break;
    case FRONT_END:
    case FRONT_GONE: (void)open_file(t); break;
    case FRONT_REFUSING: break;
    }
}

/* ------------------------------------------------------------------ what the delivery tells */

static void on_recipient(void *ctx, size_t index, const struct reply *reply, bool from_upstream)
{
    struct transaction *t = ctx;
    const struct outcome *outcome = delivery_outcome(t->delivery);
    if (t->turned != KEEP_NOT && outcome && reply == &outcome->reply) {
        answer_kept_recipient(t, index);
        return;
    }
    if (t->keeping)
        keeping_told(t->keeping, index, reply_is(reply, 2));
    if (!reply_is(reply, 2))
        reply_copy(&t->refusal, reply);
    answer_with(tickets_take(&t->rcpts, index), reply, from_upstream);
}

/* Tells the server half to hold the body or to go on. */
static void on_flow(void *ctx)
{
    struct transaction *t = ctx;
    bool is_full = (t->turned == KEEP_NOT && delivery_is_full(t->delivery)) ||
                   (t->keeping && keeping_is_behind(t->keeping));
    bool hold = t->front == FRONT_BODY && is_full;
    if (t->session && hold != t->held) {
        t->held = hold;
        smtp_server_hold_body(t->session->server, hold);
    }
}

/* The words of the 354 are ours. Those of the upstream are of no use to the client, and with BDAT
 * there are none. */
static void on_go_ahead(void *ctx)
{
    struct transaction *t = ctx;
    struct smtp_server_command *cmd = t->cmd;
    t->cmd = NULL;
    t->front = FRONT_BODY;
    smtp_server_answer(cmd,
                       &(struct answer){.code = 354,
                                        .enhanced = "",
                                        .text = slice_of("end the message with <CRLF>.<CRLF>")});
}

static void answer_rcpts(struct transaction *t, const struct outcome *outcome)
{
    struct smtp_server_command *cmd;
    if (tickets_wait(&t->rcpts))
        report_outcome(t, outcome);
    while ((cmd = tickets_take_any(&t->rcpts)) != NULL)
        answer_with(cmd, &outcome->reply, outcome->why == OWN_NOTHING);
}

/* The outcome answers what the client waits for, or its next command. */
static void settle(void *ctx, const struct outcome *outcome)
{
    struct transaction *t = ctx;
    struct smtp_server_command *cmd = t->cmd;
    bool from_upstream = outcome->why == OWN_NOTHING;
    if (outcome->keep != KEEP_NOT) {
        turn(t, outcome);
        return;
    }
    switch (t->front) {
    case FRONT_ENVELOPE: answer_rcpts(t, outcome); break;
    case FRONT_DATA:
        /* After a refused DATA the server half keeps the transaction open. */
        t->front = FRONT_ENVELOPE;
        t->cmd = NULL;
        report_outcome(t, outcome);
        answer_with(cmd, &outcome->reply, from_upstream);
        break;
    case FRONT_BODY:
        t->front = FRONT_REFUSING;
        report_outcome(t, outcome);
        on_flow(t);
        answer_body_with(t->session->server, &outcome->reply, from_upstream);
        break;
    case FRONT_END:
        report_outcome(t, outcome);
        end(t);
        answer_with(cmd, &outcome->reply, from_upstream);
        break;
    case FRONT_GONE:
        report_outcome(t, outcome);
        end(t);
        break;
    /* The message was settled before. */
    case FRONT_REFUSING: break;
    }
}

static const struct delivery_events events = {.recipient = on_recipient,
                                              .go_ahead = on_go_ahead,
                                              .flow = on_flow,
                                              .verdict = settle,
                                              .failed = settle};

/* ------------------------------------------------------------------ what the client says */

static void begin_keeping(struct transaction *t, const struct mail_params *params)
{
    const struct keeping_order order = {
        .store = t->relay->keep.store,
        .budget = &t->relay->budget,
        .message = &t->message,
        .params = params,
        .hostname = t->generation->config->server.hostname,
        .seconds = delivery_seconds(t->delivery),
    };
    const struct outcome *outcome = delivery_outcome(t->delivery);
    t->keeping = keeping_new(&order, &keeping_events, t);
    if (outcome && outcome->keep != KEEP_NOT)
        turn(t, outcome);
}

struct transaction *transaction_begin(struct session *s, size_t upstream, struct message *message,
                                      const char *sender, const struct mail_params *params)
{
    struct transaction *t = NEW(struct transaction);
    t->relay = s->relay;
    t->generation = generation_ref(s->generation);
    t->session = s;
    t->message = *message;
    *message = (struct message){0};
    reply_init(&t->refusal);
    reply_init(&t->told);
    list_push_back(&t->relay->transactions, &t->link);
    struct delivery_order order = {.env = &t->generation->delivery,
                                   .upstream = upstream,
                                   .message = &t->message,
                                   .sender = sender,
                                   .params = params,
                                   .client = smtp_server_client(s->server)->peer,
                                   .keep = t->relay->keep.when,
                                   .wait = t->relay->keep.wait};
    t->delivery = delivery_begin(&order, &events, t);
    if (t->relay->keep.when != KEEP_WHEN_NEVER)
        begin_keeping(t, params);
    return t;
}

void transaction_rcpt(struct transaction *t, struct smtp_server_command *cmd,
                      const struct address *to, const struct rcpt_params *params)
{
    const struct outcome *outcome = delivery_outcome(t->delivery);
    if (outcome && t->turned == KEEP_NOT)
        report_outcome(t, outcome);
    if (t->keeping)
        keeping_recipient(t->keeping, to, params);
    tickets_add(&t->rcpts, cmd);
    delivery_recipient(t->delivery, to, params);
}

void transaction_data(struct transaction *t, struct smtp_server_command *cmd)
{
    const struct smtp_server_client *client = smtp_server_client(t->session->server);
    const struct outcome *outcome = delivery_outcome(t->delivery);
    t->front = FRONT_DATA;
    t->cmd = cmd;
    if (outcome)
        settle(t, outcome);
    else
        delivery_data(t->delivery, &(struct delivery_origin){.helo = client->helo,
                                                             .client = &client->peer,
                                                             .esmtp = client->esmtp,
                                                             .tls = client->tls,
                                                             .authenticated = client->user});
}

void transaction_body(struct transaction *t, struct slice octets)
{
    if (t->keeping)
        keeping_body(t->keeping, octets);
    if (t->turned == KEEP_NOT)
        delivery_body(t->delivery, octets);
    else
        t->message.size = keeping_size(t->keeping);
    if (t->keeping)
        on_flow(t);
}

void transaction_body_end(struct transaction *t, struct smtp_server_command *cmd)
{
    t->front = FRONT_END;
    t->cmd = cmd;
    if (t->keeping)
        keeping_body_end(t->keeping);
    if (t->turned == KEEP_NOT)
        delivery_body_end(t->delivery);
}

void transaction_reset(struct transaction *t, enum smtp_server_end why)
{
    struct reply reply;
    switch (why) {
    case SMTP_SERVER_RSET: report_unfinished(t); break;
    case SMTP_SERVER_OVERRUN:
        reply_init(&reply);
        failure_say(&reply, OWN_OVERRUN, t->message.id, NULL);
        report(t, RESULT_REFUSED, &reply);
        reply_free(&reply);
        break;
    /* The message was reported then. */
    case SMTP_SERVER_REFUSED: break;
    }
    end(t);
}

void transaction_told(struct transaction *t, const struct answer *answer, bool goodbye)
{
    /* The first one says more. Later ones are often its consequence. */
    if (t->told.code && !goodbye)
        return;
    answer_keep(&t->told, answer, t->message.id);
    t->said_goodbye = goodbye;
}

void transaction_client_gone(struct transaction *t, const char *why)
{
    switch (t->front) {
    case FRONT_ENVELOPE:
    case FRONT_REFUSING: report_unfinished(t); break;
    case FRONT_DATA:
    case FRONT_BODY:
        if (t->said_goodbye) {
            report_refusal(t, &t->told);
            break;
        }
        log_event(t->relay->io->log, LOG_INFO,
                  "the client left before the end of its message, nothing was sent",
                  log_str("id", t->message.id), log_str("client", t->message.client),
                  log_str("why", why));
        break;
    case FRONT_END:
        /* PROMISES 6: the upstream's answer is awaited and logged. */
        t->front = FRONT_GONE;
        detach_session(t);
        return;
    case FRONT_GONE: return;
    }
    end(t);
}

/* ------------------------------------------------------------------ the relay is being freed */

/* A client that is still there gets OWN_CLOSING at once. */
static void report_abandoned(struct transaction *t)
{
    bool was_sent = t->unknown || delivery_awaits_verdict(t->delivery);
    bool waits = t->front == FRONT_END || t->front == FRONT_GONE;
    enum own own = !waits ? OWN_CLOSING : was_sent ? OWN_LOST_SENT : OWN_SHUTDOWN;
    struct own_words words = {.host = delivery_upstream(t->delivery)->host};
    struct reply reply;
    reply_init(&reply);
    failure_say(&reply, own, t->message.id, &words);
    report(t, waits && was_sent ? RESULT_LOST_LINK : RESULT_DEFERRED, &reply);
    reply_free(&reply);
}

bool transactions_may_keep(const struct relay *relay)
{
    LIST_EACH (&relay->transactions, it)
        if (CONTAINER(it, struct transaction, link)->keeping)
            return true;
    return false;
}

void transactions_abandon(struct relay *relay)
{
    LIST_EACH (&relay->transactions, it) {
        struct transaction *t = CONTAINER(it, struct transaction, link);
        report_abandoned(t);
        delivery_abandon(&t->delivery);
        end(t);
        /* This cannot wait for the end of the turn, because the accounts may be freed before. */
        generation_unref(&t->generation);
    }
}
