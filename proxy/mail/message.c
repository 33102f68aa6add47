#include "mail/message.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "wire/reply.h"

static const struct {
    const char *name, *label, *words;
} results[RESULT_COUNT] = {
    [RESULT_DELIVERED] = {"delivered", "delivered", "delivered"},
    [RESULT_REFUSED] = {"refused", "refused", "refused"},
    [RESULT_DEFERRED] = {"deferred", "deferred", "deferred"},
    [RESULT_SPOOLED] = {"spooled", "spooled", "spooled"},
    [RESULT_LOST_LINK] = {"lost-link", "lost_link", "lost link"},
};

const char *result_name(enum result r)
{
    return results[r].name;
}

const char *result_label(enum result r)
{
    return results[r].label;
}

const char *result_words(enum result r)
{
    return results[r].words;
}

void message_begin(struct message *m, const char *id, struct slice from, const struct addr *client,
                   const char *listener, usec now)
{
    *m = (struct message){.began = now};
    slice_write(slice_of(id), m->id, sizeof m->id);
    m->from = slice_string(from);
    m->listener = mem_string(listener);
    addr_text(client, m->client);
}

void message_free(struct message *m)
{
    free(m->from);
    free(m->sent_as);
    free(m->to);
    free(m->listener);
    free(m->user);
    free(m->original);
    free(m->upstream);
    free(m->kept_words);
    free(m->reply);
    *m = (struct message){0};
}

static char *copy_or_null(const char *text)
{
    return text ? mem_string(text) : NULL;
}

void message_copy(struct message *to, const struct message *from)
{
    *to = *from;
    to->from = copy_or_null(from->from);
    to->sent_as = copy_or_null(from->sent_as);
    to->to = copy_or_null(from->to);
    to->listener = copy_or_null(from->listener);
    to->user = copy_or_null(from->user);
    to->original = copy_or_null(from->original);
    to->upstream = copy_or_null(from->upstream);
    to->kept_words = copy_or_null(from->kept_words);
    to->reply = copy_or_null(from->reply);
}

void message_set_to(struct message *m, struct slice to)
{
    free(m->to);
    m->to = slice_string(to);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* Every line has all keys, so that a program may rely on them, with three exceptions: user is for
 * clients that logged in, original for those that were intercepted, sent_as for a sender that was
 * replaced, reason and words for a message that is kept, via, queued and tries for what the spool
 * kept. */
static void write_line(const struct message *m, struct log *log)
{
    bool is_fine =
        m->result == RESULT_DELIVERED || m->result == RESULT_REFUSED || m->result == RESULT_SPOOLED;
    log_event(log, is_fine ? LOG_INFO : LOG_WARN, result_name(m->result), log_str("id", m->id),
              log_str("from", m->from), log_str("sent_as", m->sent_as),
              log_str("to", or_empty(m->to)), log_num("nrcpt", (int64_t)m->nrcpt),
              log_num("size", (int64_t)m->size), log_str("client", m->client),
              log_str("listener", m->listener), log_str("user", m->user),
              log_str("original", m->original), log_str("upstream", or_empty(m->upstream)),
              log_num("port", m->port), log_str("tls", m->tls), log_num("status", m->status),
              log_str("reply", m->reply), log_num("rtts", m->rtts), log_usec("delay", m->delay),
              log_str("reason", m->kept_for), log_str("words", m->kept_words),
              log_str("via", m->via_spool ? "spool" : NULL),
              m->via_spool ? log_num("queued", m->queued / USEC_PER_SEC) : (struct log_field){0},
              m->via_spool ? log_num("tries", m->tries) : (struct log_field){0});
}

void message_report(struct message *m, const struct io *io, const struct message_watch *watch,
                    enum result result, const struct reply *reply)
{
    UNINITIALIZED char words[1024];
    if (m->reported)
        return;
    m->reported = true;
    m->result = result;
    m->ended_ms = loop_wall_ms(io->loop);
    m->delay = loop_now(io->loop) - m->began;
    m->status = reply->code;
    m->reply = mem_string(reply_words(reply, words, sizeof words));
    write_line(m, io->log);
    if (watch->ended)
        watch->ended(watch->ctx, m);
}

void message_make_id(char out[MESSAGE_ID_SIZE], int64_t wall_ms, unsigned counter, unsigned chance)
{
    /* There are no letters that could be confused when read aloud. */
    static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
    /* 25 bits of seconds are a year. With 15 bits of the counter and 15 random ones these are 55
     * bits, which are eleven letters. */
    uint64_t bits = ((uint64_t)(wall_ms / 1000) & 0x1ffffff) << 30 |
                    (uint64_t)(counter & 0x7fff) << 15 | (chance & 0x7fff);
    for (size_t i = 0; i < MESSAGE_ID_SIZE - 1; i++)
        out[i] = letters[bits >> (5 * (MESSAGE_ID_SIZE - 2 - i)) & 31];
    out[MESSAGE_ID_SIZE - 1] = '\0';
}
