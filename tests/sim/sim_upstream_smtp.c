/* The scripted server's commands: RFC 5321 with its extensions, as a strict reader would have
 * it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_upstream_internal.h"

/* ---- small things of our own, so that a fault in the product's readers cannot hide itself here
 * ---- */

const char *sim_rule_reply(const struct sim_address_rule *rules, const char *address)
{
    for (size_t i = 0; i < SIM_RULES; i++) {
        const char *what = rules[i].contains;
        if (what && (strcmp(what, "<>") == 0 ? !address[0] : strstr(address, what) != NULL))
            return rules[i].reply;
    }
    return NULL;
}

/* "FROM:<a@b> X=1": the address between the brackets and what follows. */
static bool split_path(const char *args, const char *keyword, char *address, const char **rest)
{
    size_t k = strlen(keyword);
    const char *end;
    if (strncasecmp(args, keyword, k) != 0 || args[k] != '<' || !(end = strrchr(args, '>')))
        return false;
    const char *first = strchr(args, '>');
    if (first != end && !strchr(args, '"'))
        end = first;
    size_t n = (size_t)(end - args) - k - 1;
    memcpy(address, args + k + 1, n);
    address[n] = '\0';
    *rest = end[1] == ' ' ? end + 2 : end + 1;
    return true;
}

static bool says_no(const struct sim_fault_rule *r)
{
    return r && r->fault == SIM_FAULT_REPLY && r->text[0] != '2';
}

/* What is said counts, whether the script's rule says it or a fault in its place. */
static bool says_yes(const char *reply, const struct sim_fault_rule *r)
{
    const char *said = r && r->fault == SIM_FAULT_REPLY ? r->text : reply;
    return !said || said[0] == '2';
}

void up_check_last_in_group(struct up_session *s, const char *verb, bool may_be_followed)
{
    if (s->in.len > 0 && !(s->u->script.pipelining && s->extended && may_be_followed))
        up_complain(s, "%zu bytes sent on after %s without waiting for its answer", s->in.len,
                    verb);
}

enum up_after up_ends(const char *reply)
{
    return strncmp(reply, "421", 3) == 0 ? AFTER_CLOSE : AFTER_NOTHING;
}

/* ---- EHLO, STARTTLS ---- */

static void do_ehlo(struct up_session *s, bool extended)
{
    const struct sim_upstream_script *p = &s->u->script;
    bool clear_server = !p->starttls && !p->implicit;
    char size[40], text[2000];
    up_check_last_in_group(s, "EHLO", false);
    up_reset_transaction(s);
    s->extended = extended;
    enum sim_step step = s->sealed && !p->implicit ? SIM_AT_EHLO_AGAIN : SIM_AT_EHLO;
    const char *full = up_cap_says(s, step);
    if (full) {
        up_answer(s, step, up_ends(full), "%s\r\n", full);
        return;
    }
    if (!extended) {
        up_answer(s, SIM_AT_EHLO, AFTER_NOTHING, "250 upstream.example.com\r\n");
        return;
    }
    snprintf(size, sizeof size, p->size > 0 ? "250-SIZE %llu\r\n" : "250-SIZE\r\n",
             (unsigned long long)p->size);
    int n =
        snprintf(text, sizeof text, "250-upstream.example.com at your service\r\n%s%s%s%s%s%s%s%s",
                 p->starttls && !s->sealed ? "250-STARTTLS\r\n" : "",
                 p->pipelining ? "250-PIPELINING\r\n" : "", p->chunking ? "250-CHUNKING\r\n" : "",
                 p->eightbit ? "250-8BITMIME\r\n" : "", p->smtputf8 ? "250-SMTPUTF8\r\n" : "",
                 p->dsn ? "250-DSN\r\n" : "", p->enhanced ? "250-ENHANCEDSTATUSCODES\r\n" : "",
                 p->has_size ? size : "");
    for (const char *e = p->extra; e && *e;) {
        size_t len = strcspn(e, "\n");
        n += snprintf(text + n, sizeof text - (size_t)n, "250-%.*s\r\n", (int)len, e);
        e += len + (e[len] == '\n');
    }
    if (p->mechanisms && (s->sealed || clear_server))
        n += snprintf(text + n, sizeof text - (size_t)n, "250-AUTH %s\r\n", p->mechanisms);
    snprintf(text + n, sizeof text - (size_t)n, "250 HELP\r\n");
    up_answer(s, step, AFTER_NOTHING, "%s", text);
}

static void do_starttls(struct up_session *s)
{
    up_check_last_in_group(s, "STARTTLS", false);
    if (!s->u->script.starttls || s->sealed) {
        up_complain(s, "STARTTLS was not offered");
        up_answer_plain(s, "502 5.5.1 not offered\r\n");
        return;
    }
    up_answer(s, SIM_AT_STARTTLS, AFTER_TLS, "220 2.0.0 go ahead\r\n%s",
              s->u->script.injects ? "250 injected.example.com\r\n" : "");
}

/* ---- transactions ---- */

static bool has_parameter(const char *rest, const char *name)
{
    const char *p = strstr(rest, name);
    return p && (p == rest || p[-1] == ' ');
}

static void check_parameters(struct up_session *s, const char *rest)
{
    const struct sim_upstream_script *p = &s->u->script;
    if (has_parameter(rest, "SIZE=") && !p->has_size)
        up_complain(s, "SIZE was not announced");
    if (has_parameter(rest, "BODY=") && !p->eightbit)
        up_complain(s, "8BITMIME was not announced");
    if (has_parameter(rest, "SMTPUTF8") && !p->smtputf8)
        up_complain(s, "SMTPUTF8 was not announced");
    if ((has_parameter(rest, "RET=") || has_parameter(rest, "ENVID=") ||
         has_parameter(rest, "NOTIFY=") || has_parameter(rest, "ORCPT=")) &&
        !p->dsn)
        up_complain(s, "DSN was not announced");
}

static void do_mail(struct up_session *s, const char *args)
{
    const struct sim_upstream_script *p = &s->u->script;
    char address[UP_LINE];
    const char *rest, *reply;
    up_check_last_in_group(s, "MAIL", true);
    if (!split_path(args, "FROM:", address, &rest)) {
        up_complain(s, "bad MAIL: %s", args);
        up_answer_plain(s, "501 5.5.4 syntax\r\n");
        return;
    }
    if (s->has_mail)
        up_complain(s, "MAIL inside a transaction");
    check_parameters(s, rest);
    const char *size = strstr(rest, "SIZE=");
    if (p->user && !s->authenticated) {
        up_complain(s, "MAIL before AUTH");
        reply = "530 5.7.0 authentication required";
    } else if (size && p->has_size && p->size > 0 && strtoull(size + 5, NULL, 10) > p->size) {
        reply = "552 5.3.4 too big";
    } else {
        reply = up_cap_says(s, SIM_AT_MAIL);
        reply = reply ? reply : sim_rule_reply(p->mail, address);
    }
    const struct sim_fault_rule *r = up_rule_due(s->u, SIM_AT_MAIL);
    bool good = says_yes(reply, r);
    if (good) {
        up_reset_transaction(s);
        s->has_mail = true;
        s->mail.from = mem_string(address);
        s->mail.parameters = mem_string(rest);
    }
    up_answer(s, SIM_AT_MAIL, reply ? up_ends(reply) : AFTER_NOTHING, "%s\r\n",
              reply ? reply : "250 2.1.0 sender ok");
}

static void do_rcpt(struct up_session *s, const char *args)
{
    char address[UP_LINE];
    const char *rest;
    up_check_last_in_group(s, "RCPT", true);
    if (!split_path(args, "TO:", address, &rest)) {
        up_complain(s, "bad RCPT: %s", args);
        up_answer_plain(s, "501 5.5.4 syntax\r\n");
        return;
    }
    check_parameters(s, rest);
    /* pipelined behind a MAIL that was refused, or a mistake: a strict server cannot tell */
    if (!s->has_mail) {
        up_answer_plain(s, "503 5.5.1 MAIL first\r\n");
        return;
    }
    const char *reply = sim_rule_reply(s->u->script.rcpt, address);
    const struct sim_fault_rule *r = up_rule_due(s->u, SIM_AT_RCPT);
    if (says_yes(reply, r)) {
        s->mail.to = mem_resize(s->mail.to, (s->mail.nto + 1) * sizeof *s->mail.to);
        s->mail.to[s->mail.nto++] = mem_string(address);
        if (*rest && !s->mail.to_parameters)
            s->mail.to_parameters = mem_string(rest);
    }
    up_answer(s, SIM_AT_RCPT, AFTER_NOTHING, "%s\r\n", reply ? reply : "250 2.1.5 recipient ok");
}

static void do_data(struct up_session *s)
{
    up_check_last_in_group(s, "DATA", false);
    if (s->body_bytes > 0 || s->chunk_refused)
        up_complain(s, "DATA after BDAT");
    if (!s->has_mail || s->mail.nto == 0) {
        up_answer_plain(s, "503 5.5.1 no valid recipients\r\n");
        return;
    }
    s->line_start = true;
    up_answer(s, SIM_AT_DATA, AFTER_BODY, "354 go ahead\r\n");
}

static void verdict(struct up_session *s)
{
    const struct sim_upstream_script *p = &s->u->script;
    const struct sim_fault_rule *r = up_rule_due(s->u, SIM_AT_VERDICT);
    bool too_big = p->has_size && p->size > 0 && s->mail.body.len > p->size;
    bool lost = r && (r->fault < SIM_FAULT_REPLY || says_no(r));
    s->state = UP_COMMANDS;
    if (too_big) {
        up_reset_transaction(s);
        up_answer(s, SIM_AT_VERDICT, AFTER_NOTHING, "552 5.3.4 too big\r\n");
        return;
    }
    if (!lost || r->commits)
        up_take_mail(s);
    else
        up_reset_transaction(s);
    s->verdict_is_good = !lost;
    up_answer(s, SIM_AT_VERDICT, AFTER_NOTHING, "250 2.0.0 queued as %zu\r\n",
              s->u->ledger->nmails);
}

/* Whether it takes this BDAT. One that forgot the command blames a client that tries again on a
 * session that began afterwards. */
static bool knows_bdat(struct up_session *s)
{
    const struct sim_upstream_script *p = &s->u->script;
    bool forgotten = p->bdat_forgotten_after && s->u->bdats++ >= p->bdat_forgotten_after;
    if (forgotten && s->u->sessions_at_loss && s->number >= s->u->sessions_at_loss)
        up_complain(s, "BDAT, although it was answered as unknown before this session began");
    if (forgotten && !s->u->sessions_at_loss)
        s->u->sessions_at_loss = s->u->ledger->sessions;
    return !p->bdat_unknown && !forgotten;
}

static void do_bdat(struct up_session *s, const char *args)
{
    char *rest;
    uint64_t n = strtoull(args, &rest, 10);
    bool last = strcmp(rest, " LAST") == 0;
    if (!s->u->script.chunking || (!last && *rest)) {
        up_complain(s, "BDAT %s was not announced or is malformed", args);
        up_answer_plain(s, "502 5.5.1 no BDAT\r\n");
        return;
    }
    /* The payload is read as commands: what the empty first chunk saves us from. */
    if (!knows_bdat(s)) {
        s->leak += n;
        s->leaked = s->leaked || n > 0;
        up_answer_plain(s, "%s\r\n",
                        s->u->script.bdat_reply ? s->u->script.bdat_reply
                                                : "500 5.5.1 unknown command");
        return;
    }
    s->chunk_left = n;
    s->last_chunk = last;
    s->chunk_refused = s->chunk_refused || !s->has_mail || s->mail.nto == 0;
    s->state = UP_CHUNK;
}

static void chunk_is_whole(struct up_session *s)
{
    up_check_last_in_group(s, "BDAT", true);
    s->state = UP_COMMANDS;
    if (s->chunk_refused)
        up_answer_plain(s, "503 5.5.1 no transaction\r\n");
    else if (s->last_chunk)
        verdict(s);
    else {
        const struct sim_fault_rule *r = up_rule_due(s->u, SIM_AT_CHUNK);
        s->chunk_refused = says_no(r);
        up_answer(s, SIM_AT_CHUNK, AFTER_NOTHING, "250 2.0.0 chunk ok\r\n");
    }
}

static void do_command(struct up_session *s, const char *line)
{
    const char *args = strchr(line, ' ') ? strchr(line, ' ') + 1 : "";
    char verb[16] = "";
    snprintf(verb, sizeof verb, "%.*s", (int)strcspn(line, " "), line);
    /* more chunks may have been under way */
    if (s->leaked && strcmp(verb, "BDAT") != 0)
        up_complain(s, "%.40s behind a payload that was read as commands", line);
    if (strcmp(verb, "EHLO") == 0 || strcmp(verb, "HELO") == 0)
        do_ehlo(s, verb[0] == 'E');
    else if (strcmp(verb, "STARTTLS") == 0)
        do_starttls(s);
    else if (strcmp(verb, "AUTH") == 0)
        up_auth(s, args);
    else if (strcmp(verb, "MAIL") == 0)
        do_mail(s, args);
    else if (strcmp(verb, "RCPT") == 0)
        do_rcpt(s, args);
    else if (strcmp(verb, "DATA") == 0)
        do_data(s);
    else if (strcmp(verb, "BDAT") == 0)
        do_bdat(s, args);
    else if (strcmp(verb, "RSET") == 0) {
        up_reset_transaction(s);
        up_answer(s, SIM_AT_RSET, AFTER_NOTHING, "250 2.0.0 reset\r\n");
    } else if (strcmp(verb, "NOOP") == 0)
        up_answer_plain(s, "250 2.0.0 ok\r\n");
    else if (strcmp(verb, "QUIT") == 0)
        up_answer(s, SIM_AT_QUIT, AFTER_CLOSE, "221 2.0.0 bye\r\n");
    else {
        up_complain(s, "unknown command: %.60s", line);
        up_answer_plain(s, "500 5.5.1 unknown command\r\n");
    }
}

/* ---- reading ---- */

static bool take_line(struct up_session *s)
{
    struct slice view = buf_view(&s->in);
    size_t n = slice_find(view, '\n');
    char line[UP_LINE];
    if (n == view.len)
        return false;
    if (n == 0 || view.data[n - 1] != '\r')
        up_complain(s, "a line that ends in a bare LF");
    size_t len = n > 0 && view.data[n - 1] == '\r' ? n - 1 : n;
    if (len >= sizeof line || memchr(view.data, '\0', len) || memchr(view.data, '\r', len)) {
        up_complain(s, "a command line with NUL, bare CR or over-long");
        len = 0;
    }
    memcpy(line, view.data, len);
    line[len] = '\0';
    buf_consume(&s->in, n + 1);
    if (s->state != UP_COMMANDS)
        up_sasl_line(s, line);
    else
        do_command(s, line);
    return true;
}

/* One line of the DATA body; the dot ends it. */
static bool take_body_line(struct up_session *s)
{
    struct slice view = buf_view(&s->in);
    size_t n = slice_find(view, '\n');
    if (n == view.len)
        return false;
    bool crlf = n > 0 && view.data[n - 1] == '\r';
    if (!crlf)
        up_complain(s, "bare LF in a body");
    size_t text = crlf ? n - 1 : n;
    bool dot = s->line_start && view.data[0] == '.';
    if (dot && text == 1 && (crlf || s->u->script.loose)) {
        buf_consume(&s->in, n + 1);
        if (!s->body_struck)
            up_check_last_in_group(s, "the end of data", true);
        /* it has been answered already */
        if (s->body_struck) {
            up_reset_transaction(s);
            s->state = UP_COMMANDS;
        } else {
            verdict(s);
        }
        return true;
    }
    if (!s->body_struck && !buf_append(&s->mail.body, view.data + dot, n + 1 - dot))
        up_complain(s, "an endless body");
    s->body_bytes += n + 1;
    s->line_start = crlf || s->u->script.loose;
    buf_consume(&s->in, n + 1);
    return !up_strikes_body(s);
}

static bool take_chunk(struct up_session *s)
{
    size_t n = s->in.len < s->chunk_left ? s->in.len : (size_t)s->chunk_left;
    if (n > 0 && !s->chunk_refused && !buf_append(&s->mail.body, s->in.data + s->in.head, n))
        up_complain(s, "an endless body");
    buf_consume(&s->in, n);
    s->chunk_left -= n;
    s->body_bytes += n;
    if (n > 0 && up_strikes_body(s)) {
        s->chunk_refused = true;
        return false;
    }
    if (s->chunk_left > 0)
        return false;
    if (s->body_struck && s->last_chunk) {
        up_reset_transaction(s);
        s->state = UP_COMMANDS;
    } else {
        chunk_is_whole(s);
    }
    return true;
}

void up_process(struct up_session *s)
{
    for (bool more = true; more && !s->busy && s->state != UP_DEAF;) {
        size_t before = s->in.len;
        s->reads_leak = s->leak > 0;
        if (s->state == UP_BODY)
            more = take_body_line(s);
        else if (s->state == UP_CHUNK)
            more = take_chunk(s);
        else
            more = take_line(s);
        uint64_t read = before - s->in.len;
        if (s->reads_leak)
            s->leak -= read < s->leak ? read : s->leak;
        s->reads_leak = false;
    }
}
