/* The envelope: MAIL, RCPT, RSET (RFC 5321 4.1.1.2, 4.1.1.3, 4.1.1.5). */
#include "smtp/server_private.h"

void smtp_server_refuse(struct smtp_server *s, const struct command *command, int code,
                        const char *enhanced, const char *text)
{
    struct address from;
    struct slice rest, shown = command->args;
    bool is_message = command->verb == VERB_MAIL && !s->transaction;
    if (is_message) {
        if (command->keyword_ok && address_parse_path(command->args, &from, &rest))
            shown = from.text;
        s->handlers->mail_refused(
            s->ctx, shown,
            &(struct answer){.code = code, .enhanced = enhanced, .text = slice_of(text)});
    }
    smtp_server_say(s, code, enhanced, text);
    if (is_message)
        smtp_server_set_message_id(s, NULL);
}

/* Returns true if the parameters are in order. Otherwise the command was answered. */
static bool params_are_good(struct smtp_server *s, const struct command *command,
                            enum params_fault fault)
{
    if (fault == PARAMS_UNKNOWN)
        smtp_server_refuse(s, command, 555, "5.5.4", "a parameter that was not offered to you");
    else if (fault == PARAMS_SYNTAX)
        smtp_server_refuse(s, command, 501, "5.5.4", "a parameter is wrong or given twice");
    return fault == PARAMS_OK;
}

static void mail_answered(struct smtp_server *s, const struct answer *answer)
{
    if (answer->code / 100 == 2) {
        s->transaction = true;
        return;
    }
    smtp_server_transaction_over(s);
    /* Otherwise a client that is answered "later" could ask for ever. */
    s->junk++;
}

void server_do_mail(struct smtp_server *s, const struct command *command)
{
    struct address from;
    struct slice rest;
    struct mail_params params;
    if (s->transaction) {
        smtp_server_say(s, 503, "5.5.1", "a transaction is open already: end it with DATA or RSET");
        return;
    }
    if (!command->keyword_ok) {
        smtp_server_refuse(s, command, 501, "5.5.4", "expected MAIL FROM:<address>");
        return;
    }
    if (!address_parse_path(command->args, &from, &rest)) {
        smtp_server_refuse(s, command, 501, "5.1.7", "bad sender address");
        return;
    }
    if (!params_are_good(s, command, params_parse_mail(rest, &s->offered, &params)))
        return;
    s->handlers->mail(s->ctx, smtp_server_ticket(s, mail_answered), &from, &params);
}

static void rcpt_answered(struct smtp_server *s, const struct answer *answer)
{
    s->recipients_pending--;
    if (answer->code / 100 == 2)
        s->recipients++;
    else if (answer->from_upstream || answer->code < 500)
        s->refused_by_others = true;
}

void server_do_rcpt(struct smtp_server *s, const struct command *command)
{
    struct address to;
    struct slice rest;
    struct rcpt_params params;
    if (!command->keyword_ok) {
        smtp_server_say(s, 501, "5.5.4", "expected RCPT TO:<address>");
        return;
    }
    if (!address_parse_path(command->args, &to, &rest) || !to.text.len) {
        smtp_server_say(s, 501, "5.1.3", "bad recipient address");
        return;
    }
    if (!params_are_good(s, command, params_parse_rcpt(rest, &s->offered, &params)))
        return;
    /* A 452 here is final for this recipient only. The client sends the rest in another message
     * (RFC 5321 4.5.3.1.10). */
    if (s->recipients + s->recipients_pending >= s->settings->max_recipients) {
        smtp_server_say(s, 452, "4.5.3", "too many recipients in one message");
        return;
    }
    s->recipients_pending++;
    s->handlers->rcpt(s->ctx, smtp_server_ticket(s, rcpt_answered), &to, &params);
}

void smtp_server_reset(struct smtp_server *s)
{
    if (!s->transaction)
        return;
    smtp_server_transaction_over(s);
    s->handlers->reset(s->ctx, SMTP_SERVER_RSET);
}

void server_do_rset(struct smtp_server *s, const struct command *command)
{
    (void)command;
    smtp_server_reset(s);
    smtp_server_say(s, 250, "2.0.0", "forgotten");
}
