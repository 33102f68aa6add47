/* What must hold of bounces: each recipient who was given up stands in exactly one of them, where
 * one is due; none is sent twice, none because of a message without a sender, none to nobody. */
#include <stdio.h>
#include <string.h>

#include "sim_history.h"
#include "spool/history.h"

static const struct sim_kept *message_of(const struct sim_play *play, const char *report)
{
    for (size_t i = 0; i < play->nkept; i++) {
        size_t n = strlen(play->kept[i].id);
        if (strncmp(play->kept[i].id, report, n) == 0 && report[n] == '.')
            return &play->kept[i];
    }
    return NULL;
}

static const struct sim_message *said(const struct sim_play *play, const struct sim_kept *k)
{
    return &play->plan->clients[k->client].messages[k->message];
}

/* ---- what the servers took ---- */

static void judge_mail(const struct sim_play *play, const struct sim_mail *mail, const char *id,
                       struct sim_verdict *v)
{
    const struct sim_plan *plan = play->plan;
    const struct sim_kept *k = message_of(play, id);
    bool to_sender = plan->keeps.report_to == SIM_REPORT_TO_SENDER;
    if (sim_keeps_find_report(play, id) < 0 || !k) {
        sim_accuse(v, "the bounce %s was sent, and the spool never held it", id);
        return;
    }
    const char *due = to_sender ? said(play, k)->from : SIM_REPORT_ADDRESS;
    if (!said(play, k)->from[0] || plan->keeps.report_to == SIM_REPORT_TO_NOBODY)
        sim_accuse(v, "the bounce %s was sent, and nobody wants it", id);
    if (mail->nto != 1 || strcmp(mail->to[0], due) != 0)
        sim_accuse(v, "the bounce %s went to <%s> instead of <%s>", id, mail->to[0], due);
    if (mail->from[0] && strcmp(mail->from, plan->user) != 0 &&
        (plan->naccounts < 2 || strcmp(mail->from, plan->accounts[1].user) != 0))
        sim_accuse(v, "the bounce %s is from <%s>", id, mail->from);
    if (!mail->may_be_clear && ((plan->needs_sealed && !mail->sealed) || !mail->authenticated))
        sim_accuse(v, "the bounce %s went over a session that did not earn it", id);
}

static void judge_copies(const struct sim_play *play, size_t report, struct sim_verdict *v)
{
    const char *id = play->reports[report].id;
    unsigned copies = 0;
    for (size_t i = 0; i < play->ledger->nmails; i++) {
        char other[SPOOL_ID_SIZE];
        copies += sim_keeps_report_of(&play->ledger->mails[i], other) && strcmp(other, id) == 0;
    }
    if (copies > 1 + sim_keeps_unknown(play, id) + sim_keeps_report_windows(play, report))
        sim_accuse(v, "the bounce %s was sent %u times", id, copies);
}

/* ---- who was given up ---- */

static bool names(struct slice text, const char *recipient)
{
    char line[300];
    int n = snprintf(line, sizeof line, "Final-Recipient: rfc822; %s\r\n", recipient);
    return text.len && memmem(text.data, text.len, line, (size_t)n);
}

/* It was taken by a server or lies in failed/, itself or its second try. */
static bool is_named_by(const struct sim_play *play, const char *report, const char *recipient)
{
    struct slice file;
    if (sim_disk_get(play->sim, "spool/failed", report, &file) && names(file, recipient))
        return true;
    for (size_t i = 0; i < play->ledger->nmails; i++) {
        char id[SPOOL_ID_SIZE];
        if (sim_keeps_report_of(&play->ledger->mails[i], id) && strcmp(id, report) == 0 &&
            names(buf_view(&play->ledger->mails[i].body), recipient))
            return true;
    }
    return false;
}

static bool is_second_try(const char *report)
{
    return strstr(strstr(report, ".b") + 1, ".b") != NULL;
}

static unsigned reports_on(const struct sim_play *play, const struct sim_kept *k,
                           const char *recipient)
{
    unsigned n = 0;
    for (size_t i = 0; i < play->nreports; i++) {
        const char *id = play->reports[i].id;
        char second[SPOOL_ID_SIZE + 8];
        if (message_of(play, id) != k || is_second_try(id))
            continue;
        snprintf(second, sizeof second, "%s.b1", id);
        n += is_named_by(play, id, recipient) || is_named_by(play, second, recipient);
    }
    return n;
}

static bool wants(const struct sim_play *play, const struct sim_kept *k,
                  const struct spool_recipient *to)
{
    return play->plan->keeps.report_to != SIM_REPORT_TO_NOBODY && said(play, k)->from[0] &&
           (!to->notify[0] || strstr(to->notify, "FAILURE"));
}

static void judge_failed(const struct sim_play *play, const struct sim_kept *k,
                         struct sim_verdict *v)
{
    struct slice file, log;
    char name[SPOOL_ID_SIZE + 8];
    struct spool_envelope e;
    struct history h;
    size_t head;
    snprintf(name, sizeof name, "%s.log", k->id);
    if (!sim_disk_get(play->sim, "spool/failed", k->id, &file) ||
        !sim_disk_get(play->sim, "spool/failed", name, &log) ||
        spool_head_parse(file, &e, &head) != SPOOL_HEAD_OK)
        return;
    history_init(&h, e.nrecipients);
    history_read(&h, k->id, log);
    for (size_t i = 0; i < h.n; i++) {
        const char *to = e.recipients[i].address;
        unsigned due = h.recipients[i].fate == FATE_FAILED && wants(play, k, &e.recipients[i]);
        unsigned n = reports_on(play, k, to);
        if (n != due)
            sim_accuse(v, "%s: of <%s> %u bounces speak, and %u are due", k->id, to, n, due);
    }
    history_free(&h);
    spool_envelope_free(&e);
}

void sim_judge_reports(const struct sim_play *play, struct sim_verdict *v)
{
    if (play->plan->keeps.when == KEEP_WHEN_NEVER)
        return;
    for (size_t i = 0; i < play->ledger->nmails; i++) {
        const struct sim_mail *mail = &play->ledger->mails[i];
        char id[SPOOL_ID_SIZE];
        if (!sim_keeps_report_of(mail, id))
            continue;
        v->bounces++;
        judge_mail(play, mail, id, v);
    }
    for (size_t i = 0; i < play->nreports; i++)
        judge_copies(play, i, v);
    for (size_t i = 0; i < play->nkept; i++)
        if (play->kept[i].has_failed && !play->kept[i].is_spoiled)
            judge_failed(play, &play->kept[i], v);
}
