/* The test mail: a server of its own for the new configuration, and a mail to it as a scanner would
 * send one. Nothing else is running by now, so it may block. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/send.h"
#include "app/send_message.h"
#include "app/sendmail_submit.h"
#include "app/setup_state.h"
#include "app/status.h"
#include "base/mem.h"

/* Until it listens, and until it has ended. */
enum { START_MS = 20000, END_MS = 15000, STEP_MS = 50 };

struct trial_server {
    /* The guard. */
    pid_t child;
    /* Where it says that it is ready, as to a service manager. */
    int ready;
    char ready_name[64];
    /* What it writes on standard error. */
    int words;
};

/* ---- the server ---- */

/* In the abstract namespace, so that nothing is left of it, and the server reaches it after it has
 * given up root, too. Returns -1 if there is no such socket. */
static int open_ready(struct trial_server *t)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(t->ready_name, sizeof t->ready_name, "@smtp-detour-setup-%ld", (long)getpid());
    memcpy(at.sun_path + 1, t->ready_name + 1, (size_t)n - 1);
    t->ready = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return t->ready < 0 ? -1
                        : bind(t->ready, (const struct sockaddr *)&at,
                               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n));
}

static void become_server(const struct trial_server *t, const char *config_file)
{
    char self[PATH_MAX];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* By its own path: through /proc it would be called "exe" where people look for its name. */
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0 && dup2(t->words, STDERR_FILENO) >= 0 && dup2(t->words, STDOUT_FILENO) >= 0) {
        self[n] = 0;
        execl(self, "smtp-detour", "run", "-c", config_file, (char *)NULL);
    }
    _exit(EXIT_SYSTEM);
}

/* Between setup and the server stands a child that ends the server when setup ends, however that
 * does. The server itself cannot be bound to setup's life: that is undone when it gives up root. */
static void become_guard(const struct trial_server *t, const char *config_file)
{
    sigset_t ends;
    int status = 0, number;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    sigaddset(&ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    pid_t server = fork();
    if (server == 0)
        become_server(t, config_file);
    while (server > 0 && waitpid(server, &status, WNOHANG) == 0)
        if (sigwait(&ends, &number) == 0 && number != SIGCHLD)
            kill(server, SIGTERM);
    _exit(server > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SYSTEM);
}

static bool has_ended(struct trial_server *t)
{
    if (t->child > 0 && waitpid(t->child, NULL, WNOHANG) == t->child)
        t->child = 0;
    return t->child == 0;
}

/* Returns whether it has said that every listener is bound. */
static bool is_ready(struct trial_server *t)
{
    char state[256];
    struct pollfd fd = {.fd = t->ready, .events = POLLIN};
    for (int left = START_MS; left > 0 && !has_ended(t); left -= STEP_MS) {
        ssize_t n = poll(&fd, 1, STEP_MS) > 0 ? recv(t->ready, state, sizeof state - 1, 0) : 0;
        state[n > 0 ? n : 0] = 0;
        if (strstr(state, "READY=1"))
            return true;
    }
    return false;
}

static bool start_server(struct trial_server *t, const char *config_file)
{
    t->ready = -1;
    t->words = memfd_create("words", MFD_CLOEXEC);
    if (t->words < 0 || open_ready(t) != 0 || setenv("NOTIFY_SOCKET", t->ready_name, 1) != 0)
        return false;
    fflush(stdout);
    t->child = fork();
    if (t->child == 0)
        become_guard(t, config_file);
    unsetenv("NOTIFY_SOCKET");
    return t->child > 0 && is_ready(t);
}

static void end_server(struct trial_server *t)
{
    if (t->child > 0)
        kill(t->child, SIGTERM);
    for (int left = END_MS; left > 0 && !has_ended(t); left -= STEP_MS)
        poll(NULL, 0, STEP_MS);
    if (t->child > 0) {
        kill(t->child, SIGKILL);
        waitpid(t->child, NULL, 0);
        t->child = 0;
    }
    if (t->ready >= 0)
        close(t->ready);
    if (t->words >= 0)
        close(t->words);
}

/* Why it did not start: the last thing it said. */
static void show_words(const struct trial_server *t)
{
    char text[2000];
    ssize_t n = pread(t->words, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    for (char *c = text; *c; c++)
        if (ascii_is_control(*c) && *c != '\n')
            *c = '?';
    printf("%s", text);
}

/* ---- the mail ---- */

static void complain(const char *words)
{
    printf("  refused: %s\n", words);
}

static void tell_reply(const char *words)
{
    printf("  %s\n", words);
}

/* Where a program on this machine would connect. */
static bool find_listener(const struct config *config, struct addr *at)
{
    const struct listen_points *points = &config->listens[0].address;
    for (size_t i = 0; i < points->n; i++) {
        *at = points->items[i];
        const char *here = at->family == ADDR_V6 ? "::1" : "127.0.0.1";
        if (addr_is_any(at) && addr_parse(slice_of(here), at))
            at->port = points->items[i].port;
        if (addr_is_loopback(at))
            return true;
    }
    return points->n > 0;
}

static int submit(const struct setup *s, const struct config *config, const struct addr *at)
{
    struct err err = {0};
    struct buf text;
    char *to[] = {s->to}, where[ADDR_TEXT];
    struct mailboxes recipients = {.items = to, .n = 1};
    send_message_test(s->address, s->to, config->server.hostname, &text);
    struct submission mail = {.sender = s->address,
                              .recipients = &recipients,
                              .message = buf_view(&text),
                              .hostname = config->server.hostname,
                              .at = at,
                              .complain = complain,
                              .accepted = tell_reply};
    printf("To %s, as a scanner or a script would send it:\n", addr_text_with_port(at, where));
    fflush(stdout);
    int status = submission_send(&mail, &err);
    if (status != EXIT_FINE && err.words[0])
        printf("  %s\n", err.words);
    buf_free(&text);
    return status;
}

/* Without a server, where none can be started: the same delivery. */
static int send_directly(const struct setup *s)
{
    char *argv[] = {mem_string("--from"), mem_string(s->address), mem_string("--to"),
                    mem_string(s->to)};
    int status = send_main(s->config_file, sizeof argv / sizeof *argv, argv);
    for (size_t i = 0; i < sizeof argv / sizeof *argv; i++)
        free(argv[i]);
    return status;
}

int setup_send_test(const struct setup *s)
{
    struct trial_server trial = {.ready = -1, .words = -1};
    struct config_report report = {0};
    struct addr at;
    int status;
    if (strcmp(s->to, "none") == 0)
        return EXIT_FINE;
    struct config *config = config_load(s->config_file, &report);
    config_report_free(&report);
    if (!config)
        return setup_fail(EXIT_SYSTEM, "%s cannot be read any more", s->config_file);
    printf("\nTest mail. The server is started for it, and ended afterwards.\n");
    bool started = find_listener(config, &at) && start_server(&trial, s->config_file);
    if (!started)
        show_words(&trial);
    if (started)
        status = submit(s, config, &at);
    else {
        printf("It cannot be started by this user, so the mail goes the same way without it:\n");
        fflush(stdout);
        status = send_directly(s);
    }
    end_server(&trial);
    config_unref(&config);
    if (status == EXIT_FINE)
        return EXIT_FINE;
    return setup_fail(EXIT_ANSWER_BAD, "the test mail was not taken; the configuration stays");
}
