/* A header section: cuts change nothing, the end stays the end, and hops are as a plain second
 * reading of whole lines counts them (canonical input). */
#include <string.h>

#include "fuzz.h"
#include "wire/header.h"

static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] <= ' ' || s.data[i] > '~')
            return false;
    return s.len > 0;
}

/* "From me Thu Jan 1 ...", quoted as ">From" or not: not "From : me", which is a field of the old
 * syntax, and not "From" alone. */
static bool is_mbox_line(struct slice line)
{
    if (line.len && line.data[0] == '>')
        line = slice_from(line, 1);
    struct slice rest = slice_from(line, 4);
    if (!slice_is(slice_head(line, 4), "From") || !rest.len ||
        (rest.data[0] != ' ' && rest.data[0] != '\t'))
        return false;
    rest = slice_trim(rest);
    return rest.len > 0 && rest.data[0] != ':' && rest.data[0] != '\r';
}

/* Line by line. Only whole lines are given. */
static unsigned hops(struct slice in)
{
    unsigned n = 0;
    for (bool first = true; in.len;) {
        size_t end = slice_find(in, '\n');
        struct slice line = slice_head(in, end), name;
        in = slice_from(in, end + 1);
        bool folded = line.len && (line.data[0] == ' ' || line.data[0] == '\t');
        if (folded && !first)
            continue;
        /* what follows one begins the section */
        if (first && is_mbox_line(line))
            continue;
        name = slice_head(line, slice_find(line, ':'));
        if (folded || name.len == line.len || !is_name(slice_trim(name)))
            break;
        n += slice_is_word(slice_trim(name), "received");
        first = false;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size);
    struct header_scan whole, parts;
    header_scan_init(&whole);
    header_scan_init(&parts);
    header_scan(&whole, in);
    for (size_t at = 0, step = 1; at < in.len; at += step, step = step % 7 + 1) {
        bool over = header_scan_is_over(&parts);
        unsigned received = parts.received;
        header_scan(&parts, slice_head(slice_from(in, at), step));
        CHECK(!over || (header_scan_is_over(&parts) && parts.received == received));
    }
    CHECK(whole.received == parts.received &&
          header_scan_is_over(&whole) == header_scan_is_over(&parts));
    size_t lines = in.len;
    while (lines && in.data[lines - 1] != '\n')
        lines--;
    struct header_scan h;
    header_scan_init(&h);
    header_scan(&h, slice_head(in, lines));
    CHECK(h.received == hops(slice_head(in, lines)));
    return 0;
}
