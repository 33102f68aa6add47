/* The sentence for a refused login: by what the upstream said, the cure. */
#include <string.h>

#include "upstream/finding_private.h"

struct login_cure {
    /* The code and the enhanced code of the reply. 0 and "" stand for any. */
    int code;
    const char *enhanced;
    /* Only with a token. */
    bool token;
    const char *words;
};

/* The first that fits. Microsoft's codes are the only ones that say more than "no". */
static const struct login_cure cures[] = {
    {0, "5.7.139", false,
     "SMTP AUTH is switched off for this tenant or mailbox: Set-CASMailbox "
     "-SmtpClientAuthenticationDisabled $false"},
    {550, "5.7.30", false, "this tenant takes no passwords any more: use a token (OAuth2)"},
    {501, "5.5.127", true, "the access token is too old: another one is fetched"},
    {501, "5.5.124", true,
     "the token belongs to another account than the one that logs in: username must be the HVE "
     "account"},
    {535, "5.7.3", true,
     "the token is valid, but grants no right to send: is the service principal registered with "
     "the object id of the Enterprise application, has it a right to this mailbox (permission or "
     "RBAC role), is username the mailbox, and is SMTP AUTH enabled for it?"},
};

static bool fits(const struct login_cure *c, const struct finding_detail *d)
{
    return d->reply && (!c->code || c->code == d->reply->code) &&
           strcmp(c->enhanced, d->reply->enhanced) == 0 &&
           (!c->token || d->login != SMTP_CLIENT_LOGIN_BY_CODE);
}

static const char *cure_of(const struct finding_detail *d)
{
    for (size_t i = 0; i < sizeof cures / sizeof cures[0]; i++)
        if (fits(&cures[i], d))
            return cures[i].words;
    return NULL;
}

void finding_says_auth_refused(struct sentence *s, const struct finding_detail *d)
{
    const char *cure = cure_of(d);
    bool token = d->login != SMTP_CLIENT_LOGIN_BY_CODE;
    if (d->port.mode == PORT_API) {
        finding_say(s, "%u/api: %s refuses us (%s): it rests, and the other ports go on",
                    (unsigned)d->port.number, d->host ? d->host : "the API",
                    d->err && d->err->words[0] ? d->err->words : "no reason given");
        return;
    }
    finding_say(s, "%u refuses the %s", (unsigned)d->port.number,
                token ? "access token" : "configured credentials");
    finding_say_reply(s, d);
    if (d->login_words && d->login_words[0])
        finding_say(s, ", and says of it: %.120s", d->login_words);
    if (cure)
        finding_say(s, ": %s", cure);
    else if (token)
        finding_say(s, ": it is for another user than username, or for another scope");
    else
        finding_say(s, ": check username and password (some providers want an app password)");
    finding_say(s, "; no other port is tried with %s", token ? "it" : "them");
}

void finding_says_token(struct sentence *s, const struct finding_detail *d)
{
    finding_say(s, "%u%s got as far as the login, and there is no access token: %s",
                (unsigned)d->port.number, d->port.mode == PORT_API ? "/api" : "",
                d->err && d->err->words[0] ? d->err->words : "unknown");
}
