#include "app/providers.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/status.h"
#include "config/presets.h"

/* The width of the reader's screen. */
#define COLUMNS 80
/* Facts begin here. Labels precede them. */
#define INDENT 14

/* --- text in columns --- */

/* Prints words after `used` columns of the line, wrapped at blanks. Later lines begin at `indent`.
 * A long word, for example an address, stays whole. */
static void print_wrapped(const char *text, size_t indent, size_t used)
{
    while (*text) {
        size_t n = strcspn(text, " "), columns = 0;
        /* Counts the octets that begin a character of UTF-8. */
        for (size_t i = 0; i < n; i++)
            columns += ((unsigned char)text[i] & 0xC0) != 0x80;
        if (used > indent && used + 1 + columns > COLUMNS) {
            printf("\n%*s", (int)indent, "");
            used = indent;
        }
        used += (size_t)printf("%s%.*s", used > indent ? " " : "", (int)n, text) - (n - columns);
        text += n + strspn(text + n, " ");
    }
    putchar('\n');
}

static void print_fact(const char *label, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void print_fact(const char *label, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    printf("%-*s", INDENT, label);
    print_wrapped(text, INDENT, INDENT);
}

static void print_number(const char *label, const struct preset_number *n, const char *what)
{
    if (n->value)
        print_fact(label, "%" PRIu64 " %s (%s)", n->value, what, trust_words(n->trust));
}

/* --- all of them --- */

static void print_row(const struct preset *p)
{
    char ports[80] = "";
    size_t len = 0;
    static const char *const remarks[] = {[PASSWORD_WORKS] = "",
                                          [PASSWORD_APP] = " app password",
                                          [PASSWORD_ENDING] = " passwords ending",
                                          [PASSWORD_GONE] = " OAuth2 only"};
    for (const struct preset_port *port = p->ports; port->number && len < sizeof ports; port++)
        if (!port->spare)
            len += (size_t)snprintf(ports + len, sizeof ports - len, "%s%u", len ? " " : "",
                                    (unsigned)port->number);
    printf("%-22s %-31s %s%s%s\n", p->name, p->host.text, ports, *remarks[p->password] ? " " : "",
           remarks[p->password]);
}

static void print_group(const char *headline, bool mailboxes)
{
    printf("%-22s %-31s %s\n", headline, "HOST", "PORTS, in their order");
    for (size_t i = 0; i < presets_count(); i++)
        if (preset_is_mailbox(presets_at(i)) == mailboxes)
            print_row(presets_at(i));
    putchar('\n');
}

static int print_all(void)
{
    print_group("MAILBOXES", true);
    print_group("SENDING SERVICES", false);
    print_wrapped("Use one as provider = NAME in [upstream]; ses needs its region: provider = "
                  "ses:eu-west-1. All that is known of one: smtp-detour "
                  "providers NAME. Any other server: host = its name.",
                  0, 0);
    return EXIT_FINE;
}

/* --- one of them --- */

static const char *mode_words(enum port_mode mode)
{
    return mode == PORT_IMPLICIT ? "TLS from the first byte" : "STARTTLS, insisted on";
}

static void print_ports(const struct preset *p)
{
    bool first = true;
    for (const struct preset_port *port = p->ports; port->number; port++)
        if (!port->spare) {
            print_fact(first ? "Ports" : "", "%-5u %s (%s)", (unsigned)port->number,
                       mode_words(port->mode), trust_words(port->trust));
            first = false;
        }
    enum api_choice api = preset_api(p);
    if (api != API_NONE)
        print_fact("",
                   "443/api, the API of %s over HTTPS, where every SMTP port is shut: used "
                   "only where ports names it, with %s",
                   api_choice_row(api)->title,
                   api_choice_row(api)->takes_key ? "api_secret_file" : "a login by token");
    first = true;
    for (const struct preset_port *port = p->ports; port->number; port++)
        if (port->spare) {
            print_fact(first ? "Not tried" : "", "%u %s (%s)", (unsigned)port->number,
                       port->mode == PORT_IMPLICIT ? "TLS" : "STARTTLS", trust_words(port->trust));
            first = false;
        }
}

static void print_regions(const struct preset *p)
{
    char text[1024] = "";
    size_t len = 0;
    for (const struct preset_region *r = p->regions; r && r->name && len < sizeof text; r++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s:%s", len ? ", " : "", p->name,
                                r->name);
    if (len)
        print_fact("Regions", "%s%s", text,
                   p->other_regions ? "; others are taken with a warning" : "");
}

static void print_login(const struct preset *p)
{
    char text[512] = "";
    size_t len = 0;
    print_fact("User name", "%s (%s)", p->user_words.text, trust_words(p->user_words.trust));
    print_fact("Password", "%s", p->secret);
    if (p->password != PASSWORD_WORKS)
        print_fact("", "%s", p->password_words);
    for (const struct preset_word *m = p->mechanisms; m->text && len < sizeof text; m++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s (%s)", len ? ", " : "",
                                m->text, trust_words(m->trust));
    print_fact("Mechanisms", "%s; the server's offer decides", text);
}

static void print_endpoint(const char *what, const char *value)
{
    if (value)
        print_fact("", "%s %s", what, value);
}

/* TENANT stands as it is: oauth_tenant fills it in. */
static void print_tokens(const struct preset *p)
{
    const struct preset_oauth *o = p->oauth;
    if (!o)
        return;
    print_fact("OAuth2", "%s%s (%s)",
               o->scope ? "a person's login (\"smtp-detour login\")" : "application access only",
               o->scope && o->application_scope ? ", or application access" : "",
               trust_words(o->trust));
    print_endpoint("token", o->token);
    print_endpoint("authorize", o->authorize);
    print_fact("", "device code %s", o->device ? o->device : "not usable for mail, or unknown");
    print_endpoint("scope", o->scope);
    print_endpoint("scope of application access", o->application_scope);
    if (o->tenant)
        print_fact("", "TENANT is oauth_tenant, else %s%s", o->tenant,
                   o->application_scope ? "; application access needs oauth_tenant" : "");
    if (o->remark)
        print_fact("", "%s", o->remark);
}

static void print_limits(const struct preset *p)
{
    char what[80];
    snprintf(what, sizeof what, "octets, %.1f MiB", (double)p->size.value / 1048576);
    print_number("Message size", &p->size, what);
    snprintf(what, sizeof what, "octets in its EHLO, %.1f MiB",
             (double)p->size_ehlo.value / 1048576);
    print_number(p->size.value ? "" : "Message size", &p->size_ehlo, what);
    if (p->size.value || p->size_ehlo.value)
        print_fact("", "The size in the server's EHLO decides once it was seen.");
    print_number("Recipients", &p->recipients, "in a message");
    print_number("Connections", &p->connections, "at once");
    print_number("", &p->per_connection, "messages in each");
    print_number("Silence", &p->idle, "seconds until it closes an idle connection");
    snprintf(what, sizeof what, "messages a minute; kept here only with rate = %" PRIu64 "/m",
             p->per_minute.value);
    print_number("Rate", &p->per_minute, what);
    print_number(p->per_minute.value ? "" : "Rate", &p->per_day,
                 p->day_counts_recipients ? "recipients a day" : "messages a day");
}

static void print_notes(const struct preset *p)
{
    char text[1024];
    if (p->notes[0].text)
        printf("\nNotes\n");
    for (const struct preset_word *note = p->notes; note->text; note++) {
        snprintf(text, sizeof text, "%s (%s)", note->text, trust_words(note->trust));
        printf("- ");
        print_wrapped(text, 2, 2);
    }
}

#define SECRET_FILE "/etc/smtp-detour/password"

static void print_section(const struct preset *p, const char *name)
{
    printf("\nReady to paste\n\n[upstream]\nprovider = %s\nusername = %s\n", name, p->user_sample);
    if (p->password != PASSWORD_GONE)
        printf("password_file = " SECRET_FILE "\n");
    if (p->oauth && p->password == PASSWORD_GONE)
        printf("oauth_client_id = …\n");
    if (p->oauth && p->oauth->application_scope && p->password != PASSWORD_GONE)
        printf("# Or by token, instead of password_file:\n"
               "# oauth_tenant = …\n# oauth_client_id = …\n"
               "# oauth_client_secret_file = /etc/smtp-detour/client-secret\n");
    if (p->pinned)
        printf("# SHA-256 of the certificate: openssl x509 -noout -fingerprint -sha256 -in FILE\n"
               "# tls_fingerprint = …\n");
    char command[200];
    if (p->password != PASSWORD_GONE)
        printf("# The file of the secret, made as root: type it, Enter, Ctrl-D\n# %s\n",
               secret_command(&(struct server_config){0}, SECRET_FILE, command, sizeof command));
}

static int print_one(const struct preset_choice *choice, const char *name)
{
    const struct preset *p = choice->preset;
    char pasted[80];
    snprintf(pasted, sizeof pasted, "%s%s%s", name,
             p->needs_region && !choice->region.len ? ":" : "",
             p->needs_region && !choice->region.len ? p->regions[0].name : "");
    printf("%s: %s\n\n", p->name, p->title);
    print_fact("Host", "%s (%s)", choice->host,
               trust_words(choice->region.len && !choice->known_region ? TRUST_UNCONFIRMED
                                                                       : p->host.trust));
    print_regions(p);
    print_ports(p);
    print_login(p);
    print_tokens(p);
    print_limits(p);
    for (const struct preset_setting *s = p->settings; s->key; s++)
        print_fact(s == p->settings ? "Set by it" : "", "%s = %s", s->key, s->value);
    print_notes(p);
    print_section(p, pasted);
    return EXIT_FINE;
}

int providers_main(const char *config_file, int argc, char **argv)
{
    struct preset_choice choice;
    struct err err;
    (void)config_file;
    if (argc > 1) {
        fprintf(stderr, "smtp-detour providers takes one NAME at most.\n");
        return EXIT_USAGE;
    }
    if (argc == 0)
        return print_all();
    if (preset_choose(slice_of(argv[0]), true, &choice, &err) != 0) {
        fprintf(stderr, "smtp-detour: %s.\n", err.words);
        return EXIT_ANSWER_BAD;
    }
    return print_one(&choice, argv[0]);
}
