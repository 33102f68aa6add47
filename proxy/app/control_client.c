#include "app/control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/control_task.h"
#include "app/status.h"
#include "base/mem.h"

enum { PAUSE_MS = 100 };

void control_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

void control_hearing_end(struct control_hearing *h, int status, const char *words)
{
    free(h->words);
    h->words = mem_string(words);
    h->status = status;
}

bool control_hearing_lines(struct control_hearing *h, struct buf *in)
{
    for (;;) {
        struct slice view = buf_view(in);
        size_t n = slice_find(view, '\n');
        struct control_answer answer;
        if (n == view.len)
            return false;
        bool is_good = control_answer_read(slice_head(view, n), &answer);
        buf_consume(in, n + 1);
        if (!is_good) {
            control_hearing_end(h, EXIT_SYSTEM,
                                "the server's answer is not understood: is it of another version?");
            return true;
        }
        bool is_end = answer.is_end;
        if (is_end)
            control_hearing_end(h, (int)answer.status, answer.words);
        else if (h->told)
            h->told(h->ctx, &answer.entry);
        control_answer_free(&answer);
        if (is_end)
            return true;
    }
}

void control_hear(struct control_hearing *h, int fd)
{
    struct buf in;
    size_t room;
    buf_init(&in, 2 * CONTROL_STEP_ROOM);
    do {
        char *space = buf_space(&in, CONTROL_STEP_ROOM, &room);
        ssize_t n = room ? read(fd, space, room) : 0;
        if (n <= 0) {
            control_hearing_end(
                h, EXIT_TRY_LATER,
                n < 0 && errno == EAGAIN
                    ? "the server does not answer; what was asked for may still be done"
                    : "the server ended before its answer did; what was asked for may be done");
            break;
        }
        buf_commit(&in, (size_t)n);
    } while (!control_hearing_lines(h, &in));
    buf_free(&in);
}

bool control_send(int fd, struct slice octets)
{
    while (octets.len) {
        ssize_t n = send(fd, octets.data, octets.len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        octets = slice_from(octets, (size_t)n);
    }
    return true;
}
