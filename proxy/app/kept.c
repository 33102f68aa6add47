#include "app/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/signals.h"

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
        if (signals_end_within(USEC_PER_SEC / TRIES_PER_SECOND)) {
            err_set(err, ERR_CLOSED, "ended by a signal while another process has the spool %s",
                    config->spool.directory);
            return NULL;
        }
    }
}

/* ---- where mail was left ---- */

static char *path_in(const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = mem_alloc(size);
    snprintf(path, size, "%s/%s", directory, name);
    return path;
}

static char *note_path(const struct config *config)
{
    return path_in(config->server.state_dir, "spool-directory");
}

/* Where state_dir can't be written that is said elsewhere, and mail does not depend on it. */
void kept_note(const struct config *config)
{
    char *usual = path_in(config->server.state_dir, "spool"), *note = note_path(config);
    struct err err;
    if (strcmp(config->spool.directory, usual) == 0)
        unlink(note);
    else
        (void)!file_replace(note, slice_of(config->spool.directory), 0600, &err);
    free(usual);
    free(note);
}

/* Only whose directory it is may point there: otherwise root could be sent anywhere. */
static bool is_theirs(const char *note, const char *directory)
{
    struct stat of_note, of_directory;
    return directory[0] == '/' && lstat(note, &of_note) == 0 && S_ISREG(of_note.st_mode) &&
           stat(directory, &of_directory) == 0 && of_note.st_uid == of_directory.st_uid;
}

static void follow_note(struct config *config)
{
    struct buf in;
    struct err err;
    char *note = note_path(config);
    buf_init(&in, CAP_CONFIG_FILE);
    if (file_read(note, &in, &err) == 0) {
        char *directory = slice_string(buf_view(&in));
        if (is_theirs(note, directory)) {
            free(config->spool.directory);
            config->spool.directory = directory;
        } else {
            free(directory);
        }
    }
    buf_free(&in);
    free(note);
}

bool kept_find(struct config *config)
{
    if (config->spool.is_on)
        return true;
    follow_note(config);
    char *format = path_in(config->spool.directory, "format");
    bool is_spool = access(format, F_OK) == 0;
    free(format);
    return is_spool;
}

/* ---- the relay ---- */

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
