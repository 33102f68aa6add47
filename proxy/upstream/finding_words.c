/* One sentence for each finding, for an admin who has to do something about it. The reply parser
 * has removed controls from the peer's text. The log and the pages escape the rest. */
#include <stdarg.h>
#include <stdio.h>

#include "upstream/finding_private.h"

void finding_say(struct sentence *s, const char *fmt, ...)
{
    if (s->len + 1 >= s->size)
        return;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(s->out + s->len, s->size - s->len, fmt, args);
    va_end(args);
    if (n > 0)
        s->len += (size_t)n < s->size - s->len ? (size_t)n : s->size - s->len - 1;
}

static const char *err_words(const struct finding_detail *d, const char *otherwise)
{
    if (d->cause && d->cause[0])
        return d->cause;
    return d->err && d->err->words[0] ? d->err->words : otherwise;
}

/* What the peer said, cut to what a sentence can hold; nothing when it said nothing. */
void finding_say_reply(struct sentence *s, const struct finding_detail *d)
{
    char words[160];
    if (d->reply && d->reply->code)
        finding_say(s, " (%s)", reply_words(d->reply, words, sizeof words));
}

static void say_where(struct sentence *s, const struct finding_detail *d)
{
    char text[ADDR_TEXT];
    finding_say(s, "%u", (unsigned)d->port.number);
    if (d->address && d->address->family != ADDR_NONE)
        finding_say(s, " at %s", addr_text(d->address, text));
}

/* The usual submission ports are never in the wrong mode. Any other port may be. */
static bool mode_is_doubtful(const struct port *p)
{
    switch (p->number) {
    case 25:
    case 587:
    case 2525: return p->mode == PORT_IMPLICIT;
    case 465: return p->mode != PORT_IMPLICIT;
    default: return true;
    }
}

static void say_other_mode(struct sentence *s, const struct finding_detail *d)
{
    if (!mode_is_doubtful(&d->port))
        return;
    if (d->port.mode == PORT_IMPLICIT)
        finding_say(s, "; or the port begins without TLS: try %u/starttls",
                    (unsigned)d->port.number);
    else
        finding_say(s, "; or the port wants TLS from the first byte: try %u/implicit",
                    (unsigned)d->port.number);
}

void finding_says_api(struct sentence *s, const struct finding_detail *d)
{
    finding_say(
        s,
        "%u/api: %s gives an answer that its API does not give (%s): check api and api_url, "
        "or something on the way answers in its place",
        (unsigned)d->port.number, d->host ? d->host : "the host", err_words(d, "no reason given"));
}

void finding_says_works(struct sentence *s, const struct finding_detail *d)
{
    if (d->port.mode == PORT_API) {
        finding_say(
            s,
            "%u/api: %s answers over HTTPS with a verified certificate; the login is proven "
            "by the first message",
            (unsigned)d->port.number, d->host ? d->host : "the API");
        return;
    }
    say_where(s, d);
    finding_say(s, " works");
    if (d->facts && d->facts->version[0])
        finding_say(s, ", %s%s", d->facts->version,
                    d->facts->verified ? " with a verified certificate"
                                       : " with an unverified certificate");
    else
        finding_say(s, ", without TLS");
    if (d->mechanism && d->mechanism[0])
        finding_say(s, ", logged in with %s", d->mechanism);
}

void finding_says_untried(struct sentence *s, const struct finding_detail *d)
{
    finding_say(s, "%u has not been tried yet", (unsigned)d->port.number);
}

void finding_says_dns(struct sentence *s, const struct finding_detail *d)
{
    finding_say(
        s,
        "%u: the name %s cannot be resolved (%s): check its spelling and this machine's resolver",
        (unsigned)d->port.number, d->host ? d->host : "of the host", err_words(d, "no address"));
}

void finding_says_timeout_connect(struct sentence *s, const struct finding_detail *d)
{
    if (d->port.mode == PORT_API) {
        finding_say(s,
                    "%u/api: %s does not answer in time (%s): a firewall, or a proxy that is "
                    "missing",
                    (unsigned)d->port.number, d->host, err_words(d, "silence"));
        return;
    }
    say_where(s, d);
    finding_say(s, " does not answer at all: a firewall is probably dropping the connection");
}

void finding_says_greeting_4xx(struct sentence *s, const struct finding_detail *d)
{
    finding_say(s, "%u turns us away for now", (unsigned)d->port.number);
    finding_say_reply(s, d);
}

void finding_says_greeting_5xx(struct sentence *s, const struct finding_detail *d)
{
    finding_say(s, "%u turns us away", (unsigned)d->port.number);
    finding_say_reply(s, d);
    finding_say(s, ": the server does not want this address");
}

void finding_says_ehlo_refused(struct sentence *s, const struct finding_detail *d)
{
    finding_say(s, "%u refuses EHLO", (unsigned)d->port.number);
    finding_say_reply(s, d);
    if (d->reply && reply_is(d->reply, 4))
        finding_say(s, ": the server is busy, or does not like helo in the config");
    else
        finding_say(s, ": check helo in the config, or something ancient answers");
}

void finding_says_starttls_refused(struct sentence *s, const struct finding_detail *d)
{
    finding_say(s, "%u offers STARTTLS and then refuses it", (unsigned)d->port.number);
    finding_say_reply(s, d);
    finding_say(
        s, ": the server's TLS is broken, or a middlebox interferes; it is never used without TLS");
}

void finding_says_refused(struct sentence *s, const struct finding_detail *d)
{
    say_where(s, d);
    if (d->err && d->err->kind == ERR_PERMISSION)
        finding_say(
            s,
            " is rejected by this machine itself (%s): its own firewall or its service's sandbox "
            "does not let the connection out",
            d->err->words);
    else if (d->err && d->err->kind == ERR_UNREACHABLE)
        finding_say(s, " cannot be reached (%s): a route is missing, or a firewall rejects it",
                    d->err->words);
    else if (d->err && d->err->kind != ERR_REFUSED && d->err->words[0])
        finding_say(s, " cannot be used: %s", d->err->words);
    else
        finding_say(s, " refuses the connection: nothing listens there, or a firewall rejects it");
}

void finding_says_timeout_greeting(struct sentence *s, const struct finding_detail *d)
{
    finding_say(s, "%u %s: a firewall is probably swallowing SMTP", (unsigned)d->port.number,
                d->greeted ? "greets but never answers EHLO"
                           : "accepts the connection but never greets");
    if (!d->greeted)
        say_other_mode(s, d);
}

void finding_says_reset(struct sentence *s, const struct finding_detail *d)
{
    finding_say(s, "%u cuts the connection", (unsigned)d->port.number);
    /* The stage is known only once SMTP began. */
    if (d->address)
        finding_say(s, " while %s", smtp_client_stage_words(d->stage));
    finding_say_reply(s, d);
    if (!d->reply)
        finding_say(s, " (%s)", err_words(d, "connection reset"));
    finding_say(s,
                ": a firewall does not let it through, or the server does not want this address");
}

void finding_says_not_smtp(struct sentence *s, const struct finding_detail *d)
{
    unsigned port = d->port.number;
    if (d->speaks_tls)
        finding_say(s, "%u speaks TLS from the first byte: write %u/implicit in ports", port, port);
    else
        finding_say(
            s,
            "%u does not speak SMTP (%s): something else answers there, perhaps a captive portal "
            "or a middlebox",
            port, err_words(d, "malformed reply"));
}

void finding_says_no_starttls(struct sentence *s, const struct finding_detail *d)
{
    if (d->ehlo && d->ehlo->starttls_mangled)
        finding_say(
            s,
            "%u had its STARTTLS keyword overwritten on the way: a firewall inspects SMTP here; "
            "switch its SMTP fixup off or use another "
            "port",
            (unsigned)d->port.number);
    else
        finding_say(
            s,
            "%u does not offer STARTTLS: a firewall may have removed it, or the server has none; "
            "it is never used without TLS",
            (unsigned)d->port.number);
}

void finding_says_timeout_tls(struct sentence *s, const struct finding_detail *d)
{
    if (d->facts && d->facts->version[0]) {
        finding_say(
            s,
            "%u completes the TLS handshake and then never answers EHLO: the server is overloaded, "
            "or something on the way interferes",
            (unsigned)d->port.number);
        return;
    }
    finding_say(s,
                "%u falls silent during the TLS handshake: a firewall is probably swallowing TLS",
                (unsigned)d->port.number);
    if (d->port.mode == PORT_IMPLICIT)
        say_other_mode(s, d);
}

void finding_says_tls_handshake(struct sentence *s, const struct finding_detail *d)
{
    if (d->facts && d->facts->wants_ours) {
        finding_say(s, "%u wants a client certificate that it trusts (%s): tls_cert",
                    (unsigned)d->port.number, err_words(d, ""));
        return;
    }
    if (d->err && d->err->kind == ERR_PROTOCOL)
        finding_say(s, "%u breaks STARTTLS (%s): an attacker on the way may be injecting replies",
                    (unsigned)d->port.number, err_words(d, ""));
    else
        finding_say(
            s,
            "%u fails the TLS handshake (%s): the versions do not meet, or a middlebox interferes",
            (unsigned)d->port.number, err_words(d, "no reason given"));
    /* The mode of a port that answered STARTTLS is certain. */
    if (d->port.mode == PORT_IMPLICIT)
        say_other_mode(s, d);
}

static void say_expired(struct sentence *s, const struct finding_detail *d)
{
    int64_t day = 24 * 3600;
    if (d->facts->not_before > d->now_s)
        finding_say(s, "is not valid before %lld days from now: check this machine's clock",
                    (long long)((d->facts->not_before - d->now_s) / day + 1));
    else
        finding_say(
            s, "expired %lld days ago: the server must renew it, or this machine's clock is wrong",
            (long long)(d->now_s > d->facts->not_after ? (d->now_s - d->facts->not_after) / day
                                                       : 0));
}

void finding_says_certificate(struct sentence *s, const struct finding_detail *d)
{
    const struct tls_facts *f = d->facts;
    finding_say(s, "%u presents a certificate that ", (unsigned)d->port.number);
    switch (f ? f->fault : TLS_FAULT_OTHER) {
    case TLS_FAULT_NAME:
        finding_say(s, "is for %s, not for %s: somebody else answers in its place",
                    f->names[0] ? f->names : "no name at all",
                    d->expected ? d->expected
                    : d->host   ? d->host
                                : "the host");
        return;
    case TLS_FAULT_EXPIRED: say_expired(s, d); break;
    case TLS_FAULT_UNTRUSTED:
        finding_say(s, "is not signed by a CA trusted here (issuer %s): ",
                    f->issuer[0] ? f->issuer : "unknown");
        if (f->lone)
            finding_say(s, "it came alone, so the server probably does not send its intermediate "
                           "certificate; or ");
        finding_say(s, "TLS is intercepted on the way, or add its CA to tls_ca");
        break;
    case TLS_FAULT_PIN:
        finding_say(s, "matches no tls_fingerprint (it is %s)",
                    f->sha256[0] ? f->sha256 : "unknown");
        break;
    default:
        finding_say(s, "is not trusted (%s)",
                    f && f->fault_words[0] ? f->fault_words : err_words(d, "no reason given"));
        break;
    }
    if (f && f->names[0] && f->fault != TLS_FAULT_PIN)
        finding_say(s, "; it is for %s", f->names);
}

/* Says where the configuration excludes a mechanism. */
static void say_auth_setting(struct sentence *s, const struct finding_detail *d)
{
    if (d->auth != AUTH_AUTO && d->auth != AUTH_NONE) {
        finding_say(s, ", and auth = %s allows nothing else", auth_choice_word(d->auth));
        return;
    }
    for (int m = 0; m < MECHANISM_COUNT; m++) {
        const struct mechanism_row *row = mechanism_row((enum mechanism)m);
        bool unused = !mechanism_is_wanted((enum mechanism)m, AUTH_AUTO, MECHANISM_PASSWORD);
        if (unused && (d->ehlo->mechanisms & mechanism_bit((enum mechanism)m)))
            finding_say(s, " (%s is used only with auth = %s)", row->name, row->word);
    }
}

void finding_says_auth_unavailable(struct sentence *s, const struct finding_detail *d)
{
    bool unearned = d->err && d->err->kind == ERR_PERMISSION;
    const char *offered =
        d->ehlo && d->ehlo->auth && d->ehlo->mechanisms_text[0] ? d->ehlo->mechanisms_text : NULL;
    bool refused = d->reply && d->reply->code >= 400;
    if (!refused && d->err && d->err->kind == ERR_PROTOCOL && d->stage == SMTP_CLIENT_AUTH) {
        finding_say(s,
                    "%u does not log us in as the protocol has it (%s): the server is broken, or a "
                    "middlebox interferes",
                    (unsigned)d->port.number, err_words(d, ""));
        return;
    }
    if (refused)
        finding_say(s, "%u takes none of the login mechanisms", (unsigned)d->port.number);
    else
        finding_say(s, "%u offers no login that can be used", (unsigned)d->port.number);
    if (!refused && d->err && d->stage == SMTP_CLIENT_AUTH &&
        (d->err->kind == ERR_INVALID || d->err->kind == ERR_LIMIT)) {
        finding_say(s, ": %s", err_words(d, ""));
        return;
    }
    finding_say_reply(s, d);
    if (offered) {
        finding_say(s, ": it offers %s", offered);
        if (!unearned)
            say_auth_setting(s, d);
    } else {
        finding_say(s, ": it offers no AUTH at all");
    }
    if (unearned)
        finding_say(s, ", and the connection has not earned a password");
}

void finding_says_auth_temporary(struct sentence *s, const struct finding_detail *d)
{
    unsigned port = d->port.number;
    if (d->reply && d->reply->code) {
        finding_say(s, "%u cannot check the login now", port);
        finding_say_reply(s, d);
        finding_say(s, ": it is tried again, other ports too");
    } else {
        finding_say(s, "%u was not asked to log us in: there is no password (%s)", port,
                    err_words(d, "temporary failure"));
    }
}

void finding_says_timeout_auth(struct sentence *s, const struct finding_detail *d)
{
    unsigned port = d->port.number;
    if (d->at_gate)
        finding_say(
            s, "%u was not asked to log us in: the login on another port was not answered in time",
            port);
    else
        finding_say(
            s,
            "%u never answers the login: the server is overloaded, or the connection was swallowed "
            "on the way",
            port);
}

void finding_says_proxy(struct sentence *s, const struct finding_detail *d)
{
    finding_say(s, "%u: the proxy on the way ", (unsigned)d->port.number);
    if (!d->err || d->err->kind == ERR_TIMEOUT)
        finding_say(s, "does not answer: it is down, or it cannot reach the port");
    else if (d->err->kind == ERR_PROXY)
        finding_say(s, "says no (%s)", d->err->words);
    else
        finding_say(s, "cannot be used (%s): check proxy in the config, and whether it is up",
                    d->err->words);
}
