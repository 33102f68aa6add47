#include "io/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/thread.h"

/* The writer looks this often for a syslog that does not listen. */
enum { RETRY_MS = 1000 };

/* Precedes each line in a queue. */
struct record {
    size_t len;
    enum log_level level;
};

struct log_writer {
    pthread_mutex_t lock;
    pthread_cond_t ended;

    /* Guarded by the lock. */
    struct buf filling;
    size_t lost;
    /* The number of lines since the start, and how many of them the current outlet gets before it
     * is replaced. */
    uint64_t queued, next_after;
    struct log_outlet next;
    bool has_next, sleeping, has_thread, closing;
    usec deadline;

    /* Belongs to the thread that writes, or to the caller if there is no such thread. */
    struct log_outlet outlet;
    struct buf draining;
    size_t at;
    uint64_t written;
    /* Lines lost behind those in `draining`, and lines lost before the next one. */
    size_t lost_after, missing;
    bool is_json;
    struct log *own;
    struct buf notice;

    int wake;
};

static usec monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

int64_t log_writer_wall_ms(void *ctx)
{
    (void)ctx;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- writing: by one thread at a time ---- */

static void keep_notice(void *ctx, enum log_level level, const char *line, size_t len)
{
    struct log_writer *w = ctx;
    (void)level;
    if (!buf_append(&w->notice, line, len))
        buf_clear(&w->notice);
}

static struct record front(const struct log_writer *w, struct slice *line_r)
{
    struct record r;
    struct slice all = buf_view(&w->draining);
    memcpy(&r, all.data, sizeof r);
    *line_r = slice_head(slice_from(all, sizeof r), r.len);
    return r;
}

/* Writes a line that says how many are missing here, as soon as a line can be written. */
static enum log_put say_what_is_missing(struct log_writer *w)
{
    size_t at = 0;
    if (w->missing == 0)
        return PUT_DONE;
    log_set(w->own, LOG_DEBUG, w->is_json);
    log_say(w->own, LOG_WARN, "%zu line%s lost: the log could not be written", w->missing,
            w->missing == 1 ? "" : "s");
    enum log_put result = log_outlet_put(&w->outlet, LOG_WARN, buf_view(&w->notice), &at);
    /* The notice was written in part, so the next line gets a newline before it. */
    if (result == PUT_LATER && at > 0) {
        result = PUT_DONE;
        w->outlet.is_torn = true;
    }
    buf_clear(&w->notice);
    if (result == PUT_DONE)
        w->missing = 0;
    return result;
}

static void take_next_outlet(struct log_writer *w)
{
    log_outlet_close(&w->outlet);
    w->outlet = w->next;
    w->has_next = false;
    w->at = 0;
}

/* Returns whether the front line goes to another outlet than the current one. */
static bool change_outlet(struct log_writer *w, bool is_stuck)
{
    pthread_mutex_lock(&w->lock);
    bool change = w->has_next && (is_stuck || w->written >= w->next_after);
    if (change)
        take_next_outlet(w);
    pthread_mutex_unlock(&w->lock);
    return change;
}

static bool take_batch(struct log_writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool moved = w->filling.len > 0 && buf_move(&w->draining, &w->filling);
    w->lost_after = w->lost;
    w->lost = 0;
    pthread_mutex_unlock(&w->lock);
    return moved || w->lost_after > 0;
}

/* Writes the front line and what must precede it. */
static enum log_put write_front(struct log_writer *w)
{
    struct slice line;
    struct record r = front(w, &line);
    enum log_put result;
    w->is_json = line.len && line.data[0] == '{';
    result = w->at ? PUT_DONE : say_what_is_missing(w);
    if (result == PUT_DONE)
        result = log_outlet_put(&w->outlet, r.level, line, &w->at);
    if (result == PUT_LATER)
        return result;
    if (result == PUT_FAILED)
        w->missing++;
    w->at = 0;
    w->written++;
    buf_consume(&w->draining, sizeof r + r.len);
    return result;
}

/* Writes everything that can be written now. Returns true if nothing is left. */
static bool drain(struct log_writer *w)
{
    for (;;) {
        change_outlet(w, false);
        if (w->draining.len) {
            if (write_front(w) == PUT_LATER && !change_outlet(w, true))
                return false;
            continue;
        }
        w->missing += w->lost_after;
        w->lost_after = 0;
        if (take_batch(w))
            continue;
        return say_what_is_missing(w) != PUT_LATER;
    }
}

/* ---- the thread ---- */

static void wake(struct log_writer *w)
{
    const uint64_t one = 1;
    ssize_t ignored = write(w->wake, &one, sizeof one);
    /* It fails only if the pipe is full, and then the thread wakes up anyway. */
    (void)ignored;
}

static void sleep_until_disturbed(struct log_writer *w, bool is_stuck, usec deadline)
{
    uint64_t count;
    struct pollfd fds[2] = {{.fd = w->wake, .events = POLLIN},
                            {.fd = is_stuck ? w->outlet.fd : -1, .events = POLLOUT}};
    int timeout = is_stuck && w->outlet.fd < 0 ? RETRY_MS : -1;
    if (deadline) {
        usec left = deadline - monotonic();
        int ms = left > 0 ? (int)(left / USEC_PER_MS) + 1 : 0;
        timeout = timeout < 0 || ms < timeout ? ms : timeout;
    }
    poll(fds, 2, timeout);
    if (fds[0].revents) {
        ssize_t ignored = read(w->wake, &count, sizeof count);
        (void)ignored;
    }
}

/* At the end, a syslog that does not listen is not waited for. */
static bool is_over(const struct log_writer *w, bool is_empty)
{
    return is_empty || (w->outlet.kind == OUTLET_SYSLOG && w->outlet.fd < 0) ||
           monotonic() >= w->deadline;
}

static void *write_on(void *arg)
{
    struct log_writer *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        w->sleeping = false;
        pthread_mutex_unlock(&w->lock);
        bool is_empty = drain(w);
        pthread_mutex_lock(&w->lock);
        if (w->closing && is_over(w, is_empty && !w->filling.len))
            break;
        if (is_empty && (w->filling.len || w->has_next || w->lost))
            continue;
        /* While the outlet is stuck, only its recovery, its replacement and the end matter, not new
         * lines. */
        w->sleeping = is_empty;
        usec deadline = w->closing ? w->deadline : 0;
        pthread_mutex_unlock(&w->lock);
        sleep_until_disturbed(w, !is_empty, deadline);
        pthread_mutex_lock(&w->lock);
    }
    w->has_thread = false;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

void log_writer_start(struct log_writer *w)
{
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake < 0)
        return;
    w->has_thread = true;
    if (thread_start(NULL, write_on, w) != 0)
        w->has_thread = false;
}

/* ---- what the others call ---- */

struct log_writer *log_writer_new(struct log_outlet outlet)
{
    struct log_writer *w = NEW(struct log_writer);
    pthread_condattr_t attr;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->ended, &attr);
    pthread_condattr_destroy(&attr);
    buf_init(&w->filling, CAP_LOG_QUEUE);
    buf_init(&w->draining, CAP_LOG_QUEUE);
    buf_init(&w->notice, 1024);
    w->own = log_new(LOG_DEBUG, false, (struct log_sink){keep_notice, log_writer_wall_ms, w});
    w->outlet = outlet;
    w->wake = -1;
    return w;
}

static bool queue(struct log_writer *w, struct record r, const char *line)
{
    /* After a loss every line is lost until the queue moves, so that all missing lines are missing
     * at one place. */
    if (w->lost || buf_room(&w->filling) < sizeof r + r.len)
        return false;
    return buf_append(&w->filling, &r, sizeof r) && buf_append(&w->filling, line, r.len);
}

/* Is called with the lock held and returns with it held. */
static void set_moving(struct log_writer *w, bool even_if_stuck)
{
    bool has_thread = w->has_thread, must_wake = has_thread && (w->sleeping || even_if_stuck);
    w->sleeping = false;
    pthread_mutex_unlock(&w->lock);
    if (must_wake)
        wake(w);
    else if (!has_thread)
        drain(w);
}

void log_writer_line(void *ctx, enum log_level level, const char *line, size_t len)
{
    struct log_writer *w = ctx;
    pthread_mutex_lock(&w->lock);
    if (queue(w, (struct record){len, level}, line))
        w->queued++;
    else
        w->lost++;
    set_moving(w, false);
}

void log_writer_switch(struct log_writer *w, struct log_outlet outlet)
{
    pthread_mutex_lock(&w->lock);
    if (w->has_next)
        log_outlet_close(&w->next);
    w->next = outlet;
    w->next_after = w->queued;
    w->has_next = true;
    set_moving(w, true);
}

static void wait_without_thread(struct log_writer *w)
{
    while (!is_over(w, drain(w))) {
        struct pollfd fd = {.fd = w->outlet.fd, .events = POLLOUT};
        usec left = w->deadline - monotonic();
        poll(&fd, 1, left > 0 ? (int)(left / USEC_PER_MS) + 1 : 0);
    }
}

/* Returns true if the thread has ended or never ran. */
static bool wait_for_end(struct log_writer *w)
{
    /* This is a little longer than the thread itself waits. */
    usec until = w->deadline + 100 * USEC_PER_MS;
    struct timespec t = {.tv_sec = (time_t)(until / USEC_PER_SEC),
                         .tv_nsec = (long)(until % USEC_PER_SEC) * 1000};
    int waited = 0;
    while (w->has_thread && waited == 0)
        waited = pthread_cond_timedwait(&w->ended, &w->lock, &t);
    return !w->has_thread;
}

void log_writer_free(struct log_writer **writer, usec longest)
{
    struct log_writer *w = *writer;
    *writer = NULL;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    bool had_thread = w->has_thread;
    w->closing = true;
    w->deadline = monotonic() + longest;
    if (had_thread)
        wake(w);
    bool ended = wait_for_end(w);
    pthread_mutex_unlock(&w->lock);
    /* The thread hangs in a disk write. Its data must live until the process ends. */
    if (!ended)
        return;
    if (!had_thread)
        wait_without_thread(w);
    if (w->has_next)
        log_outlet_close(&w->next);
    log_outlet_close(&w->outlet);
    if (w->wake >= 0)
        close(w->wake);
    buf_free(&w->filling);
    buf_free(&w->draining);
    buf_free(&w->notice);
    log_free(&w->own);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->ended);
    free(w);
}
