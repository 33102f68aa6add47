/* The table of all keys as this room sees it: what a row is, and what a type of value can do. To
 * add a key, add a field in config.h and a row in keys.c. Parsing, defaults, freeing, suggestions
 * and the example file follow from the row. */
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
    SECTION_ALERT,
    SECTION_CLUSTER,
    SECTION_COUNT
};

struct section_kind {
    /* The word is "listen", for example. */
    const char *word;
    /* It may occur several times, each time with a name. */
    bool named;
    /* The header alone changes what is done. The example has it commented out. */
    bool is_switch;
    /* The help stands in the example file. */
    const char *help;
};

struct word {
    /* NULL ends a list. */
    const char *text;
    int value;
};

struct key;

struct value_type {
    /* Indented lines below it continue it. */
    bool list;
    /* The text is never in a message, and no comment may follow it on its line. */
    bool secret;
    /* Fills the field of a section's struct, which is zeroed before. Returns -1 with words that say
     * what is wrong and what is allowed. The loader then clears the field. */
    int (*parse)(const struct key *key, struct slice text, void *field, struct err *err);
    /* Frees what parse made, even if it made only a part. The caller zeroes the field afterwards.
     * NULL if parse makes nothing. */
    void (*clear)(void *field);
    /* Returns whether two fields hold the same. Every type has this function: what a reload must
     * compare follows from it. */
    bool (*equal)(const struct key *key, const void *a, const void *b);
};

struct key {
    enum section_id section;
    const char *name;
    const struct value_type *type;
    /* The place of the field in the section's struct. */
    size_t offset, size;
    /* The default as text. NULL if there is none, or if it is found when the file is read. */
    const char *def;
    /* The limits of numbers, sizes (bytes) and durations (microseconds). */
    int64_t min, max;
    /* The words that type_word allows. */
    const struct word *words;
    /* One sentence for the example file. */
    const char *help;
    /* The example's value if there is no default. */
    const char *sample;
    /* It belongs to the smallest useful file, so the example does not comment it out. */
    bool starter;
    /* The headline over this row and the rows after it. */
    const char *group;
    /* Sessions with upstreams are made with it. After a change they cannot be used any more. */
    bool connection;
    /* A TLS context is made with it. The expected name is not marked. */
    bool trust;
};

extern const struct section_kind section_kinds[SECTION_COUNT];

size_t keys_count(void);
const struct key *keys_at(size_t row);
/* Frees and zeroes the row's field of a section's struct. */
void key_clear(const struct key *key, void *base);
/* Frees and zeroes the field of every row. */
void keys_clear(enum section_id section, void *base);
/* Returns NULL if the section has no such key. */
const struct key *keys_find(enum section_id section, struct slice name);
/* The name must be in the table. */
size_t keys_row(enum section_id section, const char *name);

/* The types of values, from values*.c. */
extern const struct value_type type_bool, type_count, type_size, type_duration, type_duration_pair,
    type_word;
extern const struct value_type type_text, type_path, type_secret, type_secret_file, type_log_target,
    type_certificates;
/* This type comes from command.c. */
extern const struct value_type type_command;
extern const struct value_type type_host, type_helo, type_address, type_addresses, type_networks,
    type_ports, type_pins, type_senders;
extern const struct value_type type_proxy, type_names, type_hosts;
/* These types come from values_token.c. */
extern const struct value_type type_url, type_tenant, type_date, type_endpoint_way;
/* This type comes from presets.c. */
extern const struct value_type type_provider;
/* These types come from values_mail.c. The type type_senders is in it, too. */
extern const struct value_type type_mail_address, type_domain, type_aliases;
/* These types come from values_spool.c. */
extern const struct value_type type_percent, type_bounce_to;
/* These types come from values_cluster.c. */
extern const struct value_type type_engines, type_instance;
/* These types come from values_front.c. */
extern const struct value_type type_rate, type_destinations, type_listen_points;

/* Shared by the types. */
/* The macro SHOWN gives the arguments of "%.*s". Messages show a short piece of a value. */
#define SHOWN(text) (int)((text).len < 80 ? (text).len : 80), (text).data
/* Takes an item off a list. Blanks or commas separate the items. */
bool next_item(struct slice *rest, struct slice *item_r);
/* Accepts digits only. */
bool number_parse(struct slice text, uint64_t max, uint64_t *value_r);
/* Accepts a bare address with a domain. values_mail.c has it. */
bool mail_address_is_valid(struct slice text);
/* Accepts letters, digits, '-', '_' and '.', with the lengths of RFC 1123 2.1. */
bool host_name_is_valid(struct slice text);
/* Gives a name or an address literal without its brackets, or returns NULL if it is neither. */
char *host_parse(struct slice text);
void string_clear(void *field);
bool string_equal(const struct key *key, const void *a, const void *b);
bool strings_equal(const struct key *key, const void *a, const void *b);
/* It compares fields without pointers and padding that have key->size octets. */
bool octets_equal(const struct key *key, const void *a, const void *b);
struct network;
/* It compares structs that begin like struct addresses. */
bool addresses_equal(const struct key *key, const void *a, const void *b);
bool network_equal(const struct network *a, const struct network *b);
/* These are for an outbound proxy's URL. The caller zeroes the field before, and clears it. */
struct outbound_proxy;
int proxy_parse(struct slice text, struct outbound_proxy *proxy, struct err *err) MUST_USE;
void proxy_clear(void *field);
bool proxy_equal(const struct key *key, const void *a, const void *b);
/* Here NULL equals NULL only. */
bool text_equal(const char *a, const char *b);

#define NUMBER_TEXT 32
/* Writes 300000 as "300ms", 52428800 as "50M". Returns out. */
const char *number_text(const struct value_type *type, int64_t value, char out[NUMBER_TEXT]);

#endif
