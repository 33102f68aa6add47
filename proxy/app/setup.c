#include "app/setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/privileges.h"
#include "app/quiet.h"
#include "app/setup_files.h"
#include "app/setup_state.h"
#include "app/status.h"
#include "app/world.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/signals.h"
#include "wire/address.h"

int setup_fail(int status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fflush(stdout);
    fprintf(stderr, "smtp-detour setup: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    return status;
}

int setup_ended(void)
{
    printf("\n");
    return setup_fail(EXIT_ANSWER_BAD, "ended; nothing was written");
}

bool setup_may_ask(const struct setup *s, const char *option)
{
    if (s->has_terminal && !s->yes)
        return true;
    setup_fail(EXIT_USAGE, "%s is needed", option);
    return false;
}

/* ---- the steps ---- */

static int look_at_place(struct setup *s)
{
    struct err err = {0};
    enum setup_place place;
    if (setup_place_of(s->config_file, &place, &err) != 0)
        return setup_fail(err.kind == ERR_PERMISSION ? EXIT_NO_RIGHT : EXIT_SYSTEM, "%s",
                          err.words);
    if (place == SETUP_TAKEN)
        return setup_fail(EXIT_ANSWER_BAD,
                          "%s is a configuration already, and is never overwritten. `smtp-detour "
                          "check` and `smtp-detour doctor` tell how it is; another file: -c FILE; "
                          "another account for it: a section to paste is printed by `smtp-detour "
                          "providers NAME`",
                          s->config_file);
    if (place == SETUP_EXAMPLE)
        printf("%s is still the example; the new configuration replaces it.\n", s->config_file);
    return EXIT_FINE;
}

static bool is_address(const char *text)
{
    struct address address;
    const char *at = strchr(text, '@');
    return at && at[1] && address_parse(slice_of(text), &address);
}

static int find_address(struct setup *s)
{
    if (s->given_address) {
        s->address = mem_string(s->given_address);
        return EXIT_FINE;
    }
    if (!setup_may_ask(s, "the mail address that sends (ADDRESS)"))
        return EXIT_USAGE;
    while (!s->address) {
        s->address = ask_line(s->ask, "Which mail address sends (me@example.com)", NULL);
        if (!s->address)
            return setup_ended();
        if (!is_address(s->address)) {
            printf("%s is no mail address.\n", s->address);
            free(s->address);
            s->address = NULL;
        }
    }
    return EXIT_FINE;
}

static bool has_own_name(const struct setup *s)
{
    enum user_rule rule = s->provider ? s->choice.preset->user : USER_ADDRESS;
    return rule != USER_NO_ADDRESS && rule != USER_EXACT;
}

static int find_username(struct setup *s)
{
    if (s->given_user)
        s->username = mem_string(s->given_user);
    else if (s->service_username)
        s->username = mem_string(s->service_username);
    else if (has_own_name(s))
        s->username = mem_string(s->address);
    else if (s->choice.preset->user == USER_EXACT)
        s->username = mem_string(s->choice.preset->user_sample);
    else if (!setup_may_ask(s, "--user"))
        return EXIT_USAGE;
    else {
        printf("User name: %s.\n", s->choice.preset->user_words.text);
        s->username = ask_line(s->ask, "User name", NULL);
    }
    return s->username ? EXIT_FINE : setup_ended();
}

static int choose_recipient(struct setup *s)
{
    s->to = s->given_to ? mem_string(s->given_to)
            : s->yes    ? mem_string(s->address)
                        : ask_line(s->ask, "\nSend a test mail to (none: no mail)", s->address);
    return s->to ? EXIT_FINE : setup_ended();
}

static int write_files(struct setup *s)
{
    struct err err = {0};
    struct buf text;
    const char *given = s->given_password_file;
    s->secret_is_there = given && setup_is_beside(s->config_file, given);
    s->secret_path = s->secret_is_there ? mem_string(given) : setup_secret_path(s->config_file);
    struct draft draft = {.provider = s->provider,
                          .host = s->provider ? NULL : s->host,
                          .ports = s->ports,
                          .username = s->username,
                          .password_file = s->secret_path,
                          .listen = s->listen,
                          .allow = s->allow};
    struct setup_files files = {.config_file = s->config_file,
                                .secret_path = s->secret_is_there ? NULL : s->secret_path,
                                .secret = s->secret};
    buf_init(&text, CAP_CONFIG_FILE);
    bool fits = draft_write(&draft, &text);
    files.text = buf_view(&text);
    int result = fits ? setup_files_write(&files, &err) : -1;
    if (result == 0)
        printf("\nWritten: %s%s%s\n", s->config_file,
               s->secret_is_there ? "" : ", and the secret in ",
               s->secret_is_there ? "" : s->secret_path);
    buf_free(&text);
    return result == 0 ? EXIT_FINE
                       : setup_fail(EXIT_SYSTEM, "%s; nothing was written",
                                    fits ? err.words : "the configuration would be too long");
}

/* ---- after it ---- */

static void tell_start(const struct setup *s, bool is_default)
{
    static const char *const units[] = {"/etc/systemd/system/smtp-detour.service",
                                        "/lib/systemd/system/smtp-detour.service",
                                        "/usr/local/lib/systemd/system/smtp-detour.service"};
    bool has_unit = false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        has_unit |= access(units[i], F_OK) == 0;
    printf("\nStart it%s:\n\n    ", is_default && has_unit ? " for good" : "");
    if (is_default && has_unit)
        printf("systemctl enable --now smtp-detour\n");
    else if (is_default)
        printf("smtp-detour run\n");
    else
        printf("smtp-detour run -c %s\n", s->config_file);
}

/* ---- life ---- */

/* No option's value may become a line of its own in the file. */
static bool is_plain(const char *value)
{
    for (; value && *value; value++)
        if (ascii_is_control(*value))
            return false;
    return true;
}

static bool parse_arguments(struct setup *s, int argc, char **argv)
{
    const struct {
        const char *option, **value;
    } options[] = {{"--host", &s->given_host},     {"--provider", &s->given_provider},
                   {"--user", &s->given_user},     {"--password-file", &s->given_password_file},
                   {"--listen", &s->given_listen}, {"--allow", &s->given_allow},
                   {"--to", &s->given_to}};
    for (int i = 0; i < argc; i++) {
        const char **value = NULL;
        for (size_t k = 0; k < sizeof options / sizeof *options; k++)
            if (strcmp(argv[i], options[k].option) == 0 && i + 1 < argc)
                value = options[k].value;
        if (strcmp(argv[i], "--yes") == 0)
            s->yes = true;
        else if (value && !*value && is_plain(argv[i + 1]))
            *value = argv[++i];
        else if (argv[i][0] != '-' && !s->given_address && is_address(argv[i]))
            s->given_address = argv[i];
        else
            return false;
    }
    return !(s->given_host && s->given_provider);
}

/* What has to be known before anything is done. */
static int check_arguments(const struct setup *s)
{
    if (!s->has_terminal && !s->yes)
        return setup_fail(EXIT_USAGE, "this is no terminal, so nothing can be asked: give --yes, "
                                      "and all that is needed");
    if (!s->has_terminal && !s->given_password_file)
        return setup_fail(EXIT_USAGE, "--password-file is needed where nothing can be asked");
    return EXIT_FINE;
}

static int run(struct setup *s)
{
    static int (*const steps[])(struct setup *) = {
        look_at_place, find_address,         setup_find_service, find_username, setup_try_ports,
        setup_log_in,  setup_choose_clients, choose_recipient,   write_files};
    int status = EXIT_FINE;
    for (size_t i = 0; status == EXIT_FINE && i < sizeof steps / sizeof *steps; i++)
        status = steps[i](s);
    return status;
}

static void clear(struct setup *s)
{
    char *texts[] = {s->address, s->provider, s->host, s->ports,       s->username,
                     s->listen,  s->allow,    s->to,   s->secret_path, s->service_username};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    secret_free(&s->secret);
}

int setup_main(const char *config_file, int argc, char **argv)
{
    struct setup s = {.config_file = config_file};
    struct err err = {0};
    s.has_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (!parse_arguments(&s, argc, argv)) {
        fprintf(stderr,
                "usage: smtp-detour setup [-c FILE] [--host HOST | --provider NAME] [--user NAME] "
                "[--password-file FILE]\n"
                "       [--listen ADDRESS:PORT] [--allow NETWORKS] [--to ADDRESS] [--yes] "
                "[ADDRESS]\n");
        return EXIT_USAGE;
    }
    int status = check_arguments(&s);
    if (status != EXIT_FINE)
        return status;
    privileges_lock_down();
    signals_hold();
    if (world_open(&s.io, LOG_ERROR, false, quiet_sink(), &err) != 0)
        return setup_fail(EXIT_SYSTEM, "%s", err.words);
    s.ask = ask_open(s.io.loop);
    status = run(&s);
    ask_close(&s.ask);
    world_close(&s.io);
    if (status == EXIT_FINE) {
        signals_let_go();
        status = setup_send_test(&s);
        tell_start(&s, strcmp(config_file, DEFAULT_CONFIG_FILE) == 0);
    }
    clear(&s);
    return status;
}
