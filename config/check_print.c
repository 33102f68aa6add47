/* The command `check --print` prints every key that is in force, its value as it would stand in the
 * file, and where it comes from. Secrets are left out, and so is whatever may hold one. A comment
 * stands in its place, so that the rest can be read as a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/load.h"

enum { SOURCE_COLUMN = 44 };

void keep_text(const struct loading *l, const struct section *s, const struct key *key,
               struct slice text)
{
    struct given *g = &s->given[keys_row(s->id, key->name)];
    if (!l->print)
        return;
    free(g->text);
    g->text = key->type->secret ? mem_string("(not shown)") : slice_string(text);
}

/* Found when the file was read: only words and lists of words are. Gives; NULL: there is none. */
static char *found_text(const struct loading *l, const struct section *s, const struct key *key)
{
    const void *field = (const char *)section_struct(l, s) + key->offset;
    if (key->type == &type_hosts) {
        const struct strings *list = field;
        char *text = mem_string("");
        for (size_t i = 0; i < list->n; i++) {
            size_t len = strlen(text), more = strlen(list->items[i]) + 2;
            text = mem_resize(text, len + more);
            snprintf(text + len, more, "%s%s", i ? " " : "", list->items[i]);
        }
        if (list->n)
            return text;
        free(text);
        return NULL;
    }
    if (key->type->clear != string_clear || !*(char *const *)field)
        return NULL;
    return mem_string(*(char *const *)field);
}

static void print_key(const struct loading *l, const struct section *s, const struct key *key)
{
    const struct given *g = &s->given[keys_row(s->id, key->name)];
    char *text = g->text ? mem_string(g->text) : found_text(l, s, key);
    int n =
        text ? fprintf(l->print, "%s%s = %s", key->type->secret ? ";" : "", key->name, text) : 0;
    if (!text)
        return;
    fprintf(l->print, "%*s  ; ", n < SOURCE_COLUMN ? SOURCE_COLUMN - n : 0, "");
    if (g->line && l->findings.variables)
        fprintf(l->print, "%s\n", l->findings.variables->items[g->line - 1]);
    else if (g->line)
        fprintf(l->print, "line %d\n", g->line);
    else
        fprintf(l->print, "%s\n", !g->text ? "found" : g->preset ? "provider" : "default");
    free(text);
}

void print_in_force(const struct loading *l)
{
    for (size_t i = 0; i < l->nsections; i++) {
        const struct section *s = &l->sections[i];
        fprintf(l->print, "%s%s", i ? "\n" : "", s->title);
        if (s->line && !l->findings.variables)
            fprintf(l->print, "%*s  ; line %d\n",
                    SOURCE_COLUMN - (int)strlen(s->title) > 0
                        ? SOURCE_COLUMN - (int)strlen(s->title)
                        : 0,
                    "", s->line);
        else
            fprintf(l->print, "\n");
        for (size_t row = 0; row < keys_count(); row++)
            if (keys_at(row)->section == s->id)
                print_key(l, s, keys_at(row));
    }
}
