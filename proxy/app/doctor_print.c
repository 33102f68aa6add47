#include "app/doctor_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/token.h"
#include "upstream/report_json.h"

enum { WIDTH = 80 };

/* Prints a sentence behind `indent` blanks, folded at blanks. */
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

bool doctor_works(const struct checkup *c)
{
    size_t n;
    const struct checkup_port *ports = checkup_ports(c, &n);
    for (size_t i = 0; i < n; i++)
        if (!ports[i].is_comparison && ports[i].report.finding == FINDING_WORKS)
            return true;
    return false;
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

static void print_certificate(const struct checkup_port *p, int64_t now_s)
{
    const struct tls_facts *t = &p->sight.tls;
    char line[900];
    if (!p->sight.has_tls || !t->sha256[0])
        return;
    long long days = (long long)(t->not_after - now_s) / 86400;
    if (t->not_after < now_s)
        snprintf(line, sizeof line, "certificate for %s, expired %lld days ago, issued by %s",
                 t->names[0] ? t->names : t->subject, -days, t->issuer);
    else
        snprintf(line, sizeof line, "certificate for %s, %lld days left, issued by %s",
                 t->names[0] ? t->names : t->subject, days, t->issuer);
    print_folded(8, line);
    printf("        its tls_fingerprint:\n        %s\n", t->sha256);
}

static void print_port(const struct checkup *c, const struct checkup_port *p, int64_t now_s)
{
    char line[900];
    print_folded(2, p->report.words);
    if (p->is_comparison)
        return;
    if (p->report.finding == FINDING_WORKS || p->report.finding == FINDING_CERTIFICATE)
        print_certificate(p, now_s);
    if (p->sight.offered[0]) {
        snprintf(line, sizeof line, "mechanisms offered: %s%s%s", p->sight.offered,
                 p->sight.mechanism[0] ? "; used: " : "", p->sight.mechanism);
        print_folded(8, line);
    }
    if (p->mail_tried && p->mail_accepted)
        snprintf(line, sizeof line, "takes mail from and to %s (reset: nothing was sent)",
                 checkup_own_address(c));
    else if (p->mail_tried)
        snprintf(line, sizeof line, "does not take mail from and to %s: %s", checkup_own_address(c),
                 p->mail_words);
    else if (p->report.finding == FINDING_WORKS)
        snprintf(line, sizeof line,
                 "sending was not tried: the account has no address (username is none, "
                 "envelope_from is not set)");
    else
        return;
    print_folded(8, line);
}

/* ---- the verdict ---- */

/* Appends "25, 587 and 2525" for the ports with this finding; returns how many. */
static size_t list_ports(const struct checkup *c, enum finding finding, char *out, size_t size)
{
    size_t n, found = 0, told = 0;
    const struct checkup_port *ports = checkup_ports(c, &n);
    for (size_t i = 0; i < n; i++)
        found += ports[i].report.finding == finding;
    out[0] = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(out);
        if (ports[i].report.finding == finding)
            snprintf(out + len, size - len, "%s%u",
                     told == 0           ? ""
                     : told + 1 == found ? " and "
                                         : ", ",
                     (unsigned)ports[i].report.port.number),
                told++;
    }
    return found;
}

/* The port list may stand anywhere in the sentence, so the sentence is the format. */
static void append(char *text, size_t size, const char *sentence, const char *ports)
{
    size_t len = strlen(text);
    const char *hole = strstr(sentence, "%s");
    int before = hole ? (int)(hole - sentence) : (int)strlen(sentence);
    snprintf(text + len, size - len, "%.*s%s%s", before, sentence, hole ? ports : "",
             hole ? hole + 2 : "");
}

static void say_used(const struct checkup *c, char *text, size_t size)
{
    size_t n;
    bool used = false;
    const struct checkup_port *ports = checkup_ports(c, &n);
    for (size_t i = 0; i < n; i++) {
        char number[8];
        if (ports[i].is_comparison || ports[i].report.finding != FINDING_WORKS)
            continue;
        snprintf(number, sizeof number, "%u", (unsigned)ports[i].report.port.number);
        append(text, size, used ? "%s works too. " : "%s works and is used. ", number);
        used = true;
    }
    if (!used)
        append(text, size, "No port of %s works. ", checkup_config(c)->host);
}

static void say_of_kind(const struct checkup *c, bool network, char *text, size_t size)
{
    char list[200];
    for (int f = 0; f < FINDING_COUNT; f++) {
        const struct finding_row *row = finding_row((enum finding)f);
        if (!row->one || (row->kind == FINDING_KIND_NETWORK) != network)
            continue;
        size_t found = list_ports(c, (enum finding)f, list, sizeof list);
        if (found)
            append(text, size, found == 1 ? row->one : row->many, list);
    }
}

static void print_verdict(const struct checkup *c)
{
    char text[3000] = "";
    say_of_kind(c, true, text, sizeof text);
    say_used(c, text, sizeof text);
    say_of_kind(c, false, text, sizeof text);
    printf("\n");
    print_folded(0, text);
}

/* ---- what to change ---- */

struct advice {
    /* the first that the account gives tells the line; none: nothing in the file is to blame */
    const char *keys[5];
    const char *words;
};

/* NULL: there is nothing to change. */
static const struct advice *advice_words(enum finding_advice which)
{
    static const struct advice
        other_ports = {{"ports", "provider"},
                       "ports: ask the provider for others (465/implicit, 2525, 443), or use proxy "
                       "= if this network has an exit of that kind"},
        mode = {{"ports", "provider"},
                "ports: the mode may be wrong (PORT/implicit or PORT/starttls)"},
        login = {{"username"},
                 "username, password: the provider says no to them; many want an app password of "
                 "their own"},
        command = {{"password_command"},
                   "password_command: run it as the server's user; its first line must be the "
                   "password, within 10 s"},
        token = {{"oauth_client_id", "oauth_service_account_file", "oauth_client_secret_file",
                  "oauth_client_cert"},
                 "oauth_…: what the token service says, above, names the cure; \"smtp-detour "
                 "login\" renews a person's login"},
        mechanisms = {{"auth", "tls", "username"},
                      "auth, tls: no mechanism was offered that may be used on such a connection"},
        name = {{"tls_name", "tls_ca", "tls_fingerprint", "host"},
                "tls_name or tls_ca, if the certificate above is the right one; tls_fingerprint, "
                "to pin it"},
        host = {{"host", "provider"},
                "host: is the name spelt right? Does this machine have a working resolver?"},
        proxy = {{"proxy"},
                 "proxy: is it the right one, and up? If it refuses, ask whoever runs it to allow "
                 "these ports"},
        helo = {{"helo"}, "helo: give a real host name"},
        slow = {{"connect_timeout"},
                "connect_timeout: a longer one helps if the server is only slow to log us in"},
        stranger = {{"source", "proxy"},
                    "source, proxy: the server turns this machine's address away; ask the "
                    "provider, or leave by another address"},
        later = {{NULL}, "nothing in the file: the server cannot take us now; try again later"};
    switch (which) {
    case FINDING_ADVICE_NOTHING: return NULL;
    case FINDING_ADVICE_PORTS: return &other_ports;
    case FINDING_ADVICE_MODE: return &mode;
    case FINDING_ADVICE_LOGIN: return &login;
    case FINDING_ADVICE_COMMAND: return &command;
    case FINDING_ADVICE_TOKEN: return &token;
    case FINDING_ADVICE_MECHANISM: return &mechanisms;
    case FINDING_ADVICE_CERTIFICATE: return &name;
    case FINDING_ADVICE_HOST: return &host;
    case FINDING_ADVICE_PROXY: return &proxy;
    case FINDING_ADVICE_HELO: return &helo;
    case FINDING_ADVICE_TIMEOUT: return &slow;
    case FINDING_ADVICE_STRANGER: return &stranger;
    case FINDING_ADVICE_LATER: return &later;
    }
    return NULL;
}

static const struct advice *advice(const struct checkup_port *p)
{
    /* No AUTH was begun: there was no password. */
    if (p->report.finding == FINDING_AUTH_TEMPORARY && !p->sight.mechanism[0])
        return advice_words(FINDING_ADVICE_COMMAND);
    return advice_words(finding_row(p->report.finding)->advice);
}

static void print_one_advice(const struct checkup *c, const char *config_file,
                             const struct advice *a)
{
    char line[600];
    const struct upstream_config *cfg = checkup_config(c);
    size_t given = 0;
    while (a->keys[given] && !config_line_of(cfg, a->keys[given]))
        given++;
    int number = a->keys[given] ? config_line_of(cfg, a->keys[given]) : cfg->line;
    if (a->keys[0])
        snprintf(line, sizeof line, "%s:%d: [upstream %s] %s", config_file, number, cfg->name,
                 a->words);
    else
        snprintf(line, sizeof line, "%s", a->words);
    print_folded(2, line);
}

/* Each piece of advice once; with refused credentials all else is beside the point. */
static void print_advice(const struct checkup *c, const char *config_file)
{
    size_t n;
    const struct checkup_port *ports = checkup_ports(c, &n);
    if (doctor_works(c)) {
        printf("Nothing has to be changed.\n");
        return;
    }
    printf("To change:\n");
    for (size_t i = 0; i < n; i++)
        if (ports[i].report.finding == FINDING_AUTH_REFUSED ||
            ports[i].report.finding == FINDING_TOKEN) {
            print_one_advice(c, config_file, advice(&ports[i]));
            return;
        }
    for (size_t i = 0; i < n; i++) {
        bool again = ports[i].is_comparison || !advice(&ports[i]);
        for (size_t k = 0; k < i; k++)
            again = again || advice(&ports[k]) == advice(&ports[i]);
        if (!again)
            print_one_advice(c, config_file, advice(&ports[i]));
    }
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

void doctor_print(const struct checkup *c, const char *config_file, int64_t now_s)
{
    size_t n;
    const struct upstream_config *cfg = checkup_config(c);
    const struct checkup_port *ports = checkup_ports(c, &n);
    char title[900];
    snprintf(title, sizeof title, "account %s: %s%s%s", cfg->name, cfg->host,
             cfg->username ? ", user " : "", cfg->username ? cfg->username : "");
    print_folded(0, title);
    printf("\n  %-5s %-8s  %-23s  %-17s %9s  %s\n", "PORT", "MODE", "ADDRESS", "FINDING", "TIME",
           "TLS");
    for (size_t i = 0; i < n; i++)
        print_row(&ports[i]);
    printf("\n");
    for (size_t i = 0; i < n; i++)
        print_port(c, &ports[i], now_s);
    print_token(c);
    print_verdict(c);
    print_advice(c, config_file);
    printf("\n");
}

void doctor_print_json(struct checkup *const *checkups, size_t n)
{
    json_t *accounts = json_array();
    for (size_t i = 0; i < n; i++) {
        size_t nports;
        const struct checkup_port *ports = checkup_ports(checkups[i], &nports);
        const struct upstream_config *cfg = checkup_config(checkups[i]);
        json_t *list = json_array();
        for (size_t k = 0; k < nports; k++)
            if (!ports[k].is_comparison)
                json_array_append_new(list, port_report_json(&ports[k].report));
        json_array_append_new(accounts, json_pack("{s:s, s:s, s:b, s:o}", "name", cfg->name, "host",
                                                  cfg->host, "works",
                                                  (int)doctor_works(checkups[i]), "ports", list));
    }
    json_t *all = json_pack("{s:o}", "accounts", accounts);
    json_dumpf(all, stdout, JSON_PRESERVE_ORDER | JSON_COMPACT);
    printf("\n");
    json_decref(all);
}
