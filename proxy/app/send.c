#include "app/send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/check.h"
#include "app/privileges.h"
#include "app/quiet.h"
#include "app/send_message.h"
#include "app/status.h"
#include "app/world.h"
#include "base/caps.h"
#include "io/listener.h"
#include "io/loop.h"
#include "io/stream.h"
#include "relay/certificates.h"
#include "relay/relay.h"
#include "smtp/client.h"
#include "upstream/account.h"
#include "upstream/settings.h"
#include "wire/address.h"

enum { MOST_RECIPIENTS = 100, MOST_LISTENERS = 16 };
/* all of RFC 5321's waits together end before */
#define PATIENCE (15 * 60 * USEC_PER_SEC)

/* The sender is a client of a relay of its own, on a loopback port that only lives for this
 * message: what is tried is what the server does. */
struct sending {
    const char *config_file, *from, *file;
    const char *to[MOST_RECIPIENTS];
    size_t nto, answered, accepted;
    struct config *config;
    /* where the server itself listens: no way out */
    struct addr own[MOST_LISTENERS];
    size_t nown;
    struct io io;
    struct accounts *accounts;
    struct certificates *certificates;
    struct relay *relay;
    struct listener *listener;
    struct stream *stream;
    struct smtp_client *client;
    struct smtp_client_settings settings;
    struct timer *timer;
    struct buf message;
    bool sender_refused;
    int status;
};

static void finish(struct sending *s, int status)
{
    s->status = status;
    loop_stop(s->io.loop);
}

static int status_of(const struct reply *reply)
{
    return reply_is(reply, 2) ? EXIT_FINE : reply_is(reply, 4) ? EXIT_TRY_LATER : EXIT_ANSWER_BAD;
}

static void worse(struct sending *s, int status)
{
    if (s->status == EXIT_FINE || status == EXIT_ANSWER_BAD)
        s->status = status;
}

/* ---- the dialogue ---- */

static void on_ready(void *ctx)
{
    struct sending *s = ctx;
    if (s->answered > 0)
        return;
    smtp_client_mail(s->client, &(struct smtp_client_mail){.from = slice_of(s->from),
                                                           .has_size = true,
                                                           .size = s->message.len,
                                                           .eightbit = true});
    for (size_t i = 0; i < s->nto; i++)
        smtp_client_rcpt(s->client, slice_of(s->to[i]), slice_of(""), slice_of(""));
}

static void on_mail_reply(void *ctx, const struct reply *reply)
{
    struct sending *s = ctx;
    char words[1024];
    if (reply_is(reply, 2))
        return;
    s->sender_refused = true;
    printf("sender %s: %s\n", s->from[0] ? s->from : "<>", reply_words(reply, words, sizeof words));
    finish(s, status_of(reply));
}

static void on_rcpt_reply(void *ctx, size_t index, const struct reply *reply)
{
    struct sending *s = ctx;
    char words[1024];
    /* what follows is only "send MAIL first" */
    if (s->sender_refused)
        return;
    printf("recipient %s: %s\n", s->to[index], reply_words(reply, words, sizeof words));
    s->answered++;
    s->accepted += reply_is(reply, 2);
    if (!reply_is(reply, 2))
        worse(s, status_of(reply));
    if (s->answered < s->nto)
        return;
    if (s->accepted)
        smtp_client_begin_body(s->client);
    else
        finish(s, s->status);
}

static void feed(struct sending *s)
{
    buf_consume(&s->message, smtp_client_body(s->client, buf_view(&s->message)));
    if (s->message.len == 0)
        smtp_client_end_body(s->client);
}

static void on_verdict(void *ctx, const struct reply *reply)
{
    struct sending *s = ctx;
    char words[1024];
    printf("message: %s\n", reply_words(reply, words, sizeof words));
    worse(s, status_of(reply));
    finish(s, s->status);
}

static void on_go_ahead(void *ctx, const struct reply *refusal)
{
    if (refusal)
        on_verdict(ctx, refusal);
    else
        feed(ctx);
}

static void on_low(void *ctx)
{
    feed(ctx);
}

static void on_lost(void *ctx, const struct smtp_client_failure *failure)
{
    struct sending *s = ctx;
    char words[1024] = "";
    s->client = NULL;
    printf("not sent: %s\n",
           failure->reply ? reply_words(failure->reply, words, sizeof words) : failure->err.words);
    finish(s, EXIT_TRY_LATER);
}

static const struct smtp_client_events events = {.ready = on_ready,
                                                 .mail_reply = on_mail_reply,
                                                 .rcpt_reply = on_rcpt_reply,
                                                 .go_ahead = on_go_ahead,
                                                 .low = on_low,
                                                 .verdict = on_verdict,
                                                 .lost = on_lost};

static void on_stream(void *ctx, struct stream *stream, enum stream_event event)
{
    struct sending *s = ctx;
    if (event != STREAM_CONNECTED) {
        finish(s, EXIT_SYSTEM);
        return;
    }
    s->stream = NULL;
    s->client = smtp_client_new(&s->io, stream, &s->settings, &events, s);
}

static void on_accept(void *ctx, struct transport *t)
{
    struct sending *s = ctx;
    relay_accept(s->relay, "default", t);
}

static void on_timer(void *arg)
{
    printf("not sent: no answer within %lld minutes\n", (long long)(PATIENCE / USEC_PER_SEC / 60));
    finish(arg, EXIT_TRY_LATER);
}

/* ---- life ---- */

static int complain(int status, const struct err *err)
{
    fprintf(stderr, "smtp-detour send: %s\n", err->words);
    return status;
}

static int open_all(struct sending *s)
{
    struct err err = {0};
    struct addr loopback;
    if (!addr_parse_with_port(slice_of("127.0.0.1:0"), &loopback))
        return EXIT_SYSTEM;
    if (world_open(&s->io, LOG_ERROR, false, quiet_sink(), &err) != 0)
        return complain(EXIT_SYSTEM, &err);
    s->accounts = accounts_new(&s->io, s->config, &err);
    if (s->accounts)
        accounts_set_own_listeners(s->accounts, s->own, s->nown);
    s->certificates = s->accounts ? certificates_new(s->config, NULL, s->io.log, &err) : NULL;
    if (!s->certificates)
        return complain(EXIT_BAD_CONFIG, &err);
    s->relay = relay_new(&s->io, s->config, s->accounts, s->certificates);
    s->listener = listener_open(s->io.loop, &loopback, on_accept, s, &err);
    if (!s->listener)
        return complain(EXIT_SYSTEM, &err);
    s->settings = (struct smtp_client_settings){.helo = s->config->server.hostname,
                                                .tls = SMTP_CLIENT_TLS_NONE,
                                                .auth = AUTH_NONE,
                                                .reply_timeout = PATIENCE,
                                                .final_timeout = PATIENCE};
    s->stream = stream_connect(s->io.loop, listener_address(s->listener), NULL,
                               (struct stream_caps){CAP_UPSTREAM_INPUT, CAP_UPSTREAM_OUTPUT},
                               on_stream, s, &err);
    if (!s->stream)
        return complain(EXIT_SYSTEM, &err);
    s->timer = timer_new(s->io.loop, on_timer, s);
    timer_arm(s->timer, PATIENCE);
    return EXIT_FINE;
}

static void print_trail(const struct sending *s)
{
    for (size_t i = 0; s->accounts && i < accounts_count(s->accounts); i++) {
        size_t n;
        const struct account *a = accounts_at(s->accounts, i);
        const struct port_report *reports = account_reports(a, &n);
        for (size_t k = 0; k < n; k++)
            if (reports[k].finding != FINDING_UNTRIED)
                printf("account %s: %s (%lld ms)\n", account_config(a)->name, reports[k].words,
                       (long long)(reports[k].took / USEC_PER_MS));
    }
}

static void close_all(struct sending *s)
{
    if (s->client)
        smtp_client_quit(&s->client);
    if (s->stream)
        stream_close(&s->stream);
    if (!s->io.loop)
        return;
    listener_close(&s->listener);
    relay_free(&s->relay);
    accounts_free(&s->accounts);
    certificates_unref(&s->certificates);
    timer_free(&s->timer);
    world_close(&s->io);
}

/* Takes an address as people paste it: <> is the null sender. */
static char *without_brackets(char *address)
{
    size_t len = strlen(address);
    if (len < 2 || address[0] != '<' || address[len - 1] != '>')
        return address;
    address[len - 1] = 0;
    return address + 1;
}

static bool add_recipients(struct sending *s, char *list)
{
    for (char *to = strtok(list, ", "); to; to = strtok(NULL, ", ")) {
        struct address address;
        to = without_brackets(to);
        if (s->nto == MOST_RECIPIENTS || !address_parse(slice_of(to), &address))
            return false;
        s->to[s->nto++] = to;
    }
    return true;
}

static bool parse_arguments(struct sending *s, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        struct address address;
        if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
            s->from = without_brackets(argv[++i]);
        else if (strcmp(argv[i], "--to") == 0 && i + 1 < argc) {
            if (!add_recipients(s, argv[++i]))
                return false;
        } else if ((argv[i][0] != '-' || argv[i][1] == 0) && !s->file)
            s->file = argv[i];
        else
            return false;
        if (s->from && s->from[0] && !address_parse(slice_of(s->from), &address))
            return false;
    }
    return s->from && s->nto > 0;
}

int send_main(const char *config_file, int argc, char **argv)
{
    struct sending s = {.config_file = config_file};
    struct err err = {0};
    if (!parse_arguments(&s, argc, argv)) {
        fprintf(
            stderr,
            "usage: smtp-detour send [-c FILE] --from ADDRESS --to ADDRESS[,ADDRESS…] [FILE|-]\n");
        return EXIT_USAGE;
    }
    s.config = load_config_or_complain(config_file);
    if (!s.config)
        return EXIT_BAD_CONFIG;
    s.nown = settings_listeners(s.config, s.own, MOST_LISTENERS);
    config_for_one_message(s.config);
    if (!s.file)
        send_message_test(s.from, s.to[0], s.config->server.hostname, &s.message);
    else if (send_message_read(s.file, &s.message, &err) != 0)
        s.status = complain(EXIT_USAGE, &err);
    if (s.status == EXIT_FINE)
        s.status = open_all(&s);
    if (s.status == EXIT_FINE && identity_assume_for_commands(s.config, &err) != 0)
        s.status = complain(EXIT_SYSTEM, &err);
    if (s.status == EXIT_FINE) {
        loop_run(s.io.loop);
        print_trail(&s);
    }
    close_all(&s);
    buf_free(&s.message);
    config_unref(&s.config);
    return s.status;
}
