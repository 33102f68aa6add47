#include "wire/ehlo.h"

#include <string.h>

#include "base/mechanism.h"
#include "wire/decimal.h"

/* Takes the next word off `in`. Blanks and `more` separate words. Returns the empty slice at the
 * end. */
static struct slice next_word(struct slice *in, char more)
{
    size_t start = 0;
    while (start < in->len && (in->data[start] == ' ' || in->data[start] == more))
        start++;
    size_t end = start;
    while (end < in->len && in->data[end] != ' ' && in->data[end] != more)
        end++;
    struct slice word = slice_head(slice_from(*in, start), end - start);
    *in = slice_from(*in, end);
    return word;
}

/* Computes FNV-1a with 64 bits. It is no defence against an attacker, it only shows that the text
 * changed. */
static uint64_t fingerprint(struct slice text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(1099511628211);
    return hash;
}

static bool already_named(const char *list, struct slice name)
{
    struct slice rest = slice_of(list);
    for (struct slice word = next_word(&rest, ' '); word.len; word = next_word(&rest, ' '))
        if (slice_equal(word, name))
            return true;
    return false;
}

static void add_mechanism(struct ehlo *e, struct slice name)
{
    for (int m = 0; m < MECHANISM_COUNT; m++)
        if (slice_is_word(name, mechanism_row((enum mechanism)m)->name))
            e->mechanisms |= mechanism_bit((enum mechanism)m);
    size_t n = strlen(e->mechanisms_text);
    size_t gap = n ? 1 : 0;
    if (already_named(e->mechanisms_text, name) || n + gap + name.len >= sizeof e->mechanisms_text)
        return;
    if (gap)
        e->mechanisms_text[n] = ' ';
    memcpy(e->mechanisms_text + n + gap, name.data, name.len);
    e->mechanisms_text[n + gap + name.len] = 0;
}

/* Returns true for a word of STARTTLS's length that is almost STARTTLS, or almost all X. A firewall
 * that strips STARTTLS leaves such a word, so that the lengths of packets stay the same. */
static bool is_mangled_starttls(struct slice word)
{
    static const char starttls[] = "STARTTLS";
    size_t same = 0, crosses = 0;
    if (word.len != sizeof starttls - 1)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        same += ascii_lower(word.data[i]) == ascii_lower(starttls[i]);
        crosses += ascii_lower(word.data[i]) == 'x';
    }
    return same >= word.len - 2 || crosses >= word.len - 2;
}

static void take_line(struct ehlo *e, struct slice line)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"PIPELINING", &e->pipelining},
        {"STARTTLS", &e->starttls},
        {"8BITMIME", &e->eightbit},
        {"CHUNKING", &e->chunking},
        {"DSN", &e->dsn},
        {"SMTPUTF8", &e->smtputf8},
        {"ENHANCEDSTATUSCODES", &e->enhanced},
        {"AUTH", &e->auth},
        {"SIZE", &e->has_size},
    };
    struct slice keyword = next_word(&line, '=');
    bool known = false;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (slice_is_word(keyword, flags[i].name))
            known = *flags[i].flag = true;
    /* There is a limit, but the server does not say which. */
    if (slice_is_word(keyword, "SIZE") && !decimal_parse(next_word(&line, '='), &e->size))
        e->size = 0;
    if (slice_is_word(keyword, "AUTH"))
        for (struct slice name = next_word(&line, '='); name.len; name = next_word(&line, '='))
            add_mechanism(e, name);
    if (!known && is_mangled_starttls(keyword))
        e->starttls_mangled = true;
}

void ehlo_parse(const struct reply *reply, struct ehlo *ehlo_r)
{
    struct slice text = buf_view(&reply->text);
    /* The first line is a greeting. */
    text = slice_from(text, slice_find(text, '\n') + 1);
    struct ehlo e = {.fingerprint = fingerprint(text)};
    while (text.len) {
        size_t end = slice_find(text, '\n');
        take_line(&e, slice_head(text, end));
        text = slice_from(text, end + 1);
    }
    e.starttls_mangled = e.starttls_mangled && !e.starttls;
    *ehlo_r = e;
}
