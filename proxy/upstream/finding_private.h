/* Shared by the table of the findings (finding_table.c) and their sentences (finding_words.c). */
#ifndef UPSTREAM_FINDING_PRIVATE_H
#define UPSTREAM_FINDING_PRIVATE_H

#include "upstream/finding.h"

/* A sentence that grows. It is cut where it does not fit. */
struct sentence {
    char *out;
    size_t size, len;
};

/* ---- finding_words.c ---- */
void finding_say(struct sentence *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What the peer said, cut to what a sentence can hold; nothing when it said nothing. */
void finding_say_reply(struct sentence *s, const struct finding_detail *d);

finding_sentence finding_says_untried, finding_says_works, finding_says_dns;
finding_sentence finding_says_refused, finding_says_timeout_connect;
finding_sentence finding_says_timeout_greeting, finding_says_reset, finding_says_greeting_4xx;
finding_sentence finding_says_greeting_5xx, finding_says_not_smtp, finding_says_ehlo_refused;
finding_sentence finding_says_no_starttls, finding_says_starttls_refused;
finding_sentence finding_says_timeout_tls, finding_says_tls_handshake, finding_says_certificate;
finding_sentence finding_says_auth_unavailable, finding_says_auth_temporary;
finding_sentence finding_says_timeout_auth, finding_says_auth_refused, finding_says_proxy;
finding_sentence finding_says_token, finding_says_api;

#endif
