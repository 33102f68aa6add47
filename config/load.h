/* A config file while it is being read: the values so far, and where each came from. Shared by the
 * reader, the rules and the secrets. */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include <stdbool.h>

#include "config/config.h"
#include "config/reader.h"
#include "config/report.h"
#include "config/table.h"

struct given {
    /* 0: not given, the default holds */
    int line;
    /* the value was refused: rules leave it alone */
    bool bad;
    /* without a line: the account's preset gave it */
    bool preset;
    /* For print_in_force: the value as written, owned; NULL: none, or nobody prints it. */
    char *text;
};

struct section {
    enum section_id id;
    /* among the sections of its kind, as in struct config */
    size_t index;
    /* "[upstream work]", as messages show it */
    char *title;
    /* of the header; 0: not in the file */
    int line;
    /* a second one of this name: an error already */
    bool repeat;
    /* by row of the table */
    struct given *given;
};

struct loading {
    struct config *config;
    /* of a reload, or NULL */
    const struct config *old;
    struct findings findings;
    struct section *sections;
    size_t nsections;
    /* beneath a header that is not understood */
    bool ignoring;
    /* permission bits of the file */
    unsigned mode;
    /* where print_in_force writes; NULL: nobody asked */
    FILE *print;
};

/* Of the configuration in force, by name; NULL: there is none. */
const struct listen_config *old_listen(const struct loading *l, const char *name);
const struct upstream_config *old_upstream(const struct loading *l, const char *name);

/* borrows; until the next header */
void *section_struct(const struct loading *l, const struct section *s);
const struct given *given(const struct section *s, const char *key);
/* well or badly */
bool is_given(const struct section *s, const char *key);
bool is_bad(const struct section *s, const char *key);
/* of an account: the one that says where its password comes from; NULL: none does */
const char *password_key(const struct section *s);

/* At the key's line, else at the section's header. Key NULL: about the section. */
void complain(struct loading *l, const struct section *s, const char *key, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* a warning */
void advise(struct loading *l, const struct section *s, const char *key, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* sections.c */
struct section *section_add(struct loading *l, enum section_id id, struct slice name,
                            const char *title, int line);
int set_value(struct loading *l, const struct section *s, const struct key *key, struct slice text,
              struct err *err) MUST_USE;
/* ctx: struct loading */
extern const struct reader_events section_events;

/* tokens.c: decides the flow of each account, and what follows from it; after the defaults */
void complete_tokens(struct loading *l);
/* The preset gives application access its scope; NULL without a preset that has one. */
const struct preset *account_preset(const struct upstream_config *u);
/* The first key that makes a login a token's; NULL: none is given. */
const char *token_key(const struct section *s);
/* tokens_check.c: rules of an account's login by token, and of its files */
void check_tokens(struct loading *l, const struct section *s);
void check_token_files(struct loading *l, const struct section *s);

/* check_print.c: what is in force, and where each value comes from. keep_text is told every value
 * that was taken. */
void keep_text(const struct loading *l, const struct section *s, const struct key *key,
               struct slice text);
void print_in_force(const struct loading *l);
/* check_text.c: warns of a value, or of a secret's first line, that was perhaps meant
 * differently. */
void check_text(struct loading *l, const struct section *s, const struct key *key,
                struct slice text);
void check_secret_text(struct loading *l, const struct section *s, const char *key,
                       const char *path, struct slice text);
/* check.c: rules between keys */
void check_rules(struct loading *l);
/* routes.c: rules between sections */
void check_routing(struct loading *l);
/* identity.c: whom the server becomes */
void check_identity(struct loading *l);
/* nobody, whom others are, too */
bool will_be_nobody(const struct server_config *server);
/* Whether the server's user may do this to a file or directory, judged by its mode (not by access
 * lists). `want`: of 4 read, 2 write, 1 enter. True where it is not there. */
bool server_may(const struct server_config *server, const char *path, unsigned want);
/* "user smtp-detour", for messages */
const char *server_user_name(const struct server_config *server);
/* spool_place.c: where mail may wait, and for how long */
void check_spool(struct loading *l);
/* What is wrong with a file system of this magic number for it; NULL: nothing is known. */
const char *spool_place_doubt(uint32_t magic);
/* named_files.c: permissions; reads the secrets */
void check_files(struct loading *l);
/* presets_check.c: what is known of a provider; after the secrets */
void check_presets(struct loading *l);

/* trust.c: as root, at the start: complains of a config file that others may write. */
struct stat;
void check_trust(struct loading *l, const char *file, const struct stat *st);

/* users.c */
void load_users(struct loading *l, const struct section *s);
void users_clear(struct users *users);

/* Adds the names by which this machine is known: `own` (of [server] hostname), the system's, each
 * also without its domain, and localhost. */
void hostname_names(const char *own, struct strings *names);
/* hostname.c; both give. */
char *hostname_default(void);
/* with a dot, where the file knows one; else a copy */
char *hostname_complete(const char *name, const char *hosts_file);

#endif
