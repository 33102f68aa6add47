/* The type of values that are a command line. It is split as sh would, but without the parts of sh
 * that look at the world: no variables, no globs, no operators. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "config/config.h"
#include "config/table.h"

struct splitter {
    struct slice rest;
    /* As long as the whole text, so a word always fits. */
    char *word;
    size_t len;
    /* '' is a word, too. */
    bool begun;
};

static void add(struct splitter *s, char c)
{
    s->word[s->len++] = c;
    s->begun = true;
}

static char take(struct splitter *s)
{
    char c = s->rest.data[0];
    s->rest = slice_from(s->rest, 1);
    return c;
}

/* Within double quotes a backslash protects only these (POSIX, Shell Command Language 2.2.3). */
static bool is_special_in_quotes(char c)
{
    return c == '$' || c == '`' || c == '"' || c == '\\';
}

static bool take_quoted(struct splitter *s, char quote)
{
    s->begun = true;
    while (s->rest.len) {
        char c = take(s);
        if (c == quote)
            return true;
        if (quote == '"' && c == '\\' && s->rest.len && is_special_in_quotes(s->rest.data[0]))
            c = take(s);
        add(s, c);
    }
    return false;
}

static void end_word(struct splitter *s, struct strings *list)
{
    if (!s->begun)
        return;
    list->items = mem_resize(list->items, (list->n + 1) * sizeof *list->items);
    list->items[list->n++] = slice_string(slice_make(s->word, s->len));
    s->len = 0;
    s->begun = false;
}

static const char *split(struct splitter *s, struct strings *list)
{
    while (s->rest.len) {
        char c = take(s);
        if (c == ' ' || c == '\t') {
            end_word(s, list);
        } else if (c == '\'' || c == '"') {
            if (!take_quoted(s, c))
                return c == '"' ? "a \" is not closed" : "a ' is not closed";
        } else if (c == '\\') {
            if (!s->rest.len)
                return "it ends in a backslash";
            add(s, take(s));
        } else {
            add(s, c);
        }
    }
    end_word(s, list);
    return list->n && list->items[0][0] ? NULL : "the name of the program is missing";
}

/* The message does not show the value, because a command line may hold a secret. */
static int parse_command(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct splitter s = {.rest = text, .word = mem_alloc(text.len + 1)};
    const char *wrong = split(&s, field);
    (void)key;
    secret_erase(s.word, text.len + 1);
    free(s.word);
    if (!wrong)
        return 0;
    err_set(err, ERR_INVALID, "%s; allowed: a program and its arguments, quoted as in sh", wrong);
    return -1;
}

static void clear_command(void *field)
{
    struct strings *list = field;
    for (size_t i = 0; i < list->n; i++) {
        secret_erase(list->items[i], strlen(list->items[i]));
        free(list->items[i]);
    }
    free(list->items);
}

const struct value_type type_command = {
    .secret = true, .parse = parse_command, .clear = clear_command, .equal = strings_equal};
