#include "delivery/outcome.h"

#include "base/log.h"
#include "delivery/fallback.h"
#include "mail/explain.h"
#include "upstream/finding.h"

static void settle(struct delivery *d, bool judged)
{
    state_leave_upstream(d, judged);
    d->back = BACK_SETTLED;
    copy_free(&d->copy);
    if (d->outcome.why == OWN_NOTHING)
        d->events->verdict(d->ctx, &d->outcome);
    else
        d->events->failed(d->ctx, &d->outcome);
}

void outcome_explain(struct delivery *d, const struct reply *reply)
{
    const char *help = reply_is(reply, 2) ? NULL : explain_refusal(reply, d->upstream);
    if (!help || d->explained)
        return;
    d->explained = true;
    log_event(
        d->env->io->log, LOG_WARN, "a key of the configuration can fix the upstream's refusal",
        log_str("id", d->message->id), log_str("upstream", d->upstream->name),
        log_num("port", d->message->port), log_num("status", reply->code), log_str("help", help));
}

void outcome_note_unfit(struct delivery *d, const struct reply *reply)
{
    char words[256];
    if (!d->unfit.code)
        log_event(d->env->io->log, LOG_WARN,
                  state_logs_in(d) ? "the upstream let us log in, and yet answers as if we had "
                                     "not: ask whether this user may send mail here"
                                   : "the upstream wants a login, and this account has none: set "
                                     "username and password_file",
                  log_str("id", d->message->id), log_str("upstream", d->upstream->name),
                  log_num("port", d->message->port), log_num("status", reply->code),
                  log_str("reply", reply_words(reply, words, sizeof words)));
    reply_copy(&d->unfit, reply);
}

void outcome_keep_unasked(struct delivery *d)
{
    failure_say(&d->outcome.reply, OWN_KEPT, d->message->id,
                &(struct own_words){.detail = "as configured"});
    d->outcome.why = OWN_KEPT;
    d->outcome.behind = "";
    d->outcome.result = RESULT_SPOOLED;
    d->outcome.keep = KEEP_ALWAYS;
    d->back = BACK_SETTLED;
}

static void end_by_own(struct delivery *d, enum own own, const char *behind)
{
    d->outcome.why = own;
    d->outcome.behind = behind;
    d->outcome.result = failure_result(own);
    d->outcome.keep = failure_keep(d->keep, own, NULL);
    d->outcome.may_be_taken = own == OWN_LOST_SENT;
    settle(d, false);
    d->outcome.behind = "";
}

void outcome_own(struct delivery *d, enum own own, const char *detail)
{
    failure_say(&d->outcome.reply, own, d->message->id,
                &(struct own_words){.host = d->upstream->host, .detail = detail ? detail : ""});
    end_by_own(d, own, detail ? detail : "");
}

void outcome_said(struct delivery *d, enum own own, const char *detail)
{
    char said[240];
    if (!d->said.code) {
        outcome_own(d, own, detail);
        return;
    }
    failure_pass_on(&d->outcome.reply, &d->said, d->message->id);
    end_by_own(d, own, reply_words(&d->said, said, sizeof said));
}

void outcome_reply(struct delivery *d, const struct reply *reply)
{
    char said[240];
    bool judged = d->back == BACK_GO_AHEAD || d->back == BACK_BODY || d->back == BACK_END;
    if (reply_revokes_login(reply)) {
        outcome_note_unfit(d, reply);
        /* A refused RCPT does not come here. */
        d->unfit_at_mail = d->back == BACK_ENVELOPE;
        if (d->unfit_at_mail && !state_has_promised(d)) {
            state_leave_upstream(d, false);
            d->back = BACK_NONE;
            if (fallback_follow(d, OWN_CREDENTIALS, NULL))
                return;
        }
        outcome_own(d, OWN_CREDENTIALS, reply_words(reply, said, sizeof said));
        return;
    }
    outcome_explain(d, reply);
    reply_copy(&d->outcome.reply, reply);
    d->outcome.why = OWN_NOTHING;
    d->outcome.behind = "";
    d->outcome.keep = failure_keep(d->keep, OWN_NOTHING, reply);
    d->outcome.result = reply_is(reply, 2)   ? RESULT_DELIVERED
                        : reply_is(reply, 5) ? RESULT_REFUSED
                                             : RESULT_DEFERRED;
    settle(d, judged);
}
