/* The message goes by DATA with stuffed dots, or by BDAT with chunks staged whole (RFC 3030). The
 * verdict on it comes here, too. smtp_client_end_body alone sends the end of the message. A session
 * that ends earlier leaves the upstream without a dot and without LAST. */
#include "smtp/client_private.h"

#include "base/decimal.h"

/* A body under way was begun with what was known then. Its replies teach what is known. */
void smtp_client_set_chunking(struct smtp_client *c, enum smtp_client_chunking known)
{
    bool under_way = c->transaction == TRANSACTION_BODY || c->transaction == TRANSACTION_ENDING;
    if (!under_way)
        c->chunking = known;
}

enum smtp_client_chunking smtp_client_chunking(const struct smtp_client *c)
{
    return c->chunking;
}

bool smtp_client_uses_bdat(const struct smtp_client *c)
{
    return c->uses_bdat;
}

bool smtp_client_end_is_sent(const struct smtp_client *c)
{
    return c->end_at && c->transaction == TRANSACTION_ENDING &&
           stream_handed(c->stream) > c->end_at;
}

/* There is no way back from here to the reply. RSET would come too early or be taken for text. */
static enum smtp_client_state ask_data(struct smtp_client *c)
{
    c->uses_bdat = false;
    dot_encoder_init(&c->dots);
    return smtp_client_ask(c, CS_DATA, slice_of("DATA\r\n"));
}

void smtp_client_begin_body(struct smtp_client *c)
{
    if (smtp_client_is_mute(c) || c->transaction != TRANSACTION_ENVELOPE)
        return;
    c->transaction = TRANSACTION_BODY;
    /* Logins are over on this connection. */
    stream_wipe(c->stream, false);
    c->uses_bdat = c->ehlo.chunking && c->chunking != CHUNKING_BROKEN;
    if (!c->uses_bdat) {
        ask_data(c);
    } else if (c->chunking == CHUNKING_UNPROVEN) {
        smtp_client_ask(c, CS_PROBE, slice_of("BDAT 0\r\n"));
    } else {
        smtp_client_enter(c, CS_CHUNKS);
        smtp_client_go_ahead_later(c);
    }
}

enum smtp_client_state client_arrive_refused(struct smtp_client *c, const struct reply *r)
{
    c->transaction = TRANSACTION_JUDGED;
    c->events->go_ahead(c->ctx, r);
    return smtp_client_stay(c);
}

enum smtp_client_state client_arrive_body(struct smtp_client *c, const struct reply *r)
{
    (void)r;
    c->events->go_ahead(c->ctx, NULL);
    return smtp_client_stay(c);
}

enum smtp_client_state client_judge_data(struct smtp_client *c, const struct reply *r)
{
    if (r->code == 354)
        return CS_BODY;
    return r->code >= 400 ? CS_REFUSED : smtp_client_lose_out_of_step(c, r);
}

/* Returns whether the command itself is not known, or not taken here. */
static bool denies_bdat(const struct reply *r)
{
    return r->code >= 500 && r->code <= 504;
}

/* A server that announces CHUNKING and does not know BDAT would have read a payload as commands.
 * The probe has an empty one. Postfix knows BDAT and refuses an empty chunk (551 5.7.1 Null BDAT
 * request), and with it the transaction. Its refusal is not about the message. Any other refusal
 * proves nothing, because there are servers that answer a verb that they do not know with 550 or
 * 554. */
enum smtp_client_state client_judge_probe(struct smtp_client *c, const struct reply *r)
{
    enum { NULL_BDAT = 551 };
    bool unknown = denies_bdat(r);
    if (reply_is(r, 3))
        return smtp_client_lose_out_of_step(c, r);
    if (reply_is(r, 2) || r->code == NULL_BDAT)
        c->chunking = CHUNKING_PROVEN;
    else if (reply_is(r, 5))
        c->chunking = CHUNKING_BROKEN;
    if (c->transaction == TRANSACTION_ABANDONED)
        return smtp_client_stay(c);
    if (reply_is(r, 2))
        return CS_CHUNKS;
    return unknown ? ask_data(c) : CS_REFUSED;
}

/* ---- sending ---- */

static size_t put_dotted(struct smtp_client *c, struct slice octets)
{
    enum { FOR_DOTS = 64 };
    struct buf out;
    size_t got, taken;
    buf_init(&out, stream_room(c->stream));
    /* This makes one allocation instead of a series. */
    buf_space(&out, octets.len + FOR_DOTS, &got);
    taken = dot_encode(&c->dots, octets, &out);
    /* The link is dead. STREAM_FAILED follows. */
    if (!stream_write_slice(c->stream, buf_view(&out)))
        taken = 0;
    /* The first piece need not gather, because the end of a body in one piece follows at once. */
    stream_gather(c->stream, c->body_octets > 0);
    buf_free(&out);
    return taken;
}

/* Returns whether one more chunk may go although replies are due. */
static bool may_send_more_chunks(const struct smtp_client *c)
{
    return c->pipelining && c->chunks_out < (c->body_octets > CAP_REPLAY ? CHUNKS_BEYOND_REPLAY
                                                                         : CHUNKS_OUTSTANDING);
}

static bool chunk_may_go(struct smtp_client *c)
{
    if (c->nsent != c->nasked || (c->nsent && !may_send_more_chunks(c)))
        return false;
    return stream_room(c->stream) >= c->stage.len + CHUNK_COMMAND && smtp_client_may_speak(c);
}

/* Queues the length together with all its bytes. Returns false if they could not be queued. */
static bool send_chunk(struct smtp_client *c, bool last)
{
    char command[CHUNK_COMMAND];
    struct slice end = slice_of(last ? " LAST\r\n" : "\r\n");
    size_t n = sizeof "BDAT " - 1;
    memcpy(command, "BDAT ", n);
    n += decimal_put(command + n, c->stage.len, 1);
    memcpy(command + n, end.data, end.len);
    n += end.len;
    if (c->stage.len + n > stream_room(c->stream) || !buf_prepend(&c->stage, command, n) ||
        !stream_write_buf(c->stream, &c->stage))
        return false;
    if (last) {
        c->end_at = stream_position(c->stream) - 1;
    } else {
        c->chunks_out++;
    }
    smtp_client_expect(c, last ? CS_END : CS_CHUNK);
    stream_gather(c->stream, !last && may_send_more_chunks(c));
    return true;
}

static size_t stage_room(const struct smtp_client *c)
{
    return CAP_CHUNK - CHUNK_COMMAND - c->stage.len;
}

static size_t put_staged(struct smtp_client *c, struct slice octets)
{
    size_t taken = 0;
    while (taken < octets.len) {
        struct slice part = slice_head(slice_from(octets, taken), stage_room(c));
        if (part.len && !c->stage.len)
            buf_reserve(&c->stage, CHUNK_COMMAND, CAP_CHUNK - CHUNK_COMMAND);
        if (part.len ? !buf_append_slice(&c->stage, part)
                     : !(chunk_may_go(c) && send_chunk(c, false)))
            break;
        taken += part.len;
    }
    return taken;
}

/* Returns whether nothing of the body is wanted any more. Then it is taken and forgotten. */
static bool is_over(const struct smtp_client *c)
{
    return smtp_client_is_mute(c) || c->transaction > TRANSACTION_ENDING;
}

size_t smtp_client_body(struct smtp_client *c, struct slice octets)
{
    size_t taken = 0;
    if (is_over(c) || c->transaction == TRANSACTION_ENDING)
        return octets.len;
    if (c->rest == CS_BODY)
        taken = put_dotted(c, octets);
    else if (c->rest == CS_CHUNKS)
        taken = put_staged(c, octets);
    c->body_octets += taken;
    c->wants_low = taken < octets.len;
    return taken;
}

/* Sends the final CRLF.CRLF. Its first two octets are the last of the body. */
static void send_dot(struct smtp_client *c)
{
    const char *end = c->dots.in_line ? "\r\n" DOT_END : DOT_END;
    uint64_t at = stream_position(c->stream);
    if (!stream_write_slice(c->stream, slice_of(end)))
        return;
    c->end_at = c->body_octets && !c->dots.in_line ? at - 2 : at;
    smtp_client_expect(c, CS_END);
}

void smtp_client_pump_body(struct smtp_client *c)
{
    enum { DOT_ROOM = 5 };
    if (is_over(c) || c->end_at)
        return;
    if (c->transaction == TRANSACTION_ENDING) {
        if (c->rest == CS_BODY && stream_room(c->stream) >= DOT_ROOM)
            send_dot(c);
        else if (c->rest == CS_CHUNKS && chunk_may_go(c))
            send_chunk(c, true);
        return;
    }
    bool room = c->rest == CS_BODY ? stream_queued(c->stream) <= LOW_MARK
                                   : stage_room(c) || chunk_may_go(c);
    if (c->wants_low && room) {
        c->wants_low = false;
        c->events->low(c->ctx);
    }
}

void smtp_client_end_body(struct smtp_client *c)
{
    if (is_over(c) || (c->rest != CS_BODY && c->rest != CS_CHUNKS))
        return;
    c->transaction = TRANSACTION_ENDING;
    c->wants_low = false;
    smtp_client_pump_body(c);
}

/* ---- verdicts ---- */

/* If the reply came before its command had left whole, the upstream may not read the rest as we
 * mean it. Then we send no RSET. */
static enum smtp_client_state judged(const struct smtp_client *c)
{
    return c->answered_early ? CS_SPOILT : CS_JUDGED;
}

enum smtp_client_state client_arrive_judged(struct smtp_client *c, const struct reply *r)
{
    c->transaction = TRANSACTION_JUDGED;
    c->wants_low = false;
    buf_clear(&c->stage);
    c->events->verdict(c->ctx, r);
    return smtp_client_stay(c);
}

enum smtp_client_state client_arrive_accepted(struct smtp_client *c, const struct reply *r)
{
    enum smtp_client_state next = client_arrive_judged(c, r);
    return next == CS_ACCEPTED && smtp_client_now(c) == CS_ACCEPTED ? CS_IDLE : next;
}

/* In mid-body, after 354, nobody asked for a reply, but a refusal is a verdict. A 2xx to half a
 * message cannot be meant for it. */
enum smtp_client_state client_judge_body(struct smtp_client *c, const struct reply *r)
{
    if (r->code >= 400)
        return CS_SPOILT;
    return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, r, ERR_PROTOCOL,
                            "the upstream answered a message that it had not seen the end of");
}

/* BDAT was proven once, and another machine answers behind the same EHLO. It reads as commands what
 * was sent of the payload. So nothing more may follow on this session, and no RSET either. */
static enum smtp_client_state unlearn_bdat(struct smtp_client *c, const struct reply *r)
{
    c->chunking = CHUNKING_BROKEN;
    if (c->transaction != TRANSACTION_ABANDONED)
        return CS_SPOILT;
    return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, r, ERR_PROTOCOL,
                            "BDAT is not known here any more, and its payload is read as commands");
}

enum smtp_client_state client_judge_chunk(struct smtp_client *c, const struct reply *r)
{
    c->chunks_out--;
    if (reply_is(r, 3))
        return smtp_client_lose_out_of_step(c, r);
    /* Behind a refused chunk RFC 3030 section 2 wants 503 to all that follow. */
    if (reply_is(r, 2) || c->transaction == TRANSACTION_JUDGED)
        return smtp_client_stay(c);
    if (denies_bdat(r))
        return unlearn_bdat(c, r);
    if (c->transaction == TRANSACTION_ABANDONED) {
        c->transaction = TRANSACTION_JUDGED;
        return smtp_client_stay(c);
    }
    return judged(c);
}

enum smtp_client_state client_judge_end(struct smtp_client *c, const struct reply *r)
{
    if (reply_is(r, 3))
        return smtp_client_lose_out_of_step(c, r);
    /* A chunk before the last was refused. RFC 3030 section 2 wants 503 to all that follow. */
    if (c->transaction == TRANSACTION_JUDGED) {
        if (r->code >= 400)
            return smtp_client_stay(c);
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, r, ERR_PROTOCOL,
                                "the upstream accepted a message of which it had refused a part");
    }
    if (c->uses_bdat && denies_bdat(r))
        return unlearn_bdat(c, r);
    if (c->uses_bdat && reply_is(r, 2))
        c->chunking = CHUNKING_PROVEN;
    return reply_is(r, 2) ? CS_ACCEPTED : judged(c);
}
