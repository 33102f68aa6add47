/* Commands and the replies that they are owed are matched here by count and order (RFC 2920 section
 * 3.1). With PIPELINING a command leaves at once. Without it a command leaves when the one before
 * it is answered. The stream makes one write of what one turn queues. */
#include "smtp/client_private.h"

#include <stdlib.h>

bool smtp_client_is_safe(struct slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (ascii_is_control(value.data[i]))
            return false;
    return true;
}

static struct asked *asked_at(const struct smtp_client *c, size_t i)
{
    return &c->asked[(c->asked_head + i) & (c->asked_size - 1)];
}

const struct asked *smtp_client_oldest(const struct smtp_client *c)
{
    return c->nasked ? asked_at(c, 0) : NULL;
}

const struct asked *smtp_client_newest(const struct smtp_client *c)
{
    return c->nasked ? asked_at(c, c->nasked - 1) : NULL;
}

static void grow(struct smtp_client *c)
{
    struct asked *bigger = mem_alloc(2 * c->asked_size * sizeof *bigger);
    for (size_t i = 0; i < c->nasked; i++)
        bigger[i] = *asked_at(c, i);
    if (c->asked != c->asked_inline)
        free(c->asked);
    c->asked = bigger;
    c->asked_size *= 2;
    c->asked_head = 0;
}

static struct asked *push(struct smtp_client *c, enum smtp_client_state state)
{
    if (c->nasked == c->asked_size)
        grow(c);
    struct asked *a = asked_at(c, c->nasked++);
    *a = (struct asked){.state = (uint8_t)state};
    return a;
}

/* Call this when the next command's bytes are in the stream's queue. */
static void mark_sent(struct smtp_client *c, struct asked *a)
{
    a->waiting = 0;
    a->end = stream_position(c->stream);
    /* Its answer is waited for, so it must leave at once. */
    stream_gather(c->stream, false);
    if (c->nsent++ == 0) {
        c->flights++;
        smtp_client_watch(c);
    }
}

/* Bytes that lie there before the question cannot be its answer. If they were taken for it, every
 * reply from then on would be shifted by one. */
bool smtp_client_may_speak(struct smtp_client *c)
{
    if (c->rest != CS_GONE && c->nsent == 0 && c->rest != CS_BODY && stream_view(c->stream).len)
        c->excess = true;
    return !smtp_client_is_mute(c);
}

static bool may_send(struct smtp_client *c, size_t len)
{
    return (c->pipelining || c->nsent == 0) && stream_room(c->stream) >= len;
}

void smtp_client_expect(struct smtp_client *c, enum smtp_client_state state)
{
    if (!smtp_client_may_speak(c))
        return;
    mark_sent(c, push(c, state));
}

/* The greeting answers no question. It may lie there already, because it may have come through a
 * tunnel or with the end of the handshake. */
void smtp_client_expect_greeting(struct smtp_client *c)
{
    mark_sent(c, push(c, CS_GREETING));
}

enum smtp_client_state smtp_client_ask(struct smtp_client *c, enum smtp_client_state state,
                                       struct slice line)
{
    if (!smtp_client_may_speak(c))
        return state;
    smtp_client_tell_sent(c, state, line);
    bool first_in_line = c->nsent == c->nasked;
    struct asked *a = push(c, state);
    if (first_in_line && may_send(c, line.len) && stream_write_slice(c->stream, line)) {
        mark_sent(c, a);
    } else if (buf_append_slice(&c->lines, line)) {
        a->waiting = (uint16_t)line.len;
    } else {
        c->nasked--;
        smtp_client_fail_later(c, SMTP_CLIENT_FAULT_LINK, ERR_LIMIT,
                               "too many commands wait for this upstream");
    }
    return state;
}

/* Queues as many commands as may go now, so that they leave in one write. */
void smtp_client_send_waiting(struct smtp_client *c)
{
    while (!smtp_client_is_mute(c) && c->nsent < c->nasked) {
        struct asked *a = asked_at(c, c->nsent);
        size_t len = a->waiting;
        if (!may_send(c, len) ||
            !stream_write_slice(c->stream, slice_head(buf_view(&c->lines), len)))
            return;
        buf_consume(&c->lines, len);
        mark_sent(c, a);
    }
}

void smtp_client_drop_waiting(struct smtp_client *c)
{
    c->nasked = c->nsent;
    buf_clear(&c->lines);
}

void smtp_client_answered(struct smtp_client *c)
{
    c->asked_head = (c->asked_head + 1) & (c->asked_size - 1);
    c->nasked--;
    c->nsent--;
}
