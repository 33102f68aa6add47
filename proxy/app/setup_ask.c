#include "app/setup_ask.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/signals.h"
#include "io/typed.h"

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDING_SIGNALS = sizeof ending_signals / sizeof *ending_signals };

struct ask {
    struct loop *loop;
    struct signal_watch *signals[ENDING_SIGNALS];
    struct secret *answer;
    bool over;
};

static void on_end(void *arg)
{
    struct ask *a = arg;
    a->over = true;
    loop_stop(a->loop);
}

static void on_line(void *ctx, struct slice line)
{
    struct ask *a = ctx;
    secret_free(&a->answer);
    a->answer = secret_new(line);
    loop_stop(a->loop);
}

struct ask *ask_open(struct loop *loop)
{
    struct ask *a = NEW(struct ask);
    a->loop = loop;
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        a->signals[i] = signal_watch_new(loop, ending_signals[i], on_end, a);
    return a;
}

void ask_close(struct ask **ask)
{
    struct ask *a = *ask;
    *ask = NULL;
    if (!a)
        return;
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        signal_watch_free(&a->signals[i]);
    secret_free(&a->answer);
    free(a);
}

bool ask_is_over(const struct ask *a)
{
    return a->over;
}

/* Returns NULL if the dialog is over. The answer stays the dialog's. */
static const struct secret *wait_for_line(struct ask *a)
{
    secret_free(&a->answer);
    if (!a->over) {
        struct typed *typed = typed_new(a->loop, STDIN_FILENO, on_line, a);
        typed_on_end(typed, on_end);
        loop_run(a->loop);
        typed_free(&typed);
    }
    return a->over ? NULL : a->answer;
}

char *ask_line(struct ask *a, const char *question, const char *usual)
{
    for (;;) {
        printf("%s%s%s%s: ", question, usual ? " [" : "", usual ? usual : "", usual ? "]" : "");
        fflush(stdout);
        const struct secret *answer = wait_for_line(a);
        if (!answer)
            return NULL;
        struct slice line = slice_trim(secret_reveal(answer));
        if (line.len)
            return slice_string(line);
        if (usual)
            return mem_string(usual);
    }
}

struct secret *ask_secret(struct ask *a, const char *question)
{
    struct termios before, unseen;
    struct secret *secret = NULL;
    bool hides = tcgetattr(STDIN_FILENO, &before) == 0;
    if (hides) {
        unseen = before;
        unseen.c_lflag &= ~(tcflag_t)ECHO;
        unseen.c_lflag |= ECHONL;
        hides = tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen) == 0;
    }
    while (!secret && !a->over) {
        printf("%s%s: ", question, hides ? " (not shown)" : "");
        fflush(stdout);
        const struct secret *answer = wait_for_line(a);
        if (answer && secret_reveal(answer).len)
            secret = secret_copy(answer);
    }
    if (hides)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    return secret;
}
