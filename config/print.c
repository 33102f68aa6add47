/* Prints proxy.ini.example from the table. The lines without a comment sign are the smallest useful
 * file. The others show every key with its default. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/table.h"

#define COLUMNS 100

/* Prints the text as comment lines, wrapped at blanks. */
static void print_comment(FILE *out, const char *text)
{
    while (*text) {
        size_t n = strlen(text);
        if (n > COLUMNS) {
            n = COLUMNS;
            while (n > 0 && text[n] != ' ')
                n--;
        }
        fprintf(out, "# %.*s\n", (int)n, text);
        text += n;
        while (*text == ' ')
            text++;
    }
}

static bool has_range(const struct key *key)
{
    return key->type == &type_count || key->type == &type_size || key->type == &type_duration ||
           key->type == &type_duration_pair;
}

static void print_key(FILE *out, const struct key *key)
{
    char help[1024], min[NUMBER_TEXT], max[NUMBER_TEXT];
    size_t len = (size_t)snprintf(help, sizeof help, "%s", key->help);
    const struct value_type *unit = key->type == &type_duration_pair ? &type_duration : key->type;
    if (key->words) {
        len += (size_t)snprintf(help + len, sizeof help - len, " Allowed:");
        for (const struct word *w = key->words; w->text; w++)
            len += (size_t)snprintf(help + len, sizeof help - len, " %s%s", w->text,
                                    w[1].text ? "," : ".");
    } else if (has_range(key))
        snprintf(help + len, sizeof help - len, " From %s to %s.", number_text(unit, key->min, min),
                 number_text(unit, key->max, max));
    print_comment(out, help);
    fprintf(out, "%s%s = %s\n", key->starter ? "" : ";", key->name,
            key->def ? key->def : key->sample);
}

static void print_section(FILE *out, enum section_id id)
{
    fputc('\n', out);
    print_comment(out, section_kinds[id].help);
    fprintf(out, "%s[%s]\n", section_kinds[id].is_switch ? ";" : "", section_kinds[id].word);
    for (size_t row = 0; row < keys_count(); row++) {
        const struct key *key = keys_at(row);
        if (key->section != id)
            continue;
        if (key->group)
            fprintf(out, "\n# --- %s ---\n", key->group);
        print_key(out, key);
    }
}

void config_print_example(FILE *out)
{
    print_comment(out, "smtp-detour: every key. The lines that are not commented out are the "
                       "smallest useful file: fill in provider (or host), "
                       "username and password_file, and "
                       "leave the rest. A line that begins with \";\" shows a key's default, or an "
                       "example where it has none.");
    fputs("#\n", out);
    print_comment(
        out,
        "KEY = VALUE from the margin, at most 8 KiB a line; an indented line continues the list "
        "above it; comments begin with \"#\" or \";\". Durations: 300ms 5s 2m 1h 5d; sizes: "
        "64K 25M 1G; lists are separated by blanks or commas. \"smtp-detour check\" prints "
        "everything that is wrong with a file.");
    print_section(out, SECTION_UPSTREAM);
    print_section(out, SECTION_LISTEN);
    print_section(out, SECTION_SERVER);
    print_section(out, SECTION_LOG);
    print_section(out, SECTION_ADMIN);
    print_section(out, SECTION_SPOOL);
    print_section(out, SECTION_ALERT);
    print_section(out, SECTION_CLUSTER);
}
