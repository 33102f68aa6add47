#include "delivery/decline.h"

#include <stdio.h>

#include "base/log.h"
#include "delivery/outcome.h"
#include "delivery/replay.h"

/* Each way to be declined: what is said if nothing else takes the message; as the log names it; and
 * what is said of it where an SMTP port may take it, NULL: none would. */
static const struct decline_row {
    enum own own;
    const char *reason, *otherwise;
} rows[] = {
    [SMTP_CLIENT_DECLINES_SENDER] = {OWN_NULL_SENDER, "envelope", "it has the null sender"},
    [SMTP_CLIENT_DECLINES_OTHERS] = {OWN_OTHERS, "envelope",
                                     "its header names others than its envelope"},
    [SMTP_CLIENT_DECLINES_HEADER] = {OWN_HEADER, "envelope",
                                     "its header's recipients can not be read with certainty"},
    [SMTP_CLIENT_DECLINES_SIZE] = {OWN_TOO_BIG, "size", "it is too large"},
    [SMTP_CLIENT_DECLINES_ROOM] = {OWN_NO_ROOM, "room", NULL},
};

/* Whether a port of the account may take a message of so many octets by SMTP. Its limit is that of
 * the last EHLO. */
static bool smtp_may_take(const struct delivery *d, uint64_t size)
{
    const struct account_facts *facts = account_facts(d->account);
    if (facts->known && facts->has_size && facts->size && size > facts->size)
        return false;
    for (size_t i = 0; i < d->upstream->ports.n; i++)
        if (d->upstream->ports.items[i].mode != PORT_API)
            return true;
    return false;
}

/* What is known of it: what the client announced, or what came until now. */
static uint64_t size_of(const struct delivery *d)
{
    return d->has_size && d->size > d->message->size ? d->size : d->message->size;
}

static void log_decline(const struct delivery *d, const struct decline_row *row, const char *words,
                        bool other)
{
    log_event(d->env->io->log, LOG_INFO,
              other ? "this message is not for the port over HTTPS: it waits for an SMTP port"
                    : "this message is not for the port over HTTPS, and no other would take it",
              log_str("id", d->message->id), log_str("upstream", d->upstream->name),
              log_num("port", d->message->port), log_str("reason", row->reason),
              log_str("why", words));
}

bool decline_goes_elsewhere(struct delivery *d)
{
    bool goes = !d->declined && state_is_replayable(d);
    if (goes)
        replay_elsewhere(d);
    return goes;
}

void decline_message(struct delivery *d, enum smtp_client_decline why, const char *words)
{
    const struct decline_row *row = &rows[why];
    uint64_t size = why == SMTP_CLIENT_DECLINES_SIZE ? size_of(d) : 0;
    bool other = row->otherwise && smtp_may_take(d, size);
    char text[400];
    if (other && decline_goes_elsewhere(d))
        return;
    log_decline(d, row, words, other);
    snprintf(text, sizeof text, "%s%s%s", row->otherwise ? row->otherwise : "",
             words[0] ? ": " : "", words);
    outcome_own(d, other ? OWN_OTHER_PORT : row->own, other ? text : words);
}

enum own decline_shortcoming(const struct delivery *d, enum own lacks, const char **words_r)
{
    bool over_https = lease_port(d->lease)->mode == PORT_API;
    *words_r = lacks == OWN_TOO_BIG ? "it is too large" : "its addresses need SMTPUTF8";
    if (!over_https || !smtp_may_take(d, lacks == OWN_TOO_BIG ? size_of(d) : 0))
        return lacks;
    return OWN_OTHER_PORT;
}
