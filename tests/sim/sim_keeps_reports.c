/* The bounces of a play: which lay in the spool, what the disk knew of them at each stop, and which
 * of them a server took. */
#include <stdio.h>
#include <string.h>

#include "sim_history.h"
#include "spool/spool.h"
#include "spool/store_private.h"

/* "ID.b1", and the same from the account's own address: "ID.b1.b1" */
bool sim_keeps_is_report(const char *id)
{
    return strstr(id, ".b") != NULL;
}

int sim_keeps_find_report(const struct sim_play *play, const char *id)
{
    for (size_t i = 0; i < play->nreports; i++)
        if (strcmp(play->reports[i].id, id) == 0)
            return (int)i;
    return -1;
}

void sim_keeps_watch_report(struct sim_play *play, const struct spool_entry *entry)
{
    int i = sim_keeps_find_report(play, entry->id);
    if (i < 0 && play->nreports < SIM_REPORTS) {
        i = (int)play->nreports++;
        snprintf(play->reports[i].id, sizeof play->reports[i].id, "%s", entry->id);
    }
    if (i >= 0 && !entry->is_busy && store_is_settled(entry))
        play->reports[i].settled = sim_now(play->sim);
}

void sim_keeps_stop_reports(struct sim_play *play, struct sim_stop *stop)
{
    for (size_t i = 0; i < play->nreports; i++) {
        const struct spool_entry *e = store_find(spool_store(play->spool), play->reports[i].id);
        bool is_open = e && (e->is_busy || !store_is_settled(e));
        stop->since_report[i] = is_open ? play->reports[i].settled : SIM_KNOWN;
    }
    for (size_t i = play->nreports; i < SIM_REPORTS; i++)
        stop->since_report[i] = SIM_KNOWN;
}

bool sim_keeps_report_of(const struct sim_mail *mail, char id[SPOOL_ID_SIZE])
{
    static const char from[] = "From: \"Mail Delivery System\" <", mark[] = "Message-ID: <";
    struct slice text = slice_head(buf_view(&mail->body), 4000);
    if (!text.len || !memmem(text.data, text.len, from, sizeof from - 1))
        return false;
    const char *at = memmem(text.data, text.len, mark, sizeof mark - 1);
    if (!at)
        return false;
    text = slice_from(text, (size_t)(at - text.data) + sizeof mark - 1);
    struct slice name = slice_head(text, slice_find(text, '@'));
    if (name.len + 4 > SPOOL_ID_SIZE)
        return false;
    /* The second try has the first one's text. */
    snprintf(id, SPOOL_ID_SIZE, "%.*s%s", (int)name.len, name.data, mail->from[0] ? ".b1" : "");
    return sim_keeps_is_report(id);
}

unsigned sim_keeps_report_windows(const struct sim_play *play, size_t report)
{
    unsigned n = 0;
    for (size_t s = 0; s < play->nstops; s++) {
        const struct sim_stop *stop = &play->stops[s];
        bool took = false;
        for (size_t i = 0; i < play->ledger->nmails; i++) {
            const struct sim_mail *mail = &play->ledger->mails[i];
            char id[SPOOL_ID_SIZE];
            took = took ||
                   (mail->when >= stop->since_report[report] && mail->session < stop->sessions &&
                    sim_keeps_report_of(mail, id) && strcmp(id, play->reports[report].id) == 0);
        }
        n += took;
    }
    return n;
}
