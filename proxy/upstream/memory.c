#include "upstream/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/files.h"
#include "io/io.h"
#include "io/loop.h"
#include "upstream/memory_text.h"

/* Changes come in bursts. */
#define WRITE_DELAY (2 * USEC_PER_SEC)
#define FILE_MODE 0600
#define FILE_NAME "upstreams"

struct memory {
    const struct io *io;
    unsigned refs;
    char *dir, *path;
    struct memory_entry *entries;
    size_t n;
    struct timer *timer;
    bool dirty;
};

static void warn(const struct memory *m, const char *what, const struct err *err)
{
    log_event(m->io->log, LOG_WARN, what, log_str("path", m->path), log_str("why", err->words));
}

static struct memory_entry *find(const struct memory *m, const char *account, const char *host)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->entries[i].account, account) == 0 && strcmp(m->entries[i].host, host) == 0)
            return &m->entries[i];
    return NULL;
}

static void read_file(struct memory *m)
{
    struct buf text;
    struct err err;
    buf_init(&text, CAP_MEMORY_FILE);
    if (file_read(m->path, &text, &err) == 0)
        memory_parse(buf_view(&text), &m->entries, &m->n);
    else if (err.kind != ERR_NOT_FOUND)
        warn(m, "what was learnt about the upstreams cannot be read; it will be learnt again",
             &err);
    buf_free(&text);
}

static void print(const struct memory *m, struct buf *out)
{
    buf_init(out, CAP_MEMORY_FILE);
    if (!memory_print(m->entries, m->n, out))
        buf_clear(out);
}

/* The memory may be freed by then. The world is not. */
static void on_write_failed(void *ctx, const struct err *err)
{
    const struct io *io = ctx;
    log_event(io->log, LOG_WARN,
              "what was learnt about the upstreams cannot be stored; it is kept in memory only",
              log_str("why", err->words));
}

static void on_timer(void *arg)
{
    struct memory *m = arg;
    struct buf text;
    m->dirty = false;
    print(m, &text);
    if (text.len)
        file_replace_later(m->io->offload, m->path, buf_view(&text), FILE_MODE, on_write_failed,
                           (void *)m->io);
    buf_free(&text);
}

struct memory *memory_open(const struct io *io, const char *state_dir)
{
    struct memory *m = NEW(struct memory);
    m->io = io;
    m->refs = 1;
    m->dir = mem_string(state_dir ? state_dir : "");
    if (!m->dir[0])
        return m;
    size_t size = strlen(m->dir) + sizeof FILE_NAME + 1;
    m->path = mem_alloc(size);
    snprintf(m->path, size, "%s/%s", m->dir, FILE_NAME);
    m->timer = timer_new(io->loop, on_timer, m);
    read_file(m);
    return m;
}

struct memory *memory_ref(struct memory *m)
{
    m->refs++;
    return m;
}

static void write_now(struct memory *m)
{
    struct buf text;
    struct err err;
    print(m, &text);
    if (text.len && file_replace(m->path, buf_view(&text), FILE_MODE, &err) < 0)
        warn(m, "what was learnt about the upstreams cannot be stored", &err);
    buf_free(&text);
}

void memory_unref(struct memory **memory)
{
    struct memory *m = *memory;
    *memory = NULL;
    if (!m || --m->refs)
        return;
    if (m->path && m->dirty)
        write_now(m);
    for (size_t i = 0; i < m->n; i++)
        memory_entry_free(&m->entries[i]);
    free(m->entries);
    timer_free(&m->timer);
    free(m->path);
    free(m->dir);
    free(m);
}

bool memory_is_in(const struct memory *m, const char *state_dir)
{
    return strcmp(m->dir, state_dir ? state_dir : "") == 0;
}

bool memory_get(const struct memory *m, const char *account, const char *host,
                struct memory_record *record_r)
{
    const struct memory_entry *e = find(m, account, host);
    *record_r = e ? e->record : (struct memory_record){0};
    return e != NULL;
}

void memory_put(struct memory *m, const char *account, const char *host,
                const struct memory_record *record)
{
    struct memory_entry *e = find(m, account, host);
    if (!e) {
        /* The oldest entry makes room. */
        if (m->n == CAP_MEMORY_ENTRIES) {
            memory_entry_free(&m->entries[0]);
            memmove(m->entries, m->entries + 1, --m->n * sizeof *m->entries);
        }
        m->entries = mem_resize(m->entries, (m->n + 1) * sizeof *m->entries);
        e = &m->entries[m->n++];
        *e = (struct memory_entry){.account = mem_string(account), .host = mem_string(host)};
    }
    e->record = *record;
    if (!m->path)
        return;
    m->dirty = true;
    if (!timer_is_armed(m->timer))
        timer_arm(m->timer, WRITE_DELAY);
}
