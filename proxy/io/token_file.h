/* Files of tokens and keys, read and replaced on a helper: every call here blocks. A token file
 * holds one line, the refresh token, and is its own lock: who renews holds it, whatever process
 * it is. */
#ifndef IO_TOKEN_FILE_H
#define IO_TOKEN_FILE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/secret.h"

/* Gives the first line of a secret's file, by the rules of base/secret_file. */
struct secret *secret_line(const char *path, struct err *err);
/* Gives the whole of a file of up to `max` octets: a key, a certificate. */
struct secret *secret_text(const char *path, size_t max, struct err *err);

/* A token file that is locked. */
struct token_file;

/* Locks the file and reads its line to *token_r. NULL with err: ERR_TIMEOUT where another process
 * holds it just now, ERR_NOT_FOUND where there is none. */
struct token_file *token_file_lock(const char *path, struct secret **token_r, struct err *err);
/* Puts another token into its place, which is on the disk when this returns 0. */
int token_file_replace(const struct token_file *file, const struct secret *token,
                       struct err *err) MUST_USE;
/* NULL is fine. */
void token_file_unlock(struct token_file **file);

/* Puts a token there, durably, whatever stands there now, or makes the file (mode 0600): what a
 * login does. ERR_TIMEOUT where another process renews with the old one just now: then nothing is
 * written. Takes no other lock. */
int token_file_put(const char *path, const struct secret *token, struct err *err) MUST_USE;

#endif
