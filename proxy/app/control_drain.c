#include "app/control_drain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/control_request.h"
#include "app/status.h"
#include "base/mem.h"

#define LOOK_EVERY (100 * USEC_PER_MS)
/* The first try may have met a port that was just found dead, and the rest after it may be longer
 * than the drain. */
#define WAKE_EVERY (3 * USEC_PER_SEC)
/* Accounts that are named, octets of the reason of each, and of all words. */
enum { ACCOUNTS_NAMED = 5, REASON_SHOWN = 200, WORDS_SIZE = 2000 };

struct control_drain {
    struct spool *spool;
    const struct control_host *host;
    struct timer *timer;
    usec patience, until, wakes;
    bool is_over;
    void (*over)(void *ctx);
    void *ctx;
};

static size_t queued(const struct control_drain *d)
{
    return store_index(spool_store(d->spool))->counts[PLACE_QUEUE];
}

/* A client that began before the drain may still hand over a message that is kept. */
static bool more_may_come(const struct control_drain *d)
{
    return store_receiving(spool_store(d->spool)) > 0 ||
           (d->host->may_keep && d->host->may_keep(d->host->ctx));
}

static void look(void *arg)
{
    struct control_drain *d = arg;
    bool is_empty = queued(d) == 0 && !more_may_come(d);
    usec now = loop_now(d->host->loop);
    if (!is_empty && now < d->until) {
        if (now >= d->wakes) {
            spool_awake(d->spool, NULL);
            d->wakes = now + WAKE_EVERY;
        }
        timer_arm(d->timer, LOOK_EVERY);
        return;
    }
    d->is_over = true;
    d->over(d->ctx);
}

struct control_drain *control_drain_new(struct spool *spool, const struct control_host *host,
                                        usec patience, void (*over)(void *ctx), void *ctx)
{
    struct control_drain *d = NEW(struct control_drain);
    d->spool = spool;
    d->host = host;
    d->patience = patience;
    d->until = loop_now(host->loop) + patience;
    d->wakes = loop_now(host->loop) + WAKE_EVERY;
    d->over = over;
    d->ctx = ctx;
    d->timer = timer_new(host->loop, look, d);
    if (host->close)
        host->close(host->ctx, true);
    spool_retry_all(spool, NULL);
    timer_arm(d->timer, 0);
    return d;
}

void control_drain_free(struct control_drain **drain)
{
    struct control_drain *d = *drain;
    *drain = NULL;
    if (!d)
        return;
    if (d->host->close && (!d->is_over || queued(d) > 0 || more_may_come(d)))
        d->host->close(d->host->ctx, false);
    timer_free(&d->timer);
    free(d);
}

/* ---- what is left ---- */

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* Appends words such as "; account office: 2 waiting, 1 held: 587 refused". */
static bool tell_account(const struct control_drain *d, const char *account, struct buf *words)
{
    struct spool_counts c;
    spool_count(d->spool, account, &c);
    return buf_printf(words, "; account %.64s: %zu waiting", account, c.waiting + c.sending) &&
           (!c.held || buf_printf(words, ", %zu held", c.held)) &&
           (!c.reason[0] || buf_printf(words, ": %.*s", REASON_SHOWN, c.reason));
}

/* Each account once; the list may be long, the names are few. */
static bool tell_accounts(const struct control_drain *d, struct buf *words)
{
    const char *told[ACCOUNTS_NAMED];
    size_t n = 0;
    LIST_EACH (&store_index(spool_store(d->spool))->lists[PLACE_QUEUE], it) {
        const struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
        struct spool_view view;
        spool_view_of(d->spool, entry, &view);
        const char *account = view.account ? view.account : entry->account;
        size_t i = 0;
        while (i < n && strcmp(told[i], account) != 0)
            i++;
        if (i < n)
            continue;
        if (n == ACCOUNTS_NAMED)
            return buf_printf(words, "; and others");
        told[n++] = account;
        if (!tell_account(d, account, words))
            return false;
    }
    return true;
}

static bool tell_what_is_left(const struct control_drain *d, struct buf *words)
{
    size_t n = queued(d);
    int64_t seconds = d->patience / USEC_PER_SEC;
    if (!n)
        return buf_printf(words,
                          "nothing waits, but after %" PRId64
                          "s a client is still handing over a message that may be kept",
                          seconds);
    return buf_printf(words, "%zu message%s left after %" PRId64 "s", n, n == 1 ? " is" : "s are",
                      seconds) &&
           tell_accounts(d, words) &&
           buf_printf(words, " (`smtp-detour spool list` shows %s)", n == 1 ? "it" : "them");
}

static bool tell_nothing_waits(const struct control_drain *d, struct buf *words)
{
    size_t failed = store_index(spool_store(d->spool))->counts[PLACE_FAILED];
    return buf_printf(words, "nothing waits any more%s",
                      d->host->close ? ", and nothing is kept until the server starts again"
                                     : "") &&
           (!failed ||
            buf_printf(words, "; %zu message%s that failed stay%s (`smtp-detour spool list`)",
                       failed, plural(failed), failed == 1 ? "s" : ""));
}

bool control_drain_end(const struct control_drain *d, struct buf *out)
{
    struct buf words;
    bool is_empty = queued(d) == 0 && !more_may_come(d);
    buf_init(&words, WORDS_SIZE);
    /* Where the words do not fit, those that do are enough. */
    if (is_empty)
        (void)!tell_nothing_waits(d, &words);
    else
        (void)!tell_what_is_left(d, &words);
    char *text = slice_string(buf_view(&words));
    bool fits = control_end_write(out, is_empty ? EXIT_FINE : EXIT_TRY_LATER, text);
    free(text);
    buf_free(&words);
    return fits;
}
