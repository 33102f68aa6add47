#include "app/spool_adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/adopter.h"
#include "app/kept.h"
#include "app/quiet.h"
#include "app/spool_file.h"
#include "app/status.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/files.h"
#include "io/loop.h"
#include "spool/store.h"

enum { WORDS_SIZE = 2000 };

struct adoption {
    const struct config *config;
    const char *directory;
    struct io io;
    struct store *there;
    struct adopter *adopter;
    /* These count the messages that were taken in, those that were here before, and those that stay
     * there. */
    size_t taken, known, left;
    /* These are the reason and the exit status of the first message that stays. */
    char why[400];
    int status;
    /* The next message would fare no better. */
    bool is_over;
};

/* One message of the other spool, as it is read. */
struct handover {
    struct store_message *message;
    struct adopter *adopter;
    bool has_failed, goes_on;
    struct err err;
};

static void leave(struct adoption *a, int status, const char *id, const char *words)
{
    if (!a->left++) {
        snprintf(a->why, sizeof a->why, "%s: %s", id, words);
        a->status = status;
    }
}

/* ---- one message ---- */

static void on_opened(void *arg, struct store_message *message, const struct err *err)
{
    struct handover *r = arg;
    r->message = message;
    r->has_failed = err != NULL;
    if (err)
        r->err = *err;
}

static void on_octets(void *arg, enum store_read what, struct slice octets, const struct err *err)
{
    struct handover *r = arg;
    r->has_failed = err != NULL;
    if (err)
        r->err = *err;
    /* Who refuses has said why, and adopter_end hears it. */
    r->goes_on = what == STORE_OCTETS && adopter_give(r->adopter, octets);
}

static void on_removed(void *arg, const struct err *err)
{
    on_opened(arg, NULL, err);
}

static void remove_there(struct adoption *a, struct spool_entry *entry)
{
    struct handover r = {.message = NULL};
    char id[SPOOL_ID_SIZE];
    snprintf(id, sizeof id, "%s", entry->id);
    store_remove(a->there, entry, on_removed, &r);
    if (r.has_failed)
        leave(a, EXIT_SYSTEM, id, r.err.words);
}

/* The lines of its log that are good; the store has cut off the rest. */
static bool read_log(const struct adoption *a, const struct spool_entry *entry, struct buf *out,
                     struct err *err)
{
    char *path;
    bool is_read;
    if (!entry->has_log || !entry->log_size)
        return true;
    size_t size = strlen(a->directory) + SPOOL_ID_SIZE + sizeof "/failed/.log";
    path = mem_alloc(size);
    snprintf(path, size, "%s/%s/%s.log", a->directory,
             entry->log_place == PLACE_QUEUE ? "queue" : "failed", entry->id);
    is_read = file_read(path, out, err) == 0 && out->len >= entry->log_size;
    free(path);
    return is_read;
}

static const struct control_hearing *give(struct adoption *a, struct handover *r, struct slice log,
                                          struct slice head)
{
    const struct control_offer offer = {.now = (uint64_t)store_now(a->there),
                                        .log = log.len,
                                        .head = head.len,
                                        .body = store_message_size(r->message)};
    adopter_begin(a->adopter, &offer);
    r->adopter = a->adopter;
    r->goes_on = adopter_give(a->adopter, log) && adopter_give(a->adopter, head);
    while (r->goes_on)
        store_message_read(r->message, on_octets, r);
    return adopter_end(a->adopter, !r->has_failed);
}

/* Returns true if it is here now. */
static bool hand_over(struct adoption *a, struct spool_entry *entry, struct handover *r)
{
    struct buf log, head;
    struct err err = {0};
    const struct control_hearing *answer = NULL;
    char id[SPOOL_ID_SIZE];
    snprintf(id, sizeof id, "%s", entry->id);
    buf_init(&log, CAP_SPOOL_LOG + CAP_DISK_CHUNK);
    buf_init(&head, CAP_SPOOL_HEAD);
    if (!read_log(a, entry, &log, &err))
        leave(a, EXIT_SYSTEM, id, err.words[0] ? err.words : "its log was changed meanwhile");
    else if (!spool_head_write(&head, store_message_envelope(r->message)))
        leave(a, EXIT_SYSTEM, id, "its head is too large");
    else
        answer = give(a, r, slice_head(buf_view(&log), (size_t)entry->log_size), buf_view(&head));
    buf_free(&log);
    buf_free(&head);
    if (!answer)
        return false;
    if (r->has_failed)
        leave(a, EXIT_ANSWER_BAD, id, r->err.words);
    else if (answer->status != EXIT_FINE)
        leave(a, answer->status, id, answer->words);
    a->is_over = !r->has_failed && answer->status == EXIT_TRY_LATER;
    return !r->has_failed && answer->status == EXIT_FINE;
}

enum sameness { NOT_HERE, THE_SAME, ANOTHER };

/* A broken adoption leaves it in both. */
static enum sameness look_here(const struct adoption *a, const struct handover *r)
{
    const struct spool_envelope *e = store_message_envelope(r->message);
    struct spool_file here;
    struct err err;
    if (spool_file_open(a->config->spool.directory, e->id, &here, &err) != 0)
        return err.kind == ERR_NOT_FOUND ? NOT_HERE : ANOTHER;
    bool is_same = here.envelope.written_ms == e->written_ms &&
                   strcmp(here.envelope.message_id, e->message_id) == 0 &&
                   here.body == store_message_size(r->message);
    spool_file_close(&here);
    return is_same ? THE_SAME : ANOTHER;
}

static void adopt_one(struct adoption *a, struct spool_entry *entry)
{
    struct handover r = {.message = NULL};
    char id[SPOOL_ID_SIZE];
    snprintf(id, sizeof id, "%s", entry->id);
    if (entry->is_held || entry->is_gone) {
        leave(a, EXIT_TRY_LATER, id, "what its message has come to can't be read");
        return;
    }
    store_message_open(a->there, entry, on_opened, &r);
    if (!r.message) {
        leave(a, EXIT_ANSWER_BAD, id, r.err.words);
        return;
    }
    enum sameness sameness = look_here(a, &r);
    bool is_here = sameness == THE_SAME || (sameness == NOT_HERE && hand_over(a, entry, &r));
    store_message_close(&r.message);
    if (sameness == ANOTHER)
        leave(a, EXIT_ANSWER_BAD, id, "another message of this ID is here; nothing was done");
    a->known += sameness == THE_SAME;
    a->taken += is_here && sameness == NOT_HERE;
    if (is_here)
        remove_there(a, entry);
}

static void adopt_all(struct adoption *a)
{
    for (int place = PLACE_QUEUE; place <= PLACE_FAILED; place++)
        LIST_EACH (&store_index(a->there)->lists[place], it) {
            if (a->is_over)
                a->left++;
            else
                adopt_one(a, CONTAINER(it, struct spool_entry, link));
        }
}

/* ---- the whole ---- */

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void say_what_was_done(const struct adoption *a, struct buf *out)
{
    size_t corrupt = store_corrupt(a->there);
    bool fits = buf_printf(out, "%zu message%s of %s %s taken in", a->taken, plural(a->taken),
                           a->directory, a->taken == 1 ? "is" : "are");
    if (a->known)
        fits = fits && buf_printf(out, "; %zu %s here already, and removed there", a->known,
                                  a->known == 1 ? "was" : "were");
    if (a->left)
        fits = fits &&
               buf_printf(out, "; %zu stay%s there: %s", a->left, a->left == 1 ? "s" : "", a->why);
    if (corrupt)
        fits = fits && buf_printf(out, "; %zu damaged file%s %s in %s/corrupt", corrupt,
                                  plural(corrupt), corrupt == 1 ? "is" : "are", a->directory);
    /* Where the words do not fit, those that do are enough. */
    (void)fits;
}

/* The other spool, as the user to whom the one here belongs. */
static int open_there(struct adoption *a, struct buf *out)
{
    struct spool_options options;
    struct err err = {0};
    bool fits;
    kept_options(a->config, &options);
    options.store.directory = a->directory;
    a->there = store_open(&a->io, &options.store, &err);
    if (a->there)
        return EXIT_FINE;
    if (err.kind == ERR_IN_USE)
        fits = buf_printf(out,
                          "%s is in use: only the spool of an instance that has ended can be "
                          "taken in",
                          a->directory);
    else if (err.kind == ERR_PERMISSION)
        fits =
            buf_printf(out, "%s; it must belong to the user of the spool here: chown -R %u:%u %s",
                       err.words, (unsigned)geteuid(), (unsigned)getegid(), a->directory);
    else
        fits = buf_printf(out, "%s", err.words);
    (void)fits;
    return err.kind == ERR_IN_USE       ? EXIT_TRY_LATER
           : err.kind == ERR_PERMISSION ? EXIT_NO_RIGHT
                                        : EXIT_SYSTEM;
}

static int adopt(struct adoption *a, struct buf *out)
{
    struct err err = {0};
    int status = open_there(a, out);
    if (status != EXIT_FINE)
        return status;
    a->adopter = adopter_open(a->config, &err);
    if (!a->adopter) {
        (void)!buf_printf(out, "%s", err.words);
        return err.kind == ERR_IN_USE       ? EXIT_TRY_LATER
               : err.kind == ERR_PERMISSION ? EXIT_NO_RIGHT
                                            : EXIT_SYSTEM;
    }
    adopt_all(a);
    say_what_was_done(a, out);
    return a->status;
}

int spool_adopt(const struct config *config, const char *directory, char **words_r)
{
    struct adoption a = {.config = config, .directory = directory, .status = EXIT_FINE};
    struct err err = {0};
    struct buf out;
    int status = EXIT_SYSTEM;
    buf_init(&out, WORDS_SIZE);
    a.io.loop = loop_new(&err);
    a.io.log = log_new(LOG_ERROR, false, quiet_sink());
    if (a.io.loop)
        status = adopt(&a, &out);
    else
        (void)!buf_printf(&out, "%s", err.words);
    adopter_close(&a.adopter);
    store_close(&a.there);
    if (a.io.loop)
        loop_free(&a.io.loop);
    log_free(&a.io.log);
    *words_r = slice_string(buf_view(&out));
    buf_free(&out);
    return status;
}
