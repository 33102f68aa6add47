/* A line of the spool's control socket, as a request and as an answer: what was understood is
 * written as one line that reads the same. */
#include <string.h>

#include "app/control_request.h"
#include "fuzz.h"

static struct slice line_of(const struct buf *b)
{
    struct slice all = buf_view(b);
    CHECK(slice_find(all, '\n') + 1 == all.len);
    return slice_head(all, all.len - 1);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void request(struct slice in)
{
    struct control_request r, again;
    struct buf out;
    if (!control_request_read(in, &r))
        return;
    buf_init(&out, 3 * in.len + 64);
    CHECK(control_request_write(&out, &r));
    CHECK(control_request_read(line_of(&out), &again));
    CHECK(again.verb == r.verb && same(again.id, r.id) && same(again.account, r.account));
    CHECK(memcmp(&again.offer, &r.offer, sizeof r.offer) == 0 && again.seconds == r.seconds);
    control_request_free(&r);
    control_request_free(&again);
    buf_free(&out);
}

static void answer(struct slice in)
{
    struct control_answer a, again;
    struct buf out;
    if (!control_answer_read(in, &a))
        return;
    buf_init(&out, 3 * in.len + 256);
    CHECK(a.is_end ? control_end_write(&out, a.status, a.words)
                   : control_entry_write(&out, &a.entry));
    CHECK(control_answer_read(line_of(&out), &again));
    CHECK(again.is_end == a.is_end && again.status == a.status && same(again.words, a.words));
    CHECK(same(again.entry.id, a.entry.id) && same(again.entry.state, a.entry.state) &&
          same(again.entry.account, a.entry.account) && same(again.entry.reason, a.entry.reason));
    CHECK(again.entry.age == a.entry.age && again.entry.next == a.entry.next &&
          again.entry.size == a.entry.size && again.entry.tries == a.entry.tries);
    control_answer_free(&again);
    control_answer_free(&a);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size);
    in = slice_head(in, slice_find(in, '\n'));
    request(in);
    answer(in);
    return 0;
}
