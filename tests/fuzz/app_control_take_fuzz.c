/* A message of another spool, as the control socket hears it: any log under good checksums, any
 * body, any size of the parts in which it comes; or any octets at all. What is answered 0 is in the
 * spool with its octets, anything else leaves nothing behind.
 * Input: flags, size of a part, then the log's lines up to a NUL, then the body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/control_take.h"
#include "app/quiet.h"
#include "base/caps.h"
#include "fuzz.h"
#include "io/loop.h"
#include "spool/crc32c.h"

enum { IS_RAW = 1, IS_BOUNCE = 2, TWO_PEOPLE = 4, HANGS_UP = 8 };

static char directory[] = "/tmp/take-fuzz-XXXXXX";
static struct io io;
static struct store *store;

static void remove_directory(void)
{
    char command[64];
    store_close(&store);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    CHECK(system(command) == 0);
}

static void open_store(void)
{
    struct err err;
    if (store)
        return;
    CHECK(mkdtemp(directory));
    const struct spool_settings settings = {.directory = directory,
                                            .max_size = 1000000,
                                            .max_messages = 100,
                                            .max_age = 86400 * USEC_PER_SEC,
                                            .failed_age = 86400 * USEC_PER_SEC};
    io.loop = loop_new(&err);
    CHECK(io.loop);
    io.log = log_new(LOG_ERROR, false, quiet_sink());
    store = store_open(&io, &settings, &err);
    CHECK(store);
    atexit(remove_directory);
}

/* Each line of the input under its checksum. */
static void add_log(struct buf *out, const char *id, struct slice lines)
{
    while (lines.len) {
        struct slice line = slice_head(lines, slice_find(lines, '\n'));
        uint32_t crc = crc32c(crc32c(0, slice_of(id)), line);
        CHECK(buf_printf(out, "%08x ", (unsigned)crc) && buf_append_slice(out, line) &&
              buf_append(out, "\n", 1));
        lines = slice_from(lines, line.len + 1);
    }
}

static void add_head(struct buf *out, char *id, unsigned flags)
{
    static char word[] = "w", empty[] = "";
    struct spool_recipient people[2] = {{word, empty, empty}, {word, word, word}};
    struct spool_envelope e = {.id = id,
                               .queued = 5 * USEC_PER_SEC,
                               .bounce = flags & IS_BOUNCE ? SPOOL_BOUNCE : SPOOL_MAIL,
                               .account = word,
                               .listener = word,
                               .client = word,
                               .login = empty,
                               .destination = empty,
                               .reason = word,
                               .date = word,
                               .message_id = word,
                               .sender = empty,
                               .ret = empty,
                               .envid = empty,
                               .recipients = people,
                               .nrecipients = flags & TWO_PEOPLE ? 2 : 1};
    CHECK(spool_head_write(out, &e));
}

static void nothing_more(void *ctx)
{
    (void)ctx;
}

/* Gives the answer's status, -1: there is none yet. */
static int feed(struct control_take *take, struct slice octets, size_t part)
{
    unsigned status;
    const char *words;
    while (octets.len) {
        size_t n = control_take_feed(take, slice_head(octets, part));
        CHECK(n <= part && n <= octets.len);
        if (n == 0)
            break;
        octets = slice_from(octets, n);
    }
    return control_take_answer(take, &status, &words) ? (int)status : -1;
}

/* ---- what became of it ---- */

static struct store_message *message;
static struct buf body;
static enum store_read last;

static void on_opened(void *arg, struct store_message *m, const struct err *err)
{
    (void)arg;
    CHECK(m && !err);
    message = m;
}

static void on_octets(void *arg, enum store_read what, struct slice octets, const struct err *err)
{
    (void)arg;
    (void)err;
    last = what;
    CHECK(what != STORE_OCTETS || buf_append_slice(&body, octets));
}

static void on_removed(void *arg, const struct err *err)
{
    (void)arg;
    CHECK(!err);
}

static void check_it_is_there(const char *id, struct slice sent)
{
    struct spool_entry *e = store_find(store, id);
    CHECK(e && !e->is_busy && !e->is_held && e->queued <= store_now(store));
    CHECK(e->waiting + e->refused + e->failed <= e->nrecipients);
    store_message_open(store, e, on_opened, NULL);
    CHECK(store_message_history(message)->tries == e->tries);
    buf_init(&body, 100000);
    do
        store_message_read(message, on_octets, NULL);
    while (last == STORE_OCTETS);
    CHECK(last == STORE_END && body.len == sent.len);
    CHECK(sent.len == 0 || memcmp(buf_view(&body).data, sent.data, sent.len) == 0);
    buf_free(&body);
    store_message_close(&message);
    store_remove(store, e, on_removed, NULL);
}

static void structured(struct slice in, unsigned flags, size_t part)
{
    char id[] = "m1.b1";
    struct buf all;
    struct control_offer offer = {.now = 10 * USEC_PER_SEC};
    size_t n = slice_find(in, '\0');
    struct slice sent = slice_from(in, n + 1);
    if (!(flags & IS_BOUNCE))
        id[2] = '\0';
    buf_init(&all, 2 * CAP_SPOOL_HEAD);
    add_log(&all, id, slice_head(in, n));
    offer.log = all.len;
    add_head(&all, id, flags);
    offer.head = all.len - offer.log;
    offer.body = sent.len;
    CHECK(buf_append_slice(&all, sent));
    if (!(flags & HANGS_UP))
        CHECK(buf_append_slice(&all, slice_of(CONTROL_COMMIT)));
    struct control_take *take = control_take_new(store, &offer, nothing_more, NULL);
    int status = feed(take, buf_view(&all), part);
    CHECK(status >= 0 || (flags & HANGS_UP));
    CHECK(status != 0 || !(flags & HANGS_UP));
    if (status == 0)
        check_it_is_there(id, sent);
    control_take_free(&take);
    buf_free(&all);
}

static void raw(struct slice in, size_t part)
{
    struct control_request r;
    size_t n = slice_find(in, '\n');
    if (!control_request_read(slice_head(in, n), &r))
        return;
    struct control_take *take = control_take_new(store, &r.offer, nothing_more, NULL);
    if (feed(take, slice_from(in, n + 1), part) == 0)
        LIST_EACH (&store_index(store)->lists[PLACE_QUEUE], it)
            store_remove(store, CONTAINER(it, struct spool_entry, link), on_removed, NULL);
    control_take_free(&take);
    control_request_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    open_store();
    struct slice in = slice_make(data + 2, size - 2);
    size_t part = data[1] ? data[1] : 4096;
    if (data[0] & IS_RAW)
        raw(in, part);
    else
        structured(in, data[0], part);
    for (int place = PLACE_QUEUE; place <= PLACE_FAILED; place++)
        CHECK(store_index(store)->counts[place] == 0);
    CHECK(store_receiving(store) == 0);
    return 0;
}
