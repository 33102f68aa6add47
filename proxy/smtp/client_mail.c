/* This file has the transaction up to its recipients, and RSET. Replies to MAIL and RCPT are
 * matched by count and order. A refused MAIL does not spare the replies to the RCPTs that left with
 * it. */
#include "base/decimal.h"
#include "smtp/client_private.h"

/* This is one command, which is built without the heap. */
struct line {
    size_t len;
    /* Everything fitted, and no value can end the line early. */
    bool ok;
    char text[LINE_ROOM];
};

static void put(struct line *l, struct slice s)
{
    l->ok = l->ok && s.len <= sizeof l->text - l->len;
    if (!l->ok || !s.len)
        return;
    memcpy(l->text + l->len, s.data, s.len);
    l->len += s.len;
}

static void put_text(struct line *l, const char *text)
{
    put(l, slice_of(text));
}

static void put_value(struct line *l, const char *keyword, struct slice value)
{
    l->ok = l->ok && smtp_client_is_safe(value);
    put_text(l, keyword);
    put(l, value);
}

static void put_number(struct line *l, const char *keyword, uint64_t n)
{
    char digits[DECIMAL_ROOM];
    put_text(l, keyword);
    put(l, slice_make(digits, decimal_put(digits, n, 1)));
}

static void ask_line(struct smtp_client *c, enum smtp_client_state state, struct line *l)
{
    put_text(l, "\r\n");
    if (l->ok)
        smtp_client_ask(c, state, slice_make(l->text, l->len));
    else
        smtp_client_fail_later(c, SMTP_CLIENT_FAULT_LINK, ERR_INVALID,
                               "an address or parameter can't be sent");
}

void smtp_client_mark_pooled(struct smtp_client *c)
{
    c->fresh_from_pool = true;
}

static void begin_transaction(struct smtp_client *c)
{
    c->flights = 0;
    c->rcpts_answered = 0;
    c->transaction = TRANSACTION_ENVELOPE;
    c->wants_low = c->uses_bdat = false;
    c->body_octets = c->end_at = 0;
    c->chunks_out = 0;
    buf_clear(&c->stage);
}

void smtp_client_mail(struct smtp_client *c, const struct smtp_client_mail *mail)
{
    UNINITIALIZED struct line l;
    l.len = 0;
    l.ok = true;
    if (smtp_client_is_mute(c))
        return;
    if (smtp_client_now(c) != CS_IDLE) {
        smtp_client_fail_later(c, SMTP_CLIENT_FAULT_LINK, ERR_INVALID,
                               "MAIL outside of an idle session");
        return;
    }
    begin_transaction(c);
    put_value(&l, "MAIL FROM:<", mail->from);
    put_text(&l, ">");
    if (mail->has_size && c->ehlo.has_size)
        put_number(&l, " SIZE=", mail->size);
    if (mail->eightbit && c->ehlo.eightbit)
        put_text(&l, " BODY=8BITMIME");
    if (mail->smtputf8)
        put_text(&l, " SMTPUTF8");
    if (mail->ret.len && c->ehlo.dsn)
        put_value(&l, " RET=", mail->ret);
    if (mail->envid.len && c->ehlo.dsn)
        put_value(&l, " ENVID=", mail->envid);
    smtp_client_enter(c, CS_ENVELOPE);
    ask_line(c, CS_MAIL, &l);
}

void smtp_client_rcpt(struct smtp_client *c, struct slice to, struct slice notify,
                      struct slice orcpt)
{
    UNINITIALIZED struct line l;
    l.len = 0;
    l.ok = true;
    if (smtp_client_is_mute(c) || c->transaction != TRANSACTION_ENVELOPE)
        return;
    put_value(&l, "RCPT TO:<", to);
    put_text(&l, ">");
    if (notify.len && c->ehlo.dsn)
        put_value(&l, " NOTIFY=", notify);
    if (orcpt.len && c->ehlo.dsn)
        put_value(&l, " ORCPT=", orcpt);
    ask_line(c, CS_RCPT, &l);
}

enum smtp_client_state client_judge_mail(struct smtp_client *c, const struct reply *r)
{
    if (reply_is(r, 3))
        return smtp_client_lose_out_of_step(c, r);
    if (c->transaction != TRANSACTION_ABANDONED)
        c->events->mail_reply(c->ctx, r);
    return smtp_client_stay(c);
}

enum smtp_client_state client_judge_rcpt(struct smtp_client *c, const struct reply *r)
{
    size_t index = c->rcpts_answered++;
    if (reply_is(r, 3))
        return smtp_client_lose_out_of_step(c, r);
    if (c->transaction != TRANSACTION_ABANDONED)
        c->events->rcpt_reply(c->ctx, index, r);
    return smtp_client_stay(c);
}

/* ---- giving up ---- */

/* Drops the commands that were not sent. Those that were sent get replies, which nobody hears. */
static void say_rset(struct smtp_client *c)
{
    const struct asked *newest = smtp_client_newest(c);
    /* A RSET is under way already. */
    if (newest && newest->state == CS_RSET)
        return;
    smtp_client_drop_waiting(c);
    if (c->transaction != TRANSACTION_JUDGED)
        c->transaction = TRANSACTION_ABANDONED;
    c->wants_low = c->go_ahead_due = false;
    buf_clear(&c->stage);
    smtp_client_enter(c, CS_JUDGED);
    smtp_client_ask(c, CS_RSET, slice_of("RSET\r\n"));
}

bool smtp_client_can_reset(const struct smtp_client *c)
{
    return !smtp_client_is_mute(c) && c->rest >= CS_IDLE && smtp_client_hears(c) == HEARS_COMMANDS;
}

bool smtp_client_abort(struct smtp_client *c)
{
    if (c->rest == CS_GONE)
        return false;
    if (smtp_client_can_reset(c)) {
        say_rset(c);
        return true;
    }
    struct smtp_client *gone = c;
    smtp_client_close(&gone);
    return false;
}

void smtp_client_rset(struct smtp_client *c)
{
    if (smtp_client_is_mute(c))
        return;
    if (smtp_client_can_reset(c))
        say_rset(c);
    else
        smtp_client_fail_later(
            c, SMTP_CLIENT_FAULT_LINK, ERR_CLOSED,
            "the upstream is left in mid-message; the session can't be used again");
}

enum smtp_client_state client_judge_rset(struct smtp_client *c, const struct reply *r)
{
    if (!reply_is(r, 2))
        return r->code >= 400 ? smtp_client_lose_to_reply(c, r)
                              : smtp_client_lose_out_of_step(c, r);
    return CS_IDLE;
}
