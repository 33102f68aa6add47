/* DATA: finds the final dot and takes stuffed dots away, a run of bytes at a time: only dots are
 * looked for, and most bytes are none. */
#include "bench/sink.h"

#include <string.h>

/* dot_state: after a dot that begins a line, what follows decides what it was */
enum { BETWEEN, LINE_DOT, LINE_DOT_CR };

static void take(struct sink_session *s, const char *data, size_t len)
{
    if (len == 0)
        return;
    digest_feed(&s->digest, data, len);
    s->raw_bytes += len;
    s->previous[0] = len > 1 ? data[len - 2] : s->previous[1];
    s->previous[1] = data[len - 1];
}

static bool begins_line(const struct sink_session *s, const char *start, const char *dot)
{
    char one = dot - start >= 2 ? dot[-2] : dot - start == 1 ? s->previous[1] : s->previous[0];
    char two = dot > start ? dot[-1] : s->previous[1];
    return one == '\r' && two == '\n';
}

/* The byte after a dot that began a line (or after that and a CR). True: it was the end. */
static bool after_dot(struct sink_session *s, const char **at)
{
    if (s->dot_state == LINE_DOT_CR) {
        if (**at == '\n') {
            (*at)++;
            return true;
        }
        take(s, "\r", 1);
        s->dot_state = BETWEEN;
    } else if (**at == '\r') {
        (*at)++;
        s->dot_state = LINE_DOT_CR;
    } else {
        /* a second dot is content, it begins no line */
        s->previous[0] = s->previous[1] = 0;
        s->dot_state = BETWEEN;
    }
    return false;
}

static const char *find_line_dot(const struct sink_session *s, const char *start, const char *end)
{
    for (const char *from = start; from < end;) {
        const char *dot = memchr(from, '.', (size_t)(end - from));
        if (!dot || begins_line(s, start, dot))
            return dot;
        from = dot + 1;
    }
    return NULL;
}

size_t sink_body_data(struct sink_session *s, const char *data, size_t len, bool *complete_r)
{
    const char *at = data, *end = data + len;
    *complete_r = false;
    while (at < end) {
        if (s->dot_state != BETWEEN) {
            if (after_dot(s, &at)) {
                *complete_r = true;
                s->dot_state = BETWEEN;
                break;
            }
            continue;
        }
        const char *dot = find_line_dot(s, at, end);
        take(s, at, (size_t)((dot ? dot : end) - at));
        at = dot ? dot + 1 : end;
        if (dot)
            s->dot_state = LINE_DOT;
    }
    return (size_t)(at - data);
}
