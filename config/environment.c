/* Reads keys from environment variables. The names follow from the table of keys. */
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
#include "config/load.h"
#include "config/named_file.h"

extern char **environ;

#define PREFIX "SMTP_DETOUR_"
#define FILE_SUFFIX "_FILE"

enum { NAME_SIZE = 128 };

struct variable {
    /* The name is "SMTP_DETOUR_UPSTREAM_HOST", for example. The value stands after the "=". */
    struct slice name, value;
    /* The key is NULL if the variable is none. */
    const struct key *key;
    /* The value is the path of a file that holds it. */
    bool from_file;
};

/* Writes the name of the key's variable, such as "SMTP_DETOUR_UPSTREAM_HOST". Returns out. */
static const char *key_variable(const struct key *key, char out[NAME_SIZE])
{
    int n = snprintf(out, NAME_SIZE, PREFIX "%s_%s", section_kinds[key->section].word, key->name);
    for (int i = 0; i < n && i < NAME_SIZE; i++)
        if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
    return out;
}

static const struct key *key_of(struct slice name)
{
    char known[NAME_SIZE];
    for (size_t row = 0; row < keys_count(); row++)
        if (slice_is(name, key_variable(keys_at(row), known)))
            return keys_at(row);
    return NULL;
}

static bool ends_in(struct slice text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && slice_is(slice_from(text, text.len - len), end);
}

/* Kubernetes sets variables like SMTP_DETOUR_SERVICE_HOST and SMTP_DETOUR_ADMIN_PORT_8025_TCP in
 * every pod beside a Service of that name. Nobody wrote them. */
static bool is_of_a_service(const struct variable *v)
{
    static const char *const ends[] = {"_SERVICE_HOST", "_SERVICE_PORT", "_PORT_ADDR",
                                       "_TCP_ADDR",     "_TCP_PORT",     "_TCP_PROTO",
                                       "_UDP_ADDR",     "_UDP_PORT",     "_UDP_PROTO"};
    char name[NAME_SIZE];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_in(v->name, ends[i]))
            return true;
    snprintf(name, sizeof name, "%.*s", SHOWN(v->name));
    return strstr(name, "_SERVICE_PORT_") || slice_starts(v->value, "tcp://") ||
           slice_starts(v->value, "udp://");
}

/* Returns false for what is none of ours. */
static bool variable_parse(const char *text, struct variable *v)
{
    struct slice all = slice_of(text);
    size_t equals = slice_find(all, '=');
    *v = (struct variable){.name = slice_head(all, equals), .value = slice_from(all, equals + 1)};
    if (!slice_starts(all, PREFIX) || v->value.len == 0)
        return false;
    v->key = key_of(v->name);
    if (!v->key && ends_in(v->name, FILE_SUFFIX)) {
        v->key = key_of(slice_head(v->name, v->name.len - strlen(FILE_SUFFIX)));
        v->from_file = v->key != NULL;
    }
    return v->key || !is_of_a_service(v);
}

const char *environment_first(void)
{
    struct variable v;
    for (size_t i = 0; environ[i]; i++)
        if (variable_parse(environ[i], &v) && v.key)
            return environ[i];
    return NULL;
}

/* ---- values ---- */

/* Lines of a list are joined, as in the file. Returns what is wrong with the rest, or NULL. */
static const char *make_sound(const struct key *key, char *text)
{
    for (char *p = text; *p; p++) {
        if (key->type->list && (*p == '\n' || *p == '\r'))
            *p = ' ';
        if (ascii_is_control(*p) && *p != '\t')
            return "a control character in the value; allowed: printable text and tabs";
    }
    return NULL;
}

static void take_text(struct loading *l, struct section *s, const struct variable *v, int line,
                      struct slice value)
{
    size_t most = v->key->type->secret ? CAP_CONFIG_SECRET : CAP_CONFIG_LINE;
    /* A newline ends the value unless it is a list. */
    if (!v->key->type->list)
        value = slice_head(value, slice_find(value, '\n'));
    /* A blank at the end of a secret may belong to it; check_secret_text warns. */
    char *text = slice_string(v->key->type->secret ? value : slice_trim(value)), name[NAME_SIZE];
    const char *wrong = make_sound(v->key, text);
    snprintf(name, sizeof name, "%.*s", SHOWN(v->name));
    if (value.len > most)
        refuse_value(l, s, v->key, line, "the value is too long");
    else if (wrong)
        refuse_value(l, s, v->key, line, wrong);
    else {
        take_value(l, s, v->key, line, slice_of(text));
        if (v->key->type->secret)
            check_secret_text(l, s, v->key->name, name, slice_of(text));
    }
    secret_erase(text, strlen(text));
    free(text);
}

/* Gives the text of a file that holds no secret, at most one octet more than a line may have. NULL
 * with errno. */
static char *read_plain(const char *path)
{
    struct stat st;
    int fd = secret_file_open(path, &st);
    if (fd < 0)
        return NULL;
    char *text = mem_alloc(CAP_CONFIG_LINE + 2);
    ssize_t n = secret_file_bytes(fd, text, CAP_CONFIG_LINE + 1);
    int saved = errno;
    close(fd);
    errno = saved;
    if (n >= 0)
        return text;
    free(text);
    return NULL;
}

/* The function refuse_value marks the key as given, so that no rule calls it missing. */
static void take_secret_file(struct loading *l, struct section *s, const struct variable *v,
                             int line, const char *path)
{
    struct err err;
    unsigned mode;
    struct secret *secret = secret_file_read(path, &mode, &err);
    if (secret) {
        take_text(l, s, v, line, secret_reveal(secret));
        check_exposure(l, s, v->key->name, path, mode, PASSWORD);
    } else
        refuse_value(l, s, v->key, line, err.words);
    secret_free(&secret);
}

static void take_file(struct loading *l, struct section *s, const struct variable *v, int line)
{
    char *path = slice_string(v->value);
    if (v->key->type->secret)
        take_secret_file(l, s, v, line, path);
    else {
        char *text = read_plain(path);
        if (text)
            take_text(l, s, v, line, slice_of(text));
        else {
            struct err err;
            err_set(&err, ERR_INVALID, "%.200s cannot be read: %s", path, strerror(errno));
            refuse_value(l, s, v->key, line, err.words);
        }
        free(text);
    }
    free(path);
}

/* ---- sections ---- */

static struct section *section_of(struct loading *l, enum section_id id)
{
    char title[CAP_CONFIG_TITLE];
    for (size_t i = 0; i < l->nsections; i++)
        if (l->sections[i].id == id)
            return &l->sections[i];
    snprintf(title, sizeof title, "[%s]", section_kinds[id].word);
    /* A line that no variable has stands for the environment as a whole. */
    return section_add(l, id, slice_of(section_kinds[id].named ? "default" : ""), title,
                       CAP_CONFIG_FILE);
}

static void refuse_unknown(struct loading *l, const struct variable *v, int line)
{
    struct nearest n = {.wrong = slice_from(v->name, strlen(PREFIX))};
    char names[NAME_SIZE], best[NAME_SIZE];
    for (size_t row = 0; row < keys_count(); row++) {
        const char *before = n.best;
        nearest_try(&n, key_variable(keys_at(row), names) + strlen(PREFIX));
        if (n.best != before) {
            snprintf(best, sizeof best, "%s", names);
            n.best = best;
        }
    }
    findings_add(&l->findings, line, false, NULL,
                 "no key of the configuration has this name%s%s%s; names are " PREFIX
                 "SECTION_KEY, as in " PREFIX "UPSTREAM_HOST, or with _FILE behind",
                 n.best ? " (did you mean " : "", n.best ? n.best : "", n.best ? "?)" : "");
}

static void take(struct loading *l, const struct variable *v, int line)
{
    if (!v->key) {
        refuse_unknown(l, v, line);
        return;
    }
    struct section *s = section_of(l, v->key->section);
    if (is_given(s, v->key->name))
        findings_add(&l->findings, line, false, NULL, "given twice; %s gives it already",
                     l->config->variables.items[given(s, v->key->name)->line - 1]);
    else if (v->from_file)
        take_file(l, s, v, line);
    else
        take_text(l, s, v, line, v->value);
}

void environment_read(struct loading *l)
{
    struct strings *names = &l->config->variables;
    struct variable v;
    l->mode = 0600;
    l->findings.variables = names;
    for (size_t i = 0; environ[i]; i++) {
        if (!variable_parse(environ[i], &v))
            continue;
        names->items = mem_resize(names->items, (names->n + 1) * sizeof *names->items);
        names->items[names->n++] = slice_string(v.name);
        take(l, &v, (int)names->n);
    }
}
