/* What setup writes: the configuration, and beside it the secret, for the service's user. */
#ifndef APP_SETUP_FILES_H
#define APP_SETUP_FILES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

/* An account, and who may use it. NULL: the key is not written. */
struct draft {
    const char *provider, *host, *ports;
    const char *username, *password_file;
    const char *listen, *allow;
};

/* Appends the text of proxy.ini. false: it is longer than such a file may be. */
bool draft_write(const struct draft *draft, struct buf *out) MUST_USE;

enum setup_place {
    /* There is no such file. */
    SETUP_FREE,
    /* It is the example as it was installed, which is nobody's work and is replaced. */
    SETUP_EXAMPLE,
    /* There is no section in it, only comments: what is written goes behind them. */
    SETUP_EMPTY,
    /* Somebody's configuration. */
    SETUP_TAKEN,
};

/* What stands where the configuration is to be. -1: it cannot be read, or could not be written. */
int setup_place_of(const char *config_file, enum setup_place *place_r, struct err *err) MUST_USE;
/* Gives the absolute path of a file for the secret that is not there yet, beside the
 * configuration. */
char *setup_secret_path(const char *config_file);
/* Whether a file lies beside the configuration already, so that it can be named there. */
bool setup_is_beside(const char *config_file, const char *path);

struct setup_files {
    const char *config_file;
    struct slice text;
    /* It is NULL if the secret is in a file already. */
    const char *secret_path;
    const struct secret *secret;
};

/* Both or nothing. Makes the directory (one level). */
int setup_files_write(const struct setup_files *files, struct err *err) MUST_USE;

#endif
