/* The message's octets on their way from client to upstream: looked at, rewritten (rewrite.h), kept
 * for a replay, given on as fast as the upstream takes them. */
#include <stdio.h>

#include "mail/rewrite_lines.h"
#include "relay/relay_private.h"

/* PROMISES 7; RFC 5321 6.3 */
enum { RECEIVED_MAX = 50 };

static bool is_all_here(const struct transaction *t)
{
    switch (t->front) {
    case FRONT_END:
    case FRONT_GONE: return true;
    case FRONT_ENVELOPE:
    case FRONT_DATA:
    case FRONT_BODY:
    case FRONT_REFUSING: return false;
    }
    return false;
}

void body_hold(struct transaction *t)
{
    bool hold = t->front == FRONT_BODY && (t->back != BACK_BODY || copy_next(&t->body).len);
    if (t->session && hold != t->held) {
        t->held = hold;
        smtp_server_hold_body(t->session->server, hold);
    }
}

void body_pump(struct transaction *t)
{
    struct smtp_client *c = lease_client(t->lease);
    struct slice next = copy_next(&t->body);
    if (next.len)
        copy_fed(&t->body, smtp_client_body(c, next));
    if (!copy_next(&t->body).len && is_all_here(t)) {
        t->back = BACK_END;
        smtp_client_end_body(c);
    }
    body_hold(t);
}

/* The last stage, behind the rewriting: a replay gives the upstream the same octets again. What is
 * not kept for one goes straight on. */
static void put(void *ctx, struct slice octets)
{
    struct transaction *t = ctx;
    if (!t->body.whole && t->back == BACK_BODY && !copy_next(&t->body).len)
        octets = slice_from(octets, smtp_client_body(lease_client(t->lease), octets));
    if (octets.len)
        copy_put(&t->body, octets);
}

static struct rewrite_facts facts_of(const struct transaction *t)
{
    return (struct rewrite_facts){
        .upstream = t->upstream,
        .hostname = t->generation->config->server.hostname,
        .sender = t->sender,
        .id = t->message.id,
        .seconds = loop_wall_ms(t->relay->io->loop) / 1000,
        .utf8 = t->wants_utf8,
    };
}

static void complete(struct rewrite_plan *plan, void *ctx)
{
    struct rewrite_facts facts = facts_of(ctx);
    rewrite_plan_complete(plan, &facts);
}

void body_begin(struct transaction *t)
{
    const struct smtp_server_client *client = smtp_server_client(t->session->server);
    struct rewrite_facts facts = facts_of(t);
    struct rewrite_plan plan;
    facts.helo = client->helo;
    facts.client = &client->peer;
    facts.esmtp = client->esmtp;
    facts.tls = client->tls;
    facts.authenticated = client->user != NULL;
    rewrite_plan_make(&plan, &facts);
    plan.complete = complete;
    rewrite_begin(&t->rewrite, &plan, put, t);
}

void transaction_body(struct transaction *t, struct slice octets)
{
    t->message.size += octets.len;
    rewrite_feed(&t->rewrite, octets);
    /* Passed on as it is, it would go out under an address that header_from says not to use. */
    bool long_from = t->rewrite.too_long;
    if (t->rewrite.scan.received > RECEIVED_MAX || long_from) {
        transaction_settle_own(t, long_from ? OWN_LONG_FROM : OWN_HOPS, NULL);
        return;
    }
    transaction_advance(t);
    body_hold(t);
}

static void log_left_out(const struct transaction *t)
{
    char fields[32];
    const struct rewrite *r = &t->rewrite;
    snprintf(fields, sizeof fields, "%s%s%s", r->left_date ? ",Date" : "",
             r->left_message_id ? ",Message-ID" : "", r->left_from ? ",From" : "");
    if (fields[0])
        log_event(t->relay->io->log, LOG_INFO,
                  "missing header fields were not added: a DKIM-Signature covers their absence, "
                  "and would break",
                  log_str("id", t->message.id), log_str("fields", fields + 1));
}

void transaction_body_end(struct transaction *t, struct smtp_server_command *cmd)
{
    rewrite_end(&t->rewrite);
    log_left_out(t);
    t->front = FRONT_END;
    t->cmd = cmd;
    transaction_advance(t);
}
