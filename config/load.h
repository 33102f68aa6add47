/* A config file while it is being read: the values so far, and where each came from. Shared by the reader, the rules and the secrets. */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include <stdbool.h>

#include "config/config.h"
#include "config/reader.h"
#include "config/report.h"
#include "config/table.h"

struct given {
    int line; /* 0: not given, the default holds */
    bool bad; /* the value was refused: rules leave it alone */
};

struct section {
    enum section_id id;
    size_t index;        /* among the sections of its kind, as in struct config */
    char *title;         /* "[upstream work]", as messages show it */
    int line;            /* of the header; 0: not in the file */
    bool repeat;         /* a second one of this name: an error already */
    struct given *given; /* by row of the table */
};

struct loading {
    struct config *config;
    const struct config *old; /* of a reload, or NULL */
    struct findings findings;
    struct section *sections;
    size_t nsections;
    bool ignoring; /* beneath a header that is not understood */
    unsigned mode; /* permission bits of the file */
};

void *section_struct(const struct loading *l, const struct section *s); /* borrows; until the next header */
const struct given *given(const struct section *s, const char *key);
bool is_given(const struct section *s, const char *key); /* well or badly */
bool is_bad(const struct section *s, const char *key);
const char *password_key(const struct section *s); /* of an account: the one that says where its password comes from; NULL: none does */

/* At the key's line, else at the section's header. Key NULL: about the section. */
void complain(struct loading *l, const struct section *s, const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5);
void advise(struct loading *l, const struct section *s, const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5); /* a warning */

/* sections.c */
struct section *section_add(struct loading *l, enum section_id id, struct slice name, const char *title, int line);
int set_value(struct loading *l, const struct section *s, const struct key *key, struct slice text, struct err *err) MUST_USE;
extern const struct reader_events section_events; /* ctx: struct loading */

void check_rules(struct loading *l);    /* check.c: rules between keys */
void check_routing(struct loading *l);  /* routes.c: rules between sections */
void check_identity(struct loading *l); /* identity.c: whom the server becomes */
void check_files(struct loading *l);    /* secret.c: permissions; reads the secrets */
void check_presets(struct loading *l);  /* presets_check.c: what is known of a provider; after the secrets */

/* A file that everybody else must keep out of, of `max` octets at most; gives its bytes and a NUL, to be erased (*len_r of them). NULL: it complained. */
char *read_secret_file(struct loading *l, const struct section *s, const char *key, const char *path, size_t max, size_t *len_r);

/* users.c */
void load_users(struct loading *l, const struct section *s);
void users_clear(struct users *users);

/* hostname.c; both give. */
char *hostname_default(void);
char *hostname_complete(const char *name, const char *hosts_file); /* with a dot, where the file knows one; else a copy */

#endif
