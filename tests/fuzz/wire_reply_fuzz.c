/* An upstream's octets as replies. The first octet is the size of the pieces they arrive in: pieces
 * change nothing, memory stays bounded, a reply keeps its promises and, written by us, reads the
 * same again. */
#include <string.h>

#include "base/caps.h"
#include "fuzz.h"
#include "wire/reply.h"

static void check_bounded(const struct reply_parser *p)
{
    CHECK(p->line.len <= CAP_REPLY_LINE + 1 && p->line.size <= 4 * CAP_REPLY_LINE);
    CHECK(p->reply.text.len <= CAP_REPLY_TEXT && p->reply.text.size <= 4 * CAP_REPLY_TEXT);
    CHECK(p->reply.lines <= CAP_REPLY_LINES);
}

/* Feeds `in` by pieces up to the first answer; returns how many octets were taken. */
static size_t feed(struct reply_parser *p, struct slice in, size_t piece, enum reply_step *step_r)
{
    size_t total = 0;
    *step_r = REPLY_MORE;
    while (*step_r == REPLY_MORE && total < in.len) {
        size_t used;
        struct slice part = slice_head(slice_from(in, total), piece);
        *step_r = reply_parser_feed(p, part, &used);
        CHECK(used <= part.len && (*step_r != REPLY_MORE || used == part.len));
        CHECK((p->bad != NULL) == (*step_r == REPLY_BAD));
        check_bounded(p);
        total += used;
    }
    return total;
}

static void check_reply(const struct reply *r)
{
    struct slice text = buf_view(&r->text);
    unsigned lines = 1;
    CHECK(r->code >= 200 && r->code <= 559 && r->code / 10 % 10 <= 5);
    CHECK(strlen(r->enhanced) < ENHANCED_MAX &&
          (r->enhanced[0] == 0 || r->enhanced[0] - '0' == r->code / 100));
    for (size_t i = 0; i < text.len; i++) {
        CHECK(text.data[i] == '\n' || !ascii_is_control(text.data[i]));
        lines += text.data[i] == '\n';
    }
    CHECK(lines == r->lines);
}

static void check_words(const struct reply *r)
{
    char out[80];
    for (size_t size = 1; size <= sizeof out; size += 13) {
        memset(out, 1, sizeof out);
        CHECK(reply_words(r, out, size) == out && strlen(out) < size);
        CHECK(!strchr(out, '\n'));
    }
}

/* What we write of it: complete lines of legal length, which we read as the same reply where no
 * line was cut. */
static void check_written(const struct reply *r)
{
    struct buf out;
    struct reply_parser again;
    enum reply_step step;
    bool cut = false;
    buf_init(&out, 64 * 1024);
    CHECK(reply_write(&out, r->code, r->enhanced, buf_view(&r->text)));
    struct slice rest = buf_view(&out);
    while (rest.len) {
        size_t end = slice_find(rest, '\n');
        CHECK(end < rest.len && end >= 4 && rest.data[end - 1] == '\r' && end + 1 <= 502);
        CHECK(slice_find(slice_head(rest, end), '\r') == end - 1);
        cut = cut || end + 1 > 498;
        rest = slice_from(rest, end + 1);
    }
    reply_parser_init(&again);
    size_t used = feed(&again, buf_view(&out), out.len, &step);
    CHECK(step == REPLY_DONE && used == out.len && again.reply.code == r->code &&
          again.reply.lines == r->lines);
    CHECK(cut || (strcmp(again.reply.enhanced, r->enhanced) == 0 &&
                  slice_equal(buf_view(&again.reply.text), buf_view(&r->text))));
    reply_parser_free(&again);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice in = slice_make(data + 1, size - 1);
    /* one for each reply, one for all of them */
    struct reply_parser whole, pieces;
    enum reply_step step = REPLY_DONE, step_pieces;
    reply_parser_init(&pieces);
    while (step == REPLY_DONE && in.len) {
        reply_parser_init(&whole);
        size_t used = feed(&whole, in, in.len, &step);
        size_t used_pieces = feed(&pieces, in, data[0] % 32 + 1u, &step_pieces);
        CHECK(step == step_pieces);
        if (step == REPLY_DONE) {
            CHECK(used == used_pieces && used > 0);
            CHECK(pieces.reply.code == whole.reply.code && pieces.reply.lines == whole.reply.lines);
            CHECK(strcmp(pieces.reply.enhanced, whole.reply.enhanced) == 0);
            CHECK(slice_equal(buf_view(&pieces.reply.text), buf_view(&whole.reply.text)));
            check_reply(&whole.reply);
            check_words(&whole.reply);
            check_written(&whole.reply);
        }
        reply_parser_free(&whole);
        in = slice_from(in, used);
    }
    reply_parser_free(&pieces);
    return 0;
}
