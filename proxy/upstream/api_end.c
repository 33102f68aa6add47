/* How a message, or the session itself, ends. */
#include <stdio.h>
#include <stdlib.h>

#include "io/loop.h"
#include "upstream/api_session_private.h"

void api_session_speak(struct api_session *s)
{
    loop_defer(s->terms.io->loop, &s->speak);
}

void api_session_reply(struct reply *r, int code, const char *enhanced, const char *text,
                       const char *why)
{
    reply_init(r);
    r->code = code;
    snprintf(r->enhanced, sizeof r->enhanced, "%s", enhanced);
    bool fits = buf_printf(&r->text, "%s", text) && (!why || buf_printf(&r->text, " %s", why));
    (void)fits;
    r->lines = 1;
}

void api_session_forget_due(struct api_session *s)
{
    s->mail_due = s->go_ahead_due = s->low_due = s->decline_due = false;
    s->recipients = s->recipients_told = 0;
}

void api_session_let_go(struct api_session *s)
{
    http_cancel(&s->request);
    credential_cancel(&s->request_secret);
    api_desk_leave(s->terms.desk, &s->pass);
    timer_stop(s->clock);
    parcel_unref(&s->parcel);
}

void api_session_decline(struct api_session *s, enum smtp_client_decline why, const char *words)
{
    /* They may be the gather's, which goes now. */
    snprintf(s->words, sizeof s->words, "%s", words);
    api_session_let_go(s);
    api_session_forget_due(s);
    s->state = API_ANSWERED;
    s->decline = why;
    s->decline_due = true;
    api_session_speak(s);
}

static void free_session(void *arg)
{
    struct api_session *s = arg;
    timer_free(&s->clock);
    api_verdict_clear(&s->verdict);
    free(s->identity);
    free(s);
}

void api_session_end(struct api_session *s)
{
    api_session_let_go(s);
    deferred_cancel(&s->speak);
    s->state = API_OVER;
    s->events = NULL;
    s->epoch++;
    loop_free_later(s->terms.io->loop, s, free_session);
    if (s->told->gone)
        s->told->gone(s->told_ctx);
}

void api_session_lose(struct api_session *s, enum smtp_client_fault fault)
{
    const struct smtp_client_events *events = s->events;
    char words[512];
    struct smtp_client_failure failure = {
        .stage = SMTP_CLIENT_END_OF_DATA,
        .fault = fault,
        .reply = &s->verdict.reply,
        .saw_bytes = true,
        .end_of_data_sent = s->verdict.end == API_UNKNOWN,
    };
    api_session_let_go(s);
    s->state = API_OVER;
    reply_words(&s->verdict.reply, words, sizeof words);
    err_set(&failure.err, ERR_CLOSED, "%s", words);
    failure.cause = failure.err.words;
    events->lost(s->ctx, &failure);
    api_session_end(s);
}

void api_session_verdict(struct api_session *s)
{
    api_session_let_go(s);
    s->state = API_ANSWERED;
    s->events->verdict(s->ctx, &s->verdict.reply);
}
