/* The spool of a play: its start, what is seen of it at each turn, its stops, and the calm at the
 * end, in which every message must end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/relay.h"
#include "sim_history.h"
#include "sim_world.h"
#include "spool/spool.h"
#include "spool/store_private.h"
#include "upstream/account.h"

#define DAY (86400 * USEC_PER_SEC)

static void on_message(void *ctx, const struct message *m)
{
    struct sim_play *play = ctx;
    if (play->spool && m->result == RESULT_DELIVERED)
        spool_awake(play->spool, m->upstream);
}

static void options_of(const struct sim_play *play, struct spool_options *out)
{
    static const enum spool_when whens[] = {[KEEP_WHEN_OUTAGE] = SPOOL_OUTAGE,
                                            [KEEP_WHEN_TEMPORARY] = SPOOL_TEMPORARY,
                                            [KEEP_WHEN_ALWAYS] = SPOOL_ALWAYS};
    static const enum spool_bounce_to whom[] = {[SIM_REPORT_TO_NOBODY] = SPOOL_BOUNCE_TO_NOBODY,
                                                [SIM_REPORT_TO_SENDER] = SPOOL_BOUNCE_TO_SENDER,
                                                [SIM_REPORT_TO_ADDRESS] =
                                                    SPOOL_BOUNCE_TO_ADDRESSES};
    static char address[] = SIM_REPORT_ADDRESS;
    static char *addresses[] = {address};
    const struct sim_keeps *keeps = &play->plan->keeps;
    *out = (struct spool_options){.store = {.directory = "spool",
                                            .max_size = 1 << 30,
                                            .max_messages = 1000,
                                            .min_free = 5,
                                            .max_age = SIM_MAX_AGE,
                                            .failed_age = 3000 * DAY},
                                  .when = whens[keeps->when],
                                  .wait = 5 * USEC_PER_SEC,
                                  .retry_first = 30 * USEC_PER_SEC,
                                  .retry_longest = 3600 * USEC_PER_SEC,
                                  .max_unknown = SIM_MAX_UNKNOWN,
                                  .bounce_to = whom[keeps->report_to],
                                  .bounce_addresses = {.items = addresses, .n = 1}};
}

/* As the daemon does at its start and at SIGHUP. */
static void rule(struct sim_play *play, const struct spool_options *options)
{
    struct relay_keep keep = {0};
    if (!play->is_without)
        keep = (struct relay_keep){.store = spool_store(play->spool),
                                   .when = play->plan->keeps.when,
                                   .wait = options->wait};
    relay_set_keep(play->relay, &keep);
    spool_reload(play->spool, options, play->config, play->accounts, relay_names(play->relay));
}

void sim_keeps_start(struct sim_play *play)
{
    struct err err;
    struct spool_options options;
    options_of(play, &options);
    *sim_disk_faults(play->sim) = (struct sim_disk_faults){0};
    play->spool = spool_new(sim_io(play->sim), &options, &err);
    if (!play->spool) {
        fprintf(stderr, "the spool: %s\n", err.words);
        abort();
    }
    relay_watch(play->relay, (struct message_watch){.ended = on_message, .ctx = play});
    play->is_without = false;
    rule(play, &options);
    if (spool_start(play->spool, &err) != 0)
        abort();
    *sim_disk_faults(play->sim) = play->plan->keeps.faults;
}

void sim_keeps_reload(struct sim_play *play)
{
    const struct spool_options options = *spool_options_of(play->spool);
    rule(play, &options);
}

/* ---- what is seen ---- */

static bool is_of(struct slice file, const struct sim_message *m)
{
    for (size_t i = 0; i < m->nto; i++)
        if (memmem(file.data, file.len, m->to[i], strlen(m->to[i])))
            return true;
    return false;
}

/* Recipients are unique in a history, and stand in the file's head. */
static void learn(struct sim_play *play, const struct spool_entry *entry)
{
    struct slice file;
    if (!sim_disk_get(play->sim, "spool/queue", entry->id, &file) &&
        !sim_disk_get(play->sim, "spool/failed", entry->id, &file))
        return;
    file = slice_head(file, CAP_SPOOL_HEAD);
    for (size_t c = 0; c < play->plan->nclients; c++)
        for (size_t m = 0; m < play->plan->clients[c].n; m++) {
            if (!is_of(file, &play->plan->clients[c].messages[m]))
                continue;
            struct sim_kept *k = &play->kept[play->nkept++];
            usec age = store_now(spool_store(play->spool)) - entry->since;
            *k = (struct sim_kept){.client = c,
                                   .message = m,
                                   .since = sim_now(play->sim) - age,
                                   .settled_lines = sim_log_count(play->sim)};
            snprintf(k->id, sizeof k->id, "%s", entry->id);
            return;
        }
}

static struct sim_kept *find_id(struct sim_play *play, const char *id)
{
    for (size_t i = 0; i < play->nkept; i++)
        if (strcmp(play->kept[i].id, id) == 0)
            return &play->kept[i];
    return NULL;
}

/* Who was given up because of its age, as the log says. */
static void read_log(struct sim_play *play)
{
    for (; play->log_seen < sim_log_count(play->sim); play->log_seen++) {
        const char *line = sim_log_line(play->sim, play->log_seen);
        if (!strstr(line, "why=\"older than max_age\""))
            continue;
        for (size_t i = 0; i < play->nkept; i++) {
            char mark[64];
            snprintf(mark, sizeof mark, " id=%s ", play->kept[i].id);
            if (strstr(line, mark))
                play->kept[i].too_old = sim_now(play->sim);
        }
    }
}

static void settle(const struct sim_play *play, struct sim_kept *k)
{
    k->settled = sim_now(play->sim);
    k->settled_lines = sim_log_count(play->sim);
}

void sim_keeps_watch(struct sim_play *play)
{
    read_log(play);
    const struct spool_index *index = store_index(spool_store(play->spool));
    for (int place = PLACE_QUEUE; place <= PLACE_FAILED; place++)
        LIST_EACH (&index->lists[place], it) {
            const struct spool_entry *e = CONTAINER(it, struct spool_entry, link);
            struct sim_kept *k = find_id(play, e->id);
            if (sim_keeps_is_report(e->id))
                sim_keeps_watch_report(play, e);
            else if (!k)
                learn(play, e);
            else if (!e->is_busy && store_is_settled(e))
                settle(play, k);
        }
}

const struct sim_kept *sim_keeps_find(const struct sim_play *play, size_t client, size_t message)
{
    for (size_t i = 0; i < play->nkept; i++)
        if (play->kept[i].client == client && play->kept[i].message == message)
            return &play->kept[i];
    return NULL;
}

/* A line that says that an end of data of it had no answer, and that no stopped product wrote. */
static bool is_unknown(const struct sim_play *play, const char *id, size_t line)
{
    char mark[64];
    snprintf(mark, sizeof mark, "(RFC 1047)\" id=%s ", id);
    for (size_t s = 0; s < play->nstops; s++)
        if (line >= play->stops[s].unsaid && line < play->stops[s].said_again)
            return false;
    return strstr(sim_log_line(play->sim, line), mark) != NULL;
}

unsigned sim_keeps_unknown(const struct sim_play *play, const char *id)
{
    unsigned n = 0;
    for (size_t i = 0; i < sim_log_count(play->sim); i++)
        n += is_unknown(play, id, i);
    return n;
}

/* The end of data is written down without a sync, and its outcome with one. A power cut between the
 * two may forget it, whether a server took the message or not. */
static bool may_be_forgotten(const struct sim_play *play, const struct sim_kept *k, size_t line)
{
    for (size_t i = 0; i < play->nstops; i++) {
        const struct sim_stop *s = &play->stops[i];
        if (line >= s->since_line[k->client][k->message] && line < s->unsaid)
            return true;
    }
    return false;
}

unsigned sim_keeps_counted(const struct sim_play *play, const struct sim_kept *kept)
{
    unsigned n = 0;
    for (size_t i = 0; i < sim_log_count(play->sim); i++)
        n += is_unknown(play, kept->id, i) && !may_be_forgotten(play, kept, i);
    return n;
}

/* ---- stops ---- */

/* Its end of data may have gone out, and the disk may not know what came of it. */
static bool is_open(const struct sim_outcome *o, const struct sim_kept *k,
                    const struct spool_entry *e)
{
    return (o->sent_dot && !o->final && !k) || (e && (e->is_busy || !store_is_settled(e)));
}

static void note_stop(struct sim_play *play, struct sim_stop *s, size_t client, size_t message)
{
    const struct sim_outcome *o = sim_client_outcome(play->clients[client], message);
    const struct sim_kept *k = sim_keeps_find(play, client, message);
    const struct spool_entry *e = k ? store_find(spool_store(play->spool), k->id) : NULL;
    bool open = is_open(o, k, e);
    s->since[client][message] = !open ? SIM_KNOWN : k ? k->settled : 0;
    /* What came before it was kept is in its file, which is there whole or not at all. */
    s->since_line[client][message] = open && k ? k->settled_lines : SIM_KNOWN_LINE;
    s->tries[client][message] = e ? e->tries : 0;
}

void sim_keeps_stop(struct sim_play *play)
{
    struct sim_stop *s = &play->stops[play->nstops++];
    s->at = sim_now(play->sim);
    s->sessions = play->ledger->sessions;
    s->unsaid = s->said_again = sim_log_count(play->sim);
    for (size_t c = 0; c < play->plan->nclients; c++)
        for (size_t m = 0; m < play->plan->clients[c].n; m++)
            note_stop(play, s, c, m);
    sim_keeps_stop_reports(play, s);
}

void sim_keeps_crash(struct sim_play *play)
{
    struct sim_stop *s = &play->stops[play->nstops - 1];
    for (size_t i = 0; i < play->nkept; i++) {
        const struct sim_kept *k = &play->kept[i];
        struct slice log;
        char name[SPOOL_ID_SIZE + 8], line[32];
        snprintf(name, sizeof name, "%s.log", k->id);
        int n = snprintf(line, sizeof line, " try %u dot\n", s->tries[k->client][k->message]);
        if (sim_disk_get(play->sim, "spool/queue", name, &log) &&
            memmem(log.data, log.len, line, (size_t)n))
            s->since_line[k->client][k->message] = SIM_KNOWN_LINE;
    }
}

/* A server may take it a while after the stop, on a session from before. */
static bool took(const struct sim_play *play, const char *recipient, usec since, size_t sessions)
{
    for (size_t i = 0; i < play->ledger->nmails; i++) {
        const struct sim_mail *mail = &play->ledger->mails[i];
        for (size_t k = 0; k < mail->nto; k++)
            if (mail->when >= since && mail->session < sessions &&
                strcmp(mail->to[k], recipient) == 0)
                return true;
    }
    return false;
}

unsigned sim_keeps_windows(const struct sim_play *play, size_t client, size_t message,
                           const char *recipient)
{
    unsigned n = 0;
    for (size_t i = 0; i < play->nstops; i++) {
        const struct sim_stop *s = &play->stops[i];
        n += took(play, recipient, s->since[client][message], s->sessions);
    }
    return n;
}

/* ---- the end ---- */

bool sim_keeps_is_empty(const struct sim_play *play)
{
    const struct store *store = spool_store(play->spool);
    return store_index(store)->counts[PLACE_QUEUE] == 0 && store_is_idle(store);
}

/* Who was put off is taken now. */
static void forget_later(struct sim_upstream_script *s)
{
    for (size_t i = 0; i < SIM_RULES; i++) {
        if (s->mail[i].contains && s->mail[i].reply[0] == '4')
            s->mail[i].reply = "250 2.1.0 welcome";
        if (s->rcpt[i].contains && s->rcpt[i].reply[0] == '4')
            s->rcpt[i].reply = "250 2.1.5 welcome";
    }
}

static void heal_place(struct sim_play *play, size_t i)
{
    const struct sim_place *p = &play->plan->places[i];
    struct sim_path *path = sim_path(play->sim, p->at);
    *path = play->plan->client_path;
    path->latency = 5 * USEC_PER_MS;
    if (!play->upstreams[i])
        return;
    struct sim_upstream_script *s = sim_upstream_script(play->upstreams[i]);
    bool other = p->script.account == 1;
    struct sim_upstream_script whole =
        sim_upstream_kind(other ? play->plan->names[1].host : play->plan->names[0].host,
                          other ? play->plan->accounts[1].user : play->plan->user,
                          other ? play->plan->accounts[1].password : play->plan->password);
    whole.implicit = p->script.implicit;
    whole.starttls = !whole.implicit;
    whole.any_user = p->script.any_user;
    whole.account = p->script.account;
    whole.may_be_clear = p->script.may_be_clear;
    memcpy(whole.mail, p->script.mail, sizeof whole.mail);
    memcpy(whole.rcpt, p->script.rcpt, sizeof whole.rcpt);
    if (!play->plan->keeps.stays_later)
        forget_later(&whole);
    *s = whole;
}

void sim_keeps_heal(struct sim_play *play)
{
    *sim_disk_faults(play->sim) = (struct sim_disk_faults){0};
    for (size_t i = 0; i < play->plan->nnames; i++) {
        sim_name_manner(play->sim, play->plan->names[i].host, ADDR_V4, SIM_DNS_ANSWERS, 0);
        sim_name_manner(play->sim, play->plan->names[i].host, ADDR_V6, SIM_DNS_ANSWERS, 0);
    }
    for (size_t i = 0; i < play->plan->nplaces; i++)
        heal_place(play, i);
    play->api.script.faults = 0;
    play->healed = sim_now(play->sim);
    sim_say(play->sim, "all is whole");
    sim_network_change(play->sim);
}

void sim_keeps_end(struct sim_play *play)
{
    for (size_t i = 0; i < play->nkept; i++) {
        const struct spool_entry *e = store_find(spool_store(play->spool), play->kept[i].id);
        play->kept[i].has_failed = e && e->place == PLACE_FAILED;
    }
}
