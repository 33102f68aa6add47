/* Finds a preset by what a user wrote, and returns what it gives to an account. */
#include "config/presets.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/presets_table.h"
#include "config/report.h"
#include "config/table.h"

size_t presets_count(void)
{
    return presets_mailbox_count + presets_service_count;
}

const struct preset *presets_at(size_t index)
{
    return index < presets_mailbox_count ? &presets_mailbox[index]
                                         : &presets_service[index - presets_mailbox_count];
}

bool preset_is_mailbox(const struct preset *preset)
{
    for (size_t i = 0; i < presets_mailbox_count; i++)
        if (preset == &presets_mailbox[i])
            return true;
    return false;
}

const char *trust_words(enum trust trust)
{
    switch (trust) {
    case TRUST_PROVIDER: return "the provider's own documentation";
    case TRUST_CURATED: return "curated public lists";
    case TRUST_COMMUNITY: return "community reports";
    case TRUST_UNCONFIRMED: break;
    }
    return "unconfirmed";
}

/* --- names --- */

/* Compares the preset's names with a word. Its other names count like its name, and so does the
 * beginning of each. */
static bool is_near(const struct preset *p, struct slice wrong, unsigned *distance_r)
{
    struct nearest n = {.wrong = wrong};
    struct slice rest = slice_of(p->also), item;
    nearest_try(&n, p->name);
    while (next_item(&rest, &item)) {
        char word[40];
        snprintf(word, sizeof word, "%.*s", SHOWN(item));
        struct nearest other = {.wrong = wrong};
        nearest_try(&other, word);
        if (other.best && (!n.best || other.distance < n.distance))
            n = (struct nearest){.wrong = wrong, .best = p->name, .distance = other.distance};
    }
    struct slice name = slice_of(p->name);
    bool part = wrong.len >= 3 && slice_equal(slice_head(name, wrong.len), wrong);
    bool whole = wrong.len > name.len && slice_equal(slice_head(wrong, name.len), name);
    *distance_r = n.best ? n.distance : 4;
    return n.best || part || whole;
}

size_t presets_nearest(struct slice name, const char *near_r[PRESET_NEAREST])
{
    unsigned distances[PRESET_NEAREST] = {0};
    size_t n = 0;
    char lower[41];
    name = slice_head(name, slice_find(name, ':') < sizeof lower - 1 ? slice_find(name, ':')
                                                                     : sizeof lower - 1);
    for (size_t i = 0; i < name.len; i++)
        lower[i] = name.data[i] == '_' ? '-' : ascii_lower(name.data[i]);
    struct slice wrong = slice_make(lower, name.len);
    for (size_t i = 0; i < presets_count(); i++) {
        unsigned distance;
        size_t at = n;
        if (!is_near(presets_at(i), wrong, &distance))
            continue;
        while (at > 0 && distances[at - 1] > distance)
            at--;
        if (at == PRESET_NEAREST)
            continue;
        n += n < PRESET_NEAREST;
        for (size_t j = n - 1; j > at; j--) {
            distances[j] = distances[j - 1];
            near_r[j] = near_r[j - 1];
        }
        distances[at] = distance;
        near_r[at] = presets_at(i)->name;
    }
    while (n > 1 && distances[n - 1] > distances[0])
        n--;
    return n;
}

static int refuse_name(struct slice name, struct err *err)
{
    const char *near[PRESET_NEAREST];
    char guess[120] = "";
    size_t n = presets_nearest(name, near), len = 0;
    for (size_t i = 0; i < n && len < sizeof guess; i++)
        len += (size_t)snprintf(guess + len, sizeof guess - len, "%s%s",
                                i == 0       ? "; did you mean "
                                : i + 1 == n ? " or "
                                             : ", ",
                                near[i]);
    err_set(err, ERR_NOT_FOUND,
            "there is no provider \"%.*s\"%s%s; \"smtp-detour providers\" lists them, and host "
            "does without",
            SHOWN(name), guess, n ? "?" : "");
    return -1;
}

static const struct preset *find(struct slice name)
{
    for (size_t i = 0; i < presets_count(); i++)
        if (slice_is_word(name, presets_at(i)->name))
            return presets_at(i);
    return NULL;
}

/* --- regions --- */

static bool is_region_like(struct slice region)
{
    for (size_t i = 0; i < region.len; i++)
        if (!ascii_is_alpha(region.data[i]) && !ascii_is_digit(region.data[i]) &&
            (region.data[i] != '-' || i == 0 || i + 1 == region.len))
            return false;
    return region.len > 0 && region.len <= 40;
}

static int refuse_region(const struct preset *p, struct slice region, struct err *err)
{
    if (!p->regions)
        err_set(err, ERR_INVALID, "%s has no regions; allowed: %s", p->name, p->name);
    else if (region.len == 0)
        err_set(
            err, ERR_INVALID,
            "%s needs a region: %s:REGION, such as %s:%s; \"smtp-detour providers %s\" lists them",
            p->name, p->name, p->name, p->regions[0].name, p->name);
    else
        err_set(err, ERR_INVALID,
                "\"%.*s\" is no region of %s; \"smtp-detour providers %s\" lists them",
                SHOWN(region), p->name, p->name);
    return -1;
}

/* A region outside of the list replaces REGION in the pattern, in lower case. */
static void fill_pattern(struct preset_choice *choice)
{
    const char *pattern = choice->preset->host.text, *mark = strstr(pattern, "REGION");
    size_t before = mark ? (size_t)(mark - pattern) : strlen(pattern);
    snprintf(choice->host, sizeof choice->host, "%.*s%.*s%s", (int)before, pattern,
             (int)choice->region.len, choice->region.data, mark ? mark + strlen("REGION") : "");
    for (char *c = choice->host; *c; c++)
        *c = ascii_lower(*c);
}

int preset_choose(struct slice text, bool any, struct preset_choice *choice_r, struct err *err)
{
    size_t colon = slice_find(text, ':');
    struct slice name = slice_head(text, colon);
    const struct preset *p = find(name);
    *choice_r = (struct preset_choice){.preset = p, .region = slice_from(text, colon + 1)};
    if (!p)
        return refuse_name(name, err);
    if (colon == text.len) {
        if (p->needs_region && !any)
            return refuse_region(p, choice_r->region, err);
        snprintf(choice_r->host, sizeof choice_r->host, "%s", p->host.text);
        return 0;
    }
    for (const struct preset_region *r = p->regions; r && r->name; r++)
        if (slice_is_word(choice_r->region, r->name)) {
            choice_r->known_region = true;
            snprintf(choice_r->host, sizeof choice_r->host, "%s", r->host);
            return 0;
        }
    if (!p->other_regions || !is_region_like(choice_r->region))
        return refuse_region(p, choice_r->region, err);
    fill_pattern(choice_r);
    return 0;
}

/* --- what it gives --- */

static const char *ladder_text(const struct preset *p, char out[PRESET_VALUE])
{
    size_t len = 0;
    out[0] = 0;
    for (const struct preset_port *port = p->ports; port->number && len < PRESET_VALUE; port++)
        if (!port->spare)
            len += (size_t)snprintf(out + len, PRESET_VALUE - len, "%s%u/%s", len ? " " : "",
                                    (unsigned)port->number, port_mode_name(port->mode));
    return out;
}

static const char *token_value(const struct preset_oauth *o, const char *key)
{
    if (!o)
        return NULL;
    const struct {
        const char *key, *value;
    } values[] = {{"oauth_token_url", o->token}, {"oauth_device_url", o->device},
                  {"oauth_scope", o->scope},     {"oauth_authorize_url", o->authorize},
                  {"oauth_tenant", o->tenant},   {"oauth_rotates", o->rotates ? "yes" : "no"}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(key, values[i].key) == 0)
            return values[i].value;
    return NULL;
}

const char *preset_value(const struct preset_choice *choice, const char *key,
                         char out[PRESET_VALUE])
{
    if (strcmp(key, "host") == 0)
        return choice->host;
    if (strcmp(key, "ports") == 0)
        return ladder_text(choice->preset, out);
    for (const struct preset_setting *s = choice->preset->settings; s->key; s++)
        if (strcmp(key, s->key) == 0)
            return s->value;
    return token_value(choice->preset->oauth, key);
}

enum api_choice preset_api(const struct preset *preset)
{
    for (const struct preset_setting *s = preset->settings; s->key; s++)
        for (int api = API_NONE + 1; api < API_CHOICES && strcmp(s->key, "api") == 0; api++)
            if (strcmp(s->value, api_choice_row((enum api_choice)api)->word) == 0)
                return (enum api_choice)api;
    return API_NONE;
}

static int parse_provider(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct preset_choice choice;
    (void)key;
    if (preset_choose(text, false, &choice, err) != 0)
        return -1;
    *(char **)field = slice_string(text);
    return 0;
}

const struct value_type type_provider = {
    .parse = parse_provider, .clear = string_clear, .equal = string_equal};
