/* Other people's words on the status page and in a metric's label. What must hold: cleaned text is
 * printable UTF-8 that fits, and cleaning it again changes nothing; nothing in it opens or closes
 * an element, an attribute or a label; and a reader gets back what was written. */
#include <string.h>

#include "admin/text.h"
#include "fuzz.h"

/* Reads `text` as its reader would, by a table of what each word means. Gives what it says. */
static char *read_back(struct slice text, const char *const *words, const char *meanings)
{
    char *out = malloc(text.len + 1), *to = out;
    CHECK(out);
    while (text.len) {
        size_t i = 0, n = 1;
        while (words[i] && !(text.len >= strlen(words[i]) &&
                             memcmp(text.data, words[i], strlen(words[i])) == 0))
            i++;
        if (words[i])
            n = strlen(words[i]);
        *to++ = words[i] ? meanings[i] : *text.data;
        text = slice_from(text, n);
    }
    *to = 0;
    return out;
}

static void check_written(void (*write)(struct out *, const char *), const char *text,
                          const char *never, const char *const *words, const char *meanings)
{
    struct out out;
    out_init(&out);
    write(&out, text);
    CHECK(!out.full);
    struct slice written = buf_view(&out.buf);
    for (size_t i = 0; i < written.len; i++)
        CHECK(!strchr(never, written.data[i]));
    char *read = read_back(written, words, meanings);
    CHECK(strcmp(read, text) == 0);
    free(read);
    out_free(&out);
}

static void check_clean(const char *text)
{
    char again[3 * 4096 + 4];
    for (const char *c = text; *c; c++)
        CHECK(!ascii_is_control(*c));
    text_clean(again, sizeof again, slice_of(text));
    CHECK(strcmp(again, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const html[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", NULL};
    static const char *const label[] = {"\\\\", "\\\"", "\\n", NULL};
    char clean[3 * 4096 + 4], small[32];
    size = size < 4096 ? size : 4096;
    text_clean(clean, sizeof clean, slice_make(data, size));
    check_clean(clean);
    text_clean(small, sizeof small, slice_make(data, size));
    check_clean(small);
    CHECK(strncmp(small, clean, strlen(small)) == 0);
    char *raw = slice_string(slice_make(data, size));
    check_written(out_html, raw, "<>\"'", html, "&<>\"'");
    check_written(out_label, raw, "\n", label, "\\\"\n");
    free(raw);
    return 0;
}
