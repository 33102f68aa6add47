/* A command line: word and arguments lie in it, controls never pass as fine, and what was read
 * reads the same when written plainly. */
#include "base/buf.h"
#include "fuzz.h"
#include "wire/command.h"

static bool has_controls(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (ascii_is_control(s.data[i]) && s.data[i] != '\t')
            return true;
    return false;
}

/* "VERB args" or "MAIL FROM:args" must be read as what it was written from. */
static void check_again(const struct command *c)
{
    struct buf line;
    struct command again;
    const char *keyword = c->verb == VERB_MAIL && c->keyword_ok   ? "FROM:"
                          : c->verb == VERB_RCPT && c->keyword_ok ? "TO:"
                                                                  : "";
    buf_init(&line, c->word.len + c->args.len + 8);
    CHECK(buf_printf(&line, "%.*s %s", (int)c->word.len, c->word.data, keyword) &&
          buf_append_slice(&line, c->args));
    CHECK(command_parse(buf_view(&line), &again) == COMMAND_OK);
    CHECK(again.verb == c->verb && again.keyword_ok == c->keyword_ok);
    CHECK(slice_equal(again.word, c->word) && slice_equal(again.args, c->args));
    buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = slice_make(data, size);
    struct command c;
    enum command_fault fault = command_parse(line, &c);
    CHECK(c.verb >= VERB_UNKNOWN && c.verb < VERB_COUNT);
    CHECK(lies_inside(c.word, line) && lies_inside(c.args, line));
    CHECK(is_trimmed(c.word) && is_trimmed(c.args));
    CHECK(slice_find(c.word, ' ') == c.word.len && slice_find(c.word, '\t') == c.word.len);
    CHECK(c.keyword_ok || c.verb == VERB_MAIL || c.verb == VERB_RCPT);
    CHECK((fault == COMMAND_CONTROLS) == has_controls(line));
    CHECK(fault != COMMAND_EMPTY || (c.word.len == 0 && c.verb == VERB_UNKNOWN));
    if (fault == COMMAND_OK) {
        CHECK(c.word.len > 0);
        check_again(&c);
    }
    return 0;
}
