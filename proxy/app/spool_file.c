#include "app/spool_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/files.h"
#include "spool/crc32c.h"

static char *path_of(const char *directory, const char *place, const char *id, const char *suffix)
{
    size_t size = strlen(directory) + strlen(place) + strlen(id) + strlen(suffix) + 3;
    char *path = mem_alloc(size);
    snprintf(path, size, "%s/%s/%s%s", directory, place, id, suffix);
    return path;
}

static int damaged(const char *id, struct err *err)
{
    err_set(err, ERR_PROTOCOL, "%s is damaged: what can be read of it is in the spool's files", id);
    return -1;
}

/* The head may need many reads, the most of them one. */
static int read_head(struct spool_file *f, const char *id, struct err *err)
{
    struct buf in;
    enum spool_head state = SPOOL_HEAD_MORE;
    size_t head = 0;
    buf_init(&in, CAP_SPOOL_HEAD);
    while (state == SPOOL_HEAD_MORE) {
        size_t room;
        char *space = buf_space(&in, CAP_DISK_CHUNK, &room);
        ssize_t n = room ? pread(f->fd, space, room, (off_t)in.len) : 0;
        if (n <= 0)
            break;
        buf_commit(&in, (size_t)n);
        state = spool_head_parse(buf_view(&in), &f->envelope, &head);
    }
    buf_free(&in);
    f->head = head;
    return state == SPOOL_HEAD_OK ? 0 : damaged(id, err);
}

static int read_tail(struct spool_file *f, const char *id, struct err *err)
{
    char tail[SPOOL_TAIL_SIZE];
    struct spool_tail lengths;
    struct stat st;
    if (fstat(f->fd, &st) != 0 || st.st_size < SPOOL_TAIL_SIZE ||
        pread(f->fd, tail, sizeof tail, st.st_size - SPOOL_TAIL_SIZE) != SPOOL_TAIL_SIZE ||
        !spool_tail_parse(slice_make(tail, sizeof tail), (uint64_t)st.st_size, &lengths) ||
        lengths.head != f->head)
        return damaged(id, err);
    f->body = lengths.body;
    return 0;
}

/* The log may lie in the other directory while the message moves; without one nothing has
 * happened. */
static void read_log(struct spool_file *f, const char *directory, const char *id)
{
    static const char *const places[] = {"queue", "failed"};
    history_init(&f->history, f->envelope.nrecipients);
    f->history.unknown = f->envelope.unknown;
    for (int i = 0; i < 2; i++) {
        struct buf log;
        struct err err;
        char *path = path_of(directory, places[i == 0 ? f->is_failed : !f->is_failed], id, ".log");
        buf_init(&log, CAP_SPOOL_LOG);
        bool is_there = file_read(path, &log, &err) == 0;
        if (is_there)
            history_read(&f->history, id, buf_view(&log));
        buf_free(&log);
        free(path);
        if (is_there)
            return;
    }
}

/* The message may move from failed/ to queue/ between the looks, so queue/ is looked at twice. */
static int find(struct spool_file *f, const char *directory, const char *id, struct err *err)
{
    static const char *const places[] = {"queue", "failed", "queue"};
    for (size_t i = 0; i < 3; i++) {
        char *path = path_of(directory, places[i], id, "");
        f->fd = file_open(path, FILE_READ, 0, NULL, err);
        free(path);
        f->is_failed = i == 1;
        if (f->fd >= 0)
            return 0;
        if (err->kind != ERR_NOT_FOUND)
            return -1;
    }
    err_set(err, ERR_NOT_FOUND,
            "there is no message %s in the spool: it was sent, removed, or never there", id);
    return -1;
}

int spool_file_open(const char *directory, const char *id, struct spool_file *f_r, struct err *err)
{
    struct spool_file f = {.fd = -1};
    if (find(&f, directory, id, err) != 0)
        return -1;
    if (read_head(&f, id, err) != 0 || read_tail(&f, id, err) != 0) {
        spool_file_close(&f);
        return -1;
    }
    read_log(&f, directory, id);
    *f_r = f;
    return 0;
}

void spool_file_close(struct spool_file *f)
{
    close(f->fd);
    spool_envelope_free(&f->envelope);
    history_free(&f->history);
}

int spool_file_copy(const struct spool_file *f, FILE *out, struct err *err)
{
    char *chunk = mem_alloc(CAP_DISK_CHUNK), tail[SPOOL_TAIL_SIZE];
    uint64_t at = 0, end = f->head + f->body;
    uint32_t crc = 0;
    int status = 0;
    while (at < end && status == 0) {
        size_t want = end - at < CAP_DISK_CHUNK ? (size_t)(end - at) : CAP_DISK_CHUNK;
        ssize_t n = pread(f->fd, chunk, want, (off_t)at);
        if (n <= 0) {
            status = damaged(f->envelope.id, err);
            break;
        }
        struct slice got = slice_make(chunk, (size_t)n);
        crc = crc32c(crc, got);
        struct slice body = slice_from(got, at < f->head ? (size_t)(f->head - at) : 0);
        at += (uint64_t)n;
        if (fwrite(body.data, 1, body.len, out) != body.len) {
            err_set_errno(err, errno, "standard output");
            status = -1;
        }
    }
    free(chunk);
    if (status == 0 && (pread(f->fd, tail, sizeof tail, (off_t)end) != SPOOL_TAIL_SIZE ||
                        !spool_tail_agrees(slice_make(tail, sizeof tail), crc)))
        status = damaged(f->envelope.id, err);
    return status;
}

const char *spool_file_reason(const struct spool_file *f, char room[HISTORY_REASON])
{
    return history_reason(&f->history, room) ? room : f->envelope.reason;
}
