#include "relay/keeping.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "mail/rewrite_lines.h"
#include "wire/date.h"

/* Room for the octets that stay in memory, and for those that come before the client has
 * stopped. */
enum { OCTETS_CAP = CAP_REPLAY + 2 * CAP_CHUNK };

/* A recipient that was accepted or waits for its answer. */
struct keeping_recipient {
    size_t index;
    bool accepted;
    struct spool_recipient said;
};

struct keeping {
    struct keeping_order order;
    const struct keeping_events *events;
    void *ctx;
    char *account;
    /* The parameters of MAIL. Their slices point to ret and envid. */
    struct mail_params params;
    char *ret, *envid;
    /* In the order of their indexes. */
    struct keeping_recipient *recipients;
    size_t n, room, added, accepted;

    uint64_t size;
    /* The octets of the body that are not in the file yet. Without a writer these are all. */
    struct buf octets;
    /* How much of the budget is in use. */
    size_t counted;
    struct store_writer *writer;
    /* The owner has called keeping_open. */
    bool is_open;
    /* All octets have come, and the store has them. */
    bool has_ended, was_ended;
    bool is_behind;
    /* The body is neither in memory nor in a file. */
    bool is_lost;
    enum store_no lost_why;
    /* The store was told that it is not kept. */
    bool was_refused;
};

const char *keeping_no_words(enum store_no no)
{
    switch (no) {
    case STORE_TAKES:
    case STORE_NO_COUNT: break;
    case STORE_NO_SIZE:
    case STORE_NO_MESSAGES: return "the spool is full";
    case STORE_NO_DISK: return "the spool's disk is full";
    case STORE_NO_TRUST: return "the spool's disk does not take what is written";
    case STORE_NO_MESSAGE: return "its envelope is too large";
    }
    return "the spool does not take it";
}

/* ------------------------------------------------------------------ life */

struct keeping *keeping_new(const struct keeping_order *order, const struct keeping_events *events,
                            void *ctx)
{
    struct keeping *k = NEW(struct keeping);
    k->order = *order;
    k->events = events;
    k->ctx = ctx;
    k->account = mem_string(order->message->upstream);
    k->params = *order->params;
    k->ret = slice_string(order->params->ret);
    k->envid = slice_string(order->params->envid);
    buf_init(&k->octets, OCTETS_CAP);
    return k;
}

static void forget_octets(struct keeping *k)
{
    k->order.budget->used -= k->counted;
    k->counted = 0;
    buf_free(&k->octets);
    buf_init(&k->octets, OCTETS_CAP);
}

static void lose(struct keeping *k, enum store_no why)
{
    k->is_lost = true;
    k->lost_why = why;
    forget_octets(k);
}

static void free_recipient(struct keeping_recipient *r)
{
    free(r->said.address);
    free(r->said.notify);
    free(r->said.orcpt);
}

void keeping_free(struct keeping **keeping)
{
    struct keeping *k = *keeping;
    *keeping = NULL;
    if (!k)
        return;
    store_abort(&k->writer);
    forget_octets(k);
    for (size_t i = 0; i < k->n; i++)
        free_recipient(&k->recipients[i]);
    free(k->recipients);
    free(k->account);
    free(k->ret);
    free(k->envid);
    free(k);
}

/* ------------------------------------------------------------------ the envelope */

void keeping_recipient(struct keeping *k, const struct address *to,
                       const struct rcpt_params *params)
{
    if (k->n == k->room) {
        k->room = k->room ? k->room * 2 : 4;
        k->recipients = mem_resize(k->recipients, k->room * sizeof *k->recipients);
    }
    k->recipients[k->n++] = (struct keeping_recipient){
        .index = k->added++,
        .said = {slice_string(to->text), slice_string(params->notify), slice_string(params->orcpt)},
    };
}

void keeping_told(struct keeping *k, size_t index, bool accepted)
{
    size_t at = k->n;
    while (at && k->recipients[at - 1].index > index)
        at--;
    if (!at || k->recipients[at - 1].index != index)
        return;
    struct keeping_recipient *r = &k->recipients[at - 1];
    if (accepted) {
        r->accepted = true;
        k->accepted++;
        return;
    }
    free_recipient(r);
    memmove(r, r + 1, (k->n - at) * sizeof *r);
    k->n--;
}

size_t keeping_accepted(const struct keeping *k)
{
    return k->accepted;
}

static uint64_t declared(const struct keeping *k)
{
    return k->params.has_size ? k->params.size : 0;
}

/* A message counts once, even if several of its recipients are refused. */
static const char *refused(struct keeping *k, enum store_no why)
{
    if (!k->was_refused)
        store_note_refusal(k->order.store, why, k->size > declared(k) ? k->size : declared(k));
    k->was_refused = true;
    return keeping_no_words(why);
}

const char *keeping_obstacle(struct keeping *k)
{
    enum store_no no = store_would_take(k->order.store, declared(k), false);
    return no == STORE_TAKES ? NULL : refused(k, no);
}

/* ------------------------------------------------------------------ the file */

static void pump(struct keeping *k)
{
    while (k->writer && !k->is_behind && k->octets.len) {
        struct slice next = slice_head(buf_view(&k->octets), CAP_CHUNK);
        k->is_behind = !store_write(k->writer, next);
        buf_consume(&k->octets, next.len);
    }
    if (k->writer && !k->octets.len && k->counted)
        forget_octets(k);
    if (k->writer && k->is_open && k->has_ended && !k->octets.len && !k->was_ended) {
        k->was_ended = true;
        store_end(k->writer);
    }
}

static void on_low(void *ctx)
{
    struct keeping *k = ctx;
    k->is_behind = false;
    pump(k);
    k->events->flow(k->ctx);
}

static void on_taken(void *ctx, struct spool_entry *entry)
{
    struct keeping *k = ctx;
    (void)entry;
    k->writer = NULL;
    k->events->taken(k->ctx);
}

static void on_failed(void *ctx, enum store_no why, const struct err *err)
{
    struct keeping *k = ctx;
    (void)err;
    k->writer = NULL;
    k->is_behind = false;
    lose(k, why);
    if (k->is_open)
        k->events->failed(k->ctx, refused(k, why));
    else
        k->events->flow(k->ctx);
}

/* Lends what it points to until the next call. Gives *recipients_r. */
static enum store_no begin(struct keeping *k, const char *words, bool unknown)
{
    const struct message *m = k->order.message;
    char empty[1] = "", date[DATE_TEXT], id[MESSAGE_ID_SIZE], client[ADDR_TEXT];
    struct buf message_id;
    enum store_no no;
    struct spool_recipient *recipients = mem_alloc((k->accepted + 1) * sizeof *recipients);
    size_t n = 0;
    for (size_t i = 0; i < k->n; i++)
        if (k->recipients[i].accepted)
            recipients[n++] = k->recipients[i].said;
    date_text(k->order.seconds, date);
    memcpy(id, m->id, sizeof id);
    memcpy(client, m->client, sizeof client);
    buf_init(&message_id, CAP_HEADER_LINE);
    char *reason = mem_string(words);
    char *text = rewrite_message_id(&message_id, k->order.seconds, m->id, k->order.hostname)
                     ? slice_string(buf_view(&message_id))
                     : mem_string("");
    struct spool_envelope e = {
        .id = id,
        .account = k->account,
        .listener = m->listener,
        .client = client,
        .login = m->user ? m->user : empty,
        .destination = m->original ? m->original : empty,
        .reason = reason,
        .date = date,
        .message_id = text,
        .sender = m->from,
        .body = k->params.body,
        .smtputf8 = k->params.smtputf8,
        .ret = k->ret,
        .envid = k->envid,
        .unknown = unknown,
        .recipients = recipients,
        .nrecipients = n,
    };
    const struct store_taker taker = {
        .taken = on_taken, .failed = on_failed, .low = on_low, .ctx = k};
    k->writer = store_begin(k->order.store, &e, declared(k), &taker, &no);
    free(recipients);
    free(reason);
    free(text);
    buf_free(&message_id);
    return k->writer ? STORE_TAKES : no;
}

const char *keeping_open(struct keeping *k, const char *words, bool unknown)
{
    if (k->is_lost) {
        refused(k, k->lost_why);
        return "the spool had no room for its body";
    }
    if (!k->writer) {
        enum store_no no = begin(k, words, unknown);
        if (no != STORE_TAKES)
            return refused(k, no);
    } else if (unknown) {
        store_lost(k->writer);
    }
    k->is_open = true;
    pump(k);
    return NULL;
}

/* ------------------------------------------------------------------ the body */

/* The head is written before the result of the sending is known. The store is told later whether
 * the upstream may have the message. */
static void spill(struct keeping *k)
{
    enum store_no no = begin(k, "it was being sent when that failed", false);
    if (no == STORE_TAKES)
        pump(k);
    else
        lose(k, no);
}

static bool fits_in_memory(const struct keeping *k, struct slice octets)
{
    return k->octets.len + octets.len <= CAP_REPLAY &&
           octets.len <= CAP_REPLAY_TOTAL - k->order.budget->used;
}

void keeping_body(struct keeping *k, struct slice octets)
{
    k->size += octets.len;
    if (!k->writer && !k->is_lost) {
        if (fits_in_memory(k, octets)) {
            k->order.budget->used += octets.len;
            k->counted += octets.len;
        } else {
            spill(k);
        }
    }
    if (k->is_lost)
        return;
    /* The octets that is_behind held back are less than a chunk. */
    if (buf_append_slice(&k->octets, octets)) {
        pump(k);
        return;
    }
    store_abort(&k->writer);
    lose(k, STORE_NO_DISK);
}

void keeping_body_end(struct keeping *k)
{
    k->has_ended = true;
    pump(k);
}

bool keeping_is_behind(const struct keeping *k)
{
    return k->is_behind;
}

uint64_t keeping_size(const struct keeping *k)
{
    return k->size;
}
