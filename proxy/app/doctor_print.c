#include "app/doctor_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/doctor_verdict.h"
#include "oauth/token.h"
#include "upstream/report_json.h"

enum { WIDTH = 80 };

/* Prints a sentence behind `indent` blanks, wrapped at blanks. */
static void print_folded(int indent, const char *text)
{
    int column = 0;
    for (const char *word = text; *word;) {
        int len = (int)strcspn(word, " ");
        if (column > 0 && indent + column + 1 + len > WIDTH) {
            printf("\n");
            column = 0;
        }
        printf("%*s%.*s", column ? 1 : indent, "", len, word);
        column += len + (column ? 1 : 0);
        word += len;
        word += strspn(word, " ");
    }
    printf("\n");
}

/* ---- the table ---- */

static void print_row(const struct checkup_port *p)
{
    enum { ROOM = 23 };
    char address[ADDR_TEXT] = "-", took[24] = "-";
    const struct port_report *r = &p->report;
    const char *tls = p->sight.has_tls ? p->sight.tls.version : "";
    if (r->address.family != ADDR_NONE)
        addr_text(&r->address, address);
    if (strlen(address) > ROOM)
        snprintf(address + ROOM - 2, 3, "..");
    if (r->took > 0)
        snprintf(took, sizeof took, "%lld ms", (long long)(r->took / USEC_PER_MS));
    printf("  %-5u %-8s  %-*s  %-17s %9s%s%s\n", (unsigned)r->port.number,
           port_mode_name(r->port.mode), ROOM, address, finding_name(r->finding), took,
           tls[0] ? "  " : "", tls);
}

/* A pin is an answer only where nothing but the issuer is in doubt. */
static bool may_be_pinned(const struct tls_facts *t)
{
    return t->fault == TLS_FAULT_NONE || t->fault == TLS_FAULT_UNTRUSTED ||
           t->fault == TLS_FAULT_PIN;
}

static void print_certificate(const struct checkup_port *p, int64_t now_s, bool verbose)
{
    const struct tls_facts *t = &p->sight.tls;
    const char *owner = t->names[0] ? t->names : t->subject;
    char line[900];
    if (!p->sight.has_tls || !t->sha256[0])
        return;
    long long days = (long long)(t->not_after - now_s) / 86400;
    if (t->not_before > now_s)
        snprintf(line, sizeof line, "certificate for %s, valid in %lld days, issued by %s", owner,
                 (long long)(t->not_before - now_s) / 86400 + 1, t->issuer);
    else if (t->not_after < now_s)
        snprintf(line, sizeof line, "certificate for %s, expired %lld days ago, issued by %s",
                 owner, -days, t->issuer);
    else
        snprintf(line, sizeof line, "certificate for %s, %lld days left, issued by %s", owner, days,
                 t->issuer);
    print_folded(8, line);
    if (verbose) {
        snprintf(line, sizeof line, "%s, %s, subject %s", t->version, t->cipher, t->subject);
        print_folded(8, line);
    }
    if (may_be_pinned(t))
        printf("        its tls_fingerprint:\n        %s\n", t->sha256);
}

/* As long as it is: only the replies' own lines may be wider than the screen. */
static void print_dialog(const struct checkup_port *p)
{
    struct slice rest = buf_view(&p->dialog);
    while (rest.len) {
        size_t end = slice_find(rest, '\n');
        printf("        ");
        for (size_t i = 0; i < end; i++)
            putchar(ascii_is_control(rest.data[i]) ? '?' : rest.data[i]);
        printf("\n");
        rest = slice_from(rest, end + 1);
    }
}

static void print_mail(const struct checkup *c, const struct checkup_port *p)
{
    char line[900];
    const struct upstream_config *cfg = checkup_config(c);
    if (p->mail_tried && p->mail_accepted)
        snprintf(line, sizeof line, "takes mail from and to %s (reset: nothing was sent)",
                 checkup_own_address(c));
    else if (p->mail_tried)
        snprintf(line, sizeof line, "does not take mail from and to %s: %s", checkup_own_address(c),
                 p->mail_words);
    else if (p->report.finding == FINDING_WORKS && cfg->username)
        snprintf(line, sizeof line,
                 "sending was not tried: the account has no address (username is none, "
                 "envelope_from is not set)");
    else
        return;
    print_folded(8, line);
}

/* What stands behind the port's number. */
static const char *tail(const struct checkup_port *p)
{
    return p->report.words + strspn(p->report.words, "0123456789");
}

/* A sentence that others share is told once, with the numbers of the others behind it. */
static bool is_told_already(const struct checkup_port *ports, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(tail(&ports[k]), tail(&ports[i])) == 0)
            return true;
    return false;
}

static void print_sentence(const struct checkup_port *ports, size_t n, size_t i)
{
    char line[600];
    size_t len = (size_t)snprintf(line, sizeof line, "%s", ports[i].report.words);
    const char *before = " (and so do ";
    if (ports[i].report.finding == FINDING_DNS || ports[i].report.finding == FINDING_WORKS)
        before = " (the same for ";
    for (size_t k = i + 1; k < n && len + 1 < sizeof line; k++)
        if (strcmp(tail(&ports[k]), tail(&ports[i])) == 0) {
            int wrote = snprintf(line + len, sizeof line - len, "%s%u", before,
                                 (unsigned)ports[k].report.port.number);
            len += wrote > 0 ? (size_t)wrote : 0;
            before = ", ";
        }
    if (strcmp(before, ", ") == 0 && len + 1 < sizeof line)
        snprintf(line + len, sizeof line - len, ")");
    print_folded(2, line);
}

/* Whether there is nothing to say of a port but its sentence. */
static bool is_brief(const struct checkup_port *p, const struct doctor_screen *screen)
{
    return !screen->verbose && (screen->findings_only || p->role != CHECKUP_CONFIGURED ||
                                (!p->sight.has_tls && !p->sight.offered[0]));
}

static void print_port(const struct checkup *c, const struct checkup_port *p,
                       const struct doctor_screen *screen)
{
    char line[900];
    if (screen->findings_only)
        return;
    bool is_shown = p->report.finding == FINDING_WORKS || p->report.finding == FINDING_CERTIFICATE;
    if (screen->verbose)
        print_dialog(p);
    if (p->role == CHECKUP_CONFIGURED ? is_shown || screen->verbose : screen->verbose)
        print_certificate(p, screen->now_s, screen->verbose);
    if (p->role != CHECKUP_CONFIGURED)
        return;
    if (p->sight.offered[0]) {
        snprintf(line, sizeof line, "mechanisms offered: %s%s%s", p->sight.offered,
                 p->sight.mechanism[0] ? "; used: " : "", p->sight.mechanism);
        print_folded(8, line);
    }
    print_mail(c, p);
}

/* What is to be written stands on a line of its own, whole, so that it can be copied. */
static void print_advice(const char *advice, size_t line_at)
{
    char words[ADVICE_LENGTH];
    snprintf(words, sizeof words, "%.*s", line_at ? (int)line_at : ADVICE_LENGTH - 1, advice);
    print_folded(2, words);
    if (line_at)
        printf("      %s\n", advice + line_at);
}

static void print_opinion(const struct checkup *c, const struct doctor_screen *screen)
{
    struct opinion o = {0};
    doctor_judge(c, screen->config, &o);
    printf("\n");
    print_folded(0, o.verdict);
    if (doctor_works(c) && screen->config)
        printf("Nothing has to be changed.%s\n", o.nadvice ? " It would be better to:" : "");
    else
        printf("To change:\n");
    for (size_t i = 0; i < o.nadvice; i++)
        print_advice(o.advice[i], o.line_at[i]);
}

static void print_token(const struct checkup *c)
{
    char line[800];
    struct token_view t;
    if (!checkup_token(c, &t))
        return;
    const char *flow = token_flow_name(t.flow);
    if (t.words[0])
        snprintf(line, sizeof line, "token: by %s, there is none: %s", flow, t.words);
    else if (t.expires_in)
        snprintf(line, sizeof line, "token: by %s, good for another %lld minutes", flow,
                 (long long)(t.expires_in / USEC_PER_SEC / 60));
    else
        snprintf(line, sizeof line, "token: by %s, none was needed", flow);
    printf("\n");
    print_folded(2, line);
}

/* The table: what is configured, then what was tried beside it. */
static void print_table(const struct checkup_port *ports, size_t n)
{
    bool beside = false;
    printf("\n  %-5s %-8s  %-23s  %-17s %9s  %s\n", "PORT", "MODE", "ADDRESS", "FINDING", "TIME",
           "TLS");
    for (size_t i = 0; i < n; i++) {
        if (ports[i].role != CHECKUP_CONFIGURED && !beside) {
            printf("  tried beside them, without a login:\n");
            beside = true;
        }
        print_row(&ports[i]);
    }
    printf("\n");
}

void doctor_print(const struct checkup *c, const struct doctor_screen *screen)
{
    size_t n;
    const struct upstream_config *cfg = checkup_config(c);
    const struct checkup_port *ports = checkup_ports(c, &n);
    char title[900];
    if (screen->config)
        snprintf(title, sizeof title, "account %s: %s%s%s", cfg->name, cfg->host,
                 cfg->username ? ", user " : "", cfg->username ? cfg->username : "");
    else
        snprintf(title, sizeof title, "%s, without a login", cfg->host);
    print_folded(0, title);
    print_table(ports, n);
    for (size_t i = 0; i < n; i++) {
        if (is_brief(&ports[i], screen) && is_told_already(ports, i))
            continue;
        if (is_brief(&ports[i], screen))
            print_sentence(ports, n, i);
        else
            print_folded(2, ports[i].report.words);
        print_port(c, &ports[i], screen);
    }
    print_token(c);
    if (!screen->findings_only)
        print_opinion(c, screen);
    printf("\n");
}

static json_t *opinion_json(const struct opinion *o)
{
    json_t *advice = json_array();
    for (size_t i = 0; i < o->nadvice; i++)
        json_array_append_new(advice, json_stringn_nocheck(o->advice[i], strlen(o->advice[i])));
    return advice;
}

static json_t *account_json(const struct checkup *c, const struct config *config)
{
    size_t nports;
    struct opinion o = {0};
    const struct checkup_port *ports = checkup_ports(c, &nports);
    const struct upstream_config *cfg = checkup_config(c);
    json_t *list = json_array();
    doctor_judge(c, config, &o);
    for (size_t k = 0; k < nports; k++)
        if (ports[k].role == CHECKUP_CONFIGURED)
            json_array_append_new(list, port_report_json(&ports[k].report));
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o}", "name", cfg->name, "host", cfg->host,
                     "works", (int)doctor_works(c), "verdict",
                     json_stringn_nocheck(o.verdict, strlen(o.verdict)), "advice", opinion_json(&o),
                     "ports", list);
}

void doctor_print_spool(const struct doctor_spool *spool)
{
    char words[DOCTOR_SPOOL_WORDS];
    if (!spool->is_on)
        return;
    doctor_spool_words(spool, words);
    print_folded(0, words);
}

static json_t *spool_json(const struct doctor_spool *s)
{
    if (!s->is_on)
        return json_null();
    return json_pack("{s:o, s:I, s:I, s:I, s:s}", "directory",
                     json_stringn_nocheck(s->directory, strlen(s->directory)), "waiting",
                     (json_int_t)s->waiting, "failed", (json_int_t)s->failed, "oldest_seconds",
                     (json_int_t)s->oldest_seconds, "problem", s->problem);
}

void doctor_print_cluster(const struct cluster_look *cluster)
{
    char words[CLUSTER_ADVICE];
    if (!cluster->is_on)
        return;
    if (cluster->works) {
        snprintf(words, sizeof words,
                 "The shared engine %s does what it is asked; %zu instance%s there%s.",
                 cluster->place, cluster->nshown, cluster->nshown == 1 ? " is" : "s are",
                 cluster->policy[0] ? ""
                                    : " (this user may not ask for its maxmemory-policy, which "
                                      "should be noeviction)");
        print_folded(0, words);
    }
    for (size_t i = 0; cluster_look_advice(cluster, i, words); i++) {
        words[0] = words[0] >= 'a' && words[0] <= 'z' ? (char)(words[0] - 'a' + 'A') : words[0];
        print_folded(0, words);
    }
}

static json_t *cluster_json(const struct cluster_look *c)
{
    char words[CLUSTER_ADVICE];
    json_t *instances = json_array(), *advice = json_array();
    for (size_t i = 0; i < c->nshown; i++)
        json_array_append_new(instances, json_string(c->shown[i].name));
    for (size_t i = 0; cluster_look_advice(c, i, words); i++)
        json_array_append_new(advice, json_stringn_nocheck(words, strlen(words)));
    if (c->is_on)
        return json_pack("{s:s, s:b, s:o, s:o, s:s, s:o}", "engine", c->place, "works",
                         (int)c->works, "words", json_stringn_nocheck(c->words, strlen(c->words)),
                         "instances", instances, "memory_policy", c->policy, "advice", advice);
    json_decref(instances);
    json_decref(advice);
    return json_null();
}

void doctor_print_json(struct checkup *const *checkups, size_t n, const struct config *config,
                       const struct doctor_spool *spool, const struct cluster_look *cluster)
{
    json_t *accounts = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(accounts, account_json(checkups[i], config));
    json_t *all = json_pack("{s:o, s:o, s:o}", "accounts", accounts, "spool", spool_json(spool),
                            "cluster", cluster_json(cluster));
    json_dumpf(all, stdout, JSON_PRESERVE_ORDER | JSON_COMPACT);
    printf("\n");
    json_decref(all);
}
