#include "app/setup_files.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/privileges.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/files.h"

/* Names for the secret: password, password-2 and so on. */
enum { SECRET_NAMES = 99 };

/* ---- the text ---- */

static bool put(struct buf *out, const char *key, const char *value)
{
    return !value || buf_printf(out, "%s = %s\n", key, value);
}

bool draft_write(const struct draft *d, struct buf *out)
{
    bool ok = buf_printf(out, "# Written by smtp-detour setup. Every key: man proxy.ini\n"
                              "[upstream]\n") &&
              put(out, "provider", d->provider) && put(out, "host", d->host) &&
              put(out, "ports", d->ports) && put(out, "username", d->username) &&
              put(out, "password_file", d->password_file);
    if (d->listen || d->allow)
        ok = ok && buf_printf(out, "\n[listen]\n") && put(out, "address", d->listen) &&
             put(out, "allow", d->allow);
    return ok;
}

/* ---- where it goes ---- */

/* Gives the directory of a path. */
static char *directory_of(const char *path)
{
    char *copy = mem_string(path), *directory = mem_string(dirname(copy));
    free(copy);
    return directory;
}

/* A section begins with a bracket as the first thing on a line. */
static bool has_section(struct slice text)
{
    while (text.len) {
        size_t end = slice_find(text, '\n');
        if (slice_starts(slice_trim(slice_head(text, end)), "["))
            return true;
        text = slice_from(text, end + 1);
    }
    return false;
}

static bool is_example(struct slice text)
{
    char *example = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&example, &len);
    if (!out)
        return false;
    config_print_example(out);
    fclose(out);
    bool same = slice_equal(text, slice_make(example, len));
    free(example);
    return same;
}

/* A right that is missing shows before the first question. */
static int look_at_directory(const char *config_file, struct err *err)
{
    struct stat st;
    char *directory = directory_of(config_file), *above = directory_of(directory);
    const char *where = stat(directory, &st) == 0 ? directory : above;
    int result = access(where, W_OK | X_OK);
    if (result != 0)
        err_set(err, ERR_PERMISSION, "%.200s cannot be written: %s%s", where, strerror(errno),
                geteuid() != 0 ? "; start it as root (sudo), or name another file with -c" : "");
    free(directory);
    free(above);
    return result;
}

int setup_place_of(const char *config_file, enum setup_place *place_r, struct err *err)
{
    struct stat st;
    struct buf text;
    *place_r = SETUP_FREE;
    if (look_at_directory(config_file, err) != 0)
        return -1;
    if (lstat(config_file, &st) != 0)
        return 0;
    buf_init(&text, CAP_CONFIG_FILE);
    int result = file_read(config_file, &text, err);
    *place_r = is_example(buf_view(&text))    ? SETUP_EXAMPLE
               : has_section(buf_view(&text)) ? SETUP_TAKEN
                                              : SETUP_EMPTY;
    buf_wipe(&text);
    return result;
}

/* Gives the directory without links and dots, as far as it is there already. */
static char *real_directory(const char *config_file)
{
    char *directory = directory_of(config_file), *real = realpath(directory, NULL);
    if (!real)
        return directory;
    free(directory);
    return real;
}

char *setup_secret_path(const char *config_file)
{
    char *directory = real_directory(config_file);
    size_t size = strlen(directory) + 32;
    char *path = mem_alloc(size);
    struct stat st;
    for (int i = 1; i <= SECRET_NAMES; i++) {
        snprintf(path, size, "%s/password", directory);
        if (i > 1)
            snprintf(path, size, "%s/password-%d", directory, i);
        if (lstat(path, &st) != 0)
            break;
    }
    free(directory);
    return path;
}

bool setup_is_beside(const char *config_file, const char *path)
{
    char *here = real_directory(config_file), *there = real_directory(path);
    bool beside = path[0] == '/' && strcmp(here, there) == 0;
    free(here);
    free(there);
    return beside;
}

/* ---- writing ---- */

/* For the group of the service's user, as `install -m 640 -g` would make it; nobody is a user that
 * others are, too. Returns the mode. */
static unsigned owner_of_files(struct file_owner *owner_r, const struct file_owner **owner)
{
    struct identity identity;
    struct err err;
    *owner = NULL;
    if (identity_find(&(struct server_config){0}, &identity, &err) != 0 || !identity.change ||
        identity.is_nobody)
        return 0600;
    *owner_r = (struct file_owner){0, identity.gid};
    *owner = owner_r;
    return 0640;
}

static int write_secret(const struct setup_files *f, unsigned mode, const struct file_owner *owner,
                        struct err *err)
{
    struct buf line;
    struct slice secret = secret_reveal(f->secret);
    buf_init(&line, CAP_SECRET + 1);
    buf_reserve(&line, 0, secret.len + 1);
    int result = -1;
    if (buf_append_slice(&line, secret) && buf_append(&line, "\n", 1))
        result = file_create_for(f->secret_path, buf_view(&line), mode, owner, err);
    else
        err_set(err, ERR_LIMIT, "the secret is too long");
    buf_wipe(&line);
    return result;
}

/* Looked at once more: somebody may have written it since the first question. */
static int write_config(const struct setup_files *f, unsigned mode, const struct file_owner *owner,
                        struct err *err)
{
    enum setup_place place;
    if (setup_place_of(f->config_file, &place, err) != 0)
        return -1;
    if (place == SETUP_FREE)
        return file_create_for(f->config_file, f->text, mode, owner, err);
    if (place == SETUP_EXAMPLE)
        return file_replace_for(f->config_file, f->text, mode, owner, err);
    struct buf both;
    buf_init(&both, CAP_CONFIG_FILE);
    int result = -1;
    if (place == SETUP_TAKEN)
        err_set(err, ERR_EXISTS, "%.200s was written by somebody else meanwhile", f->config_file);
    else if (file_read(f->config_file, &both, err) == 0) {
        if (buf_append(&both, "\n", 1) && buf_append_slice(&both, f->text))
            result = file_replace_for(f->config_file, buf_view(&both), mode, owner, err);
        else
            err_set(err, ERR_LIMIT, "%.200s would be too long", f->config_file);
    }
    buf_free(&both);
    return result;
}

int setup_files_write(const struct setup_files *f, struct err *err)
{
    struct file_owner root_and_group;
    const struct file_owner *owner;
    struct stat st;
    char *directory = directory_of(f->config_file);
    unsigned mode = owner_of_files(&root_and_group, &owner);
    bool made = stat(directory, &st) != 0;
    int result = made ? directory_make(directory, 0755, NULL, err) : 0;
    if (result == 0 && f->secret_path)
        result = write_secret(f, mode, owner, err);
    bool has_secret = result == 0 && f->secret_path;
    if (result == 0)
        result = write_config(f, mode, owner, err);
    if (result != 0 && has_secret)
        unlink(f->secret_path);
    if (result != 0 && made)
        rmdir(directory);
    free(directory);
    return result;
}
