/* The findings, one row each. A row with an empty column does not compile. */
#include "upstream/finding_private.h"

#define ROW(id, name, kind, says, one, many, advice)                                               \
    [FINDING_##id] = {name, FINDING_##kind, finding_says_##says, one, many, FINDING_ADVICE_##advice}

static const struct finding_row rows[] = {
    ROW(UNTRIED, "untried", KIND_OTHER, untried, NULL, NULL, PORTS),
    ROW(WORKS, "works", KIND_OTHER, works, NULL, NULL, NOTHING),
    ROW(DNS, "dns", KIND_OTHER, dns, "The host's name cannot be resolved. ",
        "The host's name cannot be resolved. ", HOST),
    ROW(REFUSED, "refused", KIND_AT_ONCE, refused,
        "%s is closed at the server, or rejected on the way. ",
        "%s are closed at the server, or rejected on the way. ", PORTS),
    ROW(TIMEOUT_CONNECT, "timeout-connect", KIND_NETWORK, timeout_connect,
        "This network blocks %s. ", "This network blocks %s. ", PORTS),
    ROW(TIMEOUT_GREETING, "timeout-greeting", KIND_NETWORK, timeout_greeting,
        "This network swallows SMTP on %s. ", "This network swallows SMTP on %s. ", PORTS),
    ROW(RESET, "reset", KIND_AT_ONCE, reset, "%s is cut off, on the way or by the server. ",
        "%s are cut off, on the way or by the server. ", PORTS),
    ROW(GREETING_4XX, "greeting-4xx", KIND_OTHER, greeting_4xx,
        "The server has no time for us on %s. ", "The server has no time for us on %s. ", LATER),
    ROW(GREETING_5XX, "greeting-5xx", KIND_OTHER, greeting_5xx,
        "The server does not want this address on %s. ",
        "The server does not want this address on %s. ", STRANGER),
    ROW(NOT_SMTP, "not-smtp", KIND_OTHER, not_smtp,
        "Something that is no mail server answers on %s. ",
        "Something that is no mail server answers on %s. ", PORTS),
    ROW(EHLO_REFUSED, "ehlo-refused", KIND_OTHER, ehlo_refused, "%s refuses our name in EHLO. ",
        "%s refuse our name in EHLO. ", HELO),
    ROW(NO_STARTTLS, "no-starttls", KIND_TLS, no_starttls, "%s offers no TLS. ",
        "%s offer no TLS. ", PORTS),
    ROW(STARTTLS_REFUSED, "starttls-refused", KIND_TLS, starttls_refused,
        "%s offers TLS and then refuses it. ", "%s offer TLS and then refuse it. ", PORTS),
    ROW(TIMEOUT_TLS, "timeout-tls", KIND_OTHER, timeout_tls, "This network swallows TLS on %s. ",
        "This network swallows TLS on %s. ", MODE),
    ROW(TLS_HANDSHAKE, "tls-handshake", KIND_TLS, tls_handshake, "The TLS handshake fails on %s. ",
        "The TLS handshake fails on %s. ", MODE),
    ROW(CERTIFICATE, "certificate", KIND_TLS, certificate,
        "%s shows a certificate that is not to be trusted. ",
        "%s show certificates that are not to be trusted. ", CERTIFICATE),
    ROW(AUTH_UNAVAILABLE, "auth-unavailable", KIND_OTHER, auth_unavailable,
        "%s offers no login that can be used. ", "%s offer no login that can be used. ", MECHANISM),
    ROW(AUTH_TEMPORARY, "auth-temporary", KIND_OTHER, auth_temporary,
        "Nobody can be logged in now on %s. ", "Nobody can be logged in now on %s. ", LATER),
    ROW(TIMEOUT_AUTH, "timeout-auth", KIND_OTHER, timeout_auth,
        "The login got no answer in time on %s. ", "The login got no answer in time on %s. ",
        TIMEOUT),
    ROW(AUTH_REFUSED, "auth-refused", KIND_OTHER, auth_refused,
        "The credentials are refused (%s). ", "The credentials are refused (%s). ", LOGIN),
    ROW(TOKEN, "token", KIND_OTHER, token, "There is no access token to log in with (%s). ",
        "There is no access token to log in with (%s). ", TOKEN),
    ROW(PROXY, "proxy", KIND_OTHER, proxy, "The outbound proxy is no way out to %s. ",
        "The outbound proxy is no way out to %s. ", PROXY),
    ROW(API, "api", KIND_OTHER, api, "Something else than its API answers on %s. ",
        "Something else than their API answers on %s. ", API),
};

_Static_assert(sizeof rows / sizeof rows[0] == FINDING_COUNT, "a finding has no row");

const struct finding_row *finding_row(enum finding f)
{
    return &rows[(unsigned)f < FINDING_COUNT ? f : FINDING_UNTRIED];
}

const char *finding_name(enum finding f)
{
    return finding_row(f)->name;
}

bool finding_is_tls(enum finding f)
{
    return finding_row(f)->kind == FINDING_KIND_TLS;
}

void finding_words(const struct finding_detail *d, char *out, size_t size)
{
    struct sentence s = {.out = out, .size = size};
    out[0] = 0;
    finding_row(d->finding)->says(&s, d);
    /* Names in certificates and words of the resolver come from outside. */
    for (char *c = out; *c; c++)
        if (ascii_is_control(*c))
            *c = '?';
}
