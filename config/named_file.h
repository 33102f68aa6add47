/* A file that the config names and that may hold a secret. */
#ifndef CONFIG_NAMED_FILE_H
#define CONFIG_NAMED_FILE_H

#include "config/load.h"

/* The exposure says how strict we are about a file that others can read. A password towards the
 * upstream is refused. Private keys and password hashes, which other software may have to share,
 * cause a warning. */
enum exposure { NO_SECRET, OWN_SECRET, PASSWORD };

/* The key is one whose value is a secret or names a file with one. Reports an error or a warning if
 * everybody may read the file at this path, which holds the secret. */
void check_exposure(struct loading *l, const struct section *s, const char *key, const char *path,
                    unsigned mode, enum exposure what);

/* A file must be readable. path may be NULL. before: the path that the current configuration has
 * here on a reload, or NULL. What only root could read then stays in use. */
void check_named_file(struct loading *l, const struct section *s, const char *key, const char *path,
                      enum exposure what, const char *before);

/* Reports the errno of an open or a read. */
void complain_of_file(struct loading *l, const struct section *s, const char *key,
                      const char *path);

/* Gives the bytes of a file that other users must not read, at most `max` of them, and a NUL.
 * *len_r is their number. The caller erases them. Returns NULL after reporting an error. */
char *read_secret_file(struct loading *l, const struct section *s, const char *key,
                       const char *path, size_t max, size_t *len_r);

/* The key's value now, and its value in the current configuration. `before` is NULL if nothing was
 * made of it there. */
struct same_file {
    const char *now, *before;
};

/* On a reload the process has given up root, and perhaps with it the right to read a file. Returns
 * true if it is the same file as before and out of reach. Then the caller keeps what was made of
 * it, and a warning with `words` was reported. */
bool stays_as_it_was(struct loading *l, const struct section *s, const char *key, const char *path,
                     const struct same_file *named, const char *words);

#endif
