/* EHLO and HELO (RFC 5321 4.1.1.1). */
#include <stdlib.h>

#include "base/caps.h"
#include "smtp/server_private.h"
#include "wire/reply.h"

/* The name is what the client calls itself. It is kept for the log and the trace line, and nothing
 * depends on it. Some devices send no name. */
static void take_name(struct smtp_server *s, const struct command *command, bool esmtp)
{
    struct slice said = command->args.len ? command->args : slice_of("unknown");
    struct slice name = slice_head(said, slice_find(said, ' '));
    free((char *)s->client.helo);
    s->client.helo = slice_string(slice_head(name, slice_find(name, '\t')));
    s->client.esmtp = esmtp;
    s->said_hello = true;
}

static void list_extensions(struct smtp_server *s, const struct smtp_server_offer *offer,
                            struct buf *text)
{
    bool ok = buf_printf(text, "%s\nPIPELINING\n8BITMIME\nENHANCEDSTATUSCODES\nSIZE %llu",
                         s->settings->hostname, (unsigned long long)s->client.size_offered);
    if (smtp_server_tls_offered(s))
        ok = ok && buf_printf(text, "\nSTARTTLS");
    /* It is sent twice, because software older than RFC 2554 looks for the second form. */
    if (s->offered.auth)
        ok = ok && buf_printf(text, "\nAUTH PLAIN LOGIN\nAUTH=PLAIN LOGIN");
    if (offer->dsn)
        ok = ok && buf_printf(text, "\nDSN");
    if (offer->smtputf8)
        ok = ok && buf_printf(text, "\nSMTPUTF8");
    if (!ok)
        smtp_server_cut(s, "an answer was too long");
}

static void remember_offer(struct smtp_server *s, const struct smtp_server_offer *offer)
{
    uint64_t own = s->settings->max_message_size;
    s->client.size_offered = offer->size && offer->size < own ? offer->size : own;
    /* A HELO client saw no list. */
    s->offered = (struct params_offer){0};
    if (s->client.esmtp)
        s->offered = (struct params_offer){.size = true,
                                           .eightbit = true,
                                           .smtputf8 = offer->smtputf8,
                                           .dsn = offer->dsn,
                                           .auth = smtp_server_auth_offered(s)};
}

static void hello(struct smtp_server *s, const struct command *command, bool esmtp)
{
    take_name(s, command, esmtp);
    smtp_server_reset(s);
    struct smtp_server_offer offer = {0};
    s->handlers->hello(s->ctx, &offer);
    if (s->why)
        return;
    remember_offer(s, &offer);
    struct buf text;
    buf_init(&text, CAP_REPLY_TEXT);
    struct buf reply;
    buf_init(&reply, CAP_CLIENT_OUTPUT);
    if (esmtp)
        list_extensions(s, &offer, &text);
    else if (!buf_printf(&text, "%s", s->settings->hostname))
        smtp_server_cut(s, "an answer was too long");
    /* The reply has no enhanced code (RFC 2034 section 4). */
    if (!s->why && reply_write(&reply, 250, "", buf_view(&text)))
        smtp_server_write(s, buf_view(&reply));
    smtp_server_clock_progress(s);
    buf_free(&text);
    buf_free(&reply);
}

void server_do_ehlo(struct smtp_server *s, const struct command *command)
{
    hello(s, command, true);
}

void server_do_helo(struct smtp_server *s, const struct command *command)
{
    hello(s, command, false);
}
