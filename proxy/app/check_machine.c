#include "app/check_machine.h"

#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/port_holder.h"
#include "app/privileges.h"
#include "app/reader_rights.h"
#include "base/secret_file.h"

/* ---- files ---- */

/* The server's user and group, as whoever is root now sees them. */
struct file_reader {
    const struct config *config;
    struct identity identity;
    struct reader_rights rights;
};

static const char *group_name(gid_t gid)
{
    const struct group *group = getgrgid(gid);
    return group ? group->gr_name : "its-group";
}

/* The one command that puts it right; only the file itself is anybody's to open. */
static void print_cure(const struct file_reader *r, const char *path, const char *where)
{
    char *real = realpath(path, NULL);
    if (real && strcmp(real, where) == 0)
        fprintf(stderr, "; needed: chown root:%s %s && chmod 640 %s\n", group_name(r->identity.gid),
                where, where);
    else
        fprintf(stderr,
                ", for it may not enter %s; needed: another place, such as "
                "/etc/smtp-detour\n",
                where);
    free(real);
}

static void check_file(const struct file_reader *r, int line, const char *section, const char *name,
                       const char *key, const char *path)
{
    char where[PATH_MAX], place[CONFIG_PLACE];
    if (!path || reader_may_read(&r->rights, path, where, sizeof where))
        return;
    fprintf(stderr,
            "%s: warning: [%s %s] %s: the server's user %s cannot read %s (a start as root can, "
            "a service started as that user and a reload cannot)",
            config_place(r->config, line, place, sizeof place), section, name, key,
            r->identity.name, path);
    print_cure(r, path, where);
}

static void check_account(const struct file_reader *r, const struct upstream_config *u)
{
    char *password = u->password_file ? secret_file_path(u->password_file) : NULL;
    const struct {
        const char *key, *path;
    } files[] = {{"password_file", password},
                 {"tls_ca", u->tls_ca},
                 {"tls_cert", u->tls_cert},
                 {"tls_key", u->tls_key}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_file(r, config_line_of(u, files[i].key), "upstream", u->name, files[i].key,
                   files[i].path);
    free(password);
}

static void check_files(const struct config *config)
{
    struct file_reader r = {.config = config};
    char where[PATH_MAX];
    struct err err;
    if (identity_find(&config->server, &r.identity, &err) != 0 || !r.identity.change)
        return;
    /* It is warned of as it is: first of all a user has to be made. */
    if (r.identity.is_nobody && !config->server.user)
        return;
    reader_rights_of(r.identity.name, r.identity.uid, r.identity.gid, &r.rights);
    if (!config->variables.n && !reader_may_read(&r.rights, config->file, where, sizeof where)) {
        fprintf(stderr,
                "%s: warning: the server's user %s cannot read it (a start as root can, a service "
                "started as that user and a reload cannot)",
                config->file, r.identity.name);
        print_cure(&r, config->file, where);
    }
    for (size_t i = 0; i < config->nupstreams; i++)
        check_account(&r, &config->upstreams[i]);
    for (size_t i = 0; i < config->nlistens; i++) {
        const struct listen_config *l = &config->listens[i];
        for (size_t k = 0; k < l->tls_cert.n; k++)
            check_file(&r, l->line, "listen", l->name, "tls_cert", l->tls_cert.items[k]);
        for (size_t k = 0; k < l->tls_key.n; k++)
            check_file(&r, l->line, "listen", l->name, "tls_key", l->tls_key.items[k]);
        check_file(&r, l->line, "listen", l->name, "users_file", l->users_file);
    }
}

/* ---- ports ---- */

/* The server itself may run while its configuration is checked. */
static bool is_ourselves(const struct port_holder *h)
{
    char mine[PATH_MAX], its[PATH_MAX], path[64];
    snprintf(path, sizeof path, "/proc/%ld/exe", (long)h->pid);
    ssize_t a = readlink("/proc/self/exe", mine, sizeof mine),
            b = h->pid ? readlink(path, its, sizeof its) : -1;
    return strcmp(h->name, "smtp-detour") == 0 ||
           (a > 0 && a == b && memcmp(mine, its, (size_t)a) == 0);
}

static void check_port(const struct config *config, int line, const char *title,
                       const struct addr *at)
{
    char address[ADDR_TEXT], words[64], place[CONFIG_PLACE];
    struct port_holder holder;
    if (!port_holder_find(at, &holder) || is_ourselves(&holder))
        return;
    fprintf(stderr, "%s: warning: [%s] address: %s is held by %s; the server will not start\n",
            config_place(config, line, place, sizeof place), title,
            addr_text_with_port(at, address), port_holder_words(&holder, words));
}

void check_machine(const struct config *config)
{
    check_files(config);
    for (size_t i = 0; i < config->nlistens; i++) {
        char title[200];
        snprintf(title, sizeof title, "listen %s", config->listens[i].name);
        for (size_t k = 0; k < config->listens[i].address.n; k++)
            check_port(config, config->listens[i].line, title,
                       &config->listens[i].address.items[k]);
    }
}
