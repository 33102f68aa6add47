/* One open message: its envelope and history, its body, whose checksum is computed while it is
 * read, and the lines that are written to its log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spool/crc32c.h"
#include "spool/store_private.h"

enum step { OPENING, READING_TAIL, READING_HEAD, OPENING_LOG, READING_LOG, OPEN };

struct store_message {
    struct work work;
    struct spool_entry *entry;
    enum step step;
    struct spool_envelope envelope;
    struct history history;
    char tail[SPOOL_TAIL_SIZE];
    /* First the head and then the log, while they are read. */
    struct buf text;
    struct disk_file *log;
    uint64_t head, offset;
    uint32_t head_crc, crc;
    /* The entry is freed when the call in progress succeeds. */
    bool goes;
    /* The end of data of this try is in the log. One that is open from before a crash will get no
     * answer. */
    bool has_dot;
    store_opened *opened;
    store_octets *octets;
    store_done *done;
    void *arg;
};

static void go(void *arg, const struct disk_answer *a);

static void destroy(struct work *work)
{
    struct store_message *m = CONTAINER(work, struct store_message, work);
    spool_envelope_free(&m->envelope);
    history_free(&m->history);
    buf_free(&m->text);
    /* After store_close the log's file is still open. */
    disk_close(work->store->disk, &m->log);
    free(m);
}

void store_message_close(struct store_message **message)
{
    struct store_message *m = *message;
    *message = NULL;
    if (!m)
        return;
    struct store *store = m->work.store;
    struct spool_entry *entry = m->entry;
    if (entry && !store_is_settled(entry))
        store->has_unsettled = true;
    if (entry)
        entry->is_busy = false;
    disk_close(store->disk, &m->log);
    work_end(&m->work);
}

/* ---- opening ---- */

static void cannot_open(struct store_message *m, const struct err *err)
{
    store_opened *fn = m->opened;
    void *arg = m->arg;
    struct err kept = *err;
    store_message_close(&m);
    fn(arg, NULL, &kept);
}

/* The entry is removed, and its files, too. */
static void cannot_believe(struct store_message *m, enum err_kind kind, const char *why)
{
    struct store *store = m->work.store;
    struct err err;
    err_set(&err, kind, "%s: %s", m->entry->id, why);
    store_quarantine(store, m->entry, why);
    m->entry = NULL;
    cannot_open(m, &err);
}

static void is_open(struct store_message *m)
{
    struct spool_entry *e = m->entry;
    history_read(&m->history, e->id, buf_view(&m->text));
    if (e->owed)
        history_read(&m->history, e->id, buf_view(e->owed));
    buf_free(&m->text);
    disk_close(m->work.store->disk, &m->log);
    m->step = OPEN;
    m->offset = m->head;
    m->crc = m->head_crc;
    m->opened(m->arg, m, NULL);
}

static void head_is_read(struct store_message *m)
{
    struct spool_tail tail;
    struct spool_entry *e = m->entry;
    size_t head;
    enum spool_head found = spool_head_parse(buf_view(&m->text), &m->envelope, &head);
    if (found == SPOOL_HEAD_MORE && m->text.len < e->size) {
        disk_read(m->work.store->disk, m->work.file, m->text.len, CAP_DISK_CHUNK, go, m);
        return;
    }
    if (found != SPOOL_HEAD_OK ||
        !spool_tail_parse(slice_make(m->tail, sizeof m->tail), e->size, &tail) ||
        tail.head != head || strcmp(m->envelope.id, e->id) != 0 ||
        m->envelope.nrecipients != e->nrecipients) {
        cannot_believe(m, ERR_PROTOCOL, "its head or its tail is damaged");
        return;
    }
    m->head = head;
    m->head_crc = crc32c(0, slice_head(buf_view(&m->text), head));
    buf_clear(&m->text);
    history_init(&m->history, m->envelope.nrecipients);
    m->history.unknown = m->envelope.unknown;
    m->step = OPENING_LOG;
    if (e->has_log && e->log_size)
        disk_open(m->work.store->disk, m->work.store->places[e->log_place],
                  store_name(e->id, ".log"), go, m);
    else
        is_open(m);
}

static void open_goes_on(struct store_message *m, const struct disk_answer *a)
{
    struct disk *disk = m->work.store->disk;
    struct spool_entry *e = m->entry;
    switch (m->step) {
    case OPENING:
        if (a->size != e->size) {
            cannot_believe(m, ERR_PROTOCOL, "its length has changed");
            return;
        }
        m->step = READING_TAIL;
        disk_read(disk, m->work.file, e->size - SPOOL_TAIL_SIZE, SPOOL_TAIL_SIZE, go, m);
        return;
    case READING_TAIL:
        memcpy(m->tail, a->data.data, a->data.len < sizeof m->tail ? a->data.len : sizeof m->tail);
        m->step = READING_HEAD;
        disk_read(disk, m->work.file, 0, CAP_DISK_CHUNK, go, m);
        return;
    case READING_HEAD:
        if (a->data.len == 0 || !buf_append_slice(&m->text, a->data))
            cannot_believe(m, ERR_PROTOCOL, "its head has no end");
        else
            head_is_read(m);
        return;
    default:
        if (!buf_append_slice(&m->text, a->data))
            abort();
        if (m->step == READING_LOG && a->data.len == 0) {
            struct err err;
            err_set(&err, ERR_SYSTEM, "%s.log is shorter than it was", e->id);
            cannot_open(m, &err);
            return;
        }
        m->step = READING_LOG;
        if (m->text.len < e->log_size)
            disk_read(disk, m->log, m->text.len, (size_t)(e->log_size - m->text.len), go, m);
        else
            is_open(m);
        return;
    }
}

static void go(void *arg, const struct disk_answer *a)
{
    struct store_message *m = arg;
    if (a->file && m->step == OPENING_LOG)
        m->log = a->file;
    else if (a->file)
        m->work.file = a->file;
    if (a->err && a->err->kind == ERR_NOT_FOUND && m->step == OPENING)
        cannot_believe(m, ERR_NOT_FOUND, "its file has disappeared");
    else if (a->err)
        cannot_open(m, a->err);
    else
        open_goes_on(m, a);
}

void store_message_open(struct store *store, struct spool_entry *entry, store_opened *fn, void *arg)
{
    struct err err;
    if (entry->is_busy) {
        err_set(&err, ERR_IN_USE, "%s is being sent just now", entry->id);
        fn(arg, NULL, &err);
        return;
    }
    if (entry->is_gone || entry->move_is_open) {
        err_set(&err, ERR_SYSTEM, "%s could not be %s; that is tried again", entry->id,
                entry->is_gone ? "removed" : "moved");
        store->has_unsettled = true;
        fn(arg, NULL, &err);
        return;
    }
    struct store_message *m = NEW(struct store_message);
    work_begin(store, &m->work, destroy);
    entry->is_busy = true;
    m->entry = entry;
    m->opened = fn;
    m->arg = arg;
    buf_init(&m->text, CAP_SPOOL_LOG + CAP_SPOOL_HEAD);
    disk_open(store->disk, store->places[entry->place], entry->id, go, m);
}

const struct spool_envelope *store_message_envelope(const struct store_message *message)
{
    return &message->envelope;
}

const struct history *store_message_history(const struct store_message *message)
{
    return &message->history;
}

struct spool_entry *store_message_entry(const struct store_message *message)
{
    return message->entry;
}

uint64_t store_message_size(const struct store_message *message)
{
    return message->entry->size - SPOOL_TAIL_SIZE - message->head;
}

/* ---- the body ---- */

static void body_has_ended(struct store_message *m)
{
    struct slice none = slice_make(NULL, 0);
    if (spool_tail_agrees(slice_make(m->tail, sizeof m->tail), m->crc)) {
        m->octets(m->arg, STORE_END, none, NULL);
        return;
    }
    struct err err;
    err_set(&err, ERR_PROTOCOL, "%s: its checksum does not agree", m->entry->id);
    store_quarantine(m->work.store, m->entry, "its checksum does not agree");
    m->entry = NULL;
    m->octets(m->arg, STORE_DAMAGED, none, &err);
}

static void body_is_read(void *arg, const struct disk_answer *a)
{
    struct store_message *m = arg;
    struct err err;
    if (!a->err && a->data.len) {
        m->offset += a->data.len;
        m->crc = crc32c(m->crc, a->data);
        m->octets(m->arg, STORE_OCTETS, a->data, NULL);
        return;
    }
    err_set(&err, ERR_SYSTEM, "%s has become shorter", m->entry->id);
    m->octets(m->arg, STORE_READ_FAILED, slice_make(NULL, 0), a->err ? a->err : &err);
}

void store_message_read(struct store_message *m, store_octets *fn, void *arg)
{
    uint64_t left = m->entry->size - SPOOL_TAIL_SIZE - m->offset;
    m->octets = fn;
    m->arg = arg;
    if (left == 0)
        body_has_ended(m);
    else
        disk_read(m->work.store->disk, m->work.file, m->offset,
                  left < CAP_DISK_CHUNK ? (size_t)left : CAP_DISK_CHUNK, body_is_read, m);
}

void store_message_rewind(struct store_message *m)
{
    m->offset = m->head;
    m->crc = m->head_crc;
}

/* ---- what is written down ---- */

static void note(struct store_message *m, struct buf *lines)
{
    history_read(&m->history, m->entry->id, buf_view(lines));
    spool_entry_count(m->entry, &m->history);
    store_owe(m->entry, buf_view(lines));
    buf_free(lines);
}

static void is_done(void *arg, const struct err *err)
{
    struct store_message *m = arg;
    /* Without an error it was freed. */
    if (m->goes && !err)
        m->entry = NULL;
    m->done(m->arg, err);
}

static void dot_is_written(void *arg, const struct err *err)
{
    struct store_message *m = arg;
    m->done(m->arg, err);
}

void store_message_dot(struct store_message *m, store_done *fn, void *arg)
{
    struct buf lines;
    buf_init(&lines, 256);
    if (!history_add_dot(&lines, m->entry->id, m->history.tries + 1))
        abort();
    note(m, &lines);
    m->has_dot = true;
    m->done = fn;
    m->arg = arg;
    store_log_write(m->work.store, m->entry, false, dot_is_written, m);
}

/* Returns whether it was put off with the same words as last time, so that nothing is new. */
static bool is_news(const struct store_message *m, const struct store_fate *f)
{
    const struct history_recipient *r = &m->history.recipients[f->recipient];
    return f->fate != FATE_PUT_OFF || r->fate != FATE_PUT_OFF || r->code != f->code || !r->words ||
           strcmp(r->words, f->words) != 0;
}

static void add_outcome(struct store_message *m, struct buf *lines, const struct store_outcome *o)
{
    const char *id = m->entry->id;
    unsigned number = m->history.tries + (m->has_dot ? 0 : 1);
    bool fits =
        o->lost ? history_add_lost(lines, id, number) : history_add_tried(lines, id, number);
    for (size_t i = 0; i < o->n; i++) {
        const struct store_fate *f = &o->fates[i];
        if (f->recipient < m->history.n && is_news(m, f))
            fits = fits && history_add_fate(lines, id, f->recipient, f->fate, f->code, f->words);
    }
    /* Lines that do not fit are dropped. Their recipients are tried again. */
    (void)fits;
}

void store_message_outcome(struct store_message *m, const struct store_outcome *outcome,
                           store_done *fn, void *arg)
{
    struct buf lines;
    struct spool_entry *e = m->entry;
    buf_init(&lines, CAP_SPOOL_LOG);
    add_outcome(m, &lines, outcome);
    note(m, &lines);
    m->has_dot = false;
    m->done = fn;
    m->arg = arg;
    m->goes = e->waiting == 0 && e->refused == 0 && e->failed == 0;
    e->is_gone = m->goes;
    store_settle(m->work.store, e, is_done, m);
}

void store_bounce_id(const struct spool_entry *entry, char out[SPOOL_ID_SIZE])
{
    char id[SPOOL_ID_SIZE + 16];
    snprintf(id, sizeof id, "%s.b%u", entry->id, entry->bounces + 1);
    snprintf(out, SPOOL_ID_SIZE, "%.31s", id);
}

void store_message_give_up(struct store_message *m, const size_t *recipients, size_t n,
                           struct spool_entry *bounce, store_done *fn, void *arg)
{
    struct buf lines;
    buf_init(&lines, CAP_SPOOL_LOG);
    if (!history_add_failed(&lines, m->entry->id, recipients, n, bounce ? m->entry->bounces + 1 : 0,
                            store_now(m->work.store)))
        abort();
    note(m, &lines);
    m->done = fn;
    m->arg = arg;
    store_settle(m->work.store, m->entry, is_done, m);
}

/* ---- commands ---- */

static void is_retried(void *arg, const struct err *err)
{
    struct store_message *m = arg;
    struct store *store = m->work.store;
    struct spool_entry *entry = m->entry;
    store_done *fn = m->done;
    void *fn_arg = m->arg;
    struct err kept;
    if (err)
        kept = *err;
    store_message_close(&m);
    if (!err)
        store_ready(store, entry);
    fn(fn_arg, err ? &kept : NULL);
}

struct store_command {
    struct work work;
    struct spool_entry *entry;
    store_done *fn;
    void *arg;
};

static void command_destroy(struct work *work)
{
    free(CONTAINER(work, struct store_command, work));
}

static struct store_command *command_begin(struct store *store, struct spool_entry *entry,
                                           store_done *fn, void *arg)
{
    struct store_command *c = NEW(struct store_command);
    work_begin(store, &c->work, command_destroy);
    c->entry = entry;
    c->fn = fn;
    c->arg = arg;
    return c;
}

static void is_opened_for_retry(void *arg, struct store_message *m, const struct err *err)
{
    struct store_command *c = arg;
    store_done *fn = c->fn;
    void *fn_arg = c->arg;
    struct buf lines;
    work_end(&c->work);
    if (!m) {
        fn(fn_arg, err);
        return;
    }
    buf_init(&lines, 256);
    if (!history_add_again(&lines, m->entry->id, store_now(m->work.store)))
        abort();
    note(m, &lines);
    m->done = fn;
    m->arg = fn_arg;
    store_settle(m->work.store, m->entry, is_retried, m);
}

void store_retry(struct store *store, struct spool_entry *entry, store_done *fn, void *arg)
{
    store_message_open(store, entry, is_opened_for_retry, command_begin(store, entry, fn, arg));
}

/* Without an error the entry was freed. Otherwise it is free for the next time. */
static void is_removed(void *arg, const struct err *err)
{
    struct store_command *c = arg;
    store_done *fn = c->fn;
    void *fn_arg = c->arg;
    if (err)
        c->entry->is_busy = false;
    work_end(&c->work);
    if (fn)
        fn(fn_arg, err);
}

void store_remove(struct store *store, struct spool_entry *entry, store_done *fn, void *arg)
{
    struct err err;
    if (entry->is_busy) {
        err_set(&err, ERR_IN_USE, "%s is being sent just now", entry->id);
        fn(arg, &err);
        return;
    }
    entry->is_busy = entry->is_gone = true;
    store_settle(store, entry, is_removed, command_begin(store, entry, fn, arg));
}
