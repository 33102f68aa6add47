/* What must hold of a message where there is a spool: whatever stops, fails, jumps or turns over, a
 * 250 is upstream, in failed/ with its octets, or, where its file was spoiled, in corrupt/. */
#include <stdlib.h>
#include <string.h>

#include "sim_history.h"
#include "spool/crc32c.h"

/* One message of one client. */
struct judged {
    const struct sim_play *play;
    struct sim_verdict *v;
    size_t client, message;
    const struct sim_message *m;
    const struct sim_outcome *o;
    /* NULL: it never lay in the spool */
    const struct sim_kept *kept;
};

static void accuse(const struct judged *j, const char *what)
{
    sim_accuse(j->v, "client %zu message %zu (%s; final %d): %s", j->client, j->message,
               j->kept ? j->kept->id : "never kept", j->o->final, what);
}

static unsigned copies_for(const struct judged *j, const char *recipient)
{
    const struct sim_ledger *l = j->play->ledger;
    unsigned n = 0;
    for (size_t i = 0; i < l->nmails; i++)
        for (size_t k = 0; k < l->mails[i].nto; k++)
            n += strcmp(l->mails[i].to[k], recipient) == 0;
    return n;
}

static bool is_corrupt(const struct judged *j)
{
    struct slice file;
    return j->kept && sim_disk_get(j->play->sim, "spool/corrupt", j->kept->id, &file);
}

/* Each recipient is served, or the message lies where a person finds it; a copy more has an unknown
 * outcome, or a stop of the machine, to show for it. */
static void check_recipient(const struct judged *j, size_t i)
{
    const struct sim_kept *kept = j->kept;
    unsigned unknown = kept ? sim_keeps_unknown(j->play, kept->id) : 0;
    unsigned copies = copies_for(j, j->m->to[i]);
    unsigned windows = sim_keeps_windows(j->play, j->client, j->message, j->m->to[i]);
    bool is_there = kept && (kept->has_failed || (kept->is_spoiled && is_corrupt(j)));
    if (copies > 1 + unknown + windows)
        accuse(j, "a recipient was served too often");
    if (j->o->final == 250 && j->o->rcpt[i] / 100 == 2 && copies == 0 && !is_there)
        accuse(j, "it was acked and is lost");
}

/* ---- its file in failed/ ---- */

static bool is_one_of(const struct sim_message *m, const char *address)
{
    for (size_t i = 0; i < m->nto; i++)
        if (strcmp(m->to[i], address) == 0)
            return true;
    return false;
}

static void compare(const struct judged *j, const struct spool_envelope *e, struct slice body)
{
    size_t n;
    bool lf = sim_client_script(j->play->clients[j->client])->lf;
    char *expected = sim_canonical(j->m->body, j->m->len, lf, &n);
    if (body.len != n || (n && memcmp(body.data, expected, n) != 0))
        accuse(j, "its body in failed/ is not what its client gave");
    free(expected);
    if (strcmp(e->sender, j->m->from) != 0)
        accuse(j, "its sender in failed/ is another one");
    for (size_t i = 0; i < e->nrecipients; i++)
        if (!is_one_of(j->m, e->recipients[i].address))
            accuse(j, "it has a recipient in failed/ whom its client never named");
}

static void check_failed_file(const struct judged *j)
{
    struct slice file;
    struct spool_tail tail;
    struct spool_envelope e;
    size_t head;
    if (!sim_disk_get(j->play->sim, "spool/failed", j->kept->id, &file) ||
        file.len < SPOOL_TAIL_SIZE) {
        accuse(j, "it has failed, and has no file");
        return;
    }
    struct slice end = slice_from(file, file.len - SPOOL_TAIL_SIZE);
    struct slice octets = slice_head(file, file.len - SPOOL_TAIL_SIZE);
    if (!spool_tail_parse(end, file.len, &tail) || !spool_tail_agrees(end, crc32c(0, octets)) ||
        spool_head_parse(file, &e, &head) != SPOOL_HEAD_OK) {
        accuse(j, "its file in failed/ is torn");
        return;
    }
    compare(j, &e, slice_from(octets, head));
    spool_envelope_free(&e);
}

/* ---- the whole ---- */

/* On no account because of a clock that was set. */
static bool was_given_up_early(const struct judged *j)
{
    const usec slack = 60 * USEC_PER_SEC;
    return j->kept->too_old && !j->play->ages_are_unknown &&
           j->kept->too_old - j->kept->since + slack < SIM_MAX_AGE;
}

void sim_judge_kept(const struct sim_play *play, size_t client, size_t message,
                    struct sim_verdict *v)
{
    const struct judged j = {.play = play,
                             .v = v,
                             .client = client,
                             .message = message,
                             .m = &play->plan->clients[client].messages[message],
                             .o = sim_client_outcome(play->clients[client], message),
                             .kept = sim_keeps_find(play, client, message)};
    for (size_t i = 0; i < j.m->nto; i++)
        check_recipient(&j, i);
    if (!j.kept)
        return;
    if (sim_keeps_counted(play, j.kept) > SIM_MAX_UNKNOWN)
        accuse(&j, "it was sent too often without an answer");
    if (j.kept->has_failed && !j.kept->is_spoiled)
        check_failed_file(&j);
    if (!j.kept->is_spoiled && is_corrupt(&j))
        accuse(&j, "it lies in corrupt/, and nobody had spoiled it");
    if (was_given_up_early(&j))
        accuse(&j, "it was given up as too old before its time");
    if (play->is_barred[client][message])
        accuse(&j, "it was kept though there was no [spool]");
}
