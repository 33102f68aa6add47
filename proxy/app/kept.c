#include "app/kept.h"

#include <string.h>
#include <time.h>

#include "base/log.h"

void kept_options(const struct config *config, struct spool_options *out)
{
    static const enum spool_when when[] = {[SPOOL_KEEPS_OUTAGE] = SPOOL_OUTAGE,
                                           [SPOOL_KEEPS_TEMPORARY] = SPOOL_TEMPORARY,
                                           [SPOOL_KEEPS_ALWAYS] = SPOOL_ALWAYS};
    static const enum spool_bounce_to whom[] = {[BOUNCE_TO_SENDER] = SPOOL_BOUNCE_TO_SENDER,
                                                [BOUNCE_TO_ADDRESSES] = SPOOL_BOUNCE_TO_ADDRESSES,
                                                [BOUNCE_TO_NOBODY] = SPOOL_BOUNCE_TO_NOBODY};
    const struct spool_config *c = &config->spool;
    *out = (struct spool_options){
        .store = {.directory = c->directory,
                  .max_size = c->max_size,
                  .max_messages = c->max_messages,
                  .min_free = c->min_free,
                  .max_age = c->max_age,
                  .failed_age = c->failed_age},
        .when = when[c->when],
        .wait = c->wait,
        .retry_first = c->retry_first,
        .retry_longest = c->retry_longest,
        .max_unknown = c->max_unknown,
        .bounce_to = whom[c->bounce_to.whom],
        .bounce_addresses = c->bounce_to.addresses,
        .alert_age = c->alert_age,
    };
}

int kept_prepare(const struct config *config, const struct file_owner *owner, struct err *err)
{
    return config->spool.is_on ? directory_make(config->spool.directory, 0700, owner, err) : 0;
}

enum { TRIES_PER_SECOND = 10 };

struct spool *kept_open(const struct io *io, const struct config *config, usec patience,
                        struct err *err)
{
    struct spool_options options;
    bool said = false;
    kept_options(config, &options);
    for (usec left = patience;; left -= USEC_PER_SEC / TRIES_PER_SECOND) {
        struct spool *spool = spool_new(io, &options, err);
        if (spool || err->kind != ERR_IN_USE || left <= 0)
            return spool;
        if (!said)
            log_say(io->log, LOG_WARN, "waiting for the spool %s: another process has it",
                    config->spool.directory);
        said = true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000000L / TRIES_PER_SECOND}, NULL);
    }
}

struct relay_keep kept_rule(struct spool *spool, const struct config *config)
{
    static const enum keep_when when[] = {[SPOOL_KEEPS_OUTAGE] = KEEP_WHEN_OUTAGE,
                                          [SPOOL_KEEPS_TEMPORARY] = KEEP_WHEN_TEMPORARY,
                                          [SPOOL_KEEPS_ALWAYS] = KEEP_WHEN_ALWAYS};
    if (!spool || !config->spool.is_on)
        return (struct relay_keep){0};
    return (struct relay_keep){
        .store = spool_store(spool), .when = when[config->spool.when], .wait = config->spool.wait};
}

void kept_warn_of_move(const struct io *io, const struct config *old, const struct config *fresh)
{
    if (old->spool.is_on && fresh->spool.is_on &&
        strcmp(old->spool.directory, fresh->spool.directory) != 0)
        log_say(io->log, LOG_WARN,
                "[spool] directory: a change needs a restart; until then mail is kept in %s",
                old->spool.directory);
}
