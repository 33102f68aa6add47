#include "app/control_take.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/status.h"
#include "base/caps.h"
#include "base/mem.h"

struct control_take {
    struct store *store;
    struct control_offer offer;
    void (*more)(void *ctx);
    void *ctx;
    enum { LOG, HEAD, BODY, COMMIT, DISK, ENDED } step;
    struct buf log, head;
    /* These count the octets of the body, and of the last line, that have come so far. */
    uint64_t body, commit;
    struct store_writer *writer;
    bool disk_is_behind;
    unsigned status;
    char words[400];
};

static void end(struct control_take *t, unsigned status, const char *words)
{
    t->step = ENDED;
    t->writer = NULL;
    t->status = status;
    snprintf(t->words, sizeof t->words, "%s", words);
    t->more(t->ctx);
}

void control_take_refuse(struct control_take *t, unsigned status, const char *words)
{
    store_abort(&t->writer);
    if (t->step != ENDED)
        end(t, status, words);
}

/* ---- what the store says ---- */

static void on_taken(void *ctx, struct spool_entry *entry)
{
    char words[SPOOL_ID_SIZE + 16];
    snprintf(words, sizeof words, "%s is taken in", entry->id);
    end(ctx, EXIT_FINE, words);
}

static void on_failed(void *ctx, enum store_no why, const struct err *err)
{
    (void)why;
    end(ctx, EXIT_TRY_LATER, err->words);
}

static void on_low(void *ctx)
{
    struct control_take *t = ctx;
    t->disk_is_behind = false;
    t->more(t->ctx);
}

/* ---- what comes ---- */

static void say_no(struct control_take *t, enum store_no no)
{
    static const char *const words[STORE_NO_COUNT] = {
        [STORE_NO_SIZE] = "the spool here is full (max_size)",
        [STORE_NO_MESSAGES] = "the spool here is full (max_messages)",
        [STORE_NO_DISK] = "the disk of the spool here is full (min_free)",
        [STORE_NO_TRUST] = "the disk of the spool here can't be written just now",
        [STORE_NO_MESSAGE] = "what the other spool wrote down of it can't be read",
    };
    end(t, no == STORE_NO_MESSAGE ? EXIT_ANSWER_BAD : EXIT_TRY_LATER, words[no]);
}

static void begin_body(struct control_take *t)
{
    const struct store_taker taker = {
        .taken = on_taken, .failed = on_failed, .low = on_low, .ctx = t};
    const struct store_past past = {.log = buf_view(&t->log), .now = (usec)t->offer.now};
    struct spool_envelope e;
    enum store_no no = STORE_NO_MESSAGE;
    size_t head = 0;
    if (spool_head_parse(buf_view(&t->head), &e, &head) != SPOOL_HEAD_OK) {
        end(t, EXIT_ANSWER_BAD, "its head can't be read");
        return;
    }
    t->step = BODY;
    if (store_find(t->store, e.id)) {
        end(t, EXIT_ANSWER_BAD, "a message of this ID is here already");
    } else if (head != t->head.len) {
        end(t, EXIT_ANSWER_BAD, "its head has another length");
    } else {
        t->writer = store_begin_adopted(t->store, &e, &past, t->offer.body, &taker, &no);
        if (!t->writer && t->step != ENDED)
            say_no(t, no);
    }
    spool_envelope_free(&e);
}

/* Gathers until there are `whole` octets; gives how many were taken. */
static size_t gather(struct buf *into, uint64_t whole, struct slice octets)
{
    struct slice part = slice_head(octets, (size_t)(whole - into->len));
    if (!buf_append_slice(into, part))
        abort();
    return part.len;
}

static size_t take_body(struct control_take *t, struct slice octets)
{
    uint64_t left = t->offer.body - t->body;
    struct slice part = slice_head(octets, CAP_DISK_CHUNK);
    part = slice_head(part, left < part.len ? (size_t)left : part.len);
    if (part.len == 0 || t->disk_is_behind)
        return 0;
    t->body += part.len;
    /* It may come back, and fail, within the call. */
    t->disk_is_behind = true;
    struct store_writer *w = t->writer;
    bool goes_on = store_write(w, part);
    if (goes_on)
        t->disk_is_behind = false;
    return part.len;
}

static size_t take_commit(struct control_take *t, struct slice octets)
{
    static const char line[] = CONTROL_COMMIT;
    if (octets.data[0] != line[t->commit]) {
        control_take_refuse(t, EXIT_USAGE, "it does not end where it should");
        return 0;
    }
    if (line[++t->commit] == '\0') {
        t->step = DISK;
        store_end(t->writer);
    }
    return 1;
}

/* One part of what comes; 0: nothing is wanted now. */
static size_t take(struct control_take *t, struct slice octets)
{
    size_t n = 0;
    switch (t->step) {
    case LOG: n = gather(&t->log, t->offer.log, octets); break;
    case HEAD: n = gather(&t->head, t->offer.head, octets); break;
    case BODY: n = take_body(t, octets); break;
    case COMMIT: return octets.len ? take_commit(t, octets) : 0;
    case DISK:
    case ENDED: return 0;
    }
    return n;
}

/* The next step begins with the last octet of the one before, which may have none. */
static void go_on(struct control_take *t)
{
    if (t->step == LOG && t->log.len == t->offer.log)
        t->step = HEAD;
    if (t->step == HEAD && t->head.len == t->offer.head)
        begin_body(t);
    if (t->step == BODY && t->body == t->offer.body)
        t->step = COMMIT;
}

size_t control_take_feed(struct control_take *t, struct slice octets)
{
    size_t all = octets.len, n;
    do {
        go_on(t);
        n = take(t, octets);
        octets = slice_from(octets, n);
    } while (n > 0);
    return all - octets.len;
}

bool control_take_is_hungry(const struct control_take *t)
{
    return t->step < DISK && !t->disk_is_behind;
}

bool control_take_answer(const struct control_take *t, unsigned *status_r, const char **words_r)
{
    *status_r = t->status;
    *words_r = t->words;
    return t->step == ENDED;
}

/* ---- life ---- */

struct control_take *control_take_new(struct store *store, const struct control_offer *offer,
                                      void (*more)(void *ctx), void *ctx)
{
    struct control_take *t = NEW(struct control_take);
    t->store = store;
    t->offer = *offer;
    t->more = more;
    t->ctx = ctx;
    buf_init(&t->log, CAP_SPOOL_LOG);
    buf_init(&t->head, CAP_SPOOL_HEAD);
    return t;
}

void control_take_free(struct control_take **take)
{
    struct control_take *t = *take;
    *take = NULL;
    if (!t)
        return;
    store_abort(&t->writer);
    buf_free(&t->log);
    buf_free(&t->head);
    free(t);
}
