/* The transaction up to its recipients, and RSET. Replies to MAIL and RCPT are matched by count and
 * order; a refused MAIL does not spare the replies to the RCPTs that left with it. */
#include "smtp/client_private.h"

/* one command, built without the heap */
struct line {
    size_t len;
    /* everything fitted, and no value could end the line early */
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
    l->ok = l->ok && client_is_safe(value);
    put_text(l, keyword);
    put(l, value);
}

static void put_number(struct line *l, const char *keyword, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    put_text(l, keyword);
    put(l, slice_make(digits + at, sizeof digits - at));
}

static void ask_line(struct client *c, enum client_state state, struct line *l)
{
    put_text(l, "\r\n");
    if (l->ok)
        client_ask(c, state, slice_make(l->text, l->len));
    else
        client_fail_later(c, CLIENT_FAULT_LINK, ERR_INVALID,
                          "an address or parameter can't be sent");
}

void client_mark_pooled(struct client *c)
{
    c->fresh_from_pool = true;
}

static void begin_transaction(struct client *c)
{
    c->flights = 0;
    c->rcpts_answered = 0;
    c->given_up = c->judged = c->wants_low = c->ending = c->end_queued = c->uses_bdat =
        c->body_begun = false;
    c->clean = true;
    c->body_octets = 0;
    c->chunks_out = 0;
    buf_clear(&c->stage);
}

void client_mail(struct client *c, const struct client_mail *mail)
{
    struct line l;
    l.len = 0;
    l.ok = true;
    if (client_is_mute(c))
        return;
    if (client_now(c) != CS_IDLE) {
        client_fail_later(c, CLIENT_FAULT_LINK, ERR_INVALID, "MAIL outside of an idle session");
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
    client_enter(c, CS_ENVELOPE);
    ask_line(c, CS_MAIL, &l);
}

void client_rcpt(struct client *c, struct slice to, struct slice notify, struct slice orcpt)
{
    struct line l;
    l.len = 0;
    l.ok = true;
    if (client_is_mute(c) || c->rest != CS_ENVELOPE || c->given_up || c->body_begun)
        return;
    put_value(&l, "RCPT TO:<", to);
    put_text(&l, ">");
    if (notify.len && c->ehlo.dsn)
        put_value(&l, " NOTIFY=", notify);
    if (orcpt.len && c->ehlo.dsn)
        put_value(&l, " ORCPT=", orcpt);
    ask_line(c, CS_RCPT, &l);
}

enum client_state client_judge_mail(struct client *c, const struct reply *r)
{
    if (reply_is(r, 3))
        return client_lose_out_of_step(c, r);
    if (!c->given_up)
        c->events->mail_reply(c->ctx, r);
    return client_now(c);
}

enum client_state client_judge_rcpt(struct client *c, const struct reply *r)
{
    size_t index = c->rcpts_answered++;
    if (reply_is(r, 3))
        return client_lose_out_of_step(c, r);
    if (!c->given_up)
        c->events->rcpt_reply(c->ctx, index, r);
    return client_now(c);
}

/* ---- giving up ---- */

/* What was asked and not sent is dropped; what was sent gets its reply, which nobody hears. */
static void say_rset(struct client *c)
{
    enum client_state now = client_now(c);
    /* a RSET is under way already */
    if (c->given_up && now != CS_IDLE && client_oldest(c))
        return;
    client_drop_waiting(c);
    c->given_up = true;
    c->ending = c->wants_low = c->go_ahead_due = false;
    buf_clear(&c->stage);
    if (c->rest != CS_IDLE)
        client_enter(c, CS_JUDGED);
    client_ask(c, CS_RSET, slice_of("RSET\r\n"));
}

bool client_can_reset(const struct client *c)
{
    enum client_state now = client_now(c);
    if (client_is_mute(c))
        return false;
    if (now == CS_IDLE || now == CS_RSET)
        return true;
    return c->clean && (!c->end_queued || c->judged) &&
           (c->rest == CS_ENVELOPE || c->rest == CS_CHUNKS || c->rest == CS_JUDGED);
}

bool client_abort(struct client *c)
{
    if (c->rest == CS_GONE)
        return false;
    if (client_can_reset(c)) {
        say_rset(c);
        return true;
    }
    struct client *gone = c;
    client_close(&gone);
    return false;
}

void client_rset(struct client *c)
{
    if (client_is_mute(c))
        return;
    if (client_can_reset(c))
        say_rset(c);
    else
        client_fail_later(c, CLIENT_FAULT_LINK, ERR_CLOSED,
                          "the upstream is left in mid-message; the session can't be used again");
}

enum client_state client_judge_rset(struct client *c, const struct reply *r)
{
    if (!reply_is(r, 2))
        return r->code >= 400 ? client_lose_to_reply(c, r) : client_lose_out_of_step(c, r);
    return client_settle(c);
}
