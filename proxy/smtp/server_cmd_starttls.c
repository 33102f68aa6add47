/* STARTTLS (RFC 3207), and TLS from the first byte on (RFC 8314). What a client said in clear is
 * forgotten, because an attacker may have said it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "smtp/server_private.h"

#define HANDSHAKE_PATIENCE (30 * USEC_PER_SEC)

bool smtp_server_tls_offered(const struct smtp_server *s)
{
    return s->tls == TLS_CLEAR && (s->settings->tls == SMTP_SERVER_TLS_OFFERED ||
                                   s->settings->tls == SMTP_SERVER_TLS_REQUIRED);
}

void server_do_starttls(struct smtp_server *s, const struct command *command)
{
    if (s->tls == TLS_SECURE)
        smtp_server_say(s, 503, "5.5.1", "TLS is on already");
    else if (!smtp_server_tls_offered(s))
        smtp_server_say(s, 502, "5.5.1", "not offered here");
    else if (command->args.len)
        smtp_server_say(s, 501, "5.5.4", "this command takes no arguments");
    else
        s->tls = TLS_DUE;
}

/* Bytes behind STARTTLS and before the handshake were written by an attacker on the line, to pass
 * for the client's own words (CVE-2011-0411). */
static void refuse_injection(struct smtp_server *s)
{
    char peer[ADDR_TEXT];
    log_event(s->io->log, LOG_WARN,
              "commands came behind STARTTLS without waiting for its answer: an attack, or a "
              "broken client",
              log_str("client", addr_text(&s->client.peer, peer)),
              log_str("listener", s->settings->listener));
    s->tls = TLS_CLEAR;
    smtp_server_farewell(s, 554, "5.5.0", "nothing may follow STARTTLS before its answer",
                         "commands came behind STARTTLS");
}

void smtp_server_tls_begin(struct smtp_server *s)
{
    struct err err = {0};
    bool implicit = s->settings->tls == SMTP_SERVER_TLS_IMPLICIT;
    if (s->why)
        return;
    if (!implicit && stream_view(s->stream).len) {
        refuse_injection(s);
        return;
    }
    if (!implicit) {
        smtp_server_reset(s);
        smtp_server_say(s, 220, "2.0.0", "go ahead");
    }
    if (s->why)
        return;
    s->tls = TLS_BEGUN;
    if (stream_start_tls(s->stream, s->settings->tls_context, true, NULL, &err) != 0) {
        smtp_server_tls_failed(s, &err);
        return;
    }
    timer_arm(s->clock, s->settings->timeout < HANDSHAKE_PATIENCE ? s->settings->timeout
                                                                  : HANDSHAKE_PATIENCE);
}

void smtp_server_tls_done(struct smtp_server *s)
{
    timer_stop(s->clock);
    s->tls = TLS_SECURE;
    s->client.tls = true;
    s->client.tls_facts = stream_tls(s->stream);
    smtp_server_auth_forget(s);
    free((char *)s->client.helo);
    s->client.helo = mem_string("");
    s->client.esmtp = s->said_hello = s->data_refused = false;
    s->offered = (struct params_offer){0};
}

static const char *advice(enum err_cause cause)
{
    switch (cause) {
    case ERR_CAUSE_OTHER: break;
    case ERR_CAUSE_TLS_VERSION: return "an old device? tls_min = 1.0 on this listener lets it in";
    case ERR_CAUSE_TLS_DISTRUST:
        return "the client does not trust the certificate: give it one that it knows, or switch "
               "its check off";
    case ERR_CAUSE_NOT_TLS: return "the client did not speak TLS where TLS was due";
    }
    return NULL;
}

void smtp_server_tls_failed(struct smtp_server *s, const struct err *err)
{
    char peer[ADDR_TEXT], why[400];
    snprintf(why, sizeof why, "the TLS handshake with the client failed: %s", err->words);
    log_event(s->io->log, LOG_WARN, "TLS handshake with a client failed",
              log_str("client", addr_text(&s->client.peer, peer)),
              log_str("listener", s->settings->listener), log_str("reason", err->words),
              log_str("hint", advice(err->cause)));
    smtp_server_cut(s, why);
}
