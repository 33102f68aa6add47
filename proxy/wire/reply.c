#include "wire/reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/caps.h"
#include "base/decimal.h"
#include "wire/utf8.h"

void reply_init(struct reply *r)
{
    *r = (struct reply){0};
    buf_init(&r->text, CAP_REPLY_TEXT);
}

void reply_free(struct reply *r)
{
    buf_free(&r->text);
    reply_init(r);
}

void reply_copy(struct reply *to, const struct reply *from)
{
    if (to == from)
        return;
    to->code = from->code;
    to->lines = from->lines;
    memcpy(to->enhanced, from->enhanced, sizeof to->enhanced);
    buf_clear(&to->text);
    /* Both have the same cap. */
    bool fits = buf_append_slice(&to->text, buf_view(&from->text));
    assert(fits);
    (void)fits;
}

bool reply_is(const struct reply *r, int hundred)
{
    return r->code / 100 == hundred;
}

/* Each message has a reply in the log, so this does without printf. */
static size_t write_head(const struct reply *r, char *out, size_t size)
{
    char head[DECIMAL_ROOM + sizeof r->enhanced + 3];
    struct slice enhanced = slice_of(r->enhanced);
    size_t n = decimal_put(head, (uint64_t)r->code, 1);
    if (enhanced.len) {
        head[n++] = ' ';
        memcpy(head + n, enhanced.data, enhanced.len);
        n += enhanced.len;
    }
    if (r->text.len)
        head[n++] = ' ';
    slice_write(slice_make(head, n), out, size);
    return n < size ? n : size - 1;
}

const char *reply_words(const struct reply *r, char *out, size_t size)
{
    struct slice text = buf_view(&r->text);
    if (size == 0)
        return "";
    if (r->code == 0) {
        snprintf(out, size, "no reply");
        return out;
    }
    size_t n = write_head(r, out, size);
    for (size_t i = 0; i < text.len && n < size - 1; i++) {
        bool joint = text.data[i] == '\n';
        if (joint && size - 1 - n < 3)
            break;
        if (joint) {
            memcpy(out + n, " / ", 3);
            n += 3;
            continue;
        }
        size_t line = slice_find(slice_from(text, i), '\n');
        size_t fits = utf8_cut(slice_head(slice_from(text, i), line), size - 1 - n);
        memcpy(out + n, text.data + i, fits);
        n += fits;
        if (fits < line)
            break;
        i += line - 1;
    }
    out[n] = 0;
    return out;
}

/* Every reply of ours passes here, so this does without printf. */
static size_t write_code(char *line, int code, bool last)
{
    decimal_put(line, (uint64_t)code, 3);
    line[3] = last ? ' ' : '-';
    return 4;
}

/* Appends one line of output. Controls that would break the line are left out, wherever they come
 * from. */
static bool write_line(struct buf *out, int code, bool last, const char *enhanced,
                       struct slice text)
{
    UNINITIALIZED char line[CAP_REPLY_LINE_SENT + 4];
    struct slice status = slice_of(enhanced);
    size_t n = write_code(line, code, last);
    if (status.len && status.len < ENHANCED_MAX) {
        memcpy(line + n, status.data, status.len);
        n += status.len;
        if (text.len)
            line[n++] = ' ';
    }
    text = slice_head(text, utf8_cut(text, CAP_REPLY_LINE_SENT - n));
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i] == '\t' ? ' ' : text.data[i];
        if (!ascii_is_control(c))
            line[n++] = c;
    }
    line[n++] = '\r';
    line[n++] = '\n';
    return buf_append(out, line, n);
}

bool reply_write(struct buf *out, int code, const char *enhanced, struct slice text)
{
    if (slice_find(text, '\n') == text.len)
        return write_line(out, code, true, enhanced, text);
    struct buf lines;
    buf_init(&lines, buf_room(out));
    bool fits = true, last = false;
    while (fits && !last) {
        size_t end = slice_find(text, '\n');
        last = end == text.len;
        fits = write_line(&lines, code, last, enhanced, slice_head(text, end));
        text = slice_from(text, end + 1);
    }
    fits = fits && buf_append_slice(out, buf_view(&lines));
    buf_free(&lines);
    return fits;
}
