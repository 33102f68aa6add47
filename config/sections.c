/* Handles sections and keys in the order of the file. The table decides where each goes in struct
 * config; the others are reported. */
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "config/load.h"
#include "config/reader.h"

void *section_struct(const struct loading *l, const struct section *s)
{
    switch (s->id) {
    case SECTION_LISTEN: return &l->config->listens[s->index];
    case SECTION_UPSTREAM: return &l->config->upstreams[s->index];
    case SECTION_SERVER: return &l->config->server;
    case SECTION_LOG: return &l->config->log;
    case SECTION_ADMIN: return &l->config->admin;
    case SECTION_SPOOL: return &l->config->spool;
    case SECTION_ALERT: return &l->config->alert;
    case SECTION_CLUSTER: return &l->config->cluster;
    default: return NULL;
    }
}

const struct given *given(const struct section *s, const char *key)
{
    return &s->given[keys_row(s->id, key)];
}

bool is_given(const struct section *s, const char *key)
{
    return given(s, key)->line > 0;
}

bool is_bad(const struct section *s, const char *key)
{
    return given(s, key)->bad;
}

static void tell(struct loading *l, bool warning, const struct section *s, const char *key,
                 const char *fmt, va_list args) PRINTF_LIKE(5, 0);
static void tell(struct loading *l, bool warning, const struct section *s, const char *key,
                 const char *fmt, va_list args)
{
    char where[CAP_CONFIG_TITLE + 64];
    int line = key && is_given(s, key) ? given(s, key)->line : s->line;
    snprintf(where, sizeof where, "%s%s%s", s->title, key ? " " : "", key ? key : "");
    findings_addv(&l->findings, line, warning, where, fmt, args);
}

void complain(struct loading *l, const struct section *s, const char *key, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    tell(l, false, s, key, fmt, args);
    va_end(args);
}

void advise(struct loading *l, const struct section *s, const char *key, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    tell(l, true, s, key, fmt, args);
    va_end(args);
}

/* Makes a place in struct config for one more section of a kind that may be repeated. */
static size_t grow(struct loading *l, enum section_id id, struct slice name, int line)
{
    struct config *c = l->config;
    if (id == SECTION_LISTEN) {
        c->listens = mem_resize(c->listens, (c->nlistens + 1) * sizeof *c->listens);
        c->listens[c->nlistens] = (struct listen_config){.name = slice_string(name), .line = line};
        return c->nlistens++;
    }
    if (id == SECTION_UPSTREAM) {
        c->upstreams = mem_resize(c->upstreams, (c->nupstreams + 1) * sizeof *c->upstreams);
        c->upstreams[c->nupstreams] =
            (struct upstream_config){.name = slice_string(name), .line = line};
        return c->nupstreams++;
    }
    return 0;
}

static const char *section_name(const struct loading *l, const struct section *s)
{
    if (s->id == SECTION_LISTEN)
        return l->config->listens[s->index].name;
    return s->id == SECTION_UPSTREAM ? l->config->upstreams[s->index].name : "";
}

struct section *section_add(struct loading *l, enum section_id id, struct slice name,
                            const char *title, int line)
{
    size_t index = grow(l, id, name, line);
    l->sections = mem_resize(l->sections, (l->nsections + 1) * sizeof *l->sections);
    struct section *s = &l->sections[l->nsections];
    *s = (struct section){.id = id, .index = index, .title = mem_string(title), .line = line};
    s->given = mem_alloc(keys_count() * sizeof *s->given);
    for (size_t i = 0; i < l->nsections; i++)
        if (l->sections[i].id == id && slice_is(name, section_name(l, &l->sections[i]))) {
            s->repeat = true;
            complain(l, s, NULL, "this section is already on line %d; allowed: one of each name",
                     l->sections[i].line);
            break;
        }
    l->nsections++;
    return s;
}

static bool account_name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_is_alpha(name.data[i]) && !ascii_is_digit(name.data[i]) &&
            (i == 0 || !strchr("-_.@+", name.data[i])))
            return false;
    return true;
}

static void refuse_unknown_section(struct loading *l, int line, const char *where,
                                   struct slice word)
{
    struct nearest n = {.wrong = word};
    for (size_t i = 0; i < SECTION_COUNT; i++)
        nearest_try(&n, section_kinds[i].word);
    findings_add(&l->findings, line, false, where,
                 "unknown section%s%s%s; allowed: [listen NAME], [upstream NAME], [server], [log], "
                 "[admin], [spool], [alert], [cluster]",
                 n.best ? " (did you mean [" : "", n.best ? n.best : "", n.best ? "]?)" : "");
}

static void on_header(void *ctx, int line, struct slice title)
{
    struct loading *l = ctx;
    char where[CAP_CONFIG_TITLE + 8];
    l->ignoring = true;
    snprintf(where, sizeof where, "[%.*s]",
             (int)(title.len < CAP_CONFIG_TITLE ? title.len : CAP_CONFIG_TITLE), title.data);
    if (title.len > CAP_CONFIG_TITLE) {
        findings_add(&l->findings, line, false, NULL,
                     "the section's name is too long: %zu octets, allowed are %d", title.len,
                     CAP_CONFIG_TITLE);
        return;
    }
    size_t blank = slice_find(title, ' ') < slice_find(title, '\t') ? slice_find(title, ' ')
                                                                    : slice_find(title, '\t');
    struct slice word = slice_head(title, blank), name = slice_trim(slice_from(title, blank));
    if (word.len == 0) {
        findings_add(&l->findings, line, false, where,
                     "a section without a name; allowed: [listen NAME], [upstream NAME], [server], "
                     "[log], [admin], [spool], [alert], [cluster]");
        return;
    }
    for (size_t id = 0; id < SECTION_COUNT; id++) {
        if (!slice_is(word, section_kinds[id].word))
            continue;
        if (name.len && !section_kinds[id].named)
            findings_add(&l->findings, line, false, where,
                         "this section comes once and takes no name; allowed: [%s]",
                         section_kinds[id].word);
        else if (!account_name_is_valid(name))
            findings_add(
                &l->findings, line, false, where,
                "a name is letters, digits and - _ . @ +, and begins with a letter or a digit");
        else {
            section_add(l, (enum section_id)id,
                        name.len || !section_kinds[id].named ? name : slice_of("default"), where,
                        line);
            l->ignoring = false;
        }
        return;
    }
    refuse_unknown_section(l, line, where, word);
}

static void on_lost(void *ctx)
{
    struct loading *l = ctx;
    l->ignoring = true;
}

/* --- keys and values --- */

static struct section *current(struct loading *l)
{
    return l->ignoring || l->nsections == 0 ? NULL : &l->sections[l->nsections - 1];
}

static enum key_shape on_shape(void *ctx, struct slice name)
{
    const struct section *s = current(ctx);
    const struct key *key = s ? keys_find(s->id, name) : NULL;
    if (!key)
        return SHAPE_UNKNOWN;
    if (key->type->secret)
        return SHAPE_SECRET;
    if (!key->type->list)
        return SHAPE_ONE_LINE;
    return key->type == &type_aliases ? SHAPE_LIST_OF_PAIRS : SHAPE_LIST;
}

static void on_wrong(void *ctx, int line, struct slice name, const char *words)
{
    struct loading *l = ctx;
    const struct section *s = current(l);
    char where[CAP_CONFIG_TITLE + 64];
    if (s)
        snprintf(where, sizeof where, "%s%s%.*s", s->title, name.len ? " " : "", SHOWN(name));
    findings_add(&l->findings, line, false, s ? where : NULL, "%s", words);
    /* Otherwise a rule would call it missing. */
    if (s && name.len && keys_find(s->id, name)) {
        char *text = slice_string(name);
        struct given *g = &s->given[keys_row(s->id, text)];
        if (!g->line)
            *g = (struct given){.line = line, .bad = true};
        free(text);
    }
}

/* Returns whether a message may show a name. A stray line of a password that ends in "=" does not
 * look like a key. */
static bool looks_like_key(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_is_alpha(name.data[i]) && name.data[i] != '_' && name.data[i] != '-')
            return false;
    return name.len <= 32;
}

static void refuse_unknown_key(struct loading *l, const struct section *s, int line,
                               struct slice name)
{
    struct nearest n = {.wrong = name};
    char where[CAP_CONFIG_TITLE + 64], words[1600];
    size_t len = 0;
    const char *elsewhere = NULL;
    for (size_t row = 0; row < keys_count(); row++) {
        if (keys_at(row)->section == s->id)
            nearest_try(&n, keys_at(row)->name);
        else if (slice_is(name, keys_at(row)->name))
            elsewhere = section_kinds[keys_at(row)->section].word;
    }
    snprintf(where, sizeof where, "%s%s%.*s", s->title, looks_like_key(name) ? " " : "",
             looks_like_key(name) ? (int)name.len : 0, name.data);
    if (elsewhere)
        snprintf(words, sizeof words, "this key belongs in [%s]", elsewhere);
    else if (n.best)
        snprintf(words, sizeof words, "unknown key; did you mean %s?", n.best);
    else {
        len = (size_t)snprintf(words, sizeof words, "unknown key; allowed:");
        for (size_t row = 0; row < keys_count() && len < sizeof words; row++)
            if (keys_at(row)->section == s->id)
                len += (size_t)snprintf(words + len, sizeof words - len, " %s", keys_at(row)->name);
    }
    findings_add(&l->findings, line, false, where, "%s", words);
}

int set_value(struct loading *l, const struct section *s, const struct key *key, struct slice text,
              struct err *err)
{
    void *base = section_struct(l, s);
    key_clear(key, base);
    int rc = key->type->parse(key, text, (char *)base + key->offset, err);
    if (rc != 0)
        key_clear(key, base);
    else
        keep_text(l, s, key, text);
    return rc;
}

void refuse_value(struct loading *l, struct section *s, const struct key *key, int line,
                  const char *words)
{
    s->given[keys_row(s->id, key->name)] = (struct given){.line = line, .bad = true};
    complain(l, s, key->name, "%s", words);
}

void take_value(struct loading *l, struct section *s, const struct key *key, int line,
                struct slice text)
{
    struct err err;
    s->given[keys_row(s->id, key->name)].line = line;
    if (set_value(l, s, key, text, &err) != 0)
        refuse_value(l, s, key, line, err.words);
    else
        check_text(l, s, key, text);
}

static void on_pair(void *ctx, int line, const char *name, const char *value)
{
    struct loading *l = ctx;
    struct section *s = current(l);
    if (l->ignoring)
        return;
    if (!s) {
        findings_add(&l->findings, line, false, NULL,
                     "a key before any section; allowed first: [listen NAME], [upstream NAME], "
                     "[server], [log], [admin], [spool], [alert], [cluster]");
        return;
    }
    const struct key *key = keys_find(s->id, slice_of(name));
    if (!key) {
        refuse_unknown_key(l, s, line, slice_of(name));
        return;
    }
    const struct given *g = given(s, name);
    if (g->line) {
        char where[CAP_CONFIG_TITLE + 64];
        snprintf(where, sizeof where, "%s %s", s->title, key->name);
        findings_add(&l->findings, line, false, where, "given twice; it is already on line %d",
                     g->line);
    } else if (!*value)
        refuse_value(l, s, key, line,
                     "no value after the \"=\"; leave the line out for the default");
    else
        take_value(l, s, key, line, slice_of(value));
}

const struct reader_events section_events = {
    .header = on_header,
    .lost = on_lost,
    .shape = on_shape,
    .pair = on_pair,
    .wrong = on_wrong,
};
