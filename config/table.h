/* The table of all keys, seen from inside this room: what a row is, and what a type of value can
 * do. To add a key: a field in config.h and a row in keys.c. Parsing, defaults, freeing,
 * suggestions and the example file follow from the row. */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

enum section_id {
    SECTION_LISTEN,
    SECTION_UPSTREAM,
    SECTION_SERVER,
    SECTION_LOG,
    SECTION_ADMIN,
    SECTION_SPOOL,
    SECTION_COUNT
};

struct section_kind {
    /* "listen" */
    const char *word;
    /* may come several times, each with a name */
    bool named;
    /* its header alone changes what is done: commented out in the example */
    bool is_switch;
    /* for the example file */
    const char *help;
};

struct word {
    /* NULL ends a list */
    const char *text;
    int value;
};

struct key;

struct value_type {
    /* indented lines below it continue it */
    bool list;
    /* the text never appears in a message, and no comment may follow it on its line */
    bool secret;
    /* Fills the field (zeroed before) of a section's struct. -1: the words say what is wrong and
     * what is allowed; the loader clears what is in the field. */
    int (*parse)(const struct key *key, struct slice text, void *field, struct err *err);
    /* frees what parse made, if only in part; NULL: it makes nothing. The caller zeroes the field
     * afterwards */
    void (*clear)(void *field);
    /* Whether two fields hold the same. Every type has one: what a reload must compare follows from
     * it. */
    bool (*equal)(const struct key *key, const void *a, const void *b);
};

struct key {
    enum section_id section;
    const char *name;
    const struct value_type *type;
    /* of the field in the section's struct */
    size_t offset, size;
    /* default, as text; NULL: none, or found when the file is read */
    const char *def;
    /* of numbers, sizes (bytes) and durations (microseconds) */
    int64_t min, max;
    /* what type_word allows */
    const struct word *words;
    /* one sentence for the example file */
    const char *help;
    /* what the example shows where there is no default */
    const char *sample;
    /* belongs to the smallest useful file: not commented out in the example */
    bool starter;
    /* headline over this row and those after it */
    const char *group;
    /* Sessions upstream were made with it: after a change they are of no use any more. */
    bool connection;
    /* Of those, what a TLS context is made of, but for the name that it expects. */
    bool trust;
};

extern const struct section_kind section_kinds[SECTION_COUNT];

size_t keys_count(void);
const struct key *keys_at(size_t row);
/* frees and zeroes the row's field of a section's struct */
void key_clear(const struct key *key, void *base);
/* every row's field */
void keys_clear(enum section_id section, void *base);
/* NULL: no such key there */
const struct key *keys_find(enum section_id section, struct slice name);
/* the name must be in the table */
size_t keys_row(enum section_id section, const char *name);

/* Types of values: values*.c. */
extern const struct value_type type_bool, type_count, type_size, type_duration, type_duration_pair,
    type_word;
extern const struct value_type type_text, type_path, type_secret, type_secret_file, type_log_target;
/* command.c */
extern const struct value_type type_command;
extern const struct value_type type_host, type_helo, type_address, type_addresses, type_networks,
    type_ports, type_pins, type_senders;
extern const struct value_type type_proxy, type_names, type_hosts;
/* values_token.c */
extern const struct value_type type_url, type_tenant, type_date, type_endpoint_way;
/* presets.c */
extern const struct value_type type_provider;
/* values_mail.c, and type_senders */
extern const struct value_type type_mail_address, type_domain, type_aliases;
/* values_spool.c */
extern const struct value_type type_percent, type_bounce_to;
/* values_front.c */
extern const struct value_type type_rate, type_destinations, type_listen_points;

/* Shared by the types. */
/* for "%.*s": values in messages are short */
#define SHOWN(text) (int)((text).len < 80 ? (text).len : 80), (text).data
/* of a list: blanks or commas between */
bool next_item(struct slice *rest, struct slice *item_r);
/* digits only */
bool number_parse(struct slice text, uint64_t max, uint64_t *value_r);
/* a bare address with a domain; values_mail.c */
bool mail_address_is_valid(struct slice text);
/* letters, digits, '-', '_', '.'; RFC 1123 2.1 lengths */
bool host_name_is_valid(struct slice text);
/* name or address literal (brackets are dropped); gives, NULL if it is neither */
char *host_parse(struct slice text);
void string_clear(void *field);
void strings_clear(void *field);
bool string_equal(const struct key *key, const void *a, const void *b);
bool strings_equal(const struct key *key, const void *a, const void *b);
/* For fields without pointers and padding, as large as key->size says. */
bool octets_equal(const struct key *key, const void *a, const void *b);
struct network;
/* of a struct that begins as struct addresses does */
bool addresses_equal(const struct key *key, const void *a, const void *b);
bool network_equal(const struct network *a, const struct network *b);
/* Of an outbound proxy's URL; the field is zeroed before, and cleared by the caller. */
struct outbound_proxy;
int proxy_parse(struct slice text, struct outbound_proxy *proxy, struct err *err) MUST_USE;
void proxy_clear(void *field);
bool proxy_equal(const struct key *key, const void *a, const void *b);
/* NULL equals NULL only */
bool text_equal(const char *a, const char *b);

#define NUMBER_TEXT 32
/* 300000 as "300ms", 52428800 as "50M"; returns out */
const char *number_text(const struct value_type *type, int64_t value, char out[NUMBER_TEXT]);

#endif
