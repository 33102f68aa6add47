/* Checks all files that the config names, key by key: they must be readable, and other users must
 * not read those that hold a secret. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/secret_file.h"
#include "config/named_file.h"

void check_named_file(struct loading *l, const struct section *s, const char *key, const char *path,
                      enum exposure what, const char *before)
{
    struct stat st;
    if (!path || is_bad(s, key))
        return;
    if (stays_as_it_was(l, s, key, path, &(struct same_file){path, before}, "it stays the same"))
        return;
    int fd = secret_file_open(path, &st);
    if (fd < 0) {
        complain_of_file(l, s, key, path);
        return;
    }
    close(fd);
    check_exposure(l, s, key, path, st.st_mode & 07777, what);
}

static void check_list(struct loading *l, const struct section *s, const char *key,
                       const struct strings *paths, enum exposure what,
                       const struct strings *before)
{
    for (size_t i = 0; i < paths->n; i++)
        check_named_file(l, s, key, paths->items[i], what,
                         before && i < before->n ? before->items[i] : NULL);
}

/* The first line of this file is a secret. The slot holds its key, and where the secret goes. */
struct secret_slot {
    const char *key, *name;
    /* The current configuration names this file on a reload. */
    const char *before;
    struct secret **secret;
    bool *kept;
};

static void read_secret(struct loading *l, const struct section *s, const char *path,
                        const struct secret_slot *slot)
{
    struct err err;
    unsigned mode;
    char command[400];
    /* If both are given, which is an error, the one in the configuration goes. */
    secret_free(slot->secret);
    *slot->secret = secret_file_read(path, &mode, &err);
    if (!*slot->secret && err.kind == ERR_NOT_FOUND)
        complain(l, s, slot->key, "%s; to make it: `%s`, then type the secret, Enter, Ctrl-D",
                 err.words, secret_command(&l->config->server, path, command, sizeof command));
    else if (!*slot->secret)
        complain(l, s, slot->key, "%s", err.words);
    else {
        check_exposure(l, s, slot->key, path, mode, PASSWORD);
        check_secret_text(l, s, slot->key, path, secret_reveal(*slot->secret));
    }
}

/* On a reload the process has given up root, and perhaps with it the right to read the file. Then
 * the secret stays as it was. */
static bool keep_old_secret(struct loading *l, const struct section *s, const char *path,
                            const struct secret_slot *slot)
{
    struct same_file named = {slot->name, slot->before};
    if (!stays_as_it_was(l, s, slot->key, path, &named, "the password stays the same"))
        return false;
    *slot->kept = true;
    return true;
}

static void load_secret_file(struct loading *l, const struct section *s,
                             const struct secret_slot *slot)
{
    if (!slot->name)
        return;
    char *path = secret_file_path(slot->name);
    if (!path) {
        complain(l, s, slot->key,
                 "$CREDENTIALS_DIRECTORY is not set; credential:NAME needs systemd's "
                 "LoadCredential=NAME:PATH");
        return;
    }
    if (!keep_old_secret(l, s, path, slot))
        read_secret(l, s, path, slot);
    free(path);
}

static void load_secret_files(struct loading *l, const struct section *s, struct upstream_config *u)
{
    const struct upstream_config *before = old_upstream(l, u->name);
    const struct secret_slot slots[] = {
        {"password_file", u->password_file, before ? before->password_file : NULL, &u->password,
         &u->password_kept},
        {"api_secret_file", u->api_secret_file, before ? before->api_secret_file : NULL,
         &u->api_secret, &u->api_secret_kept}};
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        load_secret_file(l, s, &slots[i]);
}

/* A program named by its path must exist. It runs as the server's user, so only that user's rights
 * could tell whether it may run. */
void check_command(struct loading *l, const struct section *s, const char *key,
                   const struct strings *command)
{
    struct stat st;
    errno = 0;
    if (command->n == 0 || is_bad(s, key) || !strchr(command->items[0], '/'))
        return;
    if (stat(command->items[0], &st) != 0 ? errno != EACCES
                                          : !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
        complain(l, s, key, "%s cannot be run: %s", command->items[0],
                 errno == ENOENT ? "there is no such file" : "it is not a program");
}

static void check_listen_files(struct loading *l, const struct section *s)
{
    const struct listen_config *c = section_struct(l, s), *before = old_listen(l, c->name);
    check_list(l, s, "tls_cert", &c->tls_cert, is_given(s, "tls_key") ? NO_SECRET : OWN_SECRET,
               before ? &before->tls_cert : NULL);
    check_list(l, s, "tls_key", &c->tls_key, OWN_SECRET, before ? &before->tls_key : NULL);
    if (c->users_file && !is_bad(s, "users_file"))
        load_users(l, s);
}

static void check_upstream_files(struct loading *l, const struct section *s)
{
    const struct upstream_config *u = section_struct(l, s), *before = old_upstream(l, u->name);
    check_named_file(l, s, "tls_ca", u->tls_ca, NO_SECRET, before ? before->tls_ca : NULL);
    check_named_file(l, s, "tls_cert", u->tls_cert, is_given(s, "tls_key") ? NO_SECRET : OWN_SECRET,
                     before ? before->tls_cert : NULL);
    check_named_file(l, s, "tls_key", u->tls_key, OWN_SECRET, before ? before->tls_key : NULL);
}

/* A missing log file is made, its folder is not. A running server keeps its log. */
static void check_log_target(struct loading *l, const struct section *s)
{
    const char *target = ((const struct log_config *)section_struct(l, s))->target,
               *slash = target ? strrchr(target, '/') : NULL;
    struct stat st;
    if (!slash || l->old || is_bad(s, "target"))
        return;
    if (stat(target, &st) == 0 && S_ISDIR(st.st_mode)) {
        complain(l, s, "target", "%s is a folder; allowed: the path of a file", target);
        return;
    }
    char *folder = mem_copy(target, (size_t)(slash - target));
    if (*folder && stat(folder, &st) != 0 && errno != EACCES)
        complain(l, s, "target", "the folder %s cannot be entered: %s", folder, strerror(errno));
    free(folder);
}

void check_files(struct loading *l)
{
    for (size_t i = 0; i < l->nsections; i++) {
        const struct section *s = &l->sections[i];
        if (s->id == SECTION_LOG)
            check_log_target(l, s);
        if (s->id == SECTION_LISTEN)
            check_listen_files(l, s);
        if (s->id != SECTION_UPSTREAM)
            continue;
        struct upstream_config *u = section_struct(l, s);
        check_upstream_files(l, s);
        load_secret_files(l, s, u);
        check_command(l, s, "password_command", &u->password_command);
        check_token_files(l, s);
        if (is_given(s, "password"))
            check_exposure(l, s, "password", l->findings.file, l->mode, PASSWORD);
        if (is_given(s, "proxy") && (u->proxy.password || is_bad(s, "proxy")))
            check_exposure(l, s, "proxy", l->findings.file, l->mode, PASSWORD);
    }
}
