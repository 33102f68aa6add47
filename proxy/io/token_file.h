/* Files of tokens and keys, read and replaced on a helper: every call here blocks. A token file
 * holds one line, the refresh token, and is its own lock: a process that renews the token holds
 * it. */
#ifndef IO_TOKEN_FILE_H
#define IO_TOKEN_FILE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/secret.h"

/* Gives the first line of a secret's file, by the rules of base/secret_file. */
struct secret *secret_line(const char *path, struct err *err);
/* Gives a whole file of at most `max` octets: a key or a certificate. */
struct secret *secret_text(const char *path, size_t max, struct err *err);

/* A token file that is locked. */
struct token_file;

/* Gives the locked file and its line in *token_r. Returns NULL with err: ERR_TIMEOUT if another
 * process holds the lock now, ERR_NOT_FOUND if there is no file. */
struct token_file *token_file_lock(const char *path, struct secret **token_r, struct err *err);
/* Replaces the token. The new one is on the disk when this returns 0. */
int token_file_replace(const struct token_file *file, const struct secret *token,
                       struct err *err) MUST_USE;
/* *file may be NULL. */
void token_file_unlock(struct token_file **file);

/* Puts a token there, durably, whatever stands there now, or makes the file (mode 0600): what a
 * login does. ERR_TIMEOUT where another process renews with the old one just now: then nothing is
 * written. Takes no other lock. */
int token_file_put(const char *path, const struct secret *token, struct err *err) MUST_USE;

#endif
