#include "delivery/journal.h"

#include <strings.h>

#include "base/log.h"

void journal_restart(struct delivery *d)
{
    if (d->journal != JOURNAL_OVER)
        d->journal = JOURNAL_DUE;
    d->journal_place = JOURNAL_NOWHERE;
}

/* Returns whether its address is a recipient already. */
static bool is_recipient(const struct delivery *d, const char *address)
{
    for (size_t i = 0; i < d->recipients.n; i++)
        if (d->recipients.items[i].told != TOLD_REFUSED &&
            strcasecmp(d->recipients.items[i].to, address) == 0)
            return true;
    return false;
}

void journal_send(struct delivery *d)
{
    const char *address = d->upstream->journal;
    bool has_mail = d->back == BACK_ENVELOPE;
    if (!address || d->journal != JOURNAL_DUE || !has_mail || !state_has_promised(d))
        return;
    if (is_recipient(d, address))
        return;
    d->journal = JOURNAL_ASKED;
    d->journal_place = d->recipients.dropped + d->recipients.nasked;
    carrier_rcpt(lease_carrier(d->lease), slice_of(address), slice_of("NEVER"), (struct slice){0});
    d->unanswered++;
}

static void refused(struct delivery *d, int code, const char *words)
{
    d->journal = JOURNAL_OVER;
    account_note_journal_refused(d->account);
    log_event(d->env->io->log, LOG_WARN,
              "the address of journal was refused: it gets no copy of this message",
              log_str("id", d->message->id), log_str("journal", d->upstream->journal),
              log_str("upstream", d->upstream->name), log_num("status", code),
              log_str("reply", words));
}

bool journal_takes_reply(struct delivery *d, size_t *index_r, const struct reply *reply)
{
    if (d->journal_place == JOURNAL_NOWHERE || *index_r < d->journal_place)
        return false;
    if (*index_r > d->journal_place) {
        (*index_r)--;
        return false;
    }
    d->unanswered--;
    d->journal = JOURNAL_TAKEN;
    if (!reply_is(reply, 2)) {
        char words[1024];
        refused(d, reply->code, reply_words(reply, words, sizeof words));
    }
    return true;
}

bool journal_is_next(const struct delivery *d)
{
    const struct recipients *rs = &d->recipients;
    size_t behind = rs->dropped + rs->nasked - d->journal_place;
    return d->journal == JOURNAL_ASKED && d->unanswered == 1 + behind;
}

void journal_give_up(struct delivery *d, const char *why)
{
    refused(d, 0, why);
}
