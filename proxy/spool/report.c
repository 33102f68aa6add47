/* The end of recipients that are given up. If a bounce is due, the store takes it before the
 * message's log names it, so that a crash cannot cause two of them or none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "mail/rewrite_envelope.h"
#include "mail/route.h"
#include "spool/spool_private.h"
#include "wire/date.h"
#include "wire/utf8.h"

/* When to try again if the spool has no room for a bounce or the body cannot be read. */
#define AGAIN_AFTER (60 * USEC_PER_SEC)

void report_free(struct trial *t)
{
    free(t->given_up);
    free(t->bounce_to);
    buf_free(&t->text);
    buf_free(&t->quoted);
}

static const struct upstream_config *account_of(struct trial *t)
{
    const struct spool_envelope *e = store_message_envelope(t->message);
    if (t->upstream)
        return t->upstream;
    const struct errand *job = schedule_job(t->spool, t->entry);
    size_t i = rules_account(t->rules, job->lane ? job->lane->name : e->account);
    return i == ROUTE_NONE ? NULL : &t->rules->delivery.config->upstreams[i];
}

/* ------------------------------------------------------------------ whether, and to whom */

static char *to_sender(struct trial *t)
{
    const struct spool_envelope *e = store_message_envelope(t->message);
    const struct upstream_config *u = account_of(t);
    struct address from;
    char *heard = u && rules_sender(e, &from) ? rewrite_sender(u, &from) : mem_string(e->sender);
    if (heard && strchr(heard, '@'))
        return heard;
    free(heard);
    return NULL;
}

static char *to_addresses(const struct spool *spool)
{
    struct buf b;
    buf_init(&b, CAP_CONFIG_LINE);
    bool fits = true;
    for (size_t i = 0; i < spool->bounce_addresses.n; i++)
        fits = fits && buf_printf(&b, "%s%s", i ? "," : "", spool->bounce_addresses.items[i]);
    char *text = fits && b.len ? slice_string(buf_view(&b)) : NULL;
    buf_free(&b);
    return text;
}

static bool any_wants_to_hear(const struct trial *t)
{
    const struct spool_envelope *e = store_message_envelope(t->message);
    for (size_t i = 0; i < t->ngiven_up; i++)
        if (bounce_is_wanted(e->recipients[t->given_up[i]].notify))
            return true;
    return false;
}

/* Another sender does not help if the server does not know the recipient. */
static bool is_sender_refused(const struct trial *t)
{
    const struct history_recipient *r =
        &store_message_history(t->message)->recipients[t->given_up[0]];
    char status[16];
    bounce_status(r, status);
    return t->why == BOUNCE_REFUSED && strcmp(status, "5.1.1") != 0 &&
           strcmp(status, "5.1.2") != 0 && strcmp(status, "5.1.3") != 0 &&
           strcmp(status, "5.1.6") != 0 && strcmp(status, "5.1.10") != 0 &&
           strncmp(status, "5.2.", 4) != 0;
}

/* Gives the addresses, separated by commas, or returns NULL if there is no bounce. */
static char *recipients_of_bounce(struct trial *t)
{
    const struct spool_envelope *e = store_message_envelope(t->message);
    switch (e->bounce) {
    case SPOOL_MAIL: break;
    case SPOOL_BOUNCE:
        return is_sender_refused(t) && account_of(t) ? mem_string(e->recipients[0].address) : NULL;
    case SPOOL_BOUNCE_OWN: return NULL;
    }
    if (!e->sender[0] || !any_wants_to_hear(t))
        return NULL;
    switch (t->spool->options.bounce_to) {
    case SPOOL_BOUNCE_TO_SENDER: return to_sender(t);
    case SPOOL_BOUNCE_TO_ADDRESSES: return to_addresses(t->spool);
    case SPOOL_BOUNCE_TO_NOBODY: break;
    }
    return NULL;
}

/* ------------------------------------------------------------------ the end */

static bool is_replaced(const struct trial *t)
{
    return t->bounce && store_message_envelope(t->message)->bounce == SPOOL_BOUNCE;
}

static void tell(const struct trial *t)
{
    static const char *const words[] = {[BOUNCE_REFUSED] = "refused for good",
                                        [BOUNCE_TOO_OLD] = "older than max_age",
                                        [BOUNCE_UNKNOWN] = "sent too often without an answer"};
    const struct spool_envelope *e = store_message_envelope(t->message);
    log_event(t->spool->io->log, LOG_WARN, t->bounce ? "bounced" : "gave-up", log_str("id", e->id),
              log_str("from", e->sender), log_str("to", e->recipients[t->given_up[0]].address),
              log_num("nrcpt", (int64_t)t->ngiven_up), log_str("upstream", t->entry->account),
              log_str("via", "spool"),
              log_num("queued", (store_now(t->spool->store) - t->entry->queued) / USEC_PER_SEC),
              log_num("tries", t->entry->tries), log_str("why", words[t->why]),
              log_str("reason", t->reason), log_str("bounce", t->bounce ? t->bounce->id : NULL),
              log_str("bounce_to", t->bounce ? t->bounce_to : NULL));
}

static void on_removed(void *arg, const struct err *err)
{
    (void)arg;
    (void)err;
}

static void on_given_up(void *arg, const struct err *err)
{
    struct trial *t = arg;
    struct store *store = t->spool->store;
    struct spool_entry *entry = store_message_entry(t->message);
    bool is_done = is_replaced(t);
    (void)err;
    tell(t);
    t->spool->bounces += t->bounce != NULL;
    trial_end(t);
    /* Another bounce takes its place. */
    if (entry && is_done && !entry->is_busy)
        store_remove(store, entry, on_removed, NULL);
}

static void give_up(struct trial *t)
{
    store_message_give_up(t->message, t->given_up, t->ngiven_up, t->bounce, on_given_up, t);
}

static void try_again_later(struct trial *t, const char *why)
{
    log_event(t->spool->io->log, LOG_ERROR, "a bounce cannot be written now: it is tried again",
              log_str("id", t->entry->id), log_str("why", why));
    schedule_put_off(t->spool, t->entry, AGAIN_AFTER, why);
    trial_end(t);
}

/* ------------------------------------------------------------------ into the store */

static void write_on(void *ctx)
{
    struct trial *t = ctx;
    struct slice rest = slice_from(buf_view(&t->text), t->written);
    bool has_room = true;
    while (rest.len && has_room && t->writer) {
        struct slice piece = slice_head(rest, CAP_DISK_CHUNK);
        t->written += piece.len;
        rest = slice_from(rest, piece.len);
        has_room = store_write(t->writer, piece);
    }
    if (!rest.len && t->writer)
        store_end(t->writer);
}

static void on_taken(void *ctx, struct spool_entry *entry)
{
    struct trial *t = ctx;
    t->writer = NULL;
    t->bounce = entry;
    give_up(t);
}

static void on_failed(void *ctx, enum store_no why, const struct err *err)
{
    struct trial *t = ctx;
    (void)why;
    t->writer = NULL;
    try_again_later(t, err->words);
}

static void take(struct trial *t, struct spool_envelope *e)
{
    const struct store_taker taker = {
        .taken = on_taken, .failed = on_failed, .low = write_on, .ctx = t};
    enum store_no no = STORE_TAKES;
    t->writer = store_begin(t->spool->store, e, t->text.len, &taker, &no);
    if (t->writer)
        write_on(t);
    else if (no != STORE_TAKES)
        try_again_later(t, store_no_name(no));
}

/* Adds the recipients of a list with commas. Returns their number. */
static size_t split(char *list, struct spool_recipient *out, size_t room)
{
    static char never[] = "NEVER", empty[] = "";
    size_t n = 0;
    for (char *at = list; at && *at && n < room;) {
        char *end = strchr(at, ',');
        out[n++] = (struct spool_recipient){.address = at, .notify = never, .orcpt = empty};
        if (end)
            *end++ = '\0';
        at = end;
    }
    return n;
}

static void begin_bounce(struct trial *t, const char *own, const char *date)
{
    enum { BOUNCE_RECIPIENTS = 100 };
    static char empty[] = "", reason[] = "a bounce";
    const struct spool_envelope *parent = store_message_envelope(t->message);
    const struct upstream_config *u = account_of(t);
    bool again = parent->bounce == SPOOL_BOUNCE;
    struct spool_recipient *to = mem_alloc(BOUNCE_RECIPIENTS * sizeof *to);
    char id[SPOOL_ID_SIZE], *list = mem_string(t->bounce_to);
    char *account = mem_string(u ? u->name : parent->account),
         *sender = mem_string(again ? own : "");
    char *when = mem_string(date);
    store_bounce_id(t->entry, id);
    struct spool_envelope e = {.id = id,
                               .bounce = again ? SPOOL_BOUNCE_OWN : SPOOL_BOUNCE,
                               .account = account,
                               .listener = parent->listener,
                               .client = empty,
                               .login = empty,
                               .destination = empty,
                               .reason = reason,
                               .date = when,
                               .message_id = empty,
                               .sender = sender,
                               .body =
                                   utf8_has_high(buf_view(&t->text)) ? BODY_8BITMIME : BODY_NONE,
                               .smtputf8 = parent->smtputf8,
                               .ret = empty,
                               .envid = empty,
                               .recipients = to};
    e.nrecipients = split(list, to, BOUNCE_RECIPIENTS);
    take(t, &e);
    free(to);
    free(list);
    free(account);
    free(sender);
    free(when);
}

/* ------------------------------------------------------------------ the text */

static bool compose(struct trial *t, const char *own, const char *date)
{
    const struct spool_envelope *e = store_message_envelope(t->message);
    char id[SPOOL_ID_SIZE];
    struct slice quoted = buf_view(&t->quoted);
    bool is_whole =
        ascii_equal_fold(e->ret, "FULL") && store_message_size(t->message) <= CAP_BOUNCE_QUOTE;
    size_t *about = mem_alloc((t->ngiven_up + 1) * sizeof *about), n = 0;
    for (size_t i = 0; i < t->ngiven_up; i++)
        if (bounce_is_wanted(e->recipients[t->given_up[i]].notify))
            about[n++] = t->given_up[i];
    store_bounce_id(t->entry, id);
    struct bounce_facts facts = {
        .envelope = e,
        .history = store_message_history(t->message),
        .recipients = about,
        .n = n,
        .why = t->why,
        .unknown = t->entry->unknown,
        .age = store_now(t->spool->store) - t->entry->queued,
        .id = id,
        .date = date,
        .from = own,
        .to = t->bounce_to,
        .hostname = t->rules->delivery.config->server.hostname,
        .host = t->host,
        .finding = t->reason,
        .quoted = is_whole ? quoted : slice_head(quoted, bounce_header_length(quoted)),
        .is_whole = is_whole,
    };
    bool fits = bounce_write(&t->text, &facts);
    free(about);
    return fits;
}

static void write_bounce(struct trial *t)
{
    const struct upstream_config *u = account_of(t);
    const struct upstream_config none = {0};
    char date[DATE_TEXT], *own = rules_own_address(t->rules, u ? u : &none);
    date_text(loop_wall_ms(t->spool->io->loop) / 1000, date);
    buf_init(&t->text, CAP_BOUNCE);
    bool fits = store_message_envelope(t->message)->bounce == SPOOL_BOUNCE
                    ? buf_append_slice(&t->text, buf_view(&t->quoted))
                    : compose(t, own, date);
    if (fits)
        begin_bounce(t, own, date);
    else
        give_up(t);
    free(own);
}

static void on_octets(void *arg, enum store_read what, struct slice octets, const struct err *err)
{
    struct trial *t = arg;
    bool is_copied = what != STORE_DAMAGED && what != STORE_READ_FAILED &&
                     store_message_envelope(t->message)->bounce == SPOOL_BOUNCE;
    size_t cap = is_copied ? CAP_BOUNCE : CAP_BOUNCE_QUOTE;
    switch (what) {
    case STORE_OCTETS: {
        struct slice part = slice_head(octets, cap - t->quoted.len);
        if (!buf_append_slice(&t->quoted, part))
            abort();
        if (t->quoted.len < cap)
            store_message_read(t->message, on_octets, t);
        else
            write_bounce(t);
        return;
    }
    case STORE_END: write_bounce(t); return;
    case STORE_DAMAGED:
        t->entry = NULL;
        trial_end(t);
        return;
    case STORE_READ_FAILED: try_again_later(t, err->words); return;
    }
}

void report_begin(struct trial *t)
{
    struct errand *job = schedule_job(t->spool, t->entry);
    if (!t->reason[0] && job->reason)
        snprintf(t->reason, sizeof t->reason, "%s", job->reason);
    if (!t->reason[0] && job->lane)
        snprintf(t->reason, sizeof t->reason, "%s", job->lane->reason);
    t->bounce_to = recipients_of_bounce(t);
    if (!t->bounce_to) {
        give_up(t);
        return;
    }
    buf_init(&t->quoted, CAP_BOUNCE);
    store_message_rewind(t->message);
    store_message_read(t->message, on_octets, t);
}
