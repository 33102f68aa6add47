/* The way out: which ports lead to a login, and the login itself. Both by doctor's machinery. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/doctor_print.h"
#include "app/doctor_verdict.h"
#include "app/mail_trial.h"
#include "app/setup_files.h"
#include "app/setup_state.h"
#include "app/status.h"
#include "base/caps.h"
#include "base/mem.h"
#include "base/secret_file.h"
#include "io/loop.h"

enum { LOGIN_TRIES = 3, PORTS_TEXT = 200 };

/* ---- a checkup ---- */

static void on_done(void *ctx)
{
    struct setup *s = ctx;
    loop_stop(s->io.loop);
}

/* Runs it to its end. NULL: *status_r says why. */
static struct checkup *examine(struct setup *s, struct config *config, int *status_r)
{
    struct err err = {0};
    struct checkup *c = NULL;
    if (ask_is_over(s->ask)) {
        *status_r = setup_ended();
        return NULL;
    }
    c = checkup_new(&s->io, config, &config->upstreams[0], &mail_trial, on_done, s, &err);
    if (!c) {
        *status_r = setup_fail(EXIT_BAD_CONFIG, "%s", err.words);
        return NULL;
    }
    loop_run(s->io.loop);
    if (ask_is_over(s->ask)) {
        checkup_free(&c);
        *status_r = setup_ended();
    }
    return c;
}

static void show_findings(struct setup *s, const struct checkup *c, const struct config *config)
{
    doctor_print(c, &(struct doctor_screen){.config = config,
                                            .now_s = loop_wall_ms(s->io.loop) / 1000,
                                            .findings_only = true});
}

static void show_verdict(const struct checkup *c, const struct config *config)
{
    struct opinion o = {0};
    doctor_judge(c, config, &o);
    printf("%s\n", o.verdict);
}

/* ---- the ports ---- */

static void add_port(char *text, const struct port *port)
{
    char one[24];
    size_t len = strlen(text);
    doctor_port_text(port, one);
    snprintf(text + len, PORTS_TEXT - len, "%s%s", len ? " " : "", one);
}

static bool has_number(const struct ports *list, uint16_t number)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].number == number)
            return true;
    return false;
}

/* The ports of the preset's ladder, or what the DNS names. The first is its standard port. */
static struct ports known_ports(const struct setup *s, struct port items[PRESET_PORTS])
{
    struct ports list = {.items = items};
    if (s->provider) {
        for (const struct preset_port *p = s->choice.preset->ports; p->number; p++)
            if (!p->spare)
                items[list.n++] = (struct port){p->number, p->mode};
    } else
        for (; list.n < s->nservice_ports; list.n++)
            items[list.n] = s->service_ports[list.n];
    return list;
}

/* Gives a configuration of the host alone: the ports that are known first, then the usual ones. */
static struct config *without_login(const struct setup *s)
{
    struct config *usual = config_for_host(s->host);
    struct port items[PRESET_PORTS];
    struct ports known = known_ports(s, items);
    char ports[PORTS_TEXT] = "", text[600];
    if (!usual || !known.n)
        return usual;
    for (size_t i = 0; i < known.n; i++)
        add_port(ports, &known.items[i]);
    for (size_t i = 0; i < usual->upstreams[0].ports.n; i++)
        if (!has_number(&known, usual->upstreams[0].ports.items[i].number))
            add_port(ports, &usual->upstreams[0].ports.items[i]);
    config_unref(&usual);
    snprintf(text, sizeof text, "[upstream]\nhost = %s\nports = %s\n", s->host, ports);
    struct config_report report = {0};
    struct config *config = config_from_text("setup", slice_of(text), &report);
    config_report_free(&report);
    return config;
}

static bool leads_to_login(const struct checkup_port *p)
{
    return p->role == CHECKUP_CONFIGURED && p->report.finding == FINDING_WORKS &&
           p->sight.offered[0];
}

/* The ports that lead to a login, then the standard one, which may do so in another network. Empty
 * where the standard one leads there already. */
static size_t propose(const struct setup *s, const struct checkup *c, char text[PORTS_TEXT])
{
    struct port items[PRESET_PORTS];
    struct ports known = known_ports(s, items);
    struct port standard = known.n ? known.items[0] : (struct port){587, PORT_STARTTLS};
    size_t n, good = 0;
    const struct checkup_port *ports = checkup_ports(c, &n);
    bool standard_works = false;
    text[0] = 0;
    for (size_t i = 0; i < n; i++)
        if (leads_to_login(&ports[i])) {
            add_port(text, &ports[i].report.port);
            standard_works |= ports[i].report.port.number == standard.number;
            good++;
        }
    if (!standard_works)
        add_port(text, &standard);
    if (standard_works && s->provider)
        text[0] = 0;
    return good;
}

static int choose_ports(struct setup *s, const struct checkup *c)
{
    char text[PORTS_TEXT];
    if (propose(s, c, text) == 0) {
        show_verdict(c, NULL);
        return setup_fail(EXIT_ANSWER_BAD,
                          "no port of %s leads to a login from this network; nothing was written",
                          s->host);
    }
    if (!text[0])
        return EXIT_FINE;
    bool detour = strncmp(text, "587", 3) != 0;
    if (s->yes || !s->has_terminal || !detour) {
        printf("ports = %s\n\n", text);
        s->ports = mem_string(text);
        return EXIT_FINE;
    }
    printf("The standard port does not get through, but there is a way around it.\n");
    s->ports = ask_line(s->ask, "Ports to use, in this order", text);
    return s->ports ? EXIT_FINE : setup_ended();
}

int setup_try_ports(struct setup *s)
{
    int status = EXIT_FINE;
    struct config *config = without_login(s);
    if (!config)
        return setup_fail(EXIT_USAGE, "\"%s\" is no host name, nor an address", s->host);
    printf("\nEvery port of %s is tried, without a login; this takes up to %lld seconds.\n",
           s->host, (long long)(config->upstreams[0].connect_timeout / USEC_PER_SEC) + 2);
    fflush(stdout);
    struct checkup *c = examine(s, config, &status);
    if (c) {
        show_findings(s, c, NULL);
        status = choose_ports(s, c);
        checkup_free(&c);
    }
    config_unref(&config);
    return status;
}

/* ---- the login ---- */

/* A file that only this process can name, so that nothing is on the disk before the login has
 * succeeded. Returns the descriptor. */
static int secret_in_memory(const struct secret *secret, char path[32])
{
    struct slice bytes = secret_reveal(secret);
    int fd = memfd_create("secret", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    if (fchmod(fd, 0600) == 0 && write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len)
        return fd;
    close(fd);
    return -1;
}

/* Gives the account as it will be, with its secret from that path. What the configuration's own
 * rules say of it is printed. */
static struct config *with_login(const struct setup *s, const char *secret_path)
{
    struct buf text;
    struct config_report report = {0};
    struct config *config = NULL;
    struct draft draft = {.provider = s->provider,
                          .host = s->provider ? NULL : s->host,
                          .ports = s->ports,
                          .username = s->username,
                          .password_file = secret_path};
    buf_init(&text, CAP_CONFIG_FILE);
    if (draft_write(&draft, &text))
        config = config_from_text(s->config_file, buf_view(&text), &report);
    for (size_t i = 0; i < report.n; i++)
        fprintf(stderr, "%s\n", report.lines[i]);
    config_report_free(&report);
    buf_free(&text);
    return config;
}

static bool is_refused(const struct checkup *c)
{
    size_t n;
    const struct checkup_port *ports = checkup_ports(c, &n);
    for (size_t i = 0; i < n; i++)
        if (ports[i].report.finding == FINDING_AUTH_REFUSED)
            return true;
    return false;
}

static void tell_success(const struct setup *s, const struct checkup *c)
{
    size_t n;
    const struct checkup_port *ports = checkup_ports(c, &n);
    for (size_t i = 0; i < n; i++) {
        if (ports[i].role != CHECKUP_CONFIGURED || ports[i].report.finding != FINDING_WORKS)
            continue;
        printf("Logged in at %s, port %u, as %s.\n", s->host, (unsigned)ports[i].report.port.number,
               s->username);
        if (ports[i].mail_tried && !ports[i].mail_accepted)
            printf("It does not take mail from and to %s, though: %s\n", checkup_own_address(c),
                   ports[i].mail_words);
        return;
    }
}

/* One try with the present name and secret. *again_r: they were refused. */
static int try_login(struct setup *s, bool *again_r)
{
    char path[32];
    int status = EXIT_FINE, fd = secret_in_memory(s->secret, path);
    *again_r = false;
    if (fd < 0)
        return setup_fail(EXIT_SYSTEM, "the secret cannot be kept in memory");
    struct config *config = with_login(s, path);
    if (!config) {
        close(fd);
        return setup_fail(EXIT_BAD_CONFIG, "this would be no good configuration");
    }
    printf("Logging in ...\n");
    fflush(stdout);
    struct checkup *c = examine(s, config, &status);
    if (c && doctor_works(c))
        tell_success(s, c);
    else if (c) {
        *again_r = is_refused(c);
        status = EXIT_ANSWER_BAD;
        show_findings(s, c, config);
        show_verdict(c, config);
    }
    if (c)
        checkup_free(&c);
    config_unref(&config);
    close(fd);
    return status;
}

static int read_secret_file(struct setup *s)
{
    struct err err = {0};
    unsigned mode;
    s->secret = secret_file_read(s->given_password_file, &mode, &err);
    return s->secret ? EXIT_FINE : setup_fail(EXIT_USAGE, "--password-file: %s", err.words);
}

static void replace(char **text, char *with)
{
    free(*text);
    *text = with;
}

/* The last try failed by name or secret. */
static int ask_name_again(struct setup *s)
{
    char *name = ask_line(s->ask, "Once more. User name", s->username);
    if (!name)
        return setup_ended();
    replace(&s->username, name);
    return EXIT_FINE;
}

static int ask_for_secret(struct setup *s)
{
    char question[300];
    snprintf(question, sizeof question, "Secret of %.200s", s->username);
    secret_free(&s->secret);
    s->secret = ask_secret(s->ask, question);
    return s->secret ? EXIT_FINE : setup_ended();
}

int setup_log_in(struct setup *s)
{
    const struct preset *p = s->provider ? s->choice.preset : NULL;
    int status = EXIT_FINE;
    bool again = true;
    if (p)
        printf("%s wants: %s.%s%s%s\n", p->title, p->secret,
               p->password == PASSWORD_WORKS ? "" : " Note: ",
               p->password == PASSWORD_WORKS ? "" : p->password_words,
               p->password == PASSWORD_WORKS ? "" : ".");
    for (int i = 0; again && i < LOGIN_TRIES; i++) {
        status = i > 0 ? ask_name_again(s) : EXIT_FINE;
        if (status == EXIT_FINE)
            status = s->given_password_file ? read_secret_file(s) : ask_for_secret(s);
        if (status != EXIT_FINE)
            return status;
        status = try_login(s, &again);
        again = again && !s->given_password_file;
    }
    if (status == EXIT_ANSWER_BAD)
        setup_fail(status, "nothing was written");
    return status;
}
