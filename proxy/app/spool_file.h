/* A message of the spool as its file shows it, read beside a running server: such a file never
 * changes, and its log only grows. */
#ifndef APP_SPOOL_FILE_H
#define APP_SPOOL_FILE_H

#include <stdio.h>

#include "base/err.h"
#include "spool/format.h"
#include "spool/history.h"

struct spool_file {
    int fd;
    bool is_failed;
    uint64_t head, body;
    struct spool_envelope envelope;
    /* This is the history as far as it was written down. It is empty where nothing has happened
     * yet. */
    struct history history;
};

/* Looks into queue/ and failed/ of the directory. ERR_NOT_FOUND: there is no such message;
 * ERR_PROTOCOL: it is damaged. */
int spool_file_open(const char *directory, const char *id, struct spool_file *f_r,
                    struct err *err) MUST_USE;
/* Not for one that could not be opened. */
void spool_file_close(struct spool_file *f);
/* Writes the message as the client gave it. ERR_PROTOCOL: it does not agree with its checksum; all
 * that is there was written. */
int spool_file_copy(const struct spool_file *f, FILE *out, struct err *err) MUST_USE;
/* What was said last of a recipient, which is put in `room`, else why the message was kept.
 * Lent. */
const char *spool_file_reason(const struct spool_file *f, char room[HISTORY_REASON]);

#endif
