#include "spool/clock.h"

#include <inttypes.h>

#include "spool/crc32c.h"
#include "spool/words.h"

/* 2024-01-01. A wall clock before that was never set: how long ago it showed that nobody knows. */
#define WALL_WAS_SET INT64_C(1704067200000)

static bool is_moment(uint64_t time, uint64_t wall)
{
    return time <= INT64_MAX / 2 && wall <= INT64_MAX / 2;
}

static bool read_text(struct slice text, struct spool_moment *m_r)
{
    uint32_t crc;
    uint64_t time, wall;
    struct slice line = slice_head(text, slice_find(text, '\n'));
    if (line.len + 1 != text.len || !words_hex(words_next(&line), &crc) || crc != crc32c(0, line))
        return false;
    if (!words_number(words_next(&line), &time) || !words_number(words_next(&line), &wall) ||
        line.len || !is_moment(time, wall))
        return false;
    *m_r = (struct spool_moment){(usec)time, (int64_t)wall};
    return true;
}

static usec off_time(int64_t then_ms, int64_t now_ms, usec cap)
{
    if (then_ms < WALL_WAS_SET || now_ms <= then_ms)
        return 0;
    int64_t off_ms = now_ms - then_ms;
    return off_ms < cap / USEC_PER_MS ? off_ms * USEC_PER_MS : cap;
}

void spool_clock_start(struct spool_clock *c, struct slice text, struct spool_moment head,
                       usec newest, usec now, int64_t wall_ms, usec cap)
{
    struct spool_moment last = {0}, written;
    if (is_moment((uint64_t)head.time, (uint64_t)head.wall_ms))
        last = head;
    if (read_text(text, &written) && written.time >= last.time)
        last = written;
    usec time = last.time + off_time(last.wall_ms, wall_ms, cap);
    c->started = now;
    c->began = time > newest ? time : newest;
}

usec spool_clock_shift(usec at, usec shift, usec now)
{
    if (shift > 0 && at > INT64_MAX - shift)
        return now;
    usec moved = at + shift;
    return moved < 0 ? 0 : moved > now ? now : moved;
}

usec spool_clock_now(const struct spool_clock *c, usec now)
{
    return c->began + (now - c->started);
}

bool spool_clock_write(const struct spool_clock *c, struct buf *out, usec now, int64_t wall_ms)
{
    struct buf line;
    buf_init(&line, 64);
    bool fits = buf_printf(&line, "%" PRId64 " %" PRId64, spool_clock_now(c, now),
                           wall_ms > 0 ? wall_ms : 0);
    fits = fits && buf_printf(out, "%08" PRIx32 " %.*s\n", crc32c(0, buf_view(&line)),
                              (int)line.len, buf_view(&line).data);
    buf_free(&line);
    return fits;
}
