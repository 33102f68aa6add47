/* The oracle: what must hold after any history. Each check names the promise (PROMISES 1 and 6)
 * that it stands for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_history.h"

enum { CAP = 64 * 1024 };

void sim_accuse(struct sim_verdict *v, const char *fmt, ...)
{
    char text[900];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (v->n < SIM_FINDINGS)
        v->findings[v->n] = mem_string(text);
    v->n++;
}

void sim_verdict_free(struct sim_verdict *v)
{
    for (size_t i = 0; i < v->n && i < SIM_FINDINGS; i++)
        free(v->findings[i]);
    *v = (struct sim_verdict){0};
}

/* One message of one client, and everything the servers took of it. */
struct case_file {
    const struct sim_play *play;
    struct sim_verdict *v;
    size_t client, message;
    const struct sim_client_script *script;
    const struct sim_message *m;
    const struct sim_outcome *o;
    const struct sim_mail *commits[8];
    size_t ncommits;
};

static void accuse(const struct case_file *f, const char *what)
{
    sim_accuse(f->v, "client %zu message %zu (told MAIL %d, DATA %d, final %d; %zu committed): %s",
               f->client, f->message, f->o->mail, f->o->data, f->o->final, f->ncommits, what);
}

static bool is_recipient(const struct sim_message *m, const char *address, size_t *index_r)
{
    for (size_t i = 0; i < m->nto; i++) {
        if (strcmp(m->to[i], address) == 0) {
            *index_r = i;
            return true;
        }
    }
    return false;
}

/* Recipients are unique in a history: they tell which message a server took. */
static void gather(struct case_file *f)
{
    size_t ignored;
    const struct sim_ledger *l = f->play->ledger;
    for (size_t i = 0; i < l->nmails; i++)
        for (size_t k = 0; k < l->mails[i].nto; k++)
            if (is_recipient(f->m, l->mails[i].to[k], &ignored)) {
                if (f->ncommits < 8)
                    f->commits[f->ncommits] = &l->mails[i];
                f->ncommits++;
                break;
            }
}

/* "None is truncated, altered": canonical equality. */
static void check_body(const struct case_file *f, const struct sim_mail *mail)
{
    size_t n;
    char *expected = sim_canonical(f->m->body, f->m->len, f->script->lf, &n);
    struct slice got = buf_view(&mail->body);
    if (f->play->plan->fix_headers) {
        const char *wrong = sim_judge_body(slice_make(expected, n), got);
        if (wrong)
            accuse(f, wrong);
    } else if (got.len != n || (n > 0 && memcmp(got.data, expected, n) != 0)) {
        size_t at = 0;
        while (at < n && at < got.len && got.data[at] == expected[at])
            at++;
        accuse(f, at == got.len ? "its body is truncated" : "its body is altered");
        sim_accuse(f->v, "  ... at octet %zu of %zu; %zu came", at, n, got.len);
    }
    free(expected);
}

/* The recipient that the account adds; never the only one. */
static bool is_journal(const struct sim_play *play, const struct sim_mail *mail, const char *to)
{
    const char *journal = play->plan->journal;
    return journal && mail->account == 0 && mail->nto > 1 && strcmp(to, journal) == 0;
}

/* "The client's 250 is the upstream's 250", for each recipient. */
static void check_recipients(const struct case_file *f, const struct sim_mail *mail)
{
    if (!mail->by_api && strcmp(mail->from, f->m->from) != 0)
        accuse(f, "its sender is another one");
    if (mail->by_api && !f->m->from[0])
        accuse(f, "the null sender's went to a service that knows no sender");
    for (size_t i = 0; i < mail->nto; i++) {
        size_t index = 0;
        if (is_journal(f->play, mail, mail->to[i]))
            continue;
        if (!is_recipient(f->m, mail->to[i], &index))
            accuse(f, "it went to a recipient of another message");
        else if (f->o->rcpt[index] / 100 != 2 && f->o->rcpt[index] != 0)
            accuse(f, "it went to a recipient whom the client was told to be refused");
        for (size_t k = 0; k < i; k++)
            if (strcmp(mail->to[i], mail->to[k]) == 0)
                accuse(f, "it went to one recipient twice");
    }
    /* what is kept may go to some of them first: sim_oracle_keeps.c */
    bool keeps = f->play->plan->keeps.when != KEEP_WHEN_NEVER;
    for (size_t i = 0; i < f->m->nto && f->o->final == 250 && !keeps; i++) {
        bool there = false;
        for (size_t k = 0; k < mail->nto; k++)
            there = there || strcmp(mail->to[k], f->m->to[i]) == 0;
        if (f->o->rcpt[i] / 100 == 2 && !there)
            accuse(f, "an accepted recipient is missing upstream");
    }
}

static bool has_words(const char *text, const char *words)
{
    const char *at = text ? strstr(text, words) : NULL;
    return at && (at == text || at[-1] == ' ');
}

/* "DSN and SMTPUTF8 pass where the upstream has them". */
static void check_parameters(const struct case_file *f, const struct sim_mail *mail)
{
    if (f->o->used_dsn && mail->dsn && !has_words(mail->parameters, f->m->dsn_mail))
        accuse(f, "the DSN parameters of its MAIL are gone or others");
    if (f->o->used_dsn && mail->dsn && mail->nto > 0 && f->m->dsn_rcpt &&
        !has_words(mail->to_parameters, f->m->dsn_rcpt))
        accuse(f, "the DSN parameters of its RCPT are gone or others");
    if (f->o->used_utf8 && !has_words(mail->parameters, "SMTPUTF8"))
        accuse(f, "its SMTPUTF8 is gone");
}

static unsigned account_of(const struct sim_plan *plan, const char *sender)
{
    for (unsigned i = 1; i < plan->naccounts; i++) {
        size_t n = strlen(sender), k = strlen(plan->accounts[i].senders);
        if (n >= k && strcmp(sender + n - k, plan->accounts[i].senders) == 0)
            return i;
    }
    return 0;
}

/* "The first account whose patterns match takes the message"; its fallback may. */
static void check_route(const struct case_file *f, const struct sim_mail *mail)
{
    unsigned due = account_of(f->play->plan, f->m->from);
    if (mail->account != due && !f->play->plan->accounts[due].falls_back)
        accuse(f, "it went to another account than its sender's");
}

/* "Sent over a connection that did not earn it". */
static void check_connection(const struct case_file *f, const struct sim_mail *mail)
{
    const struct sim_plan *plan = f->play->plan;
    if (mail->may_be_clear)
        return;
    if (plan->needs_sealed && !mail->sealed)
        accuse(f, "it went over a clear connection");
    if (plan->needs_genuine && !mail->genuine)
        accuse(f, "it went to an impostor");
    if (!mail->authenticated)
        accuse(f, "it went over a session that was not authenticated");
}

static bool client_waited(const struct case_file *f)
{
    bool last = f->message + 1 == f->script->n || f->script->eager;
    const struct sim_client *c = f->play->clients[f->client];
    return !sim_client_gave_up(c) && !f->script->excused && !sim_client_is_lost(c) &&
           !(last && f->script->parts_at != SIM_CLIENT_NEVER);
}

static void check_count(const struct case_file *f)
{
    const struct sim_outcome *o = f->o;
    const struct sim_kept *kept = sim_keeps_find(f->play, f->client, f->message);
    bool keeps = f->play->plan->keeps.when != KEEP_WHEN_NEVER;
    if (keeps)
        sim_judge_kept(f->play, f->client, f->message, f->v);
    if (!keeps && f->ncommits > 1)
        accuse(f, "it was committed more than once");
    if (!keeps && o->final == 250 && f->ncommits == 0)
        accuse(f, "it was acked and is lost");
    if (!o->sent_dot && f->ncommits > 0)
        accuse(f, "it was committed although its end of data was never sent");
    if (o->final / 100 == 5 && f->ncommits > 0)
        accuse(f, "it was refused for good and is committed all the same");
    if (!kept && o->final == 250 && f->ncommits == 1 && !f->commits[0]->answered)
        accuse(f, "it was acked before its upstream had answered");
    if (f->play->plan->calm && client_waited(f) && o->final != 250 && f->ncommits > 0)
        accuse(f, "its upstream said 250 and its client was told otherwise");
    if (f->play->plan->calm && client_waited(f) && o->sent_dot && o->data == 354 && o->final == 0)
        accuse(f, "its end of data was never answered");
}

static int code_of(const struct sim_address_rule *rules, const char *address)
{
    const char *reply = sim_rule_reply(rules, address);
    return reply ? atoi(reply) : 250;
}

/* What a recipient must be told when nothing is wrong: the servers of a history have the same
 * rules. */
static int due_code(const struct case_file *f, size_t recipient)
{
    const struct sim_upstream_script *s = &f->play->plan->places[0].script;
    int mail = code_of(s->mail, f->m->from);
    /* MAIL refused: the refusal answers each RCPT */
    return mail / 100 == 2 ? code_of(s->rcpt, f->m->to[recipient]) : mail;
}

/* Whether some fault says such a code. */
static bool is_scripted(const struct sim_plan *plan, int code)
{
    for (size_t i = 0; i < plan->nplaces; i++)
        for (size_t r = 0; r < SIM_RULES; r++) {
            const struct sim_fault_rule *rule = &plan->places[i].script.faults[r];
            if (rule->fault == SIM_FAULT_REPLY && atoi(rule->text) == code)
                return true;
        }
    return false;
}

/* 550 5.6.7 is due when the session that was had cannot take SMTPUTF8. */
static bool lacks_utf8(const struct sim_plan *plan)
{
    for (size_t i = 0; i < plan->nplaces; i++)
        if (!plan->places[i].script.smtputf8)
            return true;
    return false;
}

/* "Replies to RCPT are never invented": a 2xx or 5xx is the upstream's, any fault of ours is
 * 4xx. */
static void check_told(const struct case_file *f, size_t recipient)
{
    int told = f->o->rcpt[recipient], due = due_code(f, recipient);
    bool by_api = f->play->plan->api.service != API_NONE;
    if (told == 250 && (by_api || f->play->plan->keeps.when != KEEP_WHEN_NEVER))
        return;
    if (told == 0 || told == due || (f->o->used_utf8 && told == 550 && lacks_utf8(f->play->plan)))
        return;
    /* a fault said 250 to a MAIL that the rule refuses */
    if (told == code_of(f->play->plan->places[0].script.rcpt, f->m->to[recipient]) &&
        is_scripted(f->play->plan, 250))
        return;
    if (told / 100 != 4 && f->o->mail / 100 == 2 && !is_scripted(f->play->plan, told))
        sim_accuse(f->v, "client %zu message %zu: recipient %zu was told %d, but %d is due",
                   f->client, f->message, recipient, told, due);
    else if (f->play->plan->must_arrive && client_waited(f))
        sim_accuse(f->v,
                   "client %zu message %zu: recipient %zu was told %d although a port works: %s",
                   f->client, f->message, recipient, told, f->o->text);
}

/* For one of its recipients, by the service over HTTPS. */
static bool api_has_refused(const struct case_file *f)
{
    for (size_t i = 0; i < f->m->nto; i++)
        if (sim_api_has_refused(&f->play->api, f->m->to[i]))
            return true;
    return false;
}

static void check_truth(const struct case_file *f)
{
    const struct sim_outcome *o = f->o;
    bool nobody = true;
    for (size_t i = 0; i < f->m->nto; i++) {
        check_told(f, i);
        nobody = nobody && o->rcpt[i] / 100 != 2;
    }
    if (o->final / 100 == 5 && !(o->final == 554 && nobody) && o->final != 552 &&
        !is_scripted(f->play->plan, o->final) && !api_has_refused(f))
        accuse(f, "it was refused for good, and no upstream did");
    if (f->play->plan->must_finish && client_waited(f) && o->data == 354 && o->final / 100 != 2 &&
        o->final != 552)
        accuse(f, "its body was asked for and it was not finished");
    if (f->play->plan->must_arrive && client_waited(f) && !o->began && f->message == 0 &&
        f->play->plan->drain_at == 0)
        accuse(f, "its client was sent away before it could begin");
    if (f->play->plan->must_arrive && client_waited(f) && o->began &&
        (o->mail != 250 || (!nobody && o->final / 100 != 2 && o->final != 552)))
        sim_accuse(f->v, "client %zu message %zu was not accepted although a port works: %s",
                   f->client, f->message, o->text);
}

static void count(struct sim_verdict *v, const struct sim_message *m, const struct sim_outcome *o)
{
    int last = o->final;
    for (size_t i = 0; i < m->nto && last == 0; i++)
        last = o->rcpt[i] / 100 != 2 ? o->rcpt[i] : 0;
    if (last == 0 && o->mail / 100 != 2)
        last = o->mail;
    if (last / 100 == 2)
        v->acked++;
    else if (last / 100 == 4)
        v->deferred++;
    else if (last / 100 == 5)
        v->refused++;
    else
        v->unanswered++;
}

static void judge_message(const struct sim_play *play, size_t client, size_t message,
                          struct sim_verdict *v)
{
    struct case_file f = {.play = play,
                          .v = v,
                          .client = client,
                          .message = message,
                          .script = sim_client_script(play->clients[client])};
    f.m = &f.script->messages[message];
    f.o = sim_client_outcome(play->clients[client], message);
    gather(&f);
    count(v, f.m, f.o);
    v->committed += (unsigned)f.ncommits;
    check_count(&f);
    check_truth(&f);
    for (size_t i = 0; i < f.ncommits && i < 8; i++) {
        check_body(&f, f.commits[i]);
        check_recipients(&f, f.commits[i]);
        check_connection(&f, f.commits[i]);
        check_parameters(&f, f.commits[i]);
        check_route(&f, f.commits[i]);
    }
}

static void judge_clients(const struct sim_play *play, struct sim_verdict *v)
{
    for (size_t i = 0; i < play->plan->nclients; i++) {
        const struct sim_client *c = play->clients[i];
        if (sim_client_complaint(c))
            sim_accuse(v, "client %zu complains: %s", i, sim_client_complaint(c));
        if (!sim_client_got_in(c) && play->plan->drain_at == 0 && !play->restarted)
            sim_accuse(v, "client %zu could not connect", i);
        if (!sim_client_is_done(c))
            sim_accuse(v, "client %zu's session never ended; it was told: %.500s", i,
                       sim_client_replies(c));
        if (sim_client_gave_up(c) && play->plan->clients[i].patience == 0)
            sim_accuse(v, "client %zu waited ten minutes for an answer", i);
        if (sim_client_was_cut_off(c) && play->plan->calm && !play->plan->clients[i].excused &&
            play->plan->clients[i].parts_at == SIM_CLIENT_NEVER)
            sim_accuse(v, "client %zu was cut off while an answer was due", i);
        for (size_t m = 0; m < play->plan->clients[i].n; m++)
            judge_message(play, i, m, v);
    }
    for (size_t i = 0; i < play->ledger->ncomplaints; i++)
        sim_accuse(v, "upstream complains: %s", play->ledger->complaints[i]);
}

/* Some client's flight met a refusal and its body was read as commands, by our listener: it may
 * have asked for anything. */
static bool some_client_may_have_asked_for_anything(const struct sim_play *play)
{
    for (size_t i = 0; i < play->plan->nclients; i++)
        if (sim_client_is_lost(play->clients[i]) || play->plan->clients[i].junk)
            return true;
    return false;
}

static bool somebody_wrote_to(const struct sim_play *play, const char *address)
{
    size_t ignored;
    for (size_t i = 0; i < play->plan->nclients; i++)
        for (size_t m = 0; m < play->plan->clients[i].n; m++)
            if (is_recipient(&play->plan->clients[i].messages[m], address, &ignored))
                return true;
    return false;
}

/* No octet of a body is ever read as a command upstream: what is committed was asked for by a
 * client. */
static void judge_strangers(const struct sim_play *play, struct sim_verdict *v)
{
    if (some_client_may_have_asked_for_anything(play))
        return;
    for (size_t i = 0; i < play->ledger->nmails; i++) {
        const struct sim_mail *mail = &play->ledger->mails[i];
        char id[SPOOL_ID_SIZE];
        for (size_t k = 0; k < mail->nto && !sim_keeps_report_of(mail, id); k++)
            if (!somebody_wrote_to(play, mail->to[k]) && !is_journal(play, mail, mail->to[k]))
                sim_accuse(v, "a mail from <%s> to <%s> was committed that no client sent",
                           mail->from, mail->to[k]);
    }
}

/* "Every session ends", and nothing is left over. */
static void judge_leftovers(const struct sim_play *play, struct sim_verdict *v)
{
    struct sim_living l = sim_living(play->sim);
    if (sim_most_held(play->sim) > CAP)
        sim_accuse(v, "%zu octets were held in one direction of a session: more than 64 KiB",
                   sim_most_held(play->sim));
    const struct {
        const char *what;
        size_t n;
    } left[] = {{"timers", l.timers},      {"connections", l.transports},
                {"lookups", l.queries},    {"jobs", l.jobs},
                {"children", l.processes}, {"TLS contexts", l.contexts},
                {"listeners", l.listeners}};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        if (left[i].n > 0)
            sim_accuse(v, "%zu %s are left over at the end", left[i].n, left[i].what);
}

void sim_judge(const struct sim_play *play, bool came_to_its_end, struct sim_verdict *v)
{
    *v = (struct sim_verdict){0};
    if (!came_to_its_end)
        sim_accuse(v,
                   play->drained ? "some client's session never ended" : "the relay never drained");
    judge_clients(play, v);
    judge_strangers(play, v);
    judge_leftovers(play, v);
    sim_judge_secrets(play, v);
    sim_judge_tokens(play, v);
    sim_judge_api(play, v);
    sim_judge_reports(play, v);
    sim_judge_shortage(play, v);
    sim_judge_several(play, v);
}
