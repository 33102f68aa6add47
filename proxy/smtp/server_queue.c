/* Commands that wait for their answers, and the answers. They leave in the order of the commands,
 * in whatever order the answers come. */
#include <assert.h>
#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "smtp/server_private.h"
#include "wire/reply.h"

struct smtp_server_command {
    /* Is in server.commands. */
    struct link link;
    struct smtp_server *server;
    /* NULL if the answer means nothing for the session. */
    smtp_server_answered_fn *heed;
    bool answered;
    /* Filled from the answer until those before it have left. */
    struct buf reply;
};

struct smtp_server_command *smtp_server_ticket(struct smtp_server *s, smtp_server_answered_fn *heed)
{
    struct smtp_server_command *cmd = NEW(struct smtp_server_command);
    cmd->server = s;
    cmd->heed = heed;
    buf_init(&cmd->reply, CAP_CLIENT_OUTPUT);
    list_push_back(&s->commands, &cmd->link);
    s->pending++;
    return cmd;
}

static void drop(struct smtp_server_command *cmd)
{
    link_remove(&cmd->link);
    cmd->server->pending--;
    buf_free(&cmd->reply);
    free(cmd);
}

static struct smtp_server_command *first_of(const struct smtp_server *s)
{
    return CONTAINER(s->commands.next, struct smtp_server_command, link);
}

enum smtp_server_step smtp_server_queue_state(const struct smtp_server *s)
{
    if (stream_queued(s->stream) > LOW_MARK || (s->pending && first_of(s)->answered))
        return STEP_NEEDS_READER;
    /* Only RCPTs, and our own answers among them, wait side by side. Without an unanswered RCPT
     * another verb is waiting. */
    if (s->pending && !s->recipients_pending)
        return STEP_NEEDS_ANSWER;
    bool counting = s->recipients_pending &&
                    s->recipients + s->recipients_pending >= s->settings->max_recipients;
    return counting || s->pending >= CAP_PENDING_COMMANDS ? STEP_NEEDS_ANSWER : STEP_DONE;
}

void smtp_server_queue_free(struct smtp_server *s)
{
    LIST_EACH (&s->commands, it)
        drop(CONTAINER(it, struct smtp_server_command, link));
}

void smtp_server_write(struct smtp_server *s, struct slice reply)
{
    if (!s->why && !stream_write_slice(s->stream, reply))
        smtp_server_cut(s, "the client does not read its answers");
}

/* An upstream may answer hundreds of RCPTs in one turn. What does not fit into the stream waits
 * here until the client has read. */
void smtp_server_queue_flush(struct smtp_server *s)
{
    while (!s->why && s->pending && first_of(s)->answered &&
           first_of(s)->reply.len <= stream_room(s->stream)) {
        struct smtp_server_command *first = first_of(s);
        smtp_server_write(s, buf_view(&first->reply));
        drop(first);
    }
}

bool smtp_server_format_own(struct smtp_server *s, struct buf *out, int code, const char *enhanced,
                            const char *text)
{
    if (!s->message_id || code < 400)
        return reply_write(out, code, enhanced, slice_of(text));
    struct buf line;
    buf_init(&line, CAP_REPLY_TEXT);
    bool ok = buf_printf(&line, "%s [%s]", text, s->message_id) &&
              reply_write(out, code, enhanced, buf_view(&line));
    buf_free(&line);
    return ok;
}

void smtp_server_count_error(struct smtp_server *s, int code, bool from_upstream)
{
    if (code >= 500 && !from_upstream)
        s->errors++;
}

void smtp_server_say(struct smtp_server *s, int code, const char *enhanced, const char *text)
{
    if (s->why)
        return;
    smtp_server_count_error(s, code, false);
    smtp_server_say_blameless(s, code, enhanced, text);
}

void smtp_server_note(struct smtp_server *s, int code, const char *enhanced, const char *text,
                      bool goodbye)
{
    if (s->transaction && code >= 400)
        s->handlers->told(
            s->ctx, &(struct answer){.code = code, .enhanced = enhanced, .text = slice_of(text)},
            goodbye);
}

void smtp_server_say_blameless(struct smtp_server *s, int code, const char *enhanced,
                               const char *text)
{
    if (s->why)
        return;
    smtp_server_note(s, code, enhanced, text, false);
    if (code < 400 && !s->transaction)
        smtp_server_clock_progress(s);
    struct buf reply;
    buf_init(&reply, CAP_CLIENT_OUTPUT);
    if (!smtp_server_format_own(s, &reply, code, enhanced, text)) {
        buf_free(&reply);
        smtp_server_cut(s, "an answer was too long");
    } else if (!s->pending) {
        smtp_server_write(s, buf_view(&reply));
        buf_free(&reply);
    } else {
        struct smtp_server_command *cmd = smtp_server_ticket(s, NULL);
        cmd->reply = reply;
        cmd->answered = true;
    }
}

void smtp_server_transaction_over(struct smtp_server *s)
{
    s->transaction = false;
    s->recipients = 0;
    s->refused_by_others = false;
    smtp_server_set_message_id(s, NULL);
}

void smtp_server_answer_login(struct smtp_server_command *cmd, enum smtp_server_login verdict)
{
    struct smtp_server *s = cmd->server;
    assert(!s->told && !cmd->answered && !cmd->heed);
    if (s->why) {
        cmd->answered = true;
        return;
    }
    /* It was alone, so the answer is sent at once. */
    drop(cmd);
    smtp_server_login_verdict(s, verdict);
    smtp_server_schedule(s);
}

void smtp_server_answer(struct smtp_server_command *cmd, const struct answer *answer)
{
    struct smtp_server *s = cmd->server;
    assert(!s->told && !cmd->answered);
    /* The session ended a moment ago, and the handler has not been told yet. */
    if (s->why) {
        cmd->answered = true;
        return;
    }
    if (!reply_write(&cmd->reply, answer->code, answer->enhanced ? answer->enhanced : "",
                     answer->text)) {
        smtp_server_cut(s, "an answer was too long");
        return;
    }
    cmd->answered = true;
    if (answer->code < 400)
        smtp_server_clock_progress(s);
    if (cmd->heed)
        cmd->heed(s, answer);
    smtp_server_count_error(s, answer->code, answer->from_upstream);
    smtp_server_queue_flush(s);
    smtp_server_schedule(s);
}
