#include "mail/explain.h"

enum remedy { SENDER, AUTHOR, BOTH, QUALIFY, HEADERS, HELO };

/* The words by which services refuse a sender, as far as they can be distinguished. ASCII case is
 * ignored. The first row that fits counts. */
static const struct explain_row {
    const char *words;
    enum remedy cure;
} rows[] = {
    /* Microsoft 365 and Exchange: 550 5.7.60 SMTP; Client does not have permissions to send as this
     * sender. Or 554 5.2.252 SendAsDenied. */
    {"5.7.60", BOTH},
    {"SendAsDenied", BOTH},
    {"send as this sender", BOTH},
    {"not allowed to send as", BOTH},
    /* SendGrid: 550 The from address does not match a verified Sender Identity. Postmark: ... is
     * not a Sender Signature. SparkPost: Unconfigured Sending Domain. */
    {"verified Sender Identity", AUTHOR},
    {"Sender Signature", AUTHOR},
    {"Unconfigured Sending Domain", AUTHOR},
    {"domain is not verified", AUTHOR},
    {"domain not verified", AUTHOR},
    {"domain must be verified", AUTHOR},
    /* Amazon SES: 554 Message rejected: Email address is not verified. Other services have words of
     * their own. */
    {"not verified", BOTH},
    {"must be verified", BOTH},
    {"not a verified sender", BOTH},
    {"unverified sender", BOTH},
    /* Postfix: 553 5.7.1 Sender address rejected: not owned by user me. Other mailboxes answer
     * similarly. */
    {"not owned by", SENDER},
    {"must equal authorized user", BOTH},
    {"not same as SMTP authenticate username", SENDER},
    /* Zoho: 553 Relaying disallowed as me@x, or 553 Sender is not allowed to relay emails. */
    {"Relaying disallowed as", BOTH},
    {"not allowed to relay", BOTH},
    {"From header does not match", AUTHOR},
    {"multiple addresses in From", AUTHOR},
    {"need fully-qualified address", QUALIFY},
    {"need fully-qualified hostname", HELO},
    {"Sender address rejected", SENDER},
    {"valid messageId header", HEADERS},
    {"missing required header", HEADERS},
    {"From header is missing", HEADERS},
    {"missing From header", HEADERS},
    {"Helo command rejected", HELO},
};

static bool contains(struct slice text, const char *words)
{
    for (size_t i = 0; i < text.len; i++)
        if (slice_starts(slice_from(text, i), words))
            return true;
    return false;
}

static bool says(const struct reply *reply, const char *words)
{
    return slice_is(slice_of(words), reply->enhanced) || contains(buf_view(&reply->text), words);
}

/* A key that is set already cannot be the cure: the account itself may not send what it sends. */
#define SET "its own address was refused: the account must be allowed, or verified, at the provider"

static const char *advice(enum remedy cure, const struct upstream_config *u)
{
    switch (cure) {
    case SENDER:
        return u->envelope_from ? "envelope_from is set, and " SET
                                : "envelope_from = an address that this account may send from";
    case AUTHOR:
        return u->header_from ? "header_from is set, and " SET
                              : "header_from = an address that this account may send from";
    case BOTH:
        if (u->envelope_from && u->header_from)
            return "envelope_from and header_from are set, and " SET;
        return "envelope_from and header_from = an address that this account may send from";
    case QUALIFY: return u->qualify ? NULL : "qualify = the domain of addresses without one";
    case HEADERS: return u->fix_headers ? NULL : "fix_headers = yes";
    case HELO: return u->helo ? NULL : "helo = the full name of this host, or [server] hostname";
    }
    return NULL;
}

const char *explain_refusal(const struct reply *reply, const struct upstream_config *u)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (says(reply, rows[i].words))
            return advice(rows[i].cure, u);
    return NULL;
}
