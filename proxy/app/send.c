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
#include "base/mem.h"
#include "delivery/delivery.h"
#include "io/loop.h"
#include "mail/rewrite_envelope.h"
#include "mail/route.h"
#include "upstream/settings.h"
#include "wire/address.h"

/* All of RFC 5321's waits together end before this. */
#define PATIENCE (15 * 60 * USEC_PER_SEC)

/* One delivery, as the server makes it for each message of a client. */
struct sending {
    const char *config_file, *from, *file;
    const char *to[CAP_SEND_RECIPIENTS];
    bool has_answer[CAP_SEND_RECIPIENTS];
    size_t nto, answered, accepted;
    struct config *config;
    /* The addresses on which the server itself listens. They are no way out. Owned. */
    struct addr *own;
    size_t nown;
    struct io io;
    struct accounts *accounts;
    struct delivery_env env;
    struct copy_budget budget;
    /* The address from which the message comes. */
    struct addr here;
    struct message record;
    struct delivery *delivery;
    struct timer *timer;
    struct buf message;
    struct slice octets;
    struct body_source source;
    int status;
    /* There is an answer for everybody, maybe before the loop runs. */
    bool over;
};

static void finish(struct sending *s, int status)
{
    s->status = status;
    s->over = true;
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

/* ---- what is told ---- */

static void tell_recipient(struct sending *s, size_t index, const struct reply *reply)
{
    char words[1024];
    printf("recipient %s: %s\n", s->to[index], reply_words(reply, words, sizeof words));
    s->has_answer[index] = true;
    s->answered++;
    s->accepted += reply_is(reply, 2);
    if (!reply_is(reply, 2))
        worse(s, status_of(reply));
}

static void on_recipient(void *ctx, size_t index, const struct reply *reply, bool from_upstream)
{
    struct sending *s = ctx;
    (void)from_upstream;
    tell_recipient(s, index, reply);
    if (s->answered < s->nto)
        return;
    if (s->accepted)
        delivery_data(s->delivery, &(struct delivery_origin){.helo = s->config->server.hostname,
                                                             .client = &s->here,
                                                             .esmtp = true});
    else
        finish(s, s->status);
}

/* Before the body it answers whoever has no answer yet. */
static void on_outcome(void *ctx, const struct outcome *outcome)
{
    struct sending *s = ctx;
    char words[1024];
    for (size_t i = 0; i < s->nto; i++)
        if (!s->has_answer[i])
            tell_recipient(s, i, &outcome->reply);
    if (s->accepted) {
        printf("message: %s\n", reply_words(&outcome->reply, words, sizeof words));
        worse(s, status_of(&outcome->reply));
    }
    finish(s, s->status);
}

static const struct delivery_events events = {
    .recipient = on_recipient, .verdict = on_outcome, .failed = on_outcome};

static void on_timer(void *arg)
{
    printf("not sent: no answer within %lld minutes\n", (long long)(PATIENCE / USEC_PER_SEC / 60));
    finish(arg, EXIT_TRY_LATER);
}

/* ---- the message ---- */

static void begin_record(struct sending *s)
{
    char id[MESSAGE_ID_SIZE];
    uint16_t chance;
    loop_random(s->io.loop, &chance, sizeof chance);
    message_make_id(id, loop_wall_ms(s->io.loop), 0, chance);
    message_begin(&s->record, id, slice_of(s->from), &s->here, "send", loop_now(s->io.loop));
}

static void refuse_sender(struct sending *s, enum own own, const char *host)
{
    char words[1024];
    struct reply reply;
    reply_init(&reply);
    failure_say(&reply, own, s->record.id, &(struct own_words){.host = host});
    printf("sender %s: %s\n", s->from[0] ? s->from : "<>",
           reply_words(&reply, words, sizeof words));
    s->status = status_of(&reply);
    reply_free(&reply);
}

static void begin_delivery(struct sending *s, size_t upstream, const char *sender,
                           const struct mail_params *params)
{
    s->octets = buf_view(&s->message);
    s->source = source_of_slice(&s->octets);
    s->record.upstream = mem_string(s->config->upstreams[upstream].name);
    struct delivery_order order = {.env = &s->env,
                                   .upstream = upstream,
                                   .message = &s->record,
                                   .sender = sender,
                                   .params = params,
                                   .source = &s->source};
    s->delivery = delivery_begin(&order, &events, s);
    for (size_t i = 0; i < s->nto; i++) {
        struct address to;
        if (address_parse(slice_of(s->to[i]), &to))
            delivery_recipient(s->delivery, &to, &(struct rcpt_params){0});
    }
}

/* As if this machine said it to a listener without rules. false: nobody takes it. */
static bool begin_message(struct sending *s)
{
    struct address from = {0};
    struct route_question q = {.config = s->config, .client = &s->here};
    struct mail_params params = {.has_size = true, .size = s->message.len, .body = BODY_8BITMIME};
    begin_record(s);
    if (s->from[0] && !address_parse(slice_of(s->from), &from))
        return false;
    size_t upstream = route_find(&q, &from);
    bool found = upstream < s->config->nupstreams;
    const struct upstream_config *u = found ? &s->config->upstreams[upstream] : NULL;
    char *sender = u ? rewrite_sender(u, &from) : NULL;
    enum own fault = delivery_fault(&s->env, upstream, &from, sender, &params);
    if (fault == OWN_NOTHING)
        begin_delivery(s, upstream, sender, &params);
    else
        refuse_sender(s, fault, u ? u->host : "");
    free(sender);
    return fault == OWN_NOTHING;
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
    if (!addr_parse_with_port(slice_of("127.0.0.1:0"), &s->here))
        return EXIT_SYSTEM;
    if (world_open(&s->io, LOG_ERROR, false, quiet_sink(), &err) != 0)
        return complain(EXIT_SYSTEM, &err);
    s->accounts = accounts_new(&s->io, s->config, &err);
    if (!s->accounts)
        return complain(EXIT_BAD_CONFIG, &err);
    world_gather(&s->io, s->config);
    accounts_set_own_listeners(s->accounts, s->own, s->nown);
    s->env = (struct delivery_env){.io = &s->io, .config = s->config, .budget = &s->budget};
    s->env.accounts = mem_alloc((s->config->nupstreams + 1) * sizeof(struct account *));
    for (size_t i = 0; i < s->config->nupstreams; i++)
        s->env.accounts[i] = accounts_find(s->accounts, s->config->upstreams[i].name);
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
    if (!s->io.loop)
        return;
    delivery_abandon(&s->delivery);
    accounts_free(&s->accounts);
    free(s->env.accounts);
    message_free(&s->record);
    timer_free(&s->timer);
    world_close(&s->io);
}

/* Takes the brackets off an address as people paste it. <> is the null sender. */
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
        if (s->nto == CAP_SEND_RECIPIENTS || !address_parse(slice_of(to), &address))
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
    s.nown = settings_listeners(s.config, &s.own);
    config_forget_state(s.config);
    config_forget_cluster(s.config);
    if (!s.file)
        send_message_test(s.from, s.to[0], s.config->server.hostname, &s.message);
    else if (send_message_read(s.file, &s.message, &err) != 0)
        s.status = complain(EXIT_USAGE, &err);
    if (s.status == EXIT_FINE)
        s.status = open_all(&s);
    if (s.status == EXIT_FINE && identity_assume_for_commands(s.config, &err) != 0)
        s.status = complain(EXIT_SYSTEM, &err);
    if (s.status == EXIT_FINE && begin_message(&s)) {
        if (!s.over)
            loop_run(s.io.loop);
        print_trail(&s);
    }
    close_all(&s);
    buf_free(&s.message);
    free(s.own);
    config_unref(&s.config);
    return s.status;
}
