/* This file warns of text that is taken as it stands, and was perhaps not meant so: quotes, a
 * comment behind a value, blanks at the end of a secret. Each would end as "refuses the configured
 * credentials", so each is warned of. Nothing is changed, for it may be meant. */
#include <string.h>

#include "config/load.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_quoted(struct slice text)
{
    return text.len >= 2 && text.data[0] == text.data[text.len - 1] &&
           (text.data[0] == '"' || text.data[0] == '\'');
}

static bool has_comment(struct slice text)
{
    for (size_t i = 1; i < text.len; i++)
        if (text.data[i] == '#' && is_blank(text.data[i - 1]))
            return true;
    return false;
}

void check_text(struct loading *l, const struct section *s, const struct key *key,
                struct slice text)
{
    /* A command has quotes of its own. */
    if (is_quoted(text) && key->type != &type_command)
        advise(l, s, key->name, "the quotes are part of the value; values are written without");
    if (has_comment(text) && key->type != &type_command)
        advise(l, s, key->name,
               "\" #\" and what follows are part of the value; a comment stands on a line of its "
               "own");
}

void check_secret_text(struct loading *l, const struct section *s, const char *key,
                       const char *path, struct slice text)
{
    if (text.len && (is_blank(text.data[0]) || is_blank(text.data[text.len - 1])))
        advise(l, s, key, "the first line of %s %s with a blank, which is part of the secret", path,
               is_blank(text.data[0]) ? "begins" : "ends");
    if (is_quoted(text))
        advise(l, s, key, "the quotes in %s are part of the secret; it is written without", path);
    if (has_comment(text))
        advise(l, s, key, "in %s, \" #\" and what follows are part of the secret", path);
}
