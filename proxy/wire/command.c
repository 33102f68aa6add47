#include "wire/command.h"

#include <string.h>

static const struct {
    const char *word;
    enum verb verb;
} words[] = {
    {"EHLO", VERB_EHLO},         {"HELO", VERB_HELO},    {"MAIL", VERB_MAIL},
    {"RCPT", VERB_RCPT},         {"DATA", VERB_DATA},    {"BDAT", VERB_BDAT},
    {"RSET", VERB_RSET},         {"NOOP", VERB_NOOP},    {"VRFY", VERB_VRFY},
    {"EXPN", VERB_EXPN},         {"HELP", VERB_HELP},    {"QUIT", VERB_QUIT},
    {"AUTH", VERB_AUTH},         {"GET", VERB_HTTP},     {"POST", VERB_HTTP},
    {"STARTTLS", VERB_STARTTLS}, {"PUT", VERB_HTTP},     {"HEAD", VERB_HTTP},
    {"TRACE", VERB_HTTP},        {"PATCH", VERB_HTTP},   {"DELETE", VERB_HTTP},
    {"CONNECT", VERB_HTTP},      {"OPTIONS", VERB_HTTP}, {"PRI", VERB_HTTP},
};

enum { WORDS = sizeof words / sizeof words[0] };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Returns the part of `s` before its first blank. */
static struct slice first_word(struct slice s)
{
    size_t n = 0;
    while (n < s.len && !is_blank(s.data[n]))
        n++;
    return slice_head(s, n);
}

static bool has_controls(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (ascii_is_control(line.data[i]) && line.data[i] != '\t')
            return true;
    return false;
}

static enum verb verb_of(struct slice word)
{
    for (size_t i = 0; i < WORDS; i++)
        if (slice_is_word(word, words[i].word))
            return words[i].verb;
    return VERB_UNKNOWN;
}

/* Returns true for a word like "Host:", a field name with its colon. No SMTP command looks like
 * that, but every header line of an HTTP request does. */
static bool is_header_like(struct slice word)
{
    size_t colon = slice_find(word, ':');
    struct slice name = slice_head(word, colon);
    if (name.len == 0 || colon + 1 != word.len || verb_of(name) != VERB_UNKNOWN)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_is_alpha(name.data[i]) && !ascii_is_digit(name.data[i]) && name.data[i] != '-')
            return false;
    return true;
}

static bool is_proxy_line(struct slice word, struct slice args)
{
    struct slice family = first_word(args);
    return slice_is_word(word, "PROXY") &&
           (slice_is_word(family, "TCP4") || slice_is_word(family, "TCP6") ||
            slice_is_word(family, "UNKNOWN"));
}

/* Takes "FROM:" or "TO:" off a path. Old software writes blanks around the colon. */
static bool take_keyword(struct slice *args, const char *keyword)
{
    if (!slice_starts(*args, keyword))
        return false;
    struct slice rest = slice_trim(slice_from(*args, strlen(keyword)));
    if (rest.len == 0 || rest.data[0] != ':')
        return false;
    *args = slice_trim(slice_from(rest, 1));
    return true;
}

enum command_fault command_parse(struct slice line, struct command *command_r)
{
    struct slice trimmed = slice_trim(line);
    struct slice word = first_word(trimmed);
    struct command c = {.verb = verb_of(word),
                        .word = word,
                        .args = slice_trim(slice_from(trimmed, word.len)),
                        .keyword_ok = true};
    if (is_proxy_line(word, c.args))
        c.verb = VERB_PROXY;
    else if (is_header_like(word))
        c.verb = VERB_HTTP;
    if (c.verb == VERB_MAIL)
        c.keyword_ok = take_keyword(&c.args, "FROM");
    else if (c.verb == VERB_RCPT)
        c.keyword_ok = take_keyword(&c.args, "TO");
    *command_r = c;
    if (has_controls(line))
        return COMMAND_CONTROLS;
    return trimmed.len ? COMMAND_OK : COMMAND_EMPTY;
}

const char *verb_name(enum verb verb)
{
    if (verb == VERB_HTTP)
        return "HTTP";
    if (verb == VERB_PROXY)
        return "PROXY";
    for (size_t i = 0; i < WORDS; i++)
        if (words[i].verb == verb)
            return words[i].word;
    return "unknown";
}
