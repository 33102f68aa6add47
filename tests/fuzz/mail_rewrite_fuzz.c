/* The header pipeline: cuts change nothing; what nobody asked to change keeps order and bytes; what
 * was asked for is there afterwards, and asking twice changes nothing more. The first octet says
 * what is asked for, the second how the input is cut. */
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "fuzz.h"
#include "mail/rewrite.h"
#include "wire/mailbox.h"

#define OURS "new@acc.example"

enum { FIX = 1, TRACED = 2, READDRESSED = 4 };

static void put(void *ctx, struct slice octets)
{
    CHECK(octets.len > 0);
    CHECK(buf_append_slice(ctx, octets));
}

static struct buf rewritten(int what, struct slice in, size_t piece)
{
    struct buf out;
    struct rewrite r;
    struct rewrite_plan plan = {.separate = what & FIX};
    buf_init(&out, 1024 * 1024);
    if (what & FIX) {
        plan.date = mem_string("Date: D\r\n");
        plan.message_id = mem_string("Message-ID: I\r\n");
        plan.from = mem_string("From: s@e\r\n");
    }
    if (what & TRACED)
        plan.first = mem_string("Received: T\r\n");
    if (what & READDRESSED) {
        free(plan.from);
        plan.from = mem_string("From: " OURS "\r\n");
        plan.header_from = mem_string(OURS);
    }
    rewrite_begin(&r, &plan, put, &out);
    for (size_t at = 0; at < in.len; at += piece) {
        rewrite_feed(&r, slice_head(slice_from(in, at), piece));
        CHECK(r.held.size <= 2 * CAP_HEADER_LINE);
    }
    rewrite_end(&r);
    rewrite_free(&r);
    return out;
}

/* `out` is `in` with something put in at one place. */
static void check_one_insertion(struct slice in, struct slice out)
{
    size_t head = 0, tail = 0;
    CHECK(out.len >= in.len);
    while (head < in.len && in.data[head] == out.data[head])
        head++;
    while (tail < in.len && in.data[in.len - 1 - tail] == out.data[out.len - 1 - tail])
        tail++;
    CHECK(head + tail >= in.len);
}

struct fields {
    size_t from, date, message_id;
    bool ended;
};

/* Walks the header field by field; every From and Sender must be ours where that was asked for. */
static struct fields read_header(struct slice m, bool readdressed)
{
    struct fields f = {0};
    struct header_scan h;
    size_t value = 0;
    bool address = false;
    header_scan_init(&h);
    for (size_t i = 0; i <= m.len; i++) {
        enum header_place before = h.place;
        if (i < m.len)
            header_scan(&h, slice_make(m.data + i, 1));
        bool ends = i == m.len || (before == HEADER_LINE_START && h.place != HEADER_VALUE);
        if (ends && address && readdressed) {
            struct slice text = slice_head(slice_from(m, value), i - value);
            struct mailbox box;
            size_t at = 0;
            CHECK(mailbox_next(text, &at, &box) && slice_is_word(box.address, OURS));
            CHECK(mailbox_count_valid(text) == 1);
        }
        address = address && !ends;
        if (h.place == HEADER_OVER)
            break;
        if (i == m.len || before == HEADER_VALUE || before == HEADER_LINE_START ||
            h.place != HEADER_VALUE || h.in_mbox_line)
            continue;
        struct slice name = header_scan_name(&h);
        f.from += slice_is_word(name, "From");
        f.date += slice_is_word(name, "Date");
        f.message_id += slice_is_word(name, "Message-ID");
        address = slice_is_word(name, "From") || slice_is_word(name, "Sender");
        value = i + 1;
    }
    f.ended = h.place == HEADER_OVER;
    return f;
}

static bool mentions_signature(struct slice in)
{
    static const char name[] = "dkim-signature";
    for (size_t i = 0; i < in.len; i++)
        if (slice_starts(slice_from(in, i), name))
            return true;
    return false;
}

static void check_result(int what, struct slice in, struct slice out)
{
    if (what == 0)
        CHECK(slice_equal(in, out));
    if (what == FIX && !slice_starts(in, "From") && !slice_starts(in, ">From"))
        check_one_insertion(in, out);
    struct fields f = read_header(out, what & READDRESSED);
    /* What a signature covers is not added: no signature, nothing that could be. */
    if ((what & FIX) && !mentions_signature(in))
        CHECK(f.from && f.date && f.message_id);
    if (what & READDRESSED)
        CHECK(f.from == 1 || (f.from == 0 && mentions_signature(in)));
    if (what & TRACED)
        CHECK(slice_starts(out, "Received: T\r\n"));
    if (!(what & TRACED)) {
        struct buf again = rewritten(what, out, out.len + 1);
        CHECK(slice_equal(buf_view(&again), out));
        buf_free(&again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    int what = data[0] & 7;
    struct slice in = slice_make(data + 2, size - 2);
    struct buf whole = rewritten(what, in, size), cut = rewritten(what, in, 1 + data[1] % 64u);
    CHECK(slice_equal(buf_view(&whole), buf_view(&cut)));
    check_result(what, in, buf_view(&whole));
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
