#include "app/cli.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "app/check.h"
#include "app/cluster_command.h"
#include "app/daemon.h"
#include "app/doctor.h"
#include "app/login.h"
#include "app/providers.h"
#include "app/send.h"
#include "app/sendmail.h"
#include "app/setup.h"
#include "app/spool_command.h"
#include "app/status.h"
#include "config/config.h"

static int run_daemon(const char *config_file, int argc, char **argv)
{
    (void)argv;
    if (argc > 0) {
        fprintf(stderr, "smtp-detour run takes no argument but -c FILE.\n");
        return EXIT_USAGE;
    }
    return daemon_main(config_file);
}

static const struct subcommand subcommands[] = {
    {"run", "[-c FILE]", "serve, in the foreground (the default)",
     "SIGHUP rereads the configuration, secrets and certificates; a configuration with errors "
     "changes nothing.\n"
     "SIGTERM or SIGINT lets running messages finish (up to drain_timeout), a second one ends at "
     "once.\n"
     "Exit status: 0 after a signal, 71 a listener cannot be opened, 77 no right to listen, 78 the "
     "configuration is wrong.\n",
     run_daemon},
    {"setup", "[-c FILE] [ADDRESS]",
     "from nothing to a configuration that has delivered a test mail",
     "Finds the service of ADDRESS, tries every port of it without a login and shows what the "
     "network does to each, asks for the secret\n"
     "unseen, logs in, asks who may send, writes the configuration and the secret's file for the "
     "server's user, sends a test mail, and\n"
     "prints the command that starts the server. Nothing is written before the login has "
     "succeeded, and an existing configuration is\n"
     "never overwritten. Ended anywhere (Ctrl-C) it leaves nothing.\n"
     "What is asked can be given: --host HOST or --provider NAME, --user NAME, --password-file "
     "FILE "
     "(its first line is the secret),\n"
     "--listen ADDRESS:PORT, --allow NETWORKS, --to ADDRESS of the test mail (none: no mail). "
     "--yes "
     "takes what is proposed; without a\n"
     "terminal it is needed.\n"
     "Exit status: 0 a test mail was taken, 1 not, 2 usage, 71 the system says no, 77 no right to "
     "write there, 78 what was given makes\n"
     "no good configuration.\n",
     setup_main},
    {"check", "[-c FILE] [--route FROM [CLIENT] | --print]",
     "read the configuration and print everything that is wrong with it",
     "Prints each error as FILE:LINE: [section] key: what is wrong and what is allowed.\n"
     "--route FROM [CLIENT] tells which account takes mail of that sender from that address (this "
     "machine, if none is given), and why "
     "those\n"
     "before it do not, listener by listener, and what the addresses become; nothing is sent. Exit "
     "status 1: nobody takes it.\n"
     "--print writes every key that is in force, and behind it the line, the provider or the "
     "default "
     "that it comes from; secrets are left out.\n"
     "Exit status: 0 fine (warnings may have been printed), 78 the configuration is wrong.\n",
     check_main},
    {"doctor", "[-c FILE] [-v | --json] [ACCOUNT | --host HOST]",
     "try every port of every account, explain what the network does to each",
     "Each port is tried to its end through the server's own code: name, connection, greeting, TLS "
     "and certificate, login, and whether\n"
     "mail from the account's own address would be taken (it is reset, nothing is sent). One login "
     "at a time; after a refusal none more.\n"
     "Outbound port 25 is tried too, for comparison, without a login. Where the first port fails, "
     "so are those that nobody configured,\n"
     "and the `ports` line that would help is printed. Done within connect_timeout + 2 s.\n"
     "The shared engine of a [cluster] is looked at, too: whether it does what it is asked, who is "
     "there, and whether their key is the same.\n"
     "--host HOST needs no configuration and no login: what gets through to that host from here. "
     "-v shows the dialog with each port\n"
     "(secrets left out), the cipher and the certificate. Last, how many messages the spool keeps, "
     "and for how long the oldest.\n"
     "Exit status: 0 every account has a port that works, 1 one has not, 78 the configuration is "
     "wrong.\n",
     doctor_main},
    {"send", "[-c FILE] --from A --to B [FILE|-]",
     "submit one message through the same ladder (a test mail if no FILE)",
     "Prints each recipient's answer, the verdict, and what became of each port that was tried.\n"
     "Exit status: 0 taken by the upstream for all recipients, 1 refused for good, 75 it could not "
     "be delivered now, 78 the configuration "
     "is wrong.\n",
     send_main},
    {"login", "[-c FILE] [--device|--browser] ACCOUNT",
     "log in at the provider once, in a browser, for an account that sends by token",
     "Prints an address and a code to type there, or an address to open; opens the browser by "
     "itself where there is a display. A browser on\n"
     "another machine will do: the address at which it ends is pasted into the terminal. --device "
     "and --browser choose, where the provider\n"
     "has both.\n"
     "The refresh token goes into oauth_token_file, for the server's user; a running server takes "
     "it by itself. Waits 10 minutes at most.\n"
     "Exit status: 0 logged in, 1 not, and nothing was written, 2 there is no such account or "
     "nothing to log in for, 71 the system says no,\n"
     "78 the configuration is wrong.\n",
     login_main},
    {"spool",
     "[-c FILE] list [--json] [--account A] | show [--raw] ID | retry [ID | [--failed] [--account "
     "A]] | remove ID | adopt DIR | drain [--timeout 5m]",
     "what is kept until it can be sent: list it, show a message, try it now, remove it, take in "
     "another instance's, empty it",
     "list shows each message: ID, state (waiting, sending, held: no account takes it, failed: it "
     "was given up), age, size, tries, next\n"
     "try, account, sender, the recipients that are left, and why it waits. --json: an array of "
     "{id, age, size, tries, next, account, sender,\n"
     "recipients, state, reason}; age and next in seconds, next null where none is planned.\n"
     "show writes envelope and history, an empty line, and the message; --raw the message alone.\n"
     "retry ID tries one now, whatever it waits for; one that failed counts as new. Without an ID "
     "all that wait are tried, with --failed\n"
     "all that failed; the rest after refused credentials is not ended by it.\n"
     "adopt takes in the spool of an instance that is gone: each message goes into the spool of "
     "the "
     "configuration, under its ID and with its\n"
     "age and history, and is removed in DIR then. Broken off, it is called again; one copy of one "
     "message is possible then. What does not fit\n"
     "stays in DIR.\n"
     "drain keeps nothing new, tries all that waits now and then by its own waits, and ends when "
     "nothing waits: a server takes no more into\n"
     "its spool after that until it starts again (/acceptz 503, mail still goes directly). With "
     "mail left at the timeout, or broken off, it\n"
     "keeps mail as before. Without a server this command sends, and writes the server's log.\n"
     "A running server is asked through its socket in the spool's directory. Without one the files "
     "are changed, and what is to be tried\n"
     "is tried when the server starts. Root and the server's user may do this.\n"
     "Exit status: 0 done, 1 there is no such message, no spool in DIR, or another message of that "
     "ID here, 71 the system says no,\n"
     "75 it is being sent just now, mail is left, DIR is in use, or the server does not answer, "
     "77 no right to it, 78 the configuration is wrong.\n",
     spool_command_main},
    {"cluster", "[-c FILE] key | status", "several instances: a new key for them, and who is there",
     "key prints 32 random octets in base64, for the key_file of [cluster]: one key, and the same "
     "file on all instances.\n"
     "status asks the shared engine who is there, and how many sessions of each account are in "
     "use. It needs no running server.\n"
     "Exit status: 0 fine, 1 the engine does not answer or there is no [cluster], 78 the "
     "configuration is wrong.\n",
     cluster_command_main},
    {"providers", "[NAME]", "the built-in presets: services whose host, ports and limits are known",
     "Without a NAME lists them; with one prints all that is known of it, how sure each fact is, "
     "and a section to paste.\n"
     "Exit status: 0 fine, 1 there is no such provider.\n",
     providers_main},
};

enum { SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

static void print_help(void)
{
    printf("smtp-detour accepts mail on port 25 from software that can say no more than that, and "
           "submits it through the first\n"
           "upstream port that really works, with verified TLS and the credentials that only it "
           "knows.\n\n");
    for (int i = 0; i < SUBCOMMANDS; i++)
        printf("  smtp-detour %s %s\n      %s\n", subcommands[i].name, subcommands[i].arguments,
               subcommands[i].summary);
    printf("  sendmail [-t -i -f ADDR -F NAME -N ... -R ... -V ... -o...] ...\n"
           "      called by this name (a link): hands the message on stdin to this machine's port "
           "25, for cron and PHP; needs no secret\n"
           "  sendmail -bs\n      SMTP over stdin and stdout, to the same port\n"
           "  mailq, sendmail -bp\n      links, too: `spool list`\n"
           "  sendmail -q\n      `spool retry`, without a word\n"
           "  newaliases, sendmail -bi\n      nothing is to be done, status 0\n");
    printf("  smtp-detour --help | --version\n\n"
           "Each subcommand has --help. The configuration is %s unless -c names another.\n",
           DEFAULT_CONFIG_FILE);
}

static void print_subcommand_help(const struct subcommand *s)
{
    printf("smtp-detour %s %s\n\n%s\n%s", s->name, s->arguments, s->summary, s->help);
}

const struct subcommand *cli_subcommands(size_t *n_r)
{
    *n_r = SUBCOMMANDS;
    return subcommands;
}

static const struct subcommand *find_subcommand(const char *name)
{
    for (int i = 0; i < SUBCOMMANDS; i++)
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    return NULL;
}

static int complain(const char *what, const char *word)
{
    fprintf(stderr, "smtp-detour: %s%s. `smtp-detour --help` lists what there is.\n", what, word);
    return EXIT_USAGE;
}

/* Takes `-c FILE` out of the arguments, wherever it is. Returns false if FILE is missing. */
static bool take_config_file(int *argc, char **argv, const char **file_r)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "-c") == 0) {
            if (++i >= *argc)
                return false;
            *file_r = argv[i];
        } else if (strncmp(argv[i], "-c", 2) == 0) {
            *file_r = argv[i] + 2;
        } else {
            argv[kept++] = argv[i];
        }
    }
    *argc = kept;
    return true;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int cli_main(int argc, char **argv)
{
    const char *config_file = DEFAULT_CONFIG_FILE;
    const struct subcommand *sub = &subcommands[0];
    if (argc > 0 && sendmail_is_meant(argv[0]))
        return sendmail_main(config_file, argc, argv);
    argc--;
    argv++;
    if (!take_config_file(&argc, argv, &config_file))
        return complain("-c needs a file name", "");
    if (argc > 0 && argv[0][0] != '-') {
        sub = find_subcommand(argv[0]);
        if (!sub)
            return complain("there is no subcommand ", argv[0]);
        argc--;
        argv++;
        if (argc > 0 && asks_for_help(argv[0])) {
            print_subcommand_help(sub);
            return EXIT_FINE;
        }
    } else if (argc > 0 && asks_for_help(argv[0])) {
        print_help();
        return EXIT_FINE;
    } else if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        printf("smtp-detour %s\n", VERSION);
        return EXIT_FINE;
    }
    return sub->run(config_file, argc, argv);
}
