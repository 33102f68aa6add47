#include "relay/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void message_begin(struct message *m, const char *id, struct slice from, const struct addr *client,
                   const char *listener, usec now)
{
    *m = (struct message){.began = now};
    snprintf(m->id, sizeof m->id, "%s", id);
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
    *m = (struct message){0};
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

void message_report(struct message *m, struct log *log, const struct message_watch *watch,
                    enum result result, const struct reply *reply, usec now)
{
    if (m->reported)
        return;
    m->reported = true;
    char words[1024];
    /* All keys in every line, so that a program may count on them; user is for those who logged in,
     * original for those who were intercepted, sent_as for a sender that was replaced. */
    log_event(log, result == RESULT_DELIVERED || result == RESULT_REFUSED ? LOG_INFO : LOG_WARN,
              result_name(result), log_str("id", m->id), log_str("from", m->from),
              log_str("sent_as", m->sent_as), log_str("to", or_empty(m->to)),
              log_num("nrcpt", (int64_t)m->nrcpt), log_num("size", (int64_t)m->size),
              log_str("client", m->client), log_str("listener", m->listener),
              log_str("user", m->user), log_str("original", m->original),
              log_str("upstream", or_empty(m->upstream)), log_num("port", m->port),
              log_str("tls", m->tls), log_num("status", reply->code),
              log_str("reply", reply_words(reply, words, sizeof words)), log_num("rtts", m->rtts),
              log_usec("delay", now - m->began));
    if (watch->ended)
        watch->ended(watch->ctx, m, result, reply, now - m->began);
}

void message_make_id(char out[MESSAGE_ID_SIZE], int64_t wall_ms, unsigned counter, unsigned chance)
{
    /* nothing to confuse when read aloud */
    static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
    /* 25 bits of seconds are a year, 15 of the counter, 15 of chance: 55 bits are eleven
     * letters. */
    uint64_t bits = ((uint64_t)(wall_ms / 1000) & 0x1ffffff) << 30 |
                    (uint64_t)(counter & 0x7fff) << 15 | (chance & 0x7fff);
    for (size_t i = 0; i < MESSAGE_ID_SIZE - 1; i++)
        out[i] = letters[bits >> (5 * (MESSAGE_ID_SIZE - 2 - i)) & 31];
    out[MESSAGE_ID_SIZE - 1] = '\0';
}
