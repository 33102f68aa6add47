/* Turns the end of a session into a finding. The table of the findings is in finding_table.c, their
 * sentences are in finding_words.c. */
#include "upstream/finding.h"

#include <string.h>

/* ---- what is about our login: the rule for AUTH, and the rule for every other command ---- */

/* RFC 4954 section 6. A reply that is neither temporary nor about the mechanism refuses the
 * account. Trying the next port with the same credentials would only lock it. */
enum finding finding_of_auth_code(int code)
{
    if (code < 500)
        return FINDING_AUTH_TEMPORARY;
    return code <= 504 ? FINDING_AUTH_UNAVAILABLE : FINDING_AUTH_REFUSED;
}

bool reply_revokes_login(const struct reply *reply)
{
    switch (reply->code) {
    case 530:
    case 534:
    case 535:
    case 538: return true;
    /* Microsoft answers this where an account may not log in with a password any more. */
    case 550: return strcmp(reply->enhanced, "5.7.30") == 0;
    default: return false;
    }
}

/* ---- findings ---- */

static enum finding of_reply(enum smtp_client_stage stage, const struct reply *reply)
{
    int code = reply ? reply->code : 0;
    switch (stage) {
    case SMTP_CLIENT_GREETING: return code >= 500 ? FINDING_GREETING_5XX : FINDING_GREETING_4XX;
    case SMTP_CLIENT_EHLO:
    case SMTP_CLIENT_EHLO_AGAIN: return FINDING_EHLO_REFUSED;
    case SMTP_CLIENT_STARTTLS: return FINDING_STARTTLS_REFUSED;
    case SMTP_CLIENT_AUTH: return finding_of_auth_code(code);
    /* An unexpected 421. */
    default: return FINDING_RESET;
    }
}

static enum finding of_broken_protocol(enum smtp_client_stage stage)
{
    switch (stage) {
    /* There were bytes behind the 220, which is response injection. */
    case SMTP_CLIENT_STARTTLS:
    case SMTP_CLIENT_HANDSHAKE: return FINDING_TLS_HANDSHAKE;
    /* The challenge was wrong, or the 235 came without the proof that the mechanism demands. */
    case SMTP_CLIENT_AUTH: return FINDING_AUTH_UNAVAILABLE;
    default: return FINDING_NOT_SMTP;
    }
}

/* Before anything was said under TLS, an alert belongs to the handshake: TLS 1.3 servers refuse a
 * client's certificate after it. */
static enum finding of_broken_link(const struct smtp_client_failure *failure, enum finding timeout)
{
    bool begins =
        failure->stage == SMTP_CLIENT_GREETING || failure->stage == SMTP_CLIENT_EHLO_AGAIN;
    if (failure->err.kind == ERR_TLS && begins)
        return FINDING_TLS_HANDSHAKE;
    return failure->err.kind == ERR_TIMEOUT ? timeout : FINDING_RESET;
}

enum finding finding_of_failure(const struct smtp_client_failure *failure, enum finding timeout)
{
    if (failure->login != SMTP_CLIENT_LOGIN_BY_CODE)
        return FINDING_AUTH_REFUSED;
    switch (failure->fault) {
    case SMTP_CLIENT_FAULT_LINK: return of_broken_link(failure, timeout);
    case SMTP_CLIENT_FAULT_TIMEOUT: return timeout;
    case SMTP_CLIENT_FAULT_REPLY: return of_reply(failure->stage, failure->reply);
    case SMTP_CLIENT_FAULT_PROTOCOL: return of_broken_protocol(failure->stage);
    case SMTP_CLIENT_FAULT_NO_STARTTLS: return FINDING_NO_STARTTLS;
    case SMTP_CLIENT_FAULT_TLS: return FINDING_TLS_HANDSHAKE;
    case SMTP_CLIENT_FAULT_CERTIFICATE: return FINDING_CERTIFICATE;
    case SMTP_CLIENT_FAULT_NO_MECHANISM: return FINDING_AUTH_UNAVAILABLE;
    /* These are told by a service over HTTPS, of which the rung itself knows more. */
    case SMTP_CLIENT_FAULT_SERVICE:
    case SMTP_CLIENT_FAULT_BARRED:
    case SMTP_CLIENT_FAULT_STRANGE: return FINDING_RESET;
    }
    return FINDING_RESET;
}

enum finding finding_of_err(const struct err *err)
{
    switch (err->kind) {
    case ERR_TIMEOUT: return FINDING_TIMEOUT_CONNECT;
    case ERR_PROXY: return FINDING_PROXY;
    case ERR_RESET:
    case ERR_CLOSED: return FINDING_RESET;
    /* Refused, unreachable, administratively prohibited, or no local address. */
    default: return FINDING_REFUSED;
    }
}
