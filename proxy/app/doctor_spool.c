#include "app/doctor_spool.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/snapshot.h"
#include "app/kept.h"
#include "app/spool_file.h"
#include "base/mem.h"

/* A log beside a message, and what is not yet one, have a suffix that no ID has. */
static bool is_message(const char *name)
{
    const char *dot = strrchr(name, '.');
    return spool_id_is_valid(name) &&
           !(dot && (strcmp(dot, ".log") == 0 || strcmp(dot, ".new") == 0));
}

static void note_age(struct doctor_spool *s, const char *id, int64_t now_ms)
{
    struct spool_file f;
    struct err err;
    /* It was sent meanwhile, or is damaged: the server says so in its log. */
    if (spool_file_open(s->directory, id, &f, &err) != 0)
        return;
    int64_t age = (now_ms - f.envelope.written_ms) / 1000;
    if (age > s->oldest_seconds)
        s->oldest_seconds = age;
    spool_file_close(&f);
}

/* Returns how many there are. */
static size_t look_into(struct doctor_spool *s, const char *place, int64_t now_ms)
{
    size_t n = 0, size = strlen(s->directory) + strlen(place) + 2;
    char *path = mem_alloc(size);
    snprintf(path, size, "%s/%s", s->directory, place);
    DIR *dir = opendir(path);
    if (!dir && errno != ENOENT)
        snprintf(s->problem, sizeof s->problem, "%s",
                 errno == EACCES ? "only root and the server's user may see it" : strerror(errno));
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!is_message(e->d_name))
            continue;
        n++;
        if (now_ms)
            note_age(s, e->d_name, now_ms);
    }
    if (dir)
        closedir(dir);
    free(path);
    return n;
}

void doctor_spool_look(struct config *config, int64_t now_ms, struct doctor_spool *s_r)
{
    *s_r = (struct doctor_spool){.is_on = kept_find(config)};
    if (!s_r->is_on)
        return;
    s_r->directory = config->spool.directory;
    s_r->waiting = look_into(s_r, "queue", now_ms);
    s_r->failed = look_into(s_r, "failed", 0);
}

void doctor_spool_words(const struct doctor_spool *s, char out[DOCTOR_SPOOL_WORDS])
{
    char span[SPAN_TEXT];
    int n;
    if (s->problem[0]) {
        snprintf(out, DOCTOR_SPOOL_WORDS, "spool %.400s: %s", s->directory, s->problem);
        return;
    }
    if (s->waiting)
        n = snprintf(out, DOCTOR_SPOOL_WORDS, "spool %.400s: %zu message%s, the oldest for %s",
                     s->directory, s->waiting, s->waiting == 1 ? " waits" : "s wait",
                     span_words(s->oldest_seconds, span));
    else
        n = snprintf(out, DOCTOR_SPOOL_WORDS, "spool %.400s: nothing waits", s->directory);
    if (s->failed)
        n += snprintf(out + n, DOCTOR_SPOOL_WORDS - (size_t)n, "; %zu failed", s->failed);
    if (s->waiting || s->failed)
        snprintf(out + n, DOCTOR_SPOOL_WORDS - (size_t)n,
                 " (`smtp-detour spool list` names %s, and why)",
                 s->waiting + s->failed == 1 ? "it" : "them");
}
