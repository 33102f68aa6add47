#include "spool/clock.h"

#include <inttypes.h>

#include "spool/crc32c.h"
#include "spool/words.h"

static bool read_text(struct slice text, uint64_t *time_r, uint64_t *wall_r)
{
    uint32_t crc;
    struct slice line = slice_head(text, slice_find(text, '\n'));
    if (line.len + 1 != text.len || !words_hex(words_next(&line), &crc) || crc != crc32c(0, line))
        return false;
    return words_number(words_next(&line), time_r) && words_number(words_next(&line), wall_r) &&
           line.len == 0 && *time_r <= INT64_MAX / 2 && *wall_r <= INT64_MAX / 2;
}

void spool_clock_start(struct spool_clock *c, struct slice text, usec newest, usec now,
                       int64_t wall_ms, usec cap)
{
    uint64_t time, wall;
    c->started = now;
    c->began = newest;
    if (!read_text(text, &time, &wall))
        return;
    usec off = 0;
    if (wall_ms > (int64_t)wall) {
        int64_t off_ms = wall_ms - (int64_t)wall;
        off = off_ms < cap / USEC_PER_MS ? off_ms * USEC_PER_MS : cap;
    }
    if ((usec)time + off > c->began)
        c->began = (usec)time + off;
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
