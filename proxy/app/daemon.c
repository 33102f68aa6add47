#include "app/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/alarm.h"
#include "app/check.h"
#include "app/control.h"
#include "app/control_task.h"
#include "app/kept.h"
#include "app/listeners.h"
#include "app/log_target.h"
#include "app/privileges.h"
#include "app/reread.h"
#include "app/status.h"
#include "app/status_words.h"
#include "app/supervision.h"
#include "app/watch.h"
#include "app/world.h"
#include "base/mem.h"
#include "io/files.h"
#include "io/log_outlet.h"
#include "io/loop.h"
#include "io/netwatch.h"
#include "io/signals.h"
#include "relay/certificates.h"
#include "relay/relay.h"
#include "upstream/account.h"

/* This is enough for most goodbyes. A peer that does not hang up must not delay the end. */
#define GOODBYES (500 * USEC_PER_MS)

struct daemon {
    const char *config_file;
    struct config *config;
    /* The user that the server becomes. */
    struct identity identity;
    struct io io;
    struct log_target *target;
    struct listeners *listeners;
    struct accounts *accounts;
    struct certificates *certificates;
    struct relay *relay;
    /* It is NULL if nothing is kept. */
    struct spool *spool;
    /* This serves the spool's commands. It is NULL without a spool, or without a socket for
     * them. */
    struct control *control;
    /* This counts the drains that run and those that emptied the spool. Nothing new is kept unless
     * it is 0. */
    unsigned closed;
    /* These commands lost their caller while the disk was at work for them. */
    struct link tasks;
    /* The admin page hears of messages through this. */
    struct message_watch page;
    struct watched watched;
    struct admin *admin;
    struct alarm *alarm;
    struct netwatch *netwatch;
    struct signal_watch *on_term, *on_int, *on_hup;
    struct timer *drain_timer;
    struct supervision *supervision;
    bool draining, in_haste;
    /* It was ready, and ended by itself. */
    bool served;
    /* The last reload failed. */
    bool reload_failed;
    /* Another reload was requested while one was in progress. */
    bool reload_again;
    /* The reload in progress, or NULL. */
    struct reread *reread;
};

static void log_report(struct log *log, const struct config_report *report)
{
    for (size_t i = 0; i < report->n; i++)
        log_say(log, report->is_warning[i] ? LOG_WARN : LOG_ERROR, "%s", report->lines[i]);
}

/* ---- what a service manager shows ---- */

static void tell_status(void *ctx, char *out, size_t size)
{
    const struct daemon *d = ctx;
    status_words(&(struct status_view){.clients = relay_clients(d->relay),
                                       .accounts = d->accounts,
                                       .spool = d->spool,
                                       .draining = d->draining,
                                       .reload_failed = d->reload_failed,
                                       .delivered_ms = d->watched.delivered_ms},
                 out, size);
}

/* ---- what is kept for later ---- */

/* The page hears of every message; the spool, that an account works. */
static void on_message(void *ctx, const struct message *m)
{
    struct daemon *d = ctx;
    if (d->page.ended)
        d->page.ended(d->page.ctx, m);
    if (d->spool && m->result == RESULT_DELIVERED)
        spool_awake(d->spool, m->upstream);
}

/* Clients that begin a message from now on. */
static void rule_keeping(struct daemon *d)
{
    struct relay_keep keep = {0};
    if (!d->closed)
        keep = kept_rule(d->spool, d->config);
    relay_set_keep(d->relay, &keep);
}

/* By the configuration in force; without [spool] the rest is sent by what was. */
static void rule_spool(struct daemon *d)
{
    struct spool_options options;
    rule_keeping(d);
    if (!d->spool)
        return;
    if (d->config->spool.is_on)
        kept_options(d->config, &options);
    else
        options = *spool_options_of(d->spool);
    spool_reload(d->spool, &options, d->config, d->accounts, relay_names(d->relay));
}

/* ---- reload ---- */

static void tell_own_addresses(struct daemon *d)
{
    size_t n = listeners_count(d->listeners);
    struct addr *own = mem_alloc((n + 1) * sizeof *own);
    for (size_t i = 0; i < n; i++)
        own[i] = *listeners_address(d->listeners, i);
    accounts_set_own_listeners(d->accounts, own, n);
    free(own);
}

/* Log rotation also uses SIGHUP to ask for a new file. It gets one even if the configuration has
 * errors. */
static void reopen_log(struct daemon *d, const struct config *cfg)
{
    struct err err;
    if (log_target_reopen(d->target, &cfg->log, &err) != 0)
        log_say(d->io.log, LOG_ERROR, "the log stays where it is: %s", err.words);
}

static void reloaded(struct daemon *d, bool good)
{
    d->reload_failed = !good;
    admin_reloaded(d->admin, good);
}

/* Takes config and certificates out of it. */
static void adopt(struct daemon *d, struct reread_result *r)
{
    log_set(d->io.log, (enum log_level)r->config->log.level, r->config->log.json);
    relay_reload(d->relay, r->config, d->accounts, r->certificates);
    certificates_unref(&d->certificates);
    d->certificates = r->certificates;
    r->certificates = NULL;
    tell_own_addresses(d);
    kept_warn_of_move(&d->io, d->config, r->config);
    struct config *old = d->config;
    d->config = r->config;
    r->config = NULL;
    rule_spool(d);
    world_gather(&d->io, d->config);
    config_unref(&old);
    watch_apply_alarm(&d->watched, d->alarm);
    reloaded(d, true);
    admin_serve(d->admin);
    log_say(d->io.log, LOG_INFO, "configuration reloaded from %s; open sessions keep the old one",
            d->config_file);
}

static void refuse_reload(struct daemon *d, const char *why)
{
    log_say(d->io.log, LOG_ERROR, "configuration not reloaded, nothing changes: %s", why);
    reloaded(d, false);
}

/* Applies both or neither. */
static int apply_addresses(struct daemon *d, const struct config *fresh, struct err *err)
{
    struct err again;
    if (listeners_apply(d->listeners, fresh, err) != 0)
        return -1;
    if (watch_apply(d->admin, fresh, err) == 0)
        return 0;
    if (listeners_apply(d->listeners, d->config, &again) != 0)
        log_say(d->io.log, LOG_ERROR, "a listener could not be opened again: %s", again.words);
    return -1;
}

static const char *what_is_wrong(const struct reread_result *r)
{
    return r->is_forbidden ? "was read as root at the start, and the user whom the server became "
                             "may not read it (chgrp it to that user's "
                             "group, chmod 640)"
                           : "has errors";
}

/* A drain. Mail goes directly, or is answered as without a spool. */
static void close_spool(void *ctx, bool is_closed)
{
    struct daemon *d = ctx;
    d->closed += is_closed ? 1 : -1U;
    rule_keeping(d);
    if (is_closed)
        log_say(d->io.log, LOG_INFO, "the spool is drained: nothing new is kept");
    else if (!d->closed && !d->draining)
        log_say(d->io.log, LOG_INFO, "the spool is not drained any more: mail is kept again");
}

static bool may_keep(void *ctx)
{
    const struct daemon *d = ctx;
    return relay_may_keep(d->relay);
}

/* Mail of another spool, by the rules for that of clients. */
static bool takes(void *ctx)
{
    const struct daemon *d = ctx;
    return d->config->spool.is_on && !d->closed && !d->draining;
}

/* Without it mail is kept and sent all the same; the commands say that the spool is in use. */
static void open_control(struct daemon *d, const char *directory)
{
    struct err err;
    const struct control_host host = {.loop = d->io.loop,
                                      .is_served = true,
                                      .close = close_spool,
                                      .left = &d->tasks,
                                      .may_keep = may_keep,
                                      .takes = takes,
                                      .ctx = d};
    d->control = control_new(&d->io, d->spool, &host, directory, &err);
    if (!d->control)
        log_say(d->io.log, LOG_WARN,
                "the commands of `smtp-detour spool` can't reach this server: %s", err.words);
}

/* Opens the spool the first time that a configuration has one. Returns false if it can't be had. */
static bool open_spool(struct daemon *d, const struct config *config, usec patience,
                       struct err *err)
{
    struct spool *spool;
    if (d->spool || !config->spool.is_on)
        return true;
    if (kept_prepare(config, NULL, err) != 0)
        return false;
    spool = kept_open(&d->io, config, patience, err);
    if (!spool)
        return false;
    struct spool_options options;
    kept_options(config, &options);
    spool_reload(spool, &options, d->config, d->accounts, relay_names(d->relay));
    if (spool_start(spool, err) != 0) {
        spool_free(&spool);
        return false;
    }
    d->spool = spool;
    kept_note(config);
    open_control(d, config->spool.directory);
    return true;
}

/* First does what can fail, then what cannot. After a failure everything is as it was. */
static void put_into_force(struct daemon *d, struct reread_result *r)
{
    if (!open_spool(d, r->config, 0, &r->err)) {
        refuse_reload(d, r->err.words);
        return;
    }
    if (!r->certificates || apply_addresses(d, r->config, &r->err) != 0) {
        refuse_reload(d, r->err.words);
        return;
    }
    struct accounts *accounts = accounts_reload(&d->accounts, r->config, r->contexts, &r->err);
    r->contexts = NULL;
    if (accounts) {
        d->accounts = accounts;
        if (strcmp(d->config->log.target, r->config->log.target) != 0)
            reopen_log(d, r->config);
        adopt(d, r);
        return;
    }
    refuse_reload(d, r->err.words);
    if (apply_addresses(d, d->config, &r->err) != 0)
        log_say(d->io.log, LOG_ERROR, "an address could not be opened again: %s", r->err.words);
    admin_serve(d->admin);
}

static void on_reread(void *ctx, struct reread_result *r);

static void reload(void *ctx)
{
    struct daemon *d = ctx;
    /* Log rotation waits for this, and the code below may hang in a file. */
    reopen_log(d, d->config);
    if (d->draining)
        return;
    /* Its reading may be older than this signal. */
    if (d->reread) {
        d->reload_again = true;
        return;
    }
    supervision_reloading(d->supervision);
    d->reread = reread_begin(d->io.loop, d->config_file, d->config, d->certificates,
                             log_target_sink(d->target), on_reread, d);
}

static void on_reread(void *ctx, struct reread_result *r)
{
    struct daemon *d = ctx;
    bool again = d->reload_again;
    d->reread = NULL;
    d->reload_again = false;
    if (d->draining) {
        log_say(d->io.log, LOG_INFO, "configuration not reloaded: shutting down");
        return;
    }
    log_report(d->io.log, &r->report);
    if (r->config) {
        put_into_force(d, r);
    } else {
        log_say(d->io.log, LOG_ERROR, "configuration not reloaded, nothing changes: %s %s",
                d->config_file, what_is_wrong(r));
        reloaded(d, false);
    }
    if (again)
        reload(d);
    else
        supervision_ready(d->supervision);
}

/* ---- the end ---- */

static void spool_is_still(void *ctx)
{
    struct daemon *d = ctx;
    loop_stop(d->io.loop);
}

/* What the last clients gave is on the disk: now the spool's own sessions end. */
static void drained(void *ctx)
{
    struct daemon *d = ctx;
    if (d->spool)
        spool_drain(d->spool, spool_is_still, d);
    else
        loop_stop(d->io.loop);
}

static void drain_expired(void *ctx)
{
    struct daemon *d = ctx;
    log_say(d->io.log, LOG_WARN,
            "shutting down with %zu client%s still busy: drain_timeout is over",
            relay_clients(d->relay), relay_clients(d->relay) == 1 ? "" : "s");
    relay_send_away(d->relay);
    loop_stop(d->io.loop);
}

static void terminate(void *ctx)
{
    struct daemon *d = ctx;
    if (d->draining) {
        d->in_haste = true;
        loop_stop(d->io.loop);
        return;
    }
    d->draining = true;
    supervision_stopping(d->supervision, d->config->server.drain_timeout);
    log_say(d->io.log, LOG_INFO, "shutting down: no new clients, running messages finish");
    listeners_free(&d->listeners);
    control_free(&d->control);
    admin_draining(d->admin);
    alarm_stop(d->alarm);
    timer_arm(d->drain_timer, d->config->server.drain_timeout);
    relay_drain(d->relay, drained, d);
}

static void network_changed(void *ctx)
{
    struct daemon *d = ctx;
    log_say(d->io.log, LOG_INFO, "the network changed: every port is worth another try");
    accounts_network_changed(d->accounts);
    admin_network_changed(d->admin);
    if (d->spool)
        spool_awake(d->spool, NULL);
}

/* ---- the start ---- */

static void prepare_state_dir(struct daemon *d)
{
    struct err err = {0};
    struct file_owner owner;
    const char *dir = d->config->server.state_dir;
    if (directory_make(dir, 0700, identity_owner(&d->identity, &owner), &err) != 0)
        log_say(
            d->io.log, LOG_WARN,
            "[server] state_dir %s: %s; what is learnt about ports is forgotten at the next start",
            dir, err.words);
}

static void warn_about_identity(const struct daemon *d)
{
    const char *words = identity_warning(&d->config->server, &d->identity);
    if (words && geteuid() == 0)
        log_say(d->io.log, LOG_WARN, "%s", words);
}

static int complain(enum exit_status status, const struct err *err)
{
    fprintf(stderr, "%ssmtp-detour: %s\n", log_outlet_priority(LOG_ERROR), err->words);
    return (int)status;
}

/* Keys that only root may read are read as root. */
static int prepare_certificates(struct daemon *d, struct err *err)
{
    struct file_owner owner;
    d->certificates =
        certificates_new_for(d->config, NULL, identity_owner(&d->identity, &owner), d->io.log, err);
    return d->certificates ? 0 : -1;
}

static void raise_descriptors(struct daemon *d)
{
    unsigned long there = descriptors_raise(), wanted = descriptors_wanted(d->config);
    if (there < wanted)
        log_say(d->io.log, LOG_WARN,
                "%lu descriptors are all that the system allows, but max_clients and "
                "max_connections may need %lu: raise the limit "
                "(LimitNOFILE in a unit, --ulimit nofile of a container)",
                there, wanted);
}

/* Who is told to end while it waits for the spool has done nothing wrong. */
static int start_failed(struct daemon *d, const struct err *err)
{
    d->draining = err->kind == ERR_CLOSED;
    if (!d->draining)
        return complain(err->kind == ERR_IN_USE ? EXIT_TRY_LATER : EXIT_SYSTEM, err);
    log_say(d->io.log, LOG_INFO, "smtp-detour has ended before it began: %s", err->words);
    return EXIT_FINE;
}

/* Does everything that needs root, then gives root up. */
static int start(struct daemon *d)
{
    struct err err = {0};
    raise_descriptors(d);
    d->listeners = listeners_new(&d->io);
    d->watched = (struct watched){.config = &d->config,
                                  .accounts = &d->accounts,
                                  .certificates = &d->certificates,
                                  .relay = &d->relay,
                                  .spool = &d->spool,
                                  .listeners = &d->listeners,
                                  .closed = &d->closed,
                                  .draining = &d->draining};
    d->admin = watch_begin(&d->io, &d->watched);
    if (listeners_apply(d->listeners, d->config, &err) != 0)
        return complain(err.kind == ERR_PERMISSION ? EXIT_NO_RIGHT : EXIT_SYSTEM, &err);
    if (watch_apply(d->admin, d->config, &err) != 0)
        return complain(err.kind == ERR_PERMISSION ? EXIT_NO_RIGHT : EXIT_SYSTEM, &err);
    prepare_state_dir(d);
    struct file_owner owner;
    if (kept_prepare(d->config, identity_owner(&d->identity, &owner), &err) != 0)
        return complain(EXIT_SYSTEM, &err);
    if (prepare_certificates(d, &err) != 0)
        return complain(EXIT_BAD_CONFIG, &err);
    d->accounts = accounts_new(&d->io, d->config, &err);
    if (!d->accounts)
        return complain(EXIT_BAD_CONFIG, &err);
    warn_about_identity(d);
    if (identity_assume(&d->identity, &err) != 0)
        return complain(EXIT_SYSTEM, &err);
    log_target_start(d->target);
    d->relay = relay_new(&d->io, d->config, d->accounts, d->certificates);
    d->page = watch_messages(&d->watched);
    relay_watch(d->relay, (struct message_watch){.ended = on_message, .ctx = d});
    listeners_set_relay(d->listeners, d->relay);
    if (!open_spool(d, d->config, d->config->server.drain_timeout, &err))
        return start_failed(d, &err);
    rule_spool(d);
    world_gather(&d->io, d->config);
    tell_own_addresses(d);
    d->alarm = watch_alarm(&d->io, &d->watched);
    watch_apply_alarm(&d->watched, d->alarm);
    admin_serve(d->admin);
    return EXIT_FINE;
}

static int serve(struct daemon *d)
{
    int status = start(d);
    if (status != EXIT_FINE || d->draining)
        return status;
    d->drain_timer = timer_new(d->io.loop, drain_expired, d);
    d->supervision = supervision_new(d->io.loop, tell_status, d);
    d->on_term = signal_watch_new(d->io.loop, SIGTERM, terminate, d);
    d->on_int = signal_watch_new(d->io.loop, SIGINT, terminate, d);
    d->on_hup = signal_watch_new(d->io.loop, SIGHUP, reload, d);
    d->netwatch = netwatch_new(d->io.loop, network_changed, d);
    log_say(d->io.log, LOG_INFO, "smtp-detour %s is ready: %zu account%s, %zu listener%s", VERSION,
            d->config->nupstreams, d->config->nupstreams == 1 ? "" : "s",
            listeners_count(d->listeners), listeners_count(d->listeners) == 1 ? "" : "s");
    supervision_ready(d->supervision);
    loop_run(d->io.loop);
    d->served = true;
    return EXIT_FINE;
}

/* Returns false if the process must end by _exit (reread.h). Signals are handled until the end.
 * Their default action would kill the process during its last output. */
static bool close_all(struct daemon *d)
{
    d->draining = true;
    if (d->relay)
        relay_watch(d->relay, (struct message_watch){0});
    alarm_free(&d->alarm);
    admin_free(&d->admin);
    listeners_free(&d->listeners);
    control_free(&d->control);
    /* The messages that did not finish have their log lines now. */
    relay_free(&d->relay);
    spool_free(&d->spool);
    control_tasks_forget(&d->tasks);
    if (d->served)
        log_say(d->io.log, LOG_INFO, "smtp-detour has ended");
    certificates_unref(&d->certificates);
    accounts_free(&d->accounts);
    netwatch_free(&d->netwatch);
    supervision_free(&d->supervision);
    timer_free(&d->drain_timer);
    /* Sessions with upstreams send QUIT, and the last clients get their 421. */
    if (!d->in_haste)
        loop_finish(d->io.loop, GOODBYES);
    bool nobody_reads = reread_abandon(&d->reread);
    signal_watch_free(&d->on_term);
    signal_watch_free(&d->on_int);
    signal_watch_free(&d->on_hup);
    world_close(&d->io);
    return nobody_reads;
}

static int open_log(struct daemon *d, struct err *err)
{
    struct file_owner owner;
    if (identity_find(&d->config->server, &d->identity, err) != 0)
        return -1;
    d->target = log_target_new(&d->config->log, identity_owner(&d->identity, &owner), err);
    return d->target ? 0 : -1;
}

int daemon_main(const char *config_file)
{
    struct daemon d = {.config_file = config_file};
    struct err err = {0};
    signals_hold();
    link_init(&d.tasks);
    d.config = load_config_or_complain(config_file);
    if (!d.config)
        return EXIT_BAD_CONFIG;
    int status = EXIT_SYSTEM;
    if (open_log(&d, &err) != 0) {
        status = complain(EXIT_BAD_CONFIG, &err);
    } else if (world_open(&d.io, (enum log_level)d.config->log.level, d.config->log.json,
                          log_target_sink(d.target), &err) != 0) {
        complain(EXIT_SYSTEM, &err);
    } else {
        status = serve(&d);
        if (!close_all(&d)) {
            log_target_free(&d.target);
            _exit(status);
        }
    }
    log_target_free(&d.target);
    config_unref(&d.config);
    return status;
}
