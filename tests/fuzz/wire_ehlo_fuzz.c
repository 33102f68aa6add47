/* An EHLO reply as it comes from the wire: facts agree with each other, and the first line changes
 * none of them. */
#include <string.h>

#include "fuzz.h"
#include "wire/ehlo.h"

static void check_facts(const struct ehlo *e)
{
    CHECK(memchr(e->mechanisms_text, 0, sizeof e->mechanisms_text));
    for (const char *c = e->mechanisms_text; *c; c++)
        CHECK(!ascii_is_control(*c) &&
              (*c != ' ' || (c[1] && c[1] != ' ' && c != e->mechanisms_text)));
    CHECK(e->has_size || e->size == 0);
    CHECK(e->auth || (e->mechanisms == 0 && e->mechanisms_text[0] == 0));
    CHECK(!(e->starttls && e->starttls_mangled));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size);
    struct reply_parser p;
    size_t used;
    reply_parser_init(&p);
    while (in.len && reply_parser_feed(&p, in, &used) == REPLY_DONE) {
        struct ehlo e, again;
        struct reply other;
        ehlo_parse(&p.reply, &e);
        check_facts(&e);
        reply_init(&other);
        struct slice text = buf_view(&p.reply.text);
        text = slice_from(text, slice_find(text, '\n'));
        CHECK(text.len + 5 > buf_room(&other.text) ||
              (buf_append(&other.text, "hello", 5) && buf_append_slice(&other.text, text)));
        ehlo_parse(&other, &again);
        CHECK(other.text.len == 0 ||
              memcmp(&e.fingerprint, &again.fingerprint, sizeof e.fingerprint) == 0);
        CHECK(other.text.len == 0 || (e.mechanisms == again.mechanisms && e.size == again.size &&
                                      e.starttls == again.starttls));
        reply_free(&other);
        in = slice_from(in, used);
    }
    reply_parser_free(&p);
    return 0;
}
