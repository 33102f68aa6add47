/* The table of the client half has a row per state. */
#include "smtp/client_private.h"

const struct smtp_client_row smtp_client_rows[CS_COUNT] = {
    /* In these states a command was asked, and a reply is due. */
    [CS_GREETING] = {"greeting", SMTP_CLIENT_GREETING, CLOCK_OWNER, HEARS_COMMANDS,
                     client_judge_greeting, NULL},
    [CS_EHLO] = {"ehlo", SMTP_CLIENT_EHLO, CLOCK_OWNER, HEARS_COMMANDS, client_judge_ehlo, NULL},
    [CS_HELO] = {"helo", SMTP_CLIENT_EHLO, CLOCK_OWNER, HEARS_COMMANDS, client_judge_helo, NULL},
    [CS_STARTTLS] = {"starttls", SMTP_CLIENT_STARTTLS, CLOCK_OWNER, HEARS_NOTHING,
                     client_judge_starttls, NULL},
    [CS_EHLO_AGAIN] = {"ehlo-again", SMTP_CLIENT_EHLO_AGAIN, CLOCK_OWNER, HEARS_COMMANDS,
                       client_judge_ehlo_again, NULL},
    [CS_AUTH] = {"auth", SMTP_CLIENT_AUTH, CLOCK_OWNER, HEARS_NOTHING, client_judge_auth, NULL},
    [CS_MAIL] = {"mail", SMTP_CLIENT_MAIL, CLOCK_REPLY, HEARS_COMMANDS, client_judge_mail, NULL},
    [CS_RCPT] = {"rcpt", SMTP_CLIENT_RCPT, CLOCK_REPLY, HEARS_COMMANDS, client_judge_rcpt, NULL},
    [CS_DATA] = {"data", SMTP_CLIENT_DATA, CLOCK_REPLY, HEARS_NOTHING, client_judge_data, NULL},
    [CS_PROBE] = {"probe", SMTP_CLIENT_DATA, CLOCK_REPLY, HEARS_COMMANDS, client_judge_probe, NULL},
    [CS_CHUNK] = {"chunk", SMTP_CLIENT_BODY, CLOCK_PROGRESS, HEARS_COMMANDS, client_judge_chunk,
                  NULL},
    [CS_END] = {"end", SMTP_CLIENT_END_OF_DATA, CLOCK_FINAL, HEARS_BODY, client_judge_end, NULL},
    [CS_RSET] = {"rset", SMTP_CLIENT_RSET, CLOCK_REPLY, HEARS_COMMANDS, client_judge_rset, NULL},
    /* In these states the session is at rest. No reply that comes was asked for, except the early
     * verdict on a body. */
    [CS_CONNECTING] = {"connecting", SMTP_CLIENT_GREETING, CLOCK_OWNER, HEARS_COMMANDS,
                       client_judge_unasked, NULL},
    [CS_HANDSHAKE] = {"handshake", SMTP_CLIENT_HANDSHAKE, CLOCK_OWNER, HEARS_NOTHING,
                      client_judge_unasked, client_arrive_handshake},
    [CS_AUTH_WANTED] = {"auth-wanted", SMTP_CLIENT_AUTH, CLOCK_OWNER, HEARS_COMMANDS,
                        client_judge_unasked, client_arrive_auth_wanted},
    [CS_AUTH_WORKING] = {"auth-working", SMTP_CLIENT_AUTH, CLOCK_OWNER, HEARS_NOTHING,
                         client_judge_unasked, NULL},
    [CS_IDLE] = {"idle", SMTP_CLIENT_IDLE, CLOCK_OWNER, HEARS_COMMANDS, client_judge_unasked,
                 client_arrive_idle},
    [CS_ENVELOPE] = {"envelope", SMTP_CLIENT_RCPT, CLOCK_OWNER, HEARS_COMMANDS,
                     client_judge_unasked, NULL},
    [CS_BODY] = {"body", SMTP_CLIENT_BODY, CLOCK_PROGRESS, HEARS_BODY, client_judge_body,
                 client_arrive_body},
    [CS_CHUNKS] = {"chunks", SMTP_CLIENT_BODY, CLOCK_OWNER, HEARS_COMMANDS, client_judge_unasked,
                   client_arrive_body},
    [CS_REFUSED] = {"refused", SMTP_CLIENT_END_OF_DATA, CLOCK_OWNER, HEARS_COMMANDS,
                    client_judge_unasked, client_arrive_refused},
    [CS_ACCEPTED] = {"accepted", SMTP_CLIENT_END_OF_DATA, CLOCK_OWNER, HEARS_COMMANDS,
                     client_judge_unasked, client_arrive_accepted},
    [CS_JUDGED] = {"judged", SMTP_CLIENT_END_OF_DATA, CLOCK_OWNER, HEARS_COMMANDS,
                   client_judge_unasked, client_arrive_judged},
    [CS_SPOILT] = {"spoilt", SMTP_CLIENT_END_OF_DATA, CLOCK_OWNER, HEARS_NOTHING,
                   client_judge_unasked, client_arrive_judged},
    [CS_GONE] = {"gone", SMTP_CLIENT_QUIT, CLOCK_OWNER, HEARS_NOTHING, client_judge_unasked, NULL},
};

const char *smtp_client_stage_words(enum smtp_client_stage stage)
{
    switch (stage) {
    case SMTP_CLIENT_GREETING: return "waiting for the greeting";
    case SMTP_CLIENT_EHLO: return "saying EHLO";
    case SMTP_CLIENT_STARTTLS: return "asking for STARTTLS";
    case SMTP_CLIENT_HANDSHAKE: return "in the TLS handshake";
    case SMTP_CLIENT_EHLO_AGAIN: return "saying EHLO under TLS";
    case SMTP_CLIENT_AUTH: return "authenticating";
    case SMTP_CLIENT_IDLE: return "idle";
    case SMTP_CLIENT_MAIL: return "naming the sender";
    case SMTP_CLIENT_RCPT: return "naming the recipients";
    case SMTP_CLIENT_DATA: return "asking to send the message";
    case SMTP_CLIENT_BODY: return "sending the message";
    case SMTP_CLIENT_END_OF_DATA: return "waiting for the verdict on the message";
    case SMTP_CLIENT_RSET: return "resetting";
    case SMTP_CLIENT_QUIT: return "saying goodbye";
    }
    return "";
}
