/* [alert]: a call that cannot be made would be noticed in the night that it was for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config/load.h"

/* A program named without a path lies where the server looks for it: in its own PATH. */
static bool is_in_path(const char *name)
{
    const char *path = getenv("PATH");
    struct slice rest = slice_of(path && *path ? path : "/usr/bin:/bin");
    bool found = false;
    while (rest.len && !found) {
        size_t end = slice_find(rest, ':');
        struct stat st;
        size_t size = end + strlen(name) + 2;
        char *file = mem_alloc(size);
        snprintf(file, size, "%.*s/%s", (int)end, rest.data, name);
        found = stat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
        free(file);
        rest = slice_from(rest, end < rest.len ? end + 1 : end);
    }
    return found;
}

static void check_program(struct loading *l, const struct section *s, const struct strings *command)
{
    const char *program = command->items[0];
    if (!strchr(program, '/')) {
        if (!is_in_path(program))
            complain(l, s, "command", "%s cannot be run: no program of this name is in PATH",
                     program);
        return;
    }
    check_command(l, s, "command", command);
    if (!server_may(&l->config->server, program, 1))
        complain(l, s, "command", "%s cannot be run: the server's user, %s, may not", program,
                 server_user_name(&l->config->server));
}

void check_alert(struct loading *l)
{
    const struct alert_config *alert = &l->config->alert;
    for (size_t i = 0; i < l->nsections; i++) {
        const struct section *s = &l->sections[i];
        if (s->id != SECTION_ALERT || s->repeat || is_bad(s, "command"))
            continue;
        if (!is_given(s, "command"))
            complain(l, s, NULL,
                     "nobody can be called; needed: command, for example /bin/sh -c '...' "
                     "(contrib/manual/alert.md has some)");
        else if (alert->command.n)
            check_program(l, s, &alert->command);
        if (alert->repeat && alert->repeat < 60 * USEC_PER_SEC && !is_bad(s, "repeat"))
            advise(l, s, "repeat", "somebody is called more than once a minute, all night");
    }
}
