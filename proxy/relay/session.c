#include "relay/session.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "delivery/delivery.h"
#include "delivery/identity.h"
#include "mail/rewrite_envelope.h"
#include "mail/route.h"
#include "relay/answer.h"
#include "relay/keeping.h"
#include "relay/login.h"
#include "relay/transaction.h"

static struct route_question question(const struct session *s)
{
    return (struct route_question){
        .config = s->generation->config,
        .listener = s->listener->config,
        .client = &smtp_server_client(s->server)->peer,
        .user = smtp_server_client(s->server)->user,
        .original = &s->original,
        .names = s->relay->names,
    };
}

/* ------------------------------------------------------------------ EHLO */

/* If clients must log in, no upstream session is started before they have. A stranger's EHLO must
 * not cause one. */
static bool may_send(const struct session *s)
{
    const struct smtp_server_client *c = smtp_server_client(s->server);
    const struct listen_config *l = s->listener->config;
    return (l->auth != LISTEN_AUTH_REQUIRED || c->user) &&
           (l->tls != LISTEN_TLS_REQUIRED || c->tls);
}

/* SIZE is the largest size that any account of this client takes. Before the account's first EHLO
 * it is the size that its provider documents. DSN and SMTPUTF8 are offered if all accounts have
 * them. An account of which nothing is known has none of them. */
static void on_hello(void *ctx, struct smtp_server_offer *offer_r)
{
    struct session *s = ctx;
    struct route_question q = question(s);
    struct smtp_server_offer offer = {.dsn = true, .smtputf8 = true};
    bool unlimited = false;
    struct account *only = NULL;
    size_t n = 0;
    bool all_taken = false;
    for (size_t i = 0; i < q.config->nupstreams && !all_taken; i++) {
        if (!route_may_take(&q, i))
            continue;
        all_taken = route_takes_all(&q, i);
        n++;
        only = s->generation->delivery.accounts[i];
        const struct account_facts *facts = account_facts(only);
        offer.dsn = offer.dsn && facts->known && facts->dsn;
        offer.smtputf8 = offer.smtputf8 && facts->known && facts->smtputf8;
        uint64_t size = !facts->known     ? account_config(only)->size_hint
                        : facts->has_size ? facts->size
                                          : 0;
        if (!size)
            unlimited = true;
        else if (size > offer.size)
            offer.size = size;
    }
    if (unlimited)
        offer.size = 0;
    if (n == 0)
        offer = (struct smtp_server_offer){0};
    *offer_r = offer;
    const char *identity = n == 1 ? delivery_identity(account_config(only), NULL) : NULL;
    if (identity && may_send(s))
        account_warm(only, identity);
}

/* ------------------------------------------------------------------ MAIL */

/* The local checks of MAIL. `sender` is the address that the upstream gets, or NULL if it has no
 * domain or if no account takes it. Returns OWN_NOTHING if nothing is wrong. Limits of the upstream
 * that are not known yet are checked when there is a session. */
static enum own fault_of_mail(struct session *s, size_t upstream, const char *sender,
                              const struct address *from, const struct mail_params *params)
{
    const struct rate_limit *rate = &s->listener->config->rate;
    if (rate->messages && s->visitor &&
        !visitors_may_send(s->visitor, rate->messages, rate->period, loop_now(s->relay->io->loop)))
        return OWN_RATE;
    enum own own = delivery_fault(&s->generation->delivery, upstream, from, sender, params);
    bool has_account = upstream != ROUTE_NONE && upstream != ROUTE_LATER;
    bool overrun = has_account && sender && params->has_size &&
                   params->size > smtp_server_client(s->server)->size_offered;
    return overrun && own != OWN_TOO_BIG ? OWN_OVERRUN : own;
}

static void report(struct session *s, struct message *m, enum result result,
                   const struct reply *reply)
{
    message_report(m, s->relay->io, &s->relay->watch, result, reply);
}

static void refuse_mail(struct session *s, struct smtp_server_command *cmd, struct message *m,
                        enum own why, const struct own_words *words)
{
    struct reply reply;
    reply_init(&reply);
    failure_say(&reply, why, m->id, words);
    report(s, m, failure_result(why), &reply);
    answer_with(cmd, &reply, false);
    reply_free(&reply);
    message_free(m);
}

static void begin_message(struct session *s, struct message *m, struct slice from)
{
    enum { DRAWN = sizeof s->relay->chances / sizeof s->relay->chances[0] };
    char id[MESSAGE_ID_SIZE], original[ADDR_TEXT];
    struct loop *loop = s->relay->io->loop;
    unsigned number = s->relay->ids++;
    if (number % DRAWN == 0)
        loop_random(loop, s->relay->chances, sizeof s->relay->chances);
    message_make_id(id, loop_wall_ms(loop), number, s->relay->chances[number % DRAWN]);
    message_begin(m, id, from, &smtp_server_client(s->server)->peer, s->listener->config->name,
                  loop_now(loop));
    m->user = smtp_server_client(s->server)->user ? mem_string(smtp_server_client(s->server)->user)
                                                  : NULL;
    if (s->listener->config->intercept && s->original.family != ADDR_NONE)
        m->original = mem_string(addr_text_with_port(&s->original, original));
    smtp_server_set_message_id(s->server, id);
}

/* The server half has refused MAIL because of its syntax or its size, or because TLS or a login
 * must come first. */
static void on_mail_refused(void *ctx, struct slice from, const struct answer *answer)
{
    struct session *s = ctx;
    struct message m;
    struct reply reply;
    begin_message(s, &m, from);
    reply_init(&reply);
    answer_keep(&reply, answer, m.id);
    report(s, &m, RESULT_REFUSED, &reply);
    reply_free(&reply);
    message_free(&m);
}

/* Returns why there is no room, or NULL. If every message is kept, MAIL is refused for lack of
 * room. Otherwise a message can be delivered directly even if the spool is full. */
static const char *obstacle_of_keeping(const struct session *s, const struct mail_params *params)
{
    const struct relay_keep *keep = &s->relay->keep;
    if (keep->when != KEEP_WHEN_ALWAYS)
        return NULL;
    uint64_t size = params->has_size ? params->size : 0;
    enum store_no no = store_would_take(keep->store, size, false);
    if (no == STORE_TAKES)
        return NULL;
    store_note_refusal(keep->store, no, size);
    return keeping_no_words(no);
}

static void on_mail(void *ctx, struct smtp_server_command *cmd, const struct address *from,
                    const struct mail_params *params)
{
    struct session *s = ctx;
    struct route_question q = question(s);
    struct message m;
    begin_message(s, &m, from->text);
    size_t upstream = route_find(&q, from);
    const char *host = "";
    char *sender = NULL;
    if (upstream < q.config->nupstreams) {
        sender = rewrite_sender(&q.config->upstreams[upstream], from);
        m.upstream = mem_string(q.config->upstreams[upstream].name);
        host = q.config->upstreams[upstream].host;
    }
    struct own_words words = {.host = host};
    enum own fault = fault_of_mail(s, upstream, sender, from, params);
    if (fault == OWN_NOTHING)
        words.detail = obstacle_of_keeping(s, params);
    if (words.detail)
        fault = OWN_NOT_KEPT;
    if (fault != OWN_NOTHING) {
        refuse_mail(s, cmd, &m, fault, &words);
        free(sender);
        return;
    }
    s->transaction = transaction_begin(s, upstream, &m, sender, params);
    free(sender);
    smtp_server_answer(
        cmd, &(struct answer){.code = 250, .enhanced = "2.1.0", .text = slice_of("sender noted")});
}

/* ------------------------------------------------------------------ the rest of a message */

static void on_rcpt(void *ctx, struct smtp_server_command *cmd, const struct address *to,
                    const struct rcpt_params *params)
{
    transaction_rcpt(((struct session *)ctx)->transaction, cmd, to, params);
}

static void on_data(void *ctx, struct smtp_server_command *cmd)
{
    transaction_data(((struct session *)ctx)->transaction, cmd);
}

static void on_body(void *ctx, struct slice octets)
{
    transaction_body(((struct session *)ctx)->transaction, octets);
}

static void on_body_end(void *ctx, struct smtp_server_command *cmd)
{
    transaction_body_end(((struct session *)ctx)->transaction, cmd);
}

static void on_login(void *ctx, struct smtp_server_command *cmd, struct slice user,
                     struct slice password)
{
    login_begin(ctx, cmd, user, password);
}

static void on_told(void *ctx, const struct answer *answer, bool goodbye)
{
    struct session *s = ctx;
    if (s->transaction)
        transaction_told(s->transaction, answer, goodbye);
}

static void on_reset(void *ctx, enum smtp_server_end why)
{
    struct session *s = ctx;
    if (s->transaction)
        transaction_reset(s->transaction, why);
}

static void destroy(void *arg)
{
    free(arg);
}

static void on_closed(void *ctx, const char *why)
{
    struct session *s = ctx;
    struct relay *relay = s->relay;
    struct loop *loop = relay->io->loop;
    login_abandon(&s->login);
    if (s->transaction)
        transaction_client_gone(s->transaction, why);
    if (s->count) {
        s->count->clients--;
        visitors_leave(s->count->visitors, &s->visitor, loop_now(loop));
        relay->clients--;
    }
    if (!relay->freed)
        log_say(relay->io->log, LOG_DEBUG, "a client of listener %s is gone: %s",
                s->listener->config->name, why);
    link_remove(&s->link);
    generation_unref(&s->generation);
    relay_state_ended(relay);
    relay_state_unref(relay);
    loop_free_later(loop, s, destroy);
}

static const struct smtp_server_handlers handlers = {
    .hello = on_hello,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .data = on_data,
    .body = on_body,
    .body_end = on_body_end,
    .reset = on_reset,
    .closed = on_closed,
    .login = on_login,
    .mail_refused = on_mail_refused,
    .told = on_told,
};

void session_begin(struct relay *relay, const struct listener_view *listener,
                   struct listener_count *count, const struct arrival *a, enum own refuse)
{
    struct session *s = NEW(struct session);
    s->relay = relay;
    relay->refs++;
    s->generation = generation_ref(relay->current);
    s->listener = listener;
    s->count = count;
    s->original = a->original;
    if (count) {
        count->clients++;
        s->visitor = visitors_enter(count->visitors, &a->peer);
        relay->clients++;
    }
    list_push_back(&relay->sessions, &s->link);
    if (a->stream)
        s->server = smtp_server_new_on_stream(relay->io, a->stream, &a->peer, &a->local,
                                              &listener->settings, &handlers, s);
    else
        s->server = smtp_server_new(relay->io, a->transport, &listener->settings, &handlers, s);
    smtp_server_linger_among(s->server, refuse != OWN_NOTHING ? &relay->refused : &relay->left);
    if (refuse != OWN_NOTHING)
        smtp_server_close(s->server, failure_code(refuse), failure_enhanced(refuse),
                          failure_text(refuse));
}

static void close_for_shutdown(struct session *s)
{
    smtp_server_close(s->server, failure_code(OWN_CLOSING), failure_enhanced(OWN_CLOSING),
                      failure_text(OWN_CLOSING));
}

void session_send_away(struct session *s)
{
    /* The server half does not report answers that came from us. */
    if (s->transaction)
        transaction_told(s->transaction,
                         &(struct answer){.code = failure_code(OWN_CLOSING),
                                          .enhanced = failure_enhanced(OWN_CLOSING),
                                          .text = slice_of(failure_text(OWN_CLOSING))},
                         true);
    close_for_shutdown(s);
}

void session_abandon(struct session *s)
{
    login_abandon(&s->login);
    close_for_shutdown(s);
}
