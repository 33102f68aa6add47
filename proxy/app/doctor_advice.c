/* What to change, and on which line of the configuration: each piece of advice once. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/doctor_verdict.h"

struct advice {
    /* The advice names the line of the first key that the account gives. If it has no keys, nothing
     * in the file is to blame. */
    const char *keys[5];
    const char *words;
};

static const struct advice
    other_ports = {{"ports", "provider"},
                   "ports: ask the provider for others, or use proxy = if this network has an "
                   "exit of that kind"},
    mode = {{"ports", "provider"}, "ports: the mode may be wrong (PORT/implicit or PORT/starttls)"},
    login = {{"username"},
             "username, password: the provider says no to them; many want an app password of "
             "their own"},
    command = {{"password_command"},
               "password_command: run it as the server's user; its first line must be the "
               "password, within 10 s"},
    token = {{"oauth_client_id", "oauth_service_account_file", "oauth_client_secret_file",
              "oauth_client_cert"},
             "oauth_…: what the token service says, above, names the cure; \"smtp-detour login\" "
             "renews a person's login"},
    mechanisms = {{"auth", "tls", "username"},
                  "auth, tls: no mechanism was offered that may be used on such a connection"},
    certificate = {{"tls_fingerprint", "tls_ca", "host"},
                   "tls_fingerprint, tls_ca: the certificate does not fit them; ask whoever runs "
                   "the server before you change them"},
    out_of_time = {{NULL},
                   "nothing in the file: if this machine's clock is right (`date`), the server's "
                   "certificate is at fault, and only whoever runs the server can renew it"},
    other_name = {{"host", "provider"},
                  "host: is it spelt as the provider spells it? If it is, somebody else answers "
                  "in its place on this network; ask whoever runs it, or leave by another way"},
    issuer = {{"tls_ca", "host", "provider"},
              "tls_ca, only if the server is your own and its CA too; else somebody on this "
              "network opens TLS: ask whoever runs it"},
    host = {{"host", "provider"},
            "host: is the name spelt right? Does this machine have a working resolver?"},
    proxy = {{"proxy"},
             "proxy: is it the right one, and up? If it refuses, ask whoever runs it to allow "
             "these ports"},
    api = {{"api_url", "api", "ports"},
           "api, api_url: is it the service's own address? A proxy or a filter on the way may "
           "answer in its place"},
    helo = {{"helo"}, "helo: give a real host name"},
    slow = {{"connect_timeout"},
            "connect_timeout: a longer one helps if the server is only slow to log us in"},
    stranger = {{"source", "proxy"},
                "source, proxy: the server turns this machine's address away; ask the "
                "provider, or leave by another address"},
    later = {{NULL}, "nothing in the file: the server cannot take us now; try again later"},
    firewall = {{NULL},
                "nothing in the file: this machine's own firewall turns the connection away; let "
                "it out there (`nft list ruleset`, `iptables -S OUTPUT`)"};

/* Returns NULL if there is nothing to change. */
static const struct advice *advice_words(enum finding_advice which)
{
    switch (which) {
    case FINDING_ADVICE_NOTHING: return NULL;
    case FINDING_ADVICE_PORTS: return &other_ports;
    case FINDING_ADVICE_MODE: return &mode;
    case FINDING_ADVICE_LOGIN: return &login;
    case FINDING_ADVICE_COMMAND: return &command;
    case FINDING_ADVICE_TOKEN: return &token;
    case FINDING_ADVICE_MECHANISM: return &mechanisms;
    case FINDING_ADVICE_CERTIFICATE: return &certificate;
    case FINDING_ADVICE_CLOCK: return &out_of_time;
    case FINDING_ADVICE_NAME: return &other_name;
    case FINDING_ADVICE_ISSUER: return &issuer;
    case FINDING_ADVICE_FIREWALL: return &firewall;
    case FINDING_ADVICE_HOST: return &host;
    case FINDING_ADVICE_PROXY: return &proxy;
    case FINDING_ADVICE_API: return &api;
    case FINDING_ADVICE_HELO: return &helo;
    case FINDING_ADVICE_TIMEOUT: return &slow;
    case FINDING_ADVICE_STRANGER: return &stranger;
    case FINDING_ADVICE_LATER: return &later;
    }
    return NULL;
}

static enum finding_advice advice_of_fault(enum tls_fault fault)
{
    switch (fault) {
    case TLS_FAULT_EXPIRED: return FINDING_ADVICE_CLOCK;
    case TLS_FAULT_NAME: return FINDING_ADVICE_NAME;
    case TLS_FAULT_UNTRUSTED: return FINDING_ADVICE_ISSUER;
    default: return FINDING_ADVICE_CERTIFICATE;
    }
}

static const struct advice *advice(const struct checkup_port *p)
{
    enum finding_advice which = finding_row(p->report.finding)->advice;
    if (p->report.is_local)
        which = FINDING_ADVICE_FIREWALL;
    /* No AUTH was begun: there was no password. */
    else if (p->report.finding == FINDING_AUTH_TEMPORARY && !p->sight.mechanism[0])
        which = FINDING_ADVICE_COMMAND;
    else if (which == FINDING_ADVICE_CERTIFICATE)
        which = advice_of_fault(p->sight.tls.fault);
    return advice_words(which);
}

static void add(struct opinion *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add(struct opinion *o, const char *fmt, ...)
{
    va_list args;
    if (o->nadvice == ADVICE_MOST)
        return;
    va_start(args, fmt);
    vsnprintf(o->advice[o->nadvice++], ADVICE_LENGTH, fmt, args);
    va_end(args);
}

/* At the line of the first of the keys that the account gives. */
static void add_at(struct opinion *o, const struct checkup *c, const struct config *config,
                   const char *const *keys, const char *words)
{
    const struct upstream_config *cfg = checkup_config(c);
    char place[CONFIG_PLACE];
    size_t given = 0;
    if (!config || !keys[0]) {
        add(o, "%s", words);
        return;
    }
    while (keys[given] && !config_line_of(cfg, keys[given]))
        given++;
    config_place(config, keys[given] ? config_line_of(cfg, keys[given]) : cfg->line, place,
                 sizeof place);
    add(o, "%s: [upstream %s] %s", place, cfg->name, words);
}

/* The last piece of advice ends in a line of proxy.ini, unless it was cut. */
static void mark_ports(struct opinion *o, const char *ports)
{
    char line[ADVICE_LENGTH];
    const char *last = o->advice[o->nadvice - 1];
    size_t len = strlen(last);
    size_t n = (size_t)snprintf(line, sizeof line, "ports = %s", ports);
    if (n < len && strcmp(last + len - n, line) == 0)
        o->line_at[o->nadvice - 1] = len - n;
}

static bool add_ports(struct opinion *o, const struct checkup *c, const struct config *config)
{
    char line[200], words[300];
    doctor_ports_line(c, line, sizeof line);
    if (!line[0])
        return false;
    snprintf(words, sizeof words, "write%s: ports = %s",
             doctor_works(c) ? ", so that there is a second way" : "", line);
    add_at(o, c, config, other_ports.keys, words);
    mark_ports(o, line);
    return true;
}

/* Without a configuration: the lines that one would begin with. */
static void add_section(struct opinion *o, const struct checkup *c)
{
    size_t n, len = 0;
    char line[200] = "";
    const struct checkup_port *ports = checkup_ports(c, &n);
    for (size_t i = 0; i < n; i++)
        if (ports[i].role == CHECKUP_CONFIGURED && ports[i].report.finding == FINDING_WORKS) {
            const struct port *p = &ports[i].report.port;
            int wrote = snprintf(line + len, sizeof line - len, "%s%u%s", len ? " " : "",
                                 (unsigned)p->number, p->mode == PORT_IMPLICIT ? "/implicit" : "");
            len += wrote > 0 ? (size_t)wrote : 0;
        }
    add(o, "write in [upstream]: host = %s", checkup_config(c)->host);
    add(o, "write in [upstream]: ports = %s", line);
    mark_ports(o, line);
}

/* No SMTP port works: the provider's API over HTTPS may. */
static void add_api(struct opinion *o, const struct checkup *c, const struct config *config)
{
    const struct upstream_config *cfg = checkup_config(c);
    char line[120] = "", words[ADVICE_LENGTH];
    size_t len = 0;
    if (!config || cfg->api == API_NONE || ports_have_api(&cfg->ports))
        return;
    for (size_t i = 0; i < cfg->ports.n && len < sizeof line; i++)
        len += (size_t)snprintf(
            line + len, sizeof line - len, "%u%s%s ", (unsigned)cfg->ports.items[i].number,
            cfg->ports.items[i].mode == PORT_STARTTLS ? "" : "/",
            cfg->ports.items[i].mode == PORT_STARTTLS ? ""
                                                      : port_mode_name(cfg->ports.items[i].mode));
    if (len >= sizeof line)
        return;
    snprintf(
        words, sizeof words,
        "%s also takes mail by its API over HTTPS, with %s (the manual, \"No SMTP port is open "
        "at all\"). Write: ports = %s443/api",
        api_choice_row(cfg->api)->title,
        api_choice_row(cfg->api)->takes_key ? "api_secret_file" : "a login by token", line);
    add_at(o, c, config, other_ports.keys, words);
    len += (size_t)snprintf(line + len, sizeof line - len, "443/api");
    mark_ports(o, line);
}

/* No other port cures these findings. With refused credentials all else is beside the point. */
static bool is_about_login(enum finding finding)
{
    return finding == FINDING_AUTH_REFUSED || finding == FINDING_TOKEN;
}

void doctor_advise(const struct checkup *c, const struct config *config, struct opinion *o)
{
    size_t n;
    const struct checkup_port *ports = checkup_ports(c, &n);
    if (doctor_works(c)) {
        if (config)
            add_ports(o, c, config);
        else
            add_section(o, c);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (is_about_login(ports[i].report.finding)) {
            const struct advice *a = advice(&ports[i]);
            add_at(o, c, config, a->keys, a->words);
            return;
        }
    bool has_ports = add_ports(o, c, config);
    if (!has_ports)
        add_api(o, c, config);
    for (size_t i = 0; i < n; i++) {
        const struct advice *a = advice(&ports[i]);
        bool again = ports[i].role != CHECKUP_CONFIGURED || !a || (has_ports && a == &other_ports);
        for (size_t k = 0; k < i; k++)
            again = again || advice(&ports[k]) == a;
        if (!again)
            add_at(o, c, config, a->keys, a->words);
    }
}
