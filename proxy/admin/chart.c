/* The charts: bars in an SVG with fixed coordinates, which the page stretches. Every bar shows its
 * numbers under the pointer. */
#include <inttypes.h>
#include <time.h>

#include "admin/page.h"

/* About as wide as a phone, so that its letters are not smaller there than all others. */
enum {
    LEFT = 30,
    TOP = 8,
    STEP = 5,
    BAR = STEP - 1,
    WIDTH = TALLY_MINUTES * STEP,
    HEIGHT = 76,
    FOOT = 18
};

static const struct tally_minute nothing;

static const struct tally_minute *minute_at(const struct snapshot *s, unsigned column)
{
    const struct tally_minute *m = tally_minute(&s->tally, s->wall_ms, TALLY_MINUTES - 1 - column);
    return m ? m : &nothing;
}

/* The first column of which something is known; TALLY_MINUTES: none. Before it nobody counted,
 * which is not the same as nothing. */
static unsigned first_known(const struct snapshot *s)
{
    for (unsigned c = 0; c < TALLY_MINUTES; c++)
        if (minute_at(s, c) != &nothing)
            return c;
    return TALLY_MINUTES;
}

static void put_unknown(const struct snapshot *s, struct out *o)
{
    int width = (int)first_known(s) * STEP;
    if (width == 0)
        return;
    out_printf(o, "<rect class=\"unknown\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", LEFT,
               TOP, width, HEIGHT);
    if (width > WIDTH / 3)
        out_printf(o, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">before the start</text>",
                   LEFT + width / 2, TOP + HEIGHT / 2);
}

/* Returns 4, 6, 8, 10, 20, 40, 60, 80, 100, 200 …: a scale that is easy to read, with a whole
 * number at half height. */
static unsigned round_up(unsigned n)
{
    for (unsigned power = 1; power < 100000000; power *= 10)
        for (unsigned top = power == 1 ? 4 : 2 * power; top <= 10 * power; top += 2 * power)
            if (top >= n)
                return top;
    return n;
}

static int height_of(unsigned n, unsigned top)
{
    int h = (int)((double)n * HEIGHT / (double)top + 0.5);
    /* A single message among thousands stays visible. */
    return n > 0 && h < 2 ? 2 : h;
}

static void clock_text(int64_t wall_ms, char out[8])
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    out[0] = '\0';
    if (localtime_r(&t, &tm))
        strftime(out, 8, "%H:%M", &tm);
}

static void frame(const struct snapshot *s, const char *label, unsigned top, struct out *o)
{
    char clock[8];
    out_printf(o, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", LEFT + WIDTH + 6,
               TOP + HEIGHT + FOOT, label);
    put_unknown(s, o);
    for (int i = 0; i <= 2; i++) {
        int y = TOP + HEIGHT * i / 2;
        out_printf(o,
                   "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/><text x=\"%d\" "
                   "y=\"%d\" text-anchor=\"end\">%u</text>",
                   LEFT, LEFT + WIDTH, y, y, LEFT - 6, y + 4, top - top * (unsigned)i / 2);
    }
    for (int back = 60; back >= 0; back -= 15) {
        int x = LEFT + WIDTH - back * STEP;
        clock_text(s->wall_ms - (int64_t)back * 60000, clock);
        out_printf(o, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>", x, TOP + HEIGHT + 14,
                   back == 60  ? "start"
                   : back == 0 ? "end"
                               : "middle",
                   back == 0 ? "now" : clock);
    }
}

static void bar(struct out *o, unsigned column, int above, int height, const char *kind)
{
    if (height > 0)
        out_printf(o, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", kind,
                   LEFT + (int)column * STEP + 1, TOP + HEIGHT - above - height, BAR, height);
}

static void column_begin(const struct snapshot *s, unsigned column, struct out *o)
{
    char clock[8];
    clock_text(s->wall_ms - (int64_t)(TALLY_MINUTES - 1 - column) * 60000, clock);
    out_printf(o, "<g><title>%s: ", clock);
}

void chart_messages(const struct snapshot *s, struct out *o)
{
    unsigned top = 0;
    uint64_t good = 0, bad = 0;
    for (unsigned c = 0; c < TALLY_MINUTES; c++) {
        const struct tally_minute *m = minute_at(s, c);
        top = m->delivered + m->failed > top ? m->delivered + m->failed : top;
        good += m->delivered;
        bad += m->failed;
    }
    top = round_up(top);
    out_printf(o,
               "<section><h3>Messages per minute, last hour</h3><p class=\"key\"><span><i "
               "class=\"k1\"></i>%" PRIu64 " delivered</span><span><i class=\"k2\"></i>%" PRIu64
               " not delivered</span></p>",
               good, bad);
    frame(s, "Messages per minute in the last hour", top, o);
    for (unsigned c = 0; c < TALLY_MINUTES; c++) {
        const struct tally_minute *m = minute_at(s, c);
        int low = height_of(m->delivered, top);
        if (m->delivered + m->failed == 0)
            continue;
        column_begin(s, c, o);
        out_printf(o, "%u delivered, %u not delivered</title>", m->delivered, m->failed);
        bar(o, c, 0, low, "b1");
        bar(o, c, low, height_of(m->failed, top), "b2");
        out_add(o, "</g>");
    }
    out_add(o, "</svg></section>");
}

/* Draws a line over the bars. Stacked bars would add up to a number without meaning. */
static void put_clients(const struct snapshot *s, unsigned top, struct out *o)
{
    unsigned first = first_known(s);
    out_add(o, "<path class=\"line\" d=\"");
    for (unsigned c = first; c < TALLY_MINUTES; c++)
        out_printf(o, "%s%d,%dh%d", c > first ? "L" : "M", LEFT + (int)c * STEP,
                   TOP + HEIGHT - height_of(minute_at(s, c)->clients, top), STEP);
    out_add(o, "\"/>");
}

void chart_sessions(const struct snapshot *s, struct out *o)
{
    unsigned top = 0;
    for (unsigned c = 0; c < TALLY_MINUTES; c++) {
        const struct tally_minute *m = minute_at(s, c);
        top = m->sessions > top ? m->sessions : top;
        top = m->clients > top ? m->clients : top;
    }
    top = round_up(top);
    out_add(o, "<section><h3>Sessions at once, last hour</h3><p class=\"key\"><span><i "
               "class=\"k3\"></i>upstream</span>"
               "<span><i class=\"k4\"></i>clients</span></p>");
    frame(s, "Most sessions at once, by minute, in the last hour", top, o);
    for (unsigned c = 0; c < TALLY_MINUTES; c++) {
        const struct tally_minute *m = minute_at(s, c);
        if (m->sessions + m->clients == 0)
            continue;
        column_begin(s, c, o);
        out_printf(o, "%u upstream, %u client%s</title>", m->sessions, m->clients,
                   m->clients == 1 ? "" : "s");
        bar(o, c, 0, height_of(m->sessions, top), "b3");
        out_add(o, "</g>");
    }
    put_clients(s, top, o);
    out_add(o, "</svg></section>");
}
