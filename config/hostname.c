/* The machine's own name, found without DNS, because a blocked network must not delay the start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/load.h"

static bool next_word(struct slice *line, struct slice *word_r)
{
    return next_item(line, word_r) && word_r->data[0] != '#';
}

static bool is_full_name(struct slice name)
{
    return slice_find(name, '.') < name.len && !slice_starts(name, "localhost") &&
           host_name_is_valid(name);
}

bool hostname_fits_ehlo(const char *hostname)
{
    struct slice name = slice_of(hostname), first = slice_head(name, slice_find(name, '.'));
    struct addr address;
    return first.len < name.len && !slice_is_word(first, "localhost") &&
           slice_find(name, '_') == name.len && !addr_parse(name, &address);
}

/* Reads "ADDRESS NAME ALIAS… # comment". Returns the first full name of a line that names this
 * machine. */
static struct slice full_name_on(struct slice line, struct slice ours)
{
    struct slice word, full = slice_of("");
    bool names_us = false;
    if (!next_word(&line, &word))
        return full;
    while (next_word(&line, &word)) {
        names_us |= slice_equal(word, ours);
        if (full.len == 0 && is_full_name(word))
            full = word;
    }
    return names_us ? full : slice_of("");
}

char *hostname_complete(const char *name, const char *hosts_file)
{
    char buffer[1024], *full = NULL;
    FILE *f = strchr(name, '.') ? NULL : fopen(hosts_file, "r");
    while (f && !full && fgets(buffer, sizeof buffer, f)) {
        buffer[strcspn(buffer, "\r\n")] = 0;
        struct slice found = full_name_on(slice_of(buffer), slice_of(name));
        if (found.len)
            full = slice_string(found);
    }
    if (f)
        fclose(f);
    return full ? full : mem_string(name);
}

char *hostname_default(void)
{
    char name[256];
    if (gethostname(name, sizeof name) != 0)
        return mem_string("localhost");
    name[sizeof name - 1] = 0;
    return host_name_is_valid(slice_of(name)) ? hostname_complete(name, "/etc/hosts")
                                              : mem_string("localhost");
}

static void add_name(struct strings *names, struct slice name)
{
    if (name.len == 0)
        return;
    for (size_t i = 0; i < names->n; i++)
        if (slice_is_word(name, names->items[i]))
            return;
    names->items = mem_resize(names->items, (names->n + 1) * sizeof *names->items);
    names->items[names->n++] = slice_string(name);
}

/* An address cut at a dot would be another address. */
static void add_name_and_label(struct strings *names, const char *name)
{
    struct addr a;
    struct slice whole = slice_of(name);
    add_name(names, whole);
    if (!addr_parse(whole, &a))
        add_name(names, slice_head(whole, slice_find(whole, '.')));
}

void hostname_names(const char *own, struct strings *names)
{
    char *system = hostname_default();
    add_name_and_label(names, own);
    add_name_and_label(names, system);
    add_name(names, slice_of("localhost"));
    free(system);
}
