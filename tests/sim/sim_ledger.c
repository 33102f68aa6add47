/* The ledger: mails taken, logins tried, complaints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_upstream_internal.h"

enum { BODY_CAP = 64 * 1024 * 1024 };

struct sim_ledger *sim_ledger_new(void)
{
    return NEW(struct sim_ledger);
}

void ledger_mail_free(struct sim_mail *m)
{
    for (size_t i = 0; i < m->nto; i++)
        free(m->to[i]);
    free(m->to);
    free(m->from);
    free(m->parameters);
    free(m->to_parameters);
    buf_free(&m->body);
    *m = (struct sim_mail){0};
    buf_init(&m->body, BODY_CAP);
}

void sim_ledger_free(struct sim_ledger **ledger)
{
    struct sim_ledger *l = *ledger;
    *ledger = NULL;
    if (!l)
        return;
    for (size_t i = 0; i < l->nmails; i++)
        ledger_mail_free(&l->mails[i]);
    for (size_t i = 0; i < l->nlogins; i++) {
        free(l->logins[i].user);
        free(l->logins[i].password);
    }
    for (size_t i = 0; i < l->ncomplaints; i++)
        free(l->complaints[i]);
    free(l->mails);
    free(l->logins);
    free(l->complaints);
    free(l);
}

void up_complain(struct up_session *s, const char *fmt, ...)
{
    struct sim_ledger *l = s->u->ledger;
    if (s->reads_leak)
        return;
    char text[400], at[ADDR_TEXT];
    int n = snprintf(text, sizeof text, "session %zu at %s: ", s->number,
                     addr_text_with_port(&s->u->at, at));
    va_list args;
    va_start(args, fmt);
    vsnprintf(text + n, sizeof text - (size_t)n, fmt, args);
    va_end(args);
    sim_say(s->u->sim, "COMPLAINT %s", text);
    l->complaints = mem_resize(l->complaints, (l->ncomplaints + 1) * sizeof *l->complaints);
    l->complaints[l->ncomplaints++] = mem_string(text);
}

struct sim_login *ledger_login(struct up_session *s, const char *user, const char *password)
{
    struct sim_ledger *l = s->u->ledger;
    l->logins = mem_resize(l->logins, (l->nlogins + 1) * sizeof *l->logins);
    struct sim_login *login = &l->logins[l->nlogins++];
    *login = (struct sim_login){.user = mem_string(user),
                                .password = mem_string(password),
                                .when = sim_now(s->u->sim),
                                .port = s->u->at.port};
    login->account = s->u->script.account;
    login->session = s->number;
    login->sealed = s->sealed;
    login->genuine = s->u->script.genuine;
    return login;
}

void up_reset_transaction(struct up_session *s)
{
    ledger_mail_free(&s->mail);
    s->has_mail = s->body_struck = s->chunk_refused = s->last_chunk = s->body_7bit_only = false;
    s->line_start = true;
    s->body_bytes = s->chunk_left = 0;
}

void up_take_mail(struct up_session *s)
{
    struct sim_ledger *l = s->u->ledger;
    const struct sim_upstream_script *script = &s->u->script;
    s->mail.when = sim_now(s->u->sim);
    s->mail.port = s->u->at.port;
    s->mail.session = s->number;
    s->mail.account = script->account;
    s->mail.dsn = script->dsn;
    s->mail.sealed = s->sealed;
    s->mail.genuine = script->genuine;
    s->mail.authenticated = s->authenticated || !script->user;
    s->mail.may_be_clear = script->may_be_clear;
    l->mails = mem_resize(l->mails, (l->nmails + 1) * sizeof *l->mails);
    l->mails[l->nmails++] = s->mail;
    s->mail_taken = l->nmails;
    sim_say(s->u->sim, "session %zu takes mail %zu: %zu recipients, %zu bytes", s->number,
            l->nmails, s->mail.nto, s->mail.body.len);
    s->mail = (struct sim_mail){0};
    up_reset_transaction(s);
}
