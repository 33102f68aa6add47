/* AUTH lines: the request, its base64, the message of PLAIN. Slices stay inside of what came, and
 * what was taken has one spelling only. */
#include <string.h>

#include "base/base64.h"
#include "base/caps.h"
#include "fuzz.h"
#include "wire/auth.h"

static void check_plain(struct slice message)
{
    struct auth_plain p;
    if (!auth_split_plain(message, &p))
        return;
    CHECK(lies_inside(p.authzid, message) && lies_inside(p.user, message) &&
          lies_inside(p.password, message));
    CHECK(p.authzid.len + p.user.len + p.password.len + 2 == message.len);
    CHECK(slice_find(p.user, 0) == p.user.len && slice_find(p.password, 0) == p.password.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = slice_make(data, size);
    check_plain(line);
    if (auth_is_line(line))
        CHECK(slice_starts(slice_trim(line), "AUTH"));
    struct auth_request r = auth_parse(line);
    CHECK(lies_inside(r.initial, line));
    CHECK(r.has_initial == (r.initial.len > 0));
    CHECK(r.mechanism != AUTH_MECHANISM_NONE || !r.has_initial);
    struct buf message, text;
    buf_init(&message, CAP_AUTH_LINE);
    buf_init(&text, CAP_AUTH_LINE * 2);
    if (r.has_initial && auth_decode(r.initial, true, &message)) {
        CHECK(base64_encode(buf_view(&message), &text));
        CHECK(slice_is(r.initial, "=") ? message.len == 0
                                       : slice_equal(buf_view(&text), r.initial));
        check_plain(buf_view(&message));
    }
    buf_wipe(&message);
    buf_wipe(&text);
    return 0;
}
