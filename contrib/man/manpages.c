/* Writes the manual pages: smtp-detour(8) from the table of subcommands, proxy.ini(5) from the
 * table of keys, so that neither can lag behind the program. */
#include <stdio.h>
#include <string.h>

#include "app/cli.h"
#include "config/config.h"
#include "config/table.h"
#include "upstream/finding.h"

/* Text for roff: no line begins with a control character, backslashes and minus signs are
 * themselves. */
static void put(const char *text)
{
    bool start = true;
    for (const char *c = text; *c; c++) {
        if (start && (*c == '.' || *c == '\''))
            fputs("\\&", stdout);
        if (*c == '\\')
            fputs("\\e", stdout);
        else if (*c == '-')
            fputs("\\-", stdout);
        else
            putchar(*c);
        start = *c == '\n';
    }
}

static void head(const char *title, const char *section, const char *name, const char *what)
{
    printf(".TH %s %s \"\" \"smtp\\-detour %s\"\n.SH NAME\n%s \\- %s\n", title, section, VERSION,
           name, what);
}

/* ---- proxy.ini(5) ---- */

static void put_key(const struct key *key)
{
    char min[NUMBER_TEXT], max[NUMBER_TEXT];
    bool pair = key->type == &type_duration_pair;
    const struct value_type *unit = pair ? &type_duration : key->type;
    printf(".TP\n.B ");
    put(key->name);
    printf(" = ");
    put(key->def ? key->def : key->sample);
    putchar('\n');
    put(key->help);
    putchar('\n');
    if (key->words) {
        printf("Allowed:");
        for (const struct word *w = key->words; w->text; w++) {
            putchar(' ');
            put(w->text);
            putchar(w[1].text ? ',' : '.');
        }
        putchar('\n');
    } else if (pair || key->type == &type_count || key->type == &type_size ||
               key->type == &type_duration)
        printf("From %s to %s.\n", number_text(unit, key->min, min),
               number_text(unit, key->max, max));
    printf(key->def ? "(the default)\n" : "(an example)\n");
}

static void put_section(enum section_id id)
{
    printf(".SH \"[%s%s]\"\n", section_kinds[id].word, section_kinds[id].named ? " NAME" : "");
    put(section_kinds[id].help);
    putchar('\n');
    for (size_t row = 0; row < keys_count(); row++) {
        const struct key *key = keys_at(row);
        if (key->section != id)
            continue;
        if (key->group)
            printf(".SS \"%s\"\n", key->group);
        put_key(key);
    }
}

static void page_5(void)
{
    head("PROXY.INI", "5", "proxy.ini", "configuration of smtp\\-detour");
    puts(".SH DESCRIPTION\n.B /etc/smtp\\-detour/proxy.ini\nhas sections of\n.I KEY = VALUE\nlines "
         "that begin at the margin, at most 8 KiB "
         "each; an indented line continues the list above it. Comments begin "
         "with # or ;.\nDurations: 300ms 5s 2m 1h 5d. Sizes: 64K 25M 1G. Lists are separated by "
         "blanks or commas. Booleans: yes, "
         "no.\n.PP\nThe smallest useful "
         "file:\n.PP\n.nf\n.RS\n[upstream]\nprovider = gmail\nusername = "
         "me@gmail.com\npassword_file = "
         "/etc/smtp\\-detour/password\n.RE\n.fi\n.PP\n"
         "Everything that is wrong with a file is printed by\n.BR \"smtp\\-detour check\" .\nA "
         "file that holds a secret must not be "
         "readable by everyone.");
    static const enum section_id order[] = {SECTION_UPSTREAM, SECTION_LISTEN, SECTION_SPOOL,
                                            SECTION_ALERT,    SECTION_SERVER, SECTION_LOG,
                                            SECTION_ADMIN,    SECTION_CLUSTER};
    _Static_assert(sizeof order / sizeof order[0] == SECTION_COUNT, "every section has its place");
    for (size_t i = 0; i < SECTION_COUNT; i++)
        put_section(order[i]);
    puts(
        ".SH ENVIRONMENT\nOnly where the file does not exist, and for containers: "
        "SMTP_DETOUR_SECTION_KEY is a key, as in SMTP_DETOUR_UPSTREAM_HOST, and "
        "SMTP_DETOUR_SECTION_KEY_FILE names a file whose first line is the value (of a list: all "
        "its lines). Keys that name files, like\n.BR password_file ,\nare keys here, too: "
        "SMTP_DETOUR_UPSTREAM_PASSWORD_FILE. There is one account and one listener; more need a "
        "file. Empty variables count as not set, any key of a section switches it on, and what is "
        "no key is an error, except for what Kubernetes sets beside a Service. SIGHUP reads the "
        "files again. No program that the server runs sees these variables. A secret in a variable "
        "is shown by the container's own tools: a file is better.");
    puts(".SH EXAMPLES\nTwo accounts, chosen by the sender, and a network that may "
         "send:\n.PP\n.nf\n.RS\n[listen]\naddress = 127.0.0.1:25 192.168.1.10:25\nallow = "
         "127.0.0.0/8 "
         "192.168.1.0/24\n\n[upstream work]\nprovider = office365\nusername = "
         "scanner@example.com\npassword_file = /etc/smtp\\-detour/work\nsenders = "
         "@example.com\n\n[upstream rest]\nprovider = gmail\nusername = "
         "me@gmail.com\npassword_file = /etc/smtp\\-detour/password\n.RE\n.fi");
    puts(".SH \"SEE ALSO\"\n.BR smtp\\-detour (8)");
}

/* ---- smtp-detour(8) ---- */

/* Each with its sentence, as the log and doctor say it of a port. */
static void put_findings(void)
{
    struct addr address;
    struct finding_detail d = {.host = "smtp.example.com", .port = {587, PORT_STARTTLS}};
    char words[sizeof((struct port_report *)0)->words];
    if (addr_parse(slice_of("192.0.2.7"), &address))
        d.address = &address;
    puts(
        ".SH FINDINGS\nWhat the network or the server does to a port has one of these names, in "
        "the "
        "log, in metrics, on the status page and in doctor's table. Here is what each says of port "
        "587 of smtp.example.com; where the server said something, its words are in the sentence.");
    for (int f = 0; f < FINDING_COUNT; f++) {
        d.finding = (enum finding)f;
        finding_words(&d, words, sizeof words);
        printf(".TP\n.B ");
        put(finding_name(d.finding));
        putchar('\n');
        put(words);
        puts(".");
    }
}

static void put_examples(void)
{
    static const struct {
        const char *command, *meaning;
    } examples[] = {
        {"smtp-detour setup me@example.com", "From nothing to a configuration that has delivered a "
                                             "test mail."},
        {"smtp-detour doctor --host smtp.example.com",
         "Which ports this network lets through to that host; without a configuration."},
        {"smtp-detour doctor -v work", "What happens on each port of the account work, word by "
                                       "word."},
        {"smtp-detour check --route scanner@example.com 192.168.1.50",
         "Which account takes a mail of this sender from this client."},
        {"smtp-detour send --from me@example.com --to you@example.com", "A test mail."},
        {"smtp-detour spool list; smtp-detour spool retry",
         "What waits for an outage to end, and: try it now."},
        {"smtp-detour login work", "Log the account work in by token, in a browser or by a code."},
    };
    puts(".SH EXAMPLES");
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        printf(".TP\n.B ");
        put(examples[i].command);
        putchar('\n');
        put(examples[i].meaning);
        putchar('\n');
    }
}

static void page_8(void)
{
    size_t n;
    const struct subcommand *subcommands = cli_subcommands(&n);
    head("SMTP-DETOUR", "8", "smtp\\-detour, sendmail, mailq, newaliases",
         "an SMTP submission proxy that finds the port that works");
    puts(".SH SYNOPSIS");
    for (size_t i = 0; i < n; i++) {
        printf(".B smtp\\-detour %s\n", subcommands[i].name);
        put(subcommands[i].arguments);
        puts("\n.br");
    }
    puts(".B sendmail\n[\\-t] [\\-i] [\\-f ADDR] [\\-F NAME] [\\-N WHEN] [\\-R full|hdrs] [\\-V "
         "ID] [RECIPIENT...]\n.br\n"
         ".B sendmail \\-bs\n.br\n.B mailq\n.br\n.B newaliases\n.SH DESCRIPTION\n.B "
         "smtp\\-detour\naccepts mail from software "
         "that can say no more than "
         "SMTP on port 25, and submits it through the first upstream port that really works, with "
         "verified TLS and the credentials that "
         "only it knows. Its client's "
         "250 is the upstream's 250.\n.SH COMMANDS");
    for (size_t i = 0; i < n; i++) {
        printf(".TP\n.B %s ", subcommands[i].name);
        put(subcommands[i].arguments);
        putchar('\n');
        put(subcommands[i].summary);
        puts(".\n.br");
        put(subcommands[i].help);
    }
    puts(".SH SENDMAIL\nCalled by the name\n.BR sendmail ,\nthe program hands the message on its "
         "standard input to 127.0.0.1:25, else "
         "[::1]:25. It reads no configuration and "
         "needs no secret. A line of one dot ends the message unless \\-i or \\-oi is given. \\-t "
         "takes the recipients of To, Cc and Bcc "
         "too. Without \\-f the sender is "
         "user@hostname. Bcc is never passed on; a missing From is added, with the name of \\-F. "
         "Other options of other sendmails are "
         "taken and mean nothing. A recipient that is refused is named on standard error; the "
         "others get the message all the same, and "
         "the status says that one was refused. \\-N (never, or some of success, failure, delay), "
         "\\-R and \\-V ask for delivery "
         "reports; they are passed on to an upstream that knows them.\n.PP\n"
         ".B sendmail \\-bs\nspeaks SMTP on standard input and output, with the same server.\n.PP\n"
         ".BR mailq ,\n.B sendmail \\-bp\nlist what is kept, as\n.B smtp\\-detour spool list\n"
         "does, and say that the queue is empty where there is no spool or no configuration;\n"
         ".B sendmail \\-q\nwithout recipients tries what waits. These read the configuration "
         "(\\-C names another).\n.B sendmail \\-bi\nand\n.B newaliases\ndo "
         "nothing, successfully.\n.PP\n"
         "Exit status: 0 taken, 1 refused, 64 no recipients, 75 try again later (a 4xx, or nobody "
         "listens).\n"
         ".SH SIGNALS\nSIGHUP rereads the configuration. SIGTERM and SIGINT let running messages "
         "finish.\n"
         ".SH FILES\n.TP\n.B /etc/smtp\\-detour/proxy.ini\nthe configuration, see\n.BR proxy.ini "
         "(5)\n.TP\n.B /var/lib/smtp\\-detour\nwhat "
         "was learnt about ports; the self\\-signed "
         "certificate");
    put_findings();
    put_examples();
    puts(".SH \"SEE ALSO\"\n.BR proxy.ini (5); the manual by task in smtp\\-detour's documentation "
         "folder");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "proxy.ini.5") == 0)
        page_5();
    else if (argc == 2 && strcmp(argv[1], "smtp-detour.8") == 0)
        page_8();
    else {
        fputs("usage: manpages proxy.ini.5 | smtp-detour.8\n", stderr);
        return 2;
    }
    return 0;
}
