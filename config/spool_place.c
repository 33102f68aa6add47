/* [spool] directory: is it a place where mail may wait? And rules between its keys. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "config/load.h"

/* These numbers come from linux/magic.h, which is not there on every machine that builds this. */
static const struct {
    uint32_t magic;
    const char *words;
} doubtful[] = {
    {0x01021994, "lies in memory (tmpfs): a restart of the machine loses the mail in it"},
    {0x858458f6, "lies in memory (ramfs): a restart of the machine loses the mail in it"},
    {0x794c7630, "lies in a container's own layer: the mail in it goes with the container; mount a "
                 "volume there"},
    {0x6969, "lies on NFS, whose locks and syncs are not those of a disk: a second server may use "
             "it, and a crash may lose mail"},
    {0x4d44, "lies on FAT, which a power cut may leave without the mail in it"},
    {0x2011bab0, "lies on exFAT, which a power cut may leave without the mail in it"},
};

const char *spool_place_doubt(uint32_t magic)
{
    for (size_t i = 0; i < sizeof doubtful / sizeof *doubtful; i++)
        if (doubtful[i].magic == magic)
            return doubtful[i].words;
    return NULL;
}

/* The directory may have to be made yet: what is above it tells. */
static bool find_file_system(const char *directory, struct statfs *out)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s", directory);
    if (len < 0 || (size_t)len >= sizeof path)
        return false;
    while (statfs(path, out) != 0) {
        char *slash = strrchr(path, '/');
        if (errno != ENOENT || !slash || path[1] == '\0')
            return false;
        slash[slash == path ? 1 : 0] = '\0';
    }
    return true;
}

void check_spool(struct loading *l)
{
    struct statfs fs;
    for (size_t i = 0; i < l->nsections; i++) {
        const struct section *s = &l->sections[i];
        const struct spool_config *c = &l->config->spool;
        if (s->id != SECTION_SPOOL || s->repeat)
            continue;
        if (c->max_age && c->alert_age > c->max_age && !is_bad(s, "alert_age"))
            advise(l, s, "alert_age", "longer than max_age: the mail is given up before");
        if (c->max_age && c->retry_longest > c->max_age && !is_bad(s, "retry"))
            advise(l, s, "retry", "the longest wait is longer than max_age");
        if (!c->directory || is_bad(s, "directory") || !find_file_system(c->directory, &fs))
            continue;
        const char *doubt = spool_place_doubt((uint32_t)fs.f_type);
        if (doubt)
            advise(l, s, "directory", "%s %s", c->directory, doubt);
    }
}
