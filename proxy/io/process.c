#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/offload_internal.h"

/* How often the helper checks whether a silent child has ended. */
enum { TICK_MS = 20 };

struct process_run {
    char **argv, **env;
    bool is_mute;
    usec deadline;
    struct secret *output;
    struct err err;
    /* NULL if it was cancelled. */
    process_fn *fn;
    /* Tells the helper that the run was cancelled. */
    atomic_bool cancelled;
    void *ctx;
};

/* The helper's own state of the running child. */
struct child {
    pid_t pid;
    /* The read end of its standard output, or -1 after its end. */
    int out;
    struct buf line;
    /* The first line has ended. The rest is read and dropped. */
    bool complete;
    int status;
};

static usec monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

/* These variables are between our service manager and us. A child that inherited them could act in
 * our name. SMTP_DETOUR_… is a configuration, perhaps with secrets. */
static bool is_private(const char *variable)
{
    static const char *const names[] = {
        "NOTIFY_SOCKET=", "LISTEN_PID=",   "LISTEN_FDS=", "LISTEN_FDNAMES=",
        "WATCHDOG_USEC=", "WATCHDOG_PID=", "SMTP_DETOUR_"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static size_t count(char *const list[])
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

static bool is_named(char *const list[], const char *variable)
{
    size_t len = strcspn(variable, "=") + 1;
    for (size_t i = 0; list && list[i]; i++)
        if (strncmp(list[i], variable, len) == 0)
            return true;
    return false;
}

/* The list `extra` may be NULL. */
static char **environment(char *const extra[])
{
    size_t n = count(environ), more = count(extra), kept = 0;
    char **list = mem_alloc((n + more + 1) * sizeof *list);
    for (size_t i = 0; extra && i < more; i++)
        list[kept++] = extra[i];
    for (size_t i = 0; i < n; i++)
        if (!is_private(environ[i]) && !is_named(extra, environ[i]))
            list[kept++] = environ[i];
    return list;
}

/* No signal blocked or ignored, as a shell would have it. `flags`: its own process group, so that
 * its children die with it, or its own session. */
static int spawn(pid_t *pid, char *const argv[], char *const extra[], short flags,
                 const posix_spawn_file_actions_t *actions)
{
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr,
                             (short)(flags | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    char **env = environment(extra);
    int number = posix_spawnp(pid, argv[0], actions, &attr, argv, env);
    free(env);
    posix_spawnattr_destroy(&attr);
    return number;
}

/* No child sees a descriptor of ours. Ours are close-on-exec; libcurl's own, by which its thread is
 * woken, are not. */
static void close_the_rest(posix_spawn_file_actions_t *actions)
{
#ifdef __GLIBC__
    posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#else
    (void)actions;
#endif
}

static int spawn_child(struct child *child, const struct process_run *r, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r->is_mute)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    close_the_rest(&actions);
    int number = spawn(&child->pid, r->argv, r->env, POSIX_SPAWN_SETPGROUP, &actions);
    posix_spawn_file_actions_destroy(&actions);
    return number;
}

int process_leave(char *const argv[])
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    close_the_rest(&actions);
    int number = spawn(&pid, argv, NULL, POSIX_SPAWN_SETSID, &actions);
    posix_spawn_file_actions_destroy(&actions);
    return number == 0 ? 0 : -1;
}

/* Keeps the first line of what came; false: it is too long. */
static bool take_output(struct child *child, const char *data, size_t n)
{
    if (child->complete)
        return true;
    struct slice all = slice_make(data, n);
    size_t end = slice_find(all, '\n');
    child->complete = end < n;
    return buf_append_slice(&child->line, slice_head(all, end));
}

/* Waits a tick for output and reads all of it. Returns -1 if it is too much. */
static int read_output(struct child *child)
{
    char chunk[4096];
    struct pollfd fd = {.fd = child->out, .events = POLLIN};
    int result = 0;
    /* With fd -1 this only sleeps. */
    poll(&fd, 1, TICK_MS);
    while (child->out >= 0 && result == 0) {
        ssize_t n = read(child->out, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            close(child->out);
            child->out = -1;
        } else if (!take_output(child, chunk, (size_t)n)) {
            result = -1;
        }
    }
    secret_erase(chunk, sizeof chunk);
    return result;
}

static void kill_group(struct child *child)
{
    kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
        ;
}

/* Reads until the child has ended, not until its output is closed: a grandchild in the background
 * may keep that open. */
static int attend(struct process_run *r, struct child *child)
{
    usec end = monotonic() + r->deadline;
    for (;;) {
        bool too_long = read_output(child) < 0;
        if (too_long || monotonic() >= end || atomic_load(&r->cancelled)) {
            kill_group(child);
            if (too_long)
                err_set(&r->err, ERR_LIMIT, "%.200s: the first line of its output is too long",
                        r->argv[0]);
            else
                err_set(&r->err, ERR_TIMEOUT, "%.200s: not done after %d seconds, killed",
                        r->argv[0], (int)(r->deadline / USEC_PER_SEC));
            return -1;
        }
        pid_t ended = waitpid(child->pid, &child->status, WNOHANG);
        if (ended == child->pid)
            break;
        if (ended < 0 && errno != EINTR) {
            err_set_errno(&r->err, errno, "waitpid");
            return -1;
        }
    }
    /* This is its last output. */
    if (child->out >= 0 && read_output(child) < 0) {
        err_set(&r->err, ERR_LIMIT, "%.200s: the first line of its output is too long", r->argv[0]);
        return -1;
    }
    return 0;
}

static void judge(struct process_run *r, struct child *child)
{
    int status = child->status;
    struct slice line = buf_view(&child->line);
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (WIFSIGNALED(status))
        err_set(&r->err, ERR_SYSTEM, "%.200s: ended by signal %d", r->argv[0], WTERMSIG(status));
    else if (WEXITSTATUS(status))
        err_set(&r->err, WEXITSTATUS(status) == 127 ? ERR_NOT_FOUND : ERR_SYSTEM,
                "%.200s: exit status %d", r->argv[0], WEXITSTATUS(status));
    else if (!line.len && !r->is_mute)
        err_set(&r->err, ERR_INVALID, "%.200s: the first line of its output is empty", r->argv[0]);
    else if (!r->is_mute)
        r->output = secret_new(line);
}

/* Runs on a thread of its own. */
static void run(void *arg)
{
    struct process_run *r = arg;
    struct child child = {.out = -1};
    int pipe_fds[2];
    if (atomic_load(&r->cancelled))
        return;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        err_set_errno(&r->err, errno, "pipe");
        return;
    }
    int number = spawn_child(&child, r, pipe_fds[1]);
    close(pipe_fds[1]);
    child.out = pipe_fds[0];
    fcntl(child.out, F_SETFL, O_NONBLOCK);
    buf_init(&child.line, CAP_SECRET);
    if (number)
        err_set_errno(&r->err, number, r->argv[0]);
    else if (attend(r, &child) == 0)
        judge(r, &child);
    if (child.out >= 0)
        close(child.out);
    buf_wipe(&child.line);
}

static char **copy(char *const list[])
{
    size_t n = count(list);
    char **copied = mem_alloc((n + 1) * sizeof *copied);
    for (size_t i = 0; i < n; i++)
        copied[i] = mem_string(list[i]);
    return copied;
}

static void forget(char **list)
{
    for (size_t i = 0; list[i]; i++)
        free(list[i]);
    free(list);
}

/* Runs on the loop. */
static void done(void *arg)
{
    struct process_run *r = arg;
    if (r->fn) {
        struct secret *output = r->output;
        r->output = NULL;
        r->fn(r->ctx, output, r->err.kind == ERR_NONE ? NULL : &r->err);
    }
    secret_free(&r->output);
    forget(r->argv);
    forget(r->env);
    free(r);
}

struct process_run *process_run(struct loop *loop, struct offload *off,
                                const struct process_order *order, process_fn *fn, void *ctx)
{
    struct process_run *r = NEW(struct process_run);
    (void)loop;
    r->argv = copy(order->argv);
    r->env = copy(order->env);
    r->is_mute = order->is_mute;
    r->deadline = order->deadline;
    r->fn = fn;
    r->ctx = ctx;
    offload_submit_apart(off, run, done, r);
    return r;
}

void process_cancel(struct process_run **run_p)
{
    if (*run_p) {
        (*run_p)->fn = NULL;
        atomic_store(&(*run_p)->cancelled, true);
    }
    *run_p = NULL;
}
