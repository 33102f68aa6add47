/* A file that the config names, and that may hold a secret. */
#ifndef CONFIG_NAMED_FILE_H
#define CONFIG_NAMED_FILE_H

#include "config/load.h"

/* What everybody may read of a file. Passwords towards the upstream are refused then; of private
 * keys and of password hashes, which other software may have to share, the user is warned. */
enum exposure { NO_SECRET, OWN_SECRET, PASSWORD };

/* A secret lies in this file, which `key` is or names: complains or advises if everybody may read
 * it. */
void check_exposure(struct loading *l, const struct section *s, const char *key, const char *path,
                    unsigned mode, enum exposure what);

/* Words for the errno of an open or a read. */
void complain_of_file(struct loading *l, const struct section *s, const char *key,
                      const char *path);

/* A file that everybody else must keep out of, of `max` octets at most; gives its bytes and a NUL,
 * to be erased (*len_r of them). NULL: it complained. */
char *read_secret_file(struct loading *l, const struct section *s, const char *key,
                       const char *path, size_t max, size_t *len_r);

/* What a key says now, and what it said in the configuration that is in force; NULL: nothing was
 * made of it there. */
struct same_file {
    const char *now, *before;
};

/* On a reload root is gone, and with it perhaps the right to read a file. True: it is the same file
 * as before and out of reach, so that the caller keeps what was made of it; `words`, for the user,
 * say what that is. */
bool stays_as_it_was(struct loading *l, const struct section *s, const char *key, const char *path,
                     const struct same_file *named, const char *words);

#endif
