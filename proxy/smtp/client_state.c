/* The table of the client half: a row per state. */
#include "smtp/client_private.h"

const struct client_row client_rows[CS_COUNT] = {
    /* asked: a reply is due */
    [CS_GREETING] = {"greeting", CLIENT_GREETING, CLOCK_OWNER, client_judge_greeting},
    [CS_EHLO] = {"ehlo", CLIENT_EHLO, CLOCK_OWNER, client_judge_ehlo},
    [CS_STARTTLS] = {"starttls", CLIENT_STARTTLS, CLOCK_OWNER, client_judge_starttls},
    [CS_EHLO_AGAIN] = {"ehlo-again", CLIENT_EHLO_AGAIN, CLOCK_OWNER, client_judge_ehlo_again},
    [CS_AUTH] = {"auth", CLIENT_AUTH, CLOCK_OWNER, client_judge_auth},
    [CS_MAIL] = {"mail", CLIENT_MAIL, CLOCK_REPLY, client_judge_mail},
    [CS_RCPT] = {"rcpt", CLIENT_RCPT, CLOCK_REPLY, client_judge_rcpt},
    [CS_DATA] = {"data", CLIENT_DATA, CLOCK_REPLY, client_judge_data},
    [CS_PROBE] = {"probe", CLIENT_DATA, CLOCK_REPLY, client_judge_probe},
    [CS_CHUNK] = {"chunk", CLIENT_BODY, CLOCK_PROGRESS, client_judge_chunk},
    [CS_END] = {"end", CLIENT_END_OF_DATA, CLOCK_FINAL, client_judge_end},
    [CS_RSET] = {"rset", CLIENT_RSET, CLOCK_REPLY, client_judge_rset},
    /* at rest: whatever comes was not asked for, but for the early verdict on a body */
    [CS_CONNECTING] = {"connecting", CLIENT_GREETING, CLOCK_OWNER, client_judge_unasked},
    [CS_HANDSHAKE] = {"handshake", CLIENT_HANDSHAKE, CLOCK_OWNER, client_judge_unasked},
    [CS_AUTH_WANTED] = {"auth-wanted", CLIENT_AUTH, CLOCK_OWNER, client_judge_unasked},
    [CS_AUTH_WORKING] = {"auth-working", CLIENT_AUTH, CLOCK_OWNER, client_judge_unasked},
    [CS_IDLE] = {"idle", CLIENT_IDLE, CLOCK_OWNER, client_judge_unasked},
    [CS_ENVELOPE] = {"envelope", CLIENT_RCPT, CLOCK_OWNER, client_judge_unasked},
    [CS_BODY] = {"body", CLIENT_BODY, CLOCK_PROGRESS, client_judge_body},
    [CS_CHUNKS] = {"chunks", CLIENT_BODY, CLOCK_OWNER, client_judge_unasked},
    [CS_JUDGED] = {"judged", CLIENT_END_OF_DATA, CLOCK_OWNER, client_judge_unasked},
    [CS_GONE] = {"gone", CLIENT_QUIT, CLOCK_OWNER, client_judge_unasked},
};

const char *client_stage_words(enum client_stage stage)
{
    switch (stage) {
    case CLIENT_GREETING: return "waiting for the greeting";
    case CLIENT_EHLO: return "saying EHLO";
    case CLIENT_STARTTLS: return "asking for STARTTLS";
    case CLIENT_HANDSHAKE: return "in the TLS handshake";
    case CLIENT_EHLO_AGAIN: return "saying EHLO under TLS";
    case CLIENT_AUTH: return "authenticating";
    case CLIENT_IDLE: return "idle";
    case CLIENT_MAIL: return "naming the sender";
    case CLIENT_RCPT: return "naming the recipients";
    case CLIENT_DATA: return "asking to send the message";
    case CLIENT_BODY: return "sending the message";
    case CLIENT_END_OF_DATA: return "waiting for the verdict on the message";
    case CLIENT_RSET: return "resetting";
    case CLIENT_QUIT: return "saying goodbye";
    }
    return "";
}
