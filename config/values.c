/* Types of values that are one number, word or text. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/units.h"
#include "config/config.h"
#include "config/table.h"

/* --- lists --- */

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

bool next_item(struct slice *rest, struct slice *item_r)
{
    size_t n = 0;
    while (rest->len && is_separator(rest->data[0]))
        *rest = slice_from(*rest, 1);
    while (n < rest->len && !is_separator(rest->data[n]))
        n++;
    *item_r = slice_head(*rest, n);
    *rest = slice_from(*rest, n);
    return n > 0;
}

/* --- what is the same --- */

bool octets_equal(const struct key *key, const void *a, const void *b)
{
    return memcmp(a, b, key->size) == 0;
}

bool text_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool string_equal(const struct key *key, const void *a, const void *b)
{
    (void)key;
    return text_equal(*(char *const *)a, *(char *const *)b);
}

bool strings_same(const struct strings *a, const struct strings *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

/* A command needs the NULL behind its last word. */
struct strings strings_copy(const struct strings *list)
{
    struct strings copy = {.items = mem_alloc((list->n + 1) * sizeof *copy.items), .n = list->n};
    for (size_t i = 0; i < list->n; i++)
        copy.items[i] = mem_string(list->items[i]);
    return copy;
}

bool strings_equal(const struct key *key, const void *a, const void *b)
{
    (void)key;
    return strings_same(a, b);
}

void strings_clear(void *field)
{
    struct strings *list = field;
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
}

static bool duration_pair_equal(const struct key *key, const void *a, const void *b)
{
    (void)key;
    return memcmp(a, b, 2 * sizeof(usec)) == 0;
}

static bool secrets_equal(const struct key *key, const void *a, const void *b)
{
    (void)key;
    return secret_equal(*(struct secret *const *)a, *(struct secret *const *)b);
}

/* --- numbers --- */

struct unit {
    const char *text;
    uint64_t factor;
};

static const struct unit duration_units[] = {{"ms", 1000},           {"s", 1000000},
                                             {"m", 60 * 1000000ull}, {"h", 3600000000ull},
                                             {"d", 86400000000ull},  {NULL, 0}};
static const struct unit size_units[] = {
    {"", 1}, {"K", 1024}, {"M", 1024 * 1024}, {"G", 1024 * 1024 * 1024}, {NULL, 0}};

bool number_parse(struct slice text, uint64_t max, uint64_t *value_r)
{
    uint64_t value = 0;
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.data[i]))
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *value_r = value;
    return true;
}

/* Fields of numbers differ only in their width: bool, enum, unsigned, uint64_t, usec. */
static void store(const struct key *key, void *field, uint64_t value)
{
    uint8_t one = (uint8_t)value;
    uint32_t four = (uint32_t)value;
    if (key->size == sizeof one)
        memcpy(field, &one, sizeof one);
    else if (key->size == sizeof four)
        memcpy(field, &four, sizeof four);
    else
        memcpy(field, &value, sizeof value);
}

const char *number_text(const struct value_type *type, int64_t value, char out[NUMBER_TEXT])
{
    const struct unit *best = NULL, *units = type == &type_size ? size_units : duration_units;
    if (type == &type_count) {
        snprintf(out, NUMBER_TEXT, "%" PRId64, value);
        return out;
    }
    for (const struct unit *u = units; u->text; u++)
        if ((uint64_t)value % u->factor == 0 && (value != 0 || !best))
            best = u;
    if (best)
        snprintf(out, NUMBER_TEXT, "%" PRIu64 "%s", (uint64_t)value / best->factor, best->text);
    else
        snprintf(out, NUMBER_TEXT, "%" PRId64 "us", value);
    return out;
}

static int check_range(const struct key *key, const struct value_type *type, struct slice text,
                       uint64_t value, struct err *err)
{
    char min[NUMBER_TEXT], max[NUMBER_TEXT];
    if (value >= (uint64_t)key->min && value <= (uint64_t)key->max)
        return 0;
    err_set(err, ERR_INVALID, "\"%.*s\" is out of range; allowed: %s to %s", SHOWN(text),
            number_text(type, key->min, min), number_text(type, key->max, max));
    return -1;
}

/* Reads a number and one of the units. A number beyond 64 bits becomes UINT64_MAX and is out of
 * range. */
static bool parse_with_unit(struct slice text, const struct unit *units, bool fold,
                            uint64_t *value_r)
{
    size_t digits = 0;
    while (digits < text.len && ascii_is_digit(text.data[digits]))
        digits++;
    if (digits == 0)
        return false;
    struct slice unit = slice_from(text, digits);
    for (; units->text; units++)
        if (fold ? slice_is_word(unit, units->text) : slice_is(unit, units->text))
            break;
    if (!units->text)
        return false;
    if (!number_parse(slice_head(text, digits), UINT64_MAX, value_r) ||
        *value_r > UINT64_MAX / units->factor)
        *value_r = UINT64_MAX;
    else
        *value_r *= units->factor;
    return true;
}

static int parse_count(const struct key *key, struct slice text, void *field, struct err *err)
{
    uint64_t value;
    if (!parse_with_unit(text, (const struct unit[]){{"", 1}, {NULL, 0}}, false, &value)) {
        err_set(err, ERR_INVALID, "\"%.*s\" is not a number", SHOWN(text));
        return -1;
    }
    if (check_range(key, &type_count, text, value, err) != 0)
        return -1;
    store(key, field, value);
    return 0;
}

static int parse_size(const struct key *key, struct slice text, void *field, struct err *err)
{
    uint64_t value;
    if (!parse_with_unit(text, size_units, true, &value)) {
        err_set(err, ERR_INVALID, "\"%.*s\" is not a size such as 64K, 25M or 1G", SHOWN(text));
        return -1;
    }
    if (check_range(key, &type_size, text, value, err) != 0)
        return -1;
    store(key, field, value);
    return 0;
}

static int duration(const struct key *key, struct slice text, usec *value_r, struct err *err)
{
    uint64_t value = 0;
    /* Nothing is nothing in every unit. */
    bool is_nothing = key->min == 0 && slice_is(text, "0");
    if (!is_nothing && !parse_with_unit(text, duration_units, false, &value)) {
        err_set(err, ERR_INVALID, "\"%.*s\" is not a duration such as 300ms, 5s, 2m, 1h or 5d",
                SHOWN(text));
        return -1;
    }
    if (check_range(key, &type_duration, text, value, err) != 0)
        return -1;
    *value_r = (usec)value;
    return 0;
}

static int parse_duration(const struct key *key, struct slice text, void *field, struct err *err)
{
    return duration(key, text, field, err);
}

/* Fills two successive fields: the first wait and the longest. */
static int parse_duration_pair(const struct key *key, struct slice text, void *field,
                               struct err *err)
{
    usec pair[2];
    struct slice item, rest = text;
    size_t n = 0;
    while (next_item(&rest, &item)) {
        if (n < 2 && duration(key, item, &pair[n], err) != 0)
            return -1;
        n++;
    }
    if (n != 2) {
        err_set(err, ERR_INVALID,
                "\"%.*s\" is not two durations, the first wait and the longest, such as 5m 1h",
                SHOWN(text));
        return -1;
    }
    if (pair[0] > pair[1]) {
        err_set(err, ERR_INVALID, "\"%.*s\": the first wait is longer than the longest",
                SHOWN(text));
        return -1;
    }
    memcpy(field, pair, sizeof pair);
    return 0;
}

static int parse_bool(const struct key *key, struct slice text, void *field, struct err *err)
{
    static const struct word words[] = {{"yes", 1},   {"no", 0}, {"on", 1}, {"off", 0}, {"true", 1},
                                        {"false", 0}, {"1", 1},  {"0", 0},  {NULL, 0}};
    for (const struct word *w = words; w->text; w++)
        if (slice_is_word(text, w->text)) {
            store(key, field, (uint64_t)w->value);
            return 0;
        }
    err_set(err, ERR_INVALID, "\"%.*s\" is neither yes (on, true, 1) nor no (off, false, 0)",
            SHOWN(text));
    return -1;
}

static int parse_word(const struct key *key, struct slice text, void *field, struct err *err)
{
    char list[160] = "";
    size_t len = 0;
    for (const struct word *w = key->words; w->text; w++) {
        if (slice_is_word(text, w->text)) {
            store(key, field, (uint64_t)w->value);
            return 0;
        }
        if (len < sizeof list)
            len +=
                (size_t)snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", w->text);
    }
    err_set(err, ERR_INVALID, "\"%.*s\" is not one of: %s", SHOWN(text), list);
    return -1;
}

static int keep_string(struct slice text, void *field)
{
    *(char **)field = slice_string(text);
    return 0;
}

void string_clear(void *field)
{
    free(*(char **)field);
}

static int parse_text(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key, (void)err;
    return keep_string(text, field);
}

static int parse_path(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    if (slice_starts(text, "/"))
        return keep_string(text, field);
    err_set(err, ERR_INVALID, "\"%.*s\" is not an absolute path", SHOWN(text));
    return -1;
}

/* Paths of PEM files: one, or one for each kind of key. */
static int parse_certificates(const struct key *key, struct slice text, void *field,
                              struct err *err)
{
    struct strings *list = field;
    struct slice item;
    while (next_item(&text, &item)) {
        char *path = NULL;
        if (list->n == CAP_LISTEN_CERTIFICATES) {
            err_set(err, ERR_INVALID, "\"%.*s\": more than %d files; allowed: one RSA, one ECDSA",
                    SHOWN(item), CAP_LISTEN_CERTIFICATES);
            return -1;
        }
        if (parse_path(key, item, &path, err) != 0)
            return -1;
        list->items = mem_resize(list->items, (list->n + 1) * sizeof *list->items);
        list->items[list->n++] = path;
    }
    if (list->n)
        return 0;
    err_set(err, ERR_INVALID, "the list is empty; leave the line out for the default");
    return -1;
}

static int parse_log_target(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    if (slice_is(text, "stderr") || slice_is(text, "syslog") || slice_starts(text, "/"))
        return keep_string(text, field);
    err_set(err, ERR_INVALID, "\"%.*s\" is none of: stderr, syslog, an absolute path", SHOWN(text));
    return -1;
}

static int parse_secret(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    if (text.len > CAP_CONFIG_SECRET) {
        err_set(err, ERR_INVALID, "the secret is too long: %zu octets, allowed are %d", text.len,
                CAP_CONFIG_SECRET);
        return -1;
    }
    *(struct secret **)field = secret_new(text);
    return 0;
}

static void clear_secret(void *field)
{
    secret_free(field);
}

/* The message does not show the value, because it may be a password in the wrong place. */
static int parse_secret_file(const struct key *key, struct slice text, void *field, struct err *err)
{
    static const char prefix[] = "credential:";
    (void)key;
    if (slice_starts(text, prefix)) {
        struct slice name = slice_from(text, sizeof prefix - 1);
        if (name.len && slice_find(name, '/') == name.len && !slice_is(name, ".") &&
            !slice_is(name, ".."))
            return keep_string(text, field);
        err_set(
            err, ERR_INVALID,
            "credential:NAME needs the name of a file in $CREDENTIALS_DIRECTORY, without \"/\"");
        return -1;
    }
    if (slice_starts(text, "/"))
        return keep_string(text, field);
    err_set(err, ERR_INVALID, "neither an absolute path nor credential:NAME");
    return -1;
}

const struct value_type type_bool = {.parse = parse_bool, .equal = octets_equal};
const struct value_type type_count = {.parse = parse_count, .equal = octets_equal};
const struct value_type type_size = {.parse = parse_size, .equal = octets_equal};
const struct value_type type_duration = {.parse = parse_duration, .equal = octets_equal};
const struct value_type type_duration_pair = {.parse = parse_duration_pair,
                                              .equal = duration_pair_equal};
const struct value_type type_word = {.parse = parse_word, .equal = octets_equal};
const struct value_type type_text = {
    .parse = parse_text, .clear = string_clear, .equal = string_equal};
const struct value_type type_path = {
    .parse = parse_path, .clear = string_clear, .equal = string_equal};
const struct value_type type_certificates = {
    .list = true, .parse = parse_certificates, .clear = strings_clear, .equal = strings_equal};
const struct value_type type_log_target = {
    .parse = parse_log_target, .clear = string_clear, .equal = string_equal};
const struct value_type type_secret = {
    .secret = true, .parse = parse_secret, .clear = clear_secret, .equal = secrets_equal};
const struct value_type type_secret_file = {
    .parse = parse_secret_file, .clear = string_clear, .equal = string_equal};
