/* What the tests of the delivery share: a simulated world with accounts, and somebody who has one
 * message to deliver. There is no client, no listener and no relay in it. */
#ifndef DELIVERY_WORLD_H
#define DELIVERY_WORLD_H

#include "base/caps.h"
#include "delivery/delivery.h"
#include "upstream_world.h"

enum { PARTY_RECIPIENTS = 8 };

/* somebody with one message */
struct party {
    struct world w;
    struct config *config;
    /* NULL: a@example.net */
    const char *sender;
    enum keep_when keep;
    struct account *accounts[4];
    struct delivery_env env;
    struct copy_budget budget;
    struct delivery *d;
    struct message message;
    /* what is pushed or lies in the source */
    struct slice body;
    /* of it, pushed */
    size_t pushed;
    /* there is no more than this for now */
    size_t limit;
    /* how often the source was asked for its first octet */
    unsigned readings;
    struct body_source source;
    /* leaves in the outcome's event */
    bool leaves;
    /* its account's journal gets no copy */
    bool no_journal;

    /* by index; 0: no answer */
    int codes[PARTY_RECIPIENTS];
    bool upstreams[PARTY_RECIPIENTS];
    size_t added, answered, accepted;
    bool went_ahead;
    unsigned verdicts, failures;
    enum own why;
    enum result result;
    bool may_be_taken;
    enum keep kept;
    int64_t wait;
    char words[1024];
};

static inline void party_push(struct party *p)
{
    while (p->went_ahead && p->d && !delivery_is_full(p->d) && p->pushed < p->body.len &&
           p->pushed < p->limit) {
        struct slice octets = slice_head(slice_from(p->body, p->pushed), CAP_CHUNK);
        octets = slice_head(octets, p->limit - p->pushed);
        p->pushed += octets.len;
        delivery_body(p->d, octets);
        if (p->pushed == p->body.len)
            delivery_body_end(p->d);
    }
}

static inline void party_data(struct party *p)
{
    static struct addr here;
    assert_true(addr_parse_with_port(slice_of("127.0.0.1:1"), &here));
    delivery_data(p->d, &(struct delivery_origin){.helo = "here", .client = &here, .esmtp = true});
}

static inline void party_recipient(void *ctx, size_t index, const struct reply *reply,
                                   bool from_upstream)
{
    struct party *p = ctx;
    assert_in_range(index, 0, PARTY_RECIPIENTS - 1);
    assert_int_equal(p->codes[index], 0);
    p->codes[index] = reply->code;
    p->upstreams[index] = from_upstream;
    p->answered++;
    p->accepted += reply_is(reply, 2);
    if (p->answered == p->added && p->accepted && !p->verdicts && !p->failures)
        party_data(p);
}

static inline void party_go_ahead(void *ctx)
{
    struct party *p = ctx;
    assert_false(p->went_ahead);
    p->went_ahead = true;
}

static inline void party_outcome(struct party *p, const struct outcome *outcome)
{
    p->why = outcome->why;
    p->result = outcome->result;
    p->may_be_taken = outcome->may_be_taken;
    p->kept = outcome->keep;
    p->wait = outcome->wait;
    reply_words(&outcome->reply, p->words, sizeof p->words);
    if (p->leaves)
        delivery_free(&p->d);
}

static inline void party_verdict(void *ctx, const struct outcome *outcome)
{
    struct party *p = ctx;
    p->verdicts++;
    assert_int_equal(outcome->why, OWN_NOTHING);
    party_outcome(p, outcome);
}

static inline void party_failed(void *ctx, const struct outcome *outcome)
{
    struct party *p = ctx;
    p->failures++;
    assert_int_not_equal(outcome->why, OWN_NOTHING);
    party_outcome(p, outcome);
}

static inline void party_flow(void *ctx)
{
    (void)ctx;
}

static const struct delivery_events party_pushes = {.recipient = party_recipient,
                                                    .go_ahead = party_go_ahead,
                                                    .flow = party_flow,
                                                    .verdict = party_verdict,
                                                    .failed = party_failed};
static const struct delivery_events party_is_read = {
    .recipient = party_recipient, .verdict = party_verdict, .failed = party_failed};

static inline enum source_state party_next(void *ctx, uint64_t offset, struct slice *octets_r)
{
    struct party *p = ctx;
    p->readings += offset == 0;
    if (offset == p->body.len)
        return SOURCE_END;
    if (offset >= p->limit)
        return SOURCE_LATER;
    *octets_r = slice_head(slice_from(p->body, (size_t)offset), p->limit - (size_t)offset);
    return SOURCE_OCTETS;
}

/* A world with the accounts of `ini`. Servers are added by world_server before. */
static inline void party_load_config(struct party *p, struct config *config)
{
    struct err err = {0};
    p->config = config;
    p->w.accounts = accounts_new(sim_io(p->w.sim), p->config, &err);
    assert_non_null(p->w.accounts);
    for (size_t i = 0; i < p->config->nupstreams; i++)
        p->accounts[i] = accounts_find(p->w.accounts, p->config->upstreams[i].name);
    p->env = (struct delivery_env){
        .io = sim_io(p->w.sim), .config = p->config, .accounts = p->accounts, .budget = &p->budget};
}

static inline void party_load(struct party *p, const char *ini)
{
    party_load_config(p, sim_config(ini));
}

/* One account and one server, which works; its script is given. */
static inline struct sim_upstream_script *party_init(struct party *p)
{
    *p = (struct party){0};
    world_begin(&p->w);
    struct sim_upstream_script *script = world_server(&p->w, AT587);
    party_load(p, BASIC "ports = 587\n");
    p->limit = SIZE_MAX;
    return script;
}

static inline void party_add(struct party *p, const char *to)
{
    struct address a;
    assert_true(address_parse(slice_of(to), &a));
    size_t index = p->added++;
    assert_int_equal(delivery_recipient(p->d, &a, &(struct rcpt_params){0}), index);
}

/* The message begins, with one recipient. reads: its body is read from a source. */
static inline void party_begin(struct party *p, const char *body, size_t len, bool reads)
{
    struct addr none = {0};
    p->body = slice_make(body, len);
    p->source = (struct body_source){.next = party_next, .ctx = p};
    const char *sender = p->sender ? p->sender : "a@example.net";
    message_begin(&p->message, "abcdefghijk", slice_of(sender), &none, "test", sim_now(p->w.sim));
    struct delivery_order order = {.env = &p->env,
                                   .message = &p->message,
                                   .sender = sender,
                                   .keep = p->keep,
                                   .params = &(struct mail_params){0},
                                   .source = reads ? &p->source : NULL,
                                   .no_journal = p->no_journal};
    p->d = delivery_begin(&order, reads ? &party_is_read : &party_pushes, p);
    party_add(p, "b@example.org");
}

static inline bool party_step(void *ctx)
{
    struct party *p = ctx;
    party_push(p);
    return p->verdicts || p->failures;
}

/* until the outcome */
static inline void party_run(struct party *p)
{
    assert_true(sim_run_until(p->w.sim, party_step, p, 3600 * S));
    assert_int_equal(p->verdicts + p->failures, 1);
}

static inline size_t party_arrived(const struct party *p)
{
    return p->w.ledger->nmails;
}

static inline struct slice party_body(const struct party *p)
{
    return buf_view(&p->w.ledger->mails[0].body);
}

static inline void party_end(struct party *p)
{
    delivery_free(&p->d);
    delivery_free(&p->d);
    assert_int_equal(p->budget.used, 0);
    world_end(&p->w);
    message_free(&p->message);
    config_unref(&p->config);
}

#endif
