/* DATA and the body (RFC 5321 4.1.1.4, 4.5.2), and BDAT, which is refused. */
#include <assert.h>
#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "smtp/server_private.h"
#include "wire/reply.h"

static void data_answered(struct smtp_server *s, const struct answer *answer)
{
    assert(answer->code == 354 || answer->code >= 400);
    if (answer->code == 354)
        smtp_server_body_begin(s);
    else
        s->data_refused = true;
}

void server_do_data(struct smtp_server *s, const struct command *command)
{
    (void)command;
    if (s->recipients) {
        s->handlers->data(s->ctx, smtp_server_ticket(s, data_answered));
        return;
    }
    /* A client that pipelines sends DATA before it knows the answer to RCPT. In an outage it must
     * not look like a client that makes only errors. */
    (s->refused_by_others ? smtp_server_say_blameless : smtp_server_say)(s, 554, "5.5.1",
                                                                         "no valid recipients");
    s->data_refused = true;
}

/* CHUNKING is not offered. The length of the payload is unknown if the command could not be parsed,
 * so nothing behind it is read as commands. */
void server_do_bdat(struct smtp_server *s, const struct command *command)
{
    (void)command;
    smtp_server_farewell(s, 502, "5.5.1", "CHUNKING was not offered",
                         "the client sent BDAT, which was not offered");
}

void smtp_server_body_begin(struct smtp_server *s)
{
    s->body = NEW(struct body);
    dot_decoder_init(&s->body->decoder, s->settings->lf_line_endings);
    buf_init(&s->body->refusal, CAP_CLIENT_OUTPUT);
    s->held = false;
    stream_wipe(s->stream, false);
    /* From here on the clock runs in windows of a minute. */
    timer_stop(s->clock);
    s->body->window_start = loop_now(s->io->loop);
    smtp_server_clock_progress(s);
}

void smtp_server_body_free(struct smtp_server *s)
{
    if (!s->body)
        return;
    buf_free(&s->body->refusal);
    free(s->body);
    s->body = NULL;
    /* The next line may be an AUTH. */
    if (s->stream)
        stream_wipe(s->stream, true);
}

void smtp_server_hold_body(struct smtp_server *s, bool hold)
{
    s->held = hold;
    smtp_server_schedule(s);
}

void smtp_server_refuse_body(struct smtp_server *s, const struct answer *answer)
{
    struct body *body = s->body;
    if (s->why || !body || body->fate != BODY_WANTED)
        return;
    body->fate = BODY_REFUSED;
    body->refusal_code = answer->code;
    body->refusal_is_ours = !answer->from_upstream;
    if (!reply_write(&body->refusal, answer->code, answer->enhanced ? answer->enhanced : "",
                     answer->text))
        smtp_server_cut(s, "an answer was too long");
    smtp_server_schedule(s);
}

static void end_of_data_answered(struct smtp_server *s, const struct answer *answer)
{
    smtp_server_transaction_over(s);
    if (answer->code / 100 == 2)
        s->junk = s->errors = 0;
}

/* The end of data was seen. If the handler still wants the body, it is not holding it. */
static void end_of_data(struct smtp_server *s)
{
    struct body *body = s->body;
    enum body_fate fate = body->fate;
    if (fate == BODY_OVERRUN)
        smtp_server_say(s, 552, "5.3.4", "the message is larger than this server takes");
    if (fate == BODY_REFUSED) {
        smtp_server_write(s, buf_view(&body->refusal));
        smtp_server_count_error(s, body->refusal_code, !body->refusal_is_ours);
    }
    smtp_server_body_free(s);
    if (fate == BODY_WANTED) {
        s->handlers->body_end(s->ctx, smtp_server_ticket(s, end_of_data_answered));
        return;
    }
    smtp_server_transaction_over(s);
    if (fate == BODY_REFUSED && !s->why)
        s->handlers->reset(s->ctx, SMTP_SERVER_REFUSED);
}

static void deliver(struct smtp_server *s, struct slice octets)
{
    struct body *body = s->body;
    if (body->fate == BODY_WANTED && body->decoder.octets > s->settings->max_message_size) {
        body->fate = BODY_OVERRUN;
        s->handlers->reset(s->ctx, SMTP_SERVER_OVERRUN);
    }
    if (body->fate == BODY_WANTED && octets.len)
        s->handlers->body(s->ctx, octets);
}

/* The slice `octets` may lie in the stream itself. */
static void take_body(struct smtp_server *s, size_t used, struct slice octets)
{
    /* The decoder may have produced what it owed, without new input. */
    if (used)
        smtp_server_clock_heard(s, used);
    deliver(s, octets);
    /* A session that was cut has none. */
    if (s->stream)
        stream_consume(s->stream, used);
}

static void decode_body(struct smtp_server *s, struct slice view)
{
    struct buf out;
    buf_init(&out, CAP_CHUNK);
    /* The buffer is reserved in one piece, instead of growing with every line. */
    size_t used, reserved;
    buf_space(&out, view.len + 8, &reserved);
    s->body->over = dot_decode(&s->body->decoder, view, &used, &out);
    take_body(s, used, buf_view(&out));
    buf_free(&out);
}

enum smtp_server_step smtp_server_read_body(struct smtp_server *s)
{
    struct body *body = s->body;
    if (s->held && body->fate == BODY_WANTED)
        return STEP_NEEDS_ANSWER;
    if (body->over) {
        end_of_data(s);
        return STEP_DONE;
    }
    struct slice view = stream_view(s->stream);
    if (!view.len)
        return STEP_NEEDS_CLIENT;
    size_t used = dot_pass(&body->decoder, view);
    if (used)
        take_body(s, used, slice_head(view, used));
    else
        decode_body(s, view);
    return STEP_DONE;
}
