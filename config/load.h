/* A config file while it is being read: the values so far, and where each came from. The reader,
 * the rules and the secrets share it. */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include <stdbool.h>

#include "config/config.h"
#include "config/reader.h"
#include "config/report.h"
#include "config/table.h"

struct given {
    /* The line is 0 if the key is not given and has its default. */
    int line;
    /* The value was refused. Rules ignore it. */
    bool bad;
    /* The value has no line, because the account's preset gave it. */
    bool preset;
    /* It is the value as written, for print_in_force. The text is owned. NULL means that there is
     * none, or that nobody prints it. */
    char *text;
};

struct section {
    enum section_id id;
    /* Its place among the sections of its kind, as in struct config. */
    size_t index;
    /* The title is "[upstream work]", for example, as in messages. */
    char *title;
    /* The line of its header. 0 if it is not in the file. */
    int line;
    /* It is the second section of this name, which was reported already. */
    bool repeat;
    /* Indexed by the row in the table. */
    struct given *given;
};

struct loading {
    struct config *config;
    /* The current configuration on a reload, or NULL. */
    const struct config *old;
    struct findings findings;
    struct section *sections;
    size_t nsections;
    /* The header above could not be parsed. */
    bool ignoring;
    /* The permission bits of the file. */
    unsigned mode;
    /* The function print_in_force writes here. NULL means that nobody asked for it. */
    FILE *print;
};

/* Borrows the listener or account of the current configuration with this name. NULL if there is
 * none. */
const struct listen_config *old_listen(const struct loading *l, const char *name);
const struct upstream_config *old_upstream(const struct loading *l, const char *name);

/* Borrows, until the next header. */
void *section_struct(const struct loading *l, const struct section *s);
const struct given *given(const struct section *s, const char *key);
/* Returns true even if the value was refused. */
bool is_given(const struct section *s, const char *key);
bool is_bad(const struct section *s, const char *key);
/* Returns the key of an account that says where its password comes from, or NULL. */
const char *password_key(const struct section *s);

/* Reports an error at the key's line, else at the section's header. With a NULL key it is about the
 * section. */
void complain(struct loading *l, const struct section *s, const char *key, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Reports a warning. */
void advise(struct loading *l, const struct section *s, const char *key, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* These functions are in sections.c. */
struct section *section_add(struct loading *l, enum section_id id, struct slice name,
                            const char *title, int line);
int set_value(struct loading *l, const struct section *s, const struct key *key, struct slice text,
              struct err *err) MUST_USE;
/* A key with its value, which check_text judges, too; and one whose value is not to be had, for
 * these reasons. The key was not given before. */
void take_value(struct loading *l, struct section *s, const struct key *key, int line,
                struct slice text);
void refuse_value(struct loading *l, struct section *s, const struct key *key, int line,
                  const char *words);
/* Their ctx is struct loading. */
extern const struct reader_events section_events;

/* The file tokens.c decides the flow of each account, and what follows from it. Call it after the
 * defaults were set. */
void complete_tokens(struct loading *l);
/* The preset gives application access its scope. Returns NULL without a preset that has one. */
const struct preset *account_preset(const struct upstream_config *u);
/* Returns the first key that makes a login a token's, or NULL if none is given. */
const char *token_key(const struct section *s);
/* The file tokens_check.c has the rules of an account's login by token, and of its files. */
void check_tokens(struct loading *l, const struct section *s);
void check_token_files(struct loading *l, const struct section *s);

/* The file environment.c reads the configuration of a container that has no file.
 * SMTP_DETOUR_SECTION_KEY is a key, and SMTP_DETOUR_SECTION_KEY_FILE names a file with its value.
 * What names a file in proxy.ini, like password_file, is a key of its own and does so here, too.
 * There is one listener and one account; more of them need a file. The function environment_first
 * returns the name of the first variable that is a key, or NULL. That name is borrowed from the
 * environment, with its value behind a "=". The function environment_read reads the sections and
 * keys. A line of the messages is then the place of a variable in config->variables. Empty
 * variables count as not set. */
const char *environment_first(void);
void environment_read(struct loading *l);

/* The file api_check.c has the rules of the rung `443/api`. */
void check_api(struct loading *l, const struct section *s);

/* The file check_print.c prints what is in force, and where each value comes from. The function
 * keep_text is told every value that was taken. */
void keep_text(const struct loading *l, const struct section *s, const struct key *key,
               struct slice text);
void print_in_force(const struct loading *l);
/* The file check_text.c warns of a value, or of a secret's first line, that was perhaps meant
 * differently. */
void check_text(struct loading *l, const struct section *s, const struct key *key,
                struct slice text);
void check_secret_text(struct loading *l, const struct section *s, const char *key,
                       const char *path, struct slice text);
/* The file check.c has the rules between keys. */
void check_rules(struct loading *l);
/* The file routes.c has the rules between sections. */
void check_routing(struct loading *l);
/* The file identity.c judges the user that the server becomes. */
void check_identity(struct loading *l);
/* Returns whether the server becomes the user nobody. Other programs may run as this user, too. */
bool will_be_nobody(const struct server_config *server);
/* Returns whether the server's user may do this to a file or directory, judged by its mode (not by
 * access lists). The number `want` is made of 4 for read, 2 for write and 1 for enter. Returns true
 * where the file is not there. */
bool server_may(const struct server_config *server, const char *path, unsigned want);
/* Returns "user smtp-detour", for example, for messages. */
const char *server_user_name(const struct server_config *server);
/* The file spool_place.c judges where mail may wait, and for how long. */
void check_spool(struct loading *l);
/* Returns what is wrong with a file system of this magic number for a spool. NULL means that
 * nothing is known. */
const char *spool_place_doubt(uint32_t magic);
/* The file cluster.c has the rules of [cluster], and reads its secrets. */
void check_cluster(struct loading *l);
/* The file named_files.c checks the permissions of named files, and reads the secrets. */
void check_files(struct loading *l);
/* A program that is named by its path must be one. */
void check_command(struct loading *l, const struct section *s, const char *key,
                   const struct strings *command);
/* The file alert_check.c checks that somebody can be called. */
void check_alert(struct loading *l);
/* The file presets_check.c warns by what is known of a provider. Call it after the secrets were
 * read. */
void check_presets(struct loading *l);

/* The file trust.c reports a config file that other users may write, if the server starts as
 * root. */
struct stat;
void check_trust(struct loading *l, const char *file, const struct stat *st);

/* These functions are in users.c. */
void load_users(struct loading *l, const struct section *s);
void users_clear(struct users *users);

/* Adds the names by which this machine is known: `own` (of [server] hostname), the system's name,
 * both also without the domain, and localhost. */
void hostname_names(const char *own, struct strings *names);
/* Both are in hostname.c and give a name. */
char *hostname_default(void);
/* The name has a dot if the file knows such a one. Otherwise it is a copy. */
char *hostname_complete(const char *name, const char *hosts_file);

#endif
