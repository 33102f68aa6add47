#include "app/supervision.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/notify.h"
#include "base/mem.h"
#include "io/loop.h"

enum { WORDS = 400 };
#define WORDS_EVERY (3 * USEC_PER_SEC)
/* In addition to the drain itself: sessions send QUIT, and the memory is stored. */
#define SLACK (5 * USEC_PER_SEC)

struct supervision {
    struct loop *loop;
    struct timer *alive, *tell;
    /* Half of the manager's interval, or 0 if it has none. */
    usec watchdog;
    status_words_fn *words;
    void *ctx;
    char told[WORDS];
};

static usec watchdog_interval(void)
{
    const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    char *end;
    if (!text || *text < '0' || *text > '9' || (pid && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    long long interval = strtoll(text, &end, 10);
    return *end || interval <= 0 ? 0 : (usec)interval;
}

static void still_alive(void *arg)
{
    struct supervision *s = arg;
    notify_send("WATCHDOG=1");
    timer_arm(s->alive, s->watchdog);
}

static void tell(void *arg)
{
    struct supervision *s = arg;
    char words[WORDS], state[WORDS + 16];
    s->words(s->ctx, words, sizeof words);
    if (strcmp(words, s->told) != 0) {
        memcpy(s->told, words, sizeof words);
        snprintf(state, sizeof state, "STATUS=%s", words);
        notify_send(state);
    }
    timer_arm(s->tell, WORDS_EVERY);
}

struct supervision *supervision_new(struct loop *loop, status_words_fn *words, void *ctx)
{
    struct supervision *s = NEW(struct supervision);
    s->loop = loop;
    s->words = words;
    s->ctx = ctx;
    s->alive = timer_new(loop, still_alive, s);
    s->tell = timer_new(loop, tell, s);
    s->watchdog = watchdog_interval() / 2;
    if (s->watchdog)
        still_alive(s);
    return s;
}

void supervision_free(struct supervision **supervision)
{
    struct supervision *s = *supervision;
    *supervision = NULL;
    if (!s)
        return;
    timer_free(&s->alive);
    timer_free(&s->tell);
    free(s);
}

void supervision_ready(struct supervision *s)
{
    char state[WORDS + 32];
    s->words(s->ctx, s->told, sizeof s->told);
    snprintf(state, sizeof state, "READY=1\nSTATUS=%s", s->told);
    notify_send(state);
    if (notify_is_wanted())
        timer_arm(s->tell, WORDS_EVERY);
}

void supervision_reloading(struct supervision *s)
{
    char state[120];
    snprintf(state, sizeof state,
             "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=Rereading the configuration",
             (int64_t)loop_now(s->loop));
    notify_send(state);
}

void supervision_stopping(struct supervision *s, usec needed)
{
    char state[WORDS + 80];
    s->words(s->ctx, s->told, sizeof s->told);
    snprintf(state, sizeof state, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64 "\nSTATUS=%s",
             (int64_t)(needed + SLACK), s->told);
    notify_send(state);
}
