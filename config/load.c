/* Reads proxy.ini: the file, its sections, the defaults, then the rules. Makes and frees a struct
 * config. */
#include "config/load.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/mem.h"
#include "base/secret.h"
#include "config/presets.h"
#include "config/reader.h"

/* Chooses the preset of an account if its provider is given and known. An unconfirmed SIZE is not
 * used. */
static bool choose_preset(struct loading *l, const struct section *s,
                          struct preset_choice *choice_r)
{
    struct upstream_config *u = s->id == SECTION_UPSTREAM ? section_struct(l, s) : NULL;
    struct err err;
    if (!u || !u->provider || preset_choose(slice_of(u->provider), false, choice_r, &err) != 0)
        return false;
    const struct preset_number *size = &choice_r->preset->size;
    u->size_hint = size->trust == TRUST_UNCONFIRMED ? 0 : size->value;
    return true;
}

static void fill_defaults(struct loading *l, const struct section *s)
{
    struct preset_choice choice;
    char value[PRESET_VALUE];
    struct err err;
    bool has_preset = choose_preset(l, s, &choice);
    for (size_t row = 0; row < keys_count(); row++) {
        const struct key *key = keys_at(row);
        if (key->section != s->id || (s->given[row].line > 0 && !s->given[row].bad))
            continue;
        const char *preset = has_preset ? preset_value(&choice, key->name, value) : NULL,
                   *text = preset ? preset : key->def;
        s->given[row].preset = preset != NULL;
        if (text && set_value(l, s, key, slice_of(text), &err) != 0)
            complain(l, s, key->name, "the built-in default: %s", err.words);
    }
    if (s->id == SECTION_LISTEN)
        l->config->listens[s->index].address_is_default = !is_given(s, "address");
}

/* $STATE_DIRECTORY is from systemd: one path, or several with colons between. */
static char *default_state_dir(void)
{
    struct slice path = slice_of(getenv("STATE_DIRECTORY"));
    path = slice_head(path, slice_find(path, ':'));
    return slice_starts(path, "/") ? slice_string(path) : mem_string("/var/lib/smtp-detour");
}

static bool has_section(const struct loading *l, enum section_id id)
{
    for (size_t i = 0; i < l->nsections; i++)
        if (l->sections[i].id == id)
            return true;
    return false;
}

static void section_free(struct section *s)
{
    free(s->title);
    for (size_t row = 0; row < keys_count(); row++)
        free(s->given[row].text);
    free(s->given);
}

/* Mail may be left of a time when there was a [spool], and the commands send it and show it. */
static void complete_spool(struct loading *l)
{
    struct spool_config *spool = &l->config->spool;
    spool->is_on = has_section(l, SECTION_SPOOL);
    if (!spool->is_on) {
        fill_defaults(l, section_add(l, SECTION_SPOOL, slice_of(""), "[spool]", 0));
        section_free(&l->sections[--l->nsections]);
    }
    if (spool->directory)
        return;
    size_t size = strlen(l->config->server.state_dir) + sizeof "/spool";
    spool->directory = mem_alloc(size);
    snprintf(spool->directory, size, "%s/spool", l->config->server.state_dir);
}

static void complete_cluster(struct loading *l)
{
    struct cluster_config *cluster = &l->config->cluster;
    cluster->is_on = has_section(l, SECTION_CLUSTER);
    if (cluster->is_on && !cluster->instance)
        cluster->instance = mem_string(l->config->server.hostname);
}

static void complete(struct loading *l)
{
    struct server_config *server = &l->config->server;
    if (!has_section(l, SECTION_UPSTREAM))
        findings_add(&l->findings, 0, false, NULL,
                     "no [upstream] section: at least one account is needed, with its host");
    if (!has_section(l, SECTION_LISTEN))
        section_add(l, SECTION_LISTEN, slice_of("default"), "[listen]", 0);
    if (!has_section(l, SECTION_SERVER))
        section_add(l, SECTION_SERVER, slice_of(""), "[server]", 0);
    if (!has_section(l, SECTION_LOG))
        section_add(l, SECTION_LOG, slice_of(""), "[log]", 0);
    if (!has_section(l, SECTION_ADMIN))
        section_add(l, SECTION_ADMIN, slice_of(""), "[admin]", 0);
    for (size_t i = 0; i < l->nsections; i++)
        fill_defaults(l, &l->sections[i]);
    if (!server->hostname)
        server->hostname = hostname_default();
    if (!server->state_dir)
        server->state_dir = default_state_dir();
    complete_tokens(l);
    complete_spool(l);
    l->config->alert.is_on = has_section(l, SECTION_ALERT);
    complete_cluster(l);
    struct admin_config *admin = &l->config->admin;
    admin->hosts_are_default = admin->hosts.n == 0;
    if (admin->hosts_are_default)
        hostname_names(server->hostname, &admin->hosts);
}

/* --- the file --- */

/* Fills `bytes`, which has CAP_CONFIG_FILE + 1 octets. Returns -1 with errno. *len_r says how many
 * were written, after an error, too. */
static int read_all(int fd, char *bytes, size_t *len_r)
{
    for (;;) {
        ssize_t n = read(fd, bytes + *len_r, CAP_CONFIG_FILE + 1 - *len_r);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            return 0;
        *len_r += (size_t)n;
    }
}

/* Returns -1 with errno, which is EFBIG for a file beyond the cap. */
static int read_file(struct loading *l, const char *file, char *bytes, size_t *len_r)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    int rc = fstat(fd, &st);
    if (rc == 0 && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        rc = -1;
    }
    if (rc == 0) {
        l->mode = st.st_mode & 07777;
        check_trust(l, file, &st);
        rc = read_all(fd, bytes, len_r);
    }
    if (rc == 0 && *len_r > CAP_CONFIG_FILE) {
        errno = EFBIG;
        rc = -1;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return rc;
}

const struct listen_config *old_listen(const struct loading *l, const char *name)
{
    for (size_t i = 0; l->old && i < l->old->nlistens; i++)
        if (strcmp(l->old->listens[i].name, name) == 0)
            return &l->old->listens[i];
    return NULL;
}

const struct upstream_config *old_upstream(const struct loading *l, const char *name)
{
    for (size_t i = 0; l->old && i < l->old->nupstreams; i++)
        if (strcmp(l->old->upstreams[i].name, name) == 0)
            return &l->old->upstreams[i];
    return NULL;
}

/* Call this after the sections and keys were read. */
static void finish(struct loading *l)
{
    complete(l);
    check_rules(l);
    check_routing(l);
    check_identity(l);
    check_spool(l);
    check_alert(l);
    check_cluster(l);
    check_files(l);
    check_presets(l);
}

/* Doctor names the line that has to be changed. */
static void keep_lines(struct loading *l, const struct section *s)
{
    if (s->id != SECTION_UPSTREAM)
        return;
    int *lines = mem_alloc(keys_count() * sizeof *lines);
    for (size_t row = 0; row < keys_count(); row++)
        lines[row] = s->given[row].line;
    l->config->upstreams[s->index].key_lines = lines;
}

/* The message does not say whose right is missing. A service runs as its unit says, and a process
 * that was started as root is another user on a reload. */
static void complain_unreadable(struct loading *l, int why)
{
    const struct passwd *user = why == EACCES ? getpwuid(geteuid()) : NULL;
    findings_add(&l->findings, 0, false, NULL, "cannot be read%s%s: %s", user ? " by user " : "",
                 user ? user->pw_name : "", strerror(why));
}

/* The end of reading: what was only needed for it goes, and the config too if anything is wrong. */
static void give(struct loading *l, struct config_report *report)
{
    if (l->print && !l->findings.errors)
        print_in_force(l);
    for (size_t i = 0; i < l->nsections; i++) {
        keep_lines(l, &l->sections[i]);
        section_free(&l->sections[i]);
    }
    free(l->sections);
    if (l->findings.errors)
        config_unref(&l->config);
    findings_give(&l->findings, report);
}

static void load_text(struct loading *l, struct slice text)
{
    reader_run(text, &section_events, l);
    finish(l);
}

/* The two are never mixed: whoever reads the file knows what is in force. */
static void warn_of_unused(struct loading *l, const char *variable)
{
    findings_add(&l->findings, 0, true, NULL,
                 "%.*s in the environment is not used, nor is any other variable, because this "
                 "file exists",
                 (int)slice_find(slice_of(variable), '='), variable);
}

static struct config *load(struct loading *l, const char *file, struct config_report *report)
{
    char *bytes = mem_alloc(CAP_CONFIG_FILE + 1);
    size_t len = 0;
    l->findings.file = file;
    l->config = NEW(struct config);
    l->config->refs = 1;
    l->config->file = mem_string(file);
    const char *variable = environment_first();
    if (read_file(l, file, bytes, &len) == 0) {
        if (variable)
            warn_of_unused(l, variable);
        if (!l->findings.errors)
            load_text(l, slice_make(bytes, len));
    } else if (errno == ENOENT && variable) {
        environment_read(l);
        finish(l);
    } else
        complain_unreadable(l, errno);
    secret_erase(bytes, len);
    free(bytes);
    give(l, report);
    return l->config;
}

struct config *config_reload(const char *file, const struct config *old,
                             struct config_report *report)
{
    return load(&(struct loading){.old = old}, file, report);
}

bool config_is_there(const char *file)
{
    return access(file, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR) || environment_first();
}

struct config *config_load(const char *file, struct config_report *report)
{
    return load(&(struct loading){0}, file, report);
}

struct config *config_load_printing(const char *file, struct config_report *report, FILE *out)
{
    return load(&(struct loading){.print = out}, file, report);
}

struct config *config_from_text(const char *file, struct slice text, struct config_report *report)
{
    struct loading l = {.config = NEW(struct config), .findings.file = file, .mode = 0600};
    l.config->refs = 1;
    l.config->file = mem_string(file);
    load_text(&l, text);
    give(&l, report);
    return l.config;
}

struct config *config_for_host(const char *host)
{
    struct config_report report = {0};
    char text[600];
    char *valid = strlen(host) < 300 ? host_parse(slice_of(host)) : NULL;
    snprintf(text, sizeof text,
             "[upstream]\nhost = %s\nports = 587 465/implicit 2525 2587 443/implicit 1025\n",
             valid ? valid : "");
    free(valid);
    struct config *config = config_from_text("--host", slice_of(text), &report);
    config_report_free(&report);
    return config;
}

struct config *config_ref(struct config *c)
{
    c->refs++;
    return c;
}

void config_forget_passwords(struct config *c)
{
    for (size_t i = 0; i < c->nupstreams; i++) {
        secret_free(&c->upstreams[i].password);
        secret_free(&c->upstreams[i].api_secret);
        secret_free(&c->upstreams[i].oauth.client_secret);
    }
}

static void listen_clear(struct listen_config *l)
{
    keys_clear(SECTION_LISTEN, l);
    users_clear(&l->users);
    free(l->name);
}

void config_unref(struct config **config)
{
    struct config *c = *config;
    *config = NULL;
    if (!c || --c->refs > 0)
        return;
    for (size_t i = 0; i < c->nlistens; i++)
        listen_clear(&c->listens[i]);
    for (size_t i = 0; i < c->nupstreams; i++) {
        keys_clear(SECTION_UPSTREAM, &c->upstreams[i]);
        secret_free(&c->upstreams[i].api_secret);
        free(c->upstreams[i].oauth.api_scope);
        free(c->upstreams[i].name);
        free(c->upstreams[i].key_lines);
    }
    keys_clear(SECTION_SERVER, &c->server);
    keys_clear(SECTION_LOG, &c->log);
    keys_clear(SECTION_ADMIN, &c->admin);
    keys_clear(SECTION_SPOOL, &c->spool);
    keys_clear(SECTION_ALERT, &c->alert);
    keys_clear(SECTION_CLUSTER, &c->cluster);
    secret_free(&c->cluster.key);
    secret_free(&c->cluster.password);
    free(c->listens);
    free(c->upstreams);
    strings_clear(&c->variables);
    free(c->file);
    free(c);
}

int config_line_of(const struct upstream_config *u, const char *key)
{
    return u->key_lines ? u->key_lines[keys_row(SECTION_UPSTREAM, key)] : 0;
}

void config_forget_cluster(struct config *c)
{
    c->cluster.is_on = false;
}

void config_forget_state(struct config *c)
{
    free(c->server.state_dir);
    c->server.state_dir = NULL;
}
