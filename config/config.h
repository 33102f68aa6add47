/* The configuration as the program sees it. It is read once, never changed, and shared by reference
 * count. A reload makes a new one. keys.c is the only table of the keys and their meaning. Fields
 * are added together with the code that makes them work. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/api_choice.h"
#include "base/mechanism.h"
#include "base/secret.h"
#include "base/units.h"

/* The file that is meant where none is named. */
#define DEFAULT_CONFIG_FILE "/etc/smtp-detour/proxy.ini"

enum tls_policy { TLS_VERIFY, TLS_ENCRYPT, TLS_MAY, TLS_OFF };
/* PORT_API is no SMTP: messages go to a service over HTTPS, as `api` and `api_url` say. */
enum port_mode { PORT_STARTTLS, PORT_IMPLICIT, PORT_PLAIN, PORT_API };
enum identity_choice { IDENTITY_USERNAME, IDENTITY_SENDER };
enum proxy_kind { PROXY_NONE, PROXY_SOCKS5, PROXY_HTTP };

struct port {
    uint16_t number;
    /* Under tls = off every port is PORT_PLAIN, so that nothing is left to weaken or to forget. */
    enum port_mode mode;
};

enum listen_tls { LISTEN_TLS_OFF, LISTEN_TLS_STARTTLS, LISTEN_TLS_REQUIRED, LISTEN_TLS_IMPLICIT };
enum listen_auth { LISTEN_AUTH_OFF, LISTEN_AUTH_ACCEPT, LISTEN_AUTH_REQUIRED };

struct strings {
    char **items;
    size_t n;
};
struct networks {
    struct network *items;
    size_t n;
};
struct addresses {
    struct addr *items;
    size_t n;
};
/* The places where clients connect. */
struct listen_points {
    /* Addresses with ports: sockets that we open. */
    struct addr *items;
    size_t n;
    /* Names of sockets that a service manager passed us. "" stands for every one that no other
     * listener names. */
    struct strings passed;
};
struct ports {
    struct port *items;
    size_t n;
};
/* From crypt(3). */
struct user {
    char *name;
    struct secret *hash;
};
struct users {
    struct user *items;
    size_t n;
};
struct pins {
    uint8_t (*items)[32];
    size_t n;
};

struct destination {
    /* A name whose addresses count, as last resolved, or NULL. */
    char *name;
    struct network network;
};
struct destinations {
    struct destination *items;
    size_t n;
};
/* A recipient without a domain, or "*", and its address. */
struct alias {
    char *name, *to;
};
struct aliases {
    struct alias *items;
    size_t n;
};
/* 0 messages mean that there is no limit. */
struct rate_limit {
    unsigned messages;
    usec period;
};

struct listen_config {
    char *name;
    /* The line of its section header. 0 for the default listener. */
    int line;
    struct listen_points address;
    /* Then a missing IPv6 only causes a warning. */
    bool address_is_default;
    struct networks allow;
    bool open_relay;
    enum listen_tls tls;
    /* There are as many keys as certificates, or none. */
    struct strings tls_cert, tls_key;
    /* It is an enum tls_version of io/tls_context.h. */
    int tls_min;
    enum listen_auth auth;
    /* May be NULL. */
    char *users_file;
    /* From users_file, with auth = required. */
    struct users users;
    /* The name of an account, or NULL. */
    char *upstream;
    /* Load balancers that must say who the client is. */
    struct networks proxy_protocol;
    /* A packet filter redirected the clients. Their original destination chooses the account. */
    bool intercept;
    unsigned max_clients, max_clients_per_ip;
    /* Messages per client address. */
    struct rate_limit rate;
    uint64_t max_message_size;
    unsigned max_recipients;
    bool lf_line_endings;
    usec timeout;
};

struct outbound_proxy {
    enum proxy_kind kind;
    char *host;
    uint16_t port;
    /* May be NULL. */
    char *user;
    struct secret *password;
};

/* The way to a token endpoint. */
struct endpoint_way {
    /* The value is `direct`. Then no proxy is used, whatever the account and the environment
     * say. */
    bool direct;
    /* The kind PROXY_NONE means that the account's proxy is used, else the environment's. */
    struct outbound_proxy proxy;
};

/* The flow says how an account comes by the access tokens it logs in with. It follows from what is
 * given. */
enum token_flow {
    /* It logs in with a password, or not at all. */
    TOKEN_NONE,
    /* The account's password_command prints a token. */
    TOKEN_PRINTED,
    TOKEN_SERVICE_ACCOUNT,
    TOKEN_APPLICATION,
    TOKEN_REFRESH,
};

/* A login by token (OAuth2, RFC 6749). Texts may be NULL. */
struct oauth_config {
    enum token_flow flow;
    char *tenant, *client_id, *scope;
    /* This scope says what the API's token is for. NULL means that the account has no such rung, or
     * that it takes no token that is asked for. */
    char *api_scope;
    /* TENANT is filled in already. */
    char *token_url, *device_url, *authorize_url;
    /* The secret is NULL, too, once the account has taken it (config_forget_passwords). */
    struct secret *client_secret;
    /* These are paths as written. Some of them are "credential:NAME" (secret_file_path). */
    char *client_secret_file, *client_cert, *client_key, *assertion_file, *service_account_file;
    /* The file is never NULL with TOKEN_REFRESH. */
    char *token_file;
    struct endpoint_way way;
    /* A refresh token is replaced, and revoked, by use. */
    bool rotates;
    /* The client's secret ends on this day, in Unix seconds. 0 means that it is not known. */
    int64_t secret_expires;
    /* This is never read from a file. The account has another grant, of the same client, which
     * tells people when secret and certificate end. */
    bool is_second;
};

struct upstream_config {
    char *name;
    int line;
    /* Indexed by the row in the table of keys. 0 means that the key is not given. */
    int *key_lines;
    /* It is "gmail" or "ses:eu-west-1", for example, or NULL. The fields have its values
     * already. */
    char *provider;
    /* This is the provider's documented limit in octets, for as long as its EHLO was never seen. 0
     * means that there is none. */
    uint64_t size_hint;
    char *host;
    struct ports ports;
    enum tls_policy tls;
    /* May be NULL. */
    char *tls_ca, *tls_name, *tls_cert, *tls_key;
    struct pins tls_fingerprint;
    /* It is an enum tls_version of io/tls_context.h, where 2 is TLS 1.2. */
    int tls_min;
    /* May be NULL. */
    char *username;
    /* It comes from password or password_file. It is NULL if there is none, or if the account has
     * taken it (config_forget_passwords). */
    struct secret *password;
    /* A reload could not read password_file any more. The account keeps the password that it
     * has. */
    bool password_kept;
    /* It is a path or "credential:NAME" as written, or NULL. */
    char *password_file;
    /* The program and its arguments. n is 0 if there is none. */
    struct strings password_command;
    /* These belong to the rung `443/api`. The choice is API_NONE where there is none. The others
     * may be NULL. */
    enum api_choice api;
    char *api_url, *api_user;
    /* These are like password, password_file and password_kept. */
    char *api_secret_file;
    struct secret *api_secret;
    bool api_secret_kept;
    enum auth_choice auth;
    bool plaintext_auth;
    /* The choice of the name that goes into AUTH. */
    enum identity_choice identity;
    struct oauth_config oauth;
    /* It may be NULL. */
    char *helo;
    struct strings senders;
    struct networks clients;
    /* Names with which clients logged in. */
    struct strings users;
    /* Original destinations of intercepted clients. */
    struct destinations destinations;
    /* The name of the account to use when this one does not work, or NULL. */
    char *fallback;
    /* Addresses that replace the sender's, or NULL. */
    char *envelope_from, *header_from;
    bool fix_headers, received;
    /* One more recipient of every message, or NULL. */
    char *journal;
    /* The domain for addresses without one, or NULL. */
    char *qualify;
    struct outbound_proxy proxy;
    /* Family ADDR_NONE means none. */
    struct addr source;
    /* ADDR_NONE means any. */
    enum addr_family family;
    usec connect_timeout, reply_timeout, final_timeout, port_patience, reprobe;
    unsigned max_connections, max_messages;
    /* Its limits hold for all instances of a [cluster] together. */
    bool shared;
    /* Messages to this account. */
    struct rate_limit rate;
    usec idle_timeout, max_age, acquire_timeout;
    usec retry_auth_first, retry_auth_longest;
};

struct server_config {
    char *hostname;
    /* These aliases are for recipients without a domain. */
    struct aliases aliases;
    char *state_dir;
    usec drain_timeout;
    char *user, *group;
};

struct log_config {
    /* An enum log_level. */
    int level;
    bool json;
    /* It is "stderr", "syslog" or a path. */
    char *target;
};

struct admin_config {
    /* Its n is 0 if there is no admin address. */
    struct addresses address;
    struct networks allow;
    /* The names and addresses under which the page may be requested. */
    struct strings hosts;
    /* Then hosts are this machine's names, and each of its addresses counts as one of them. */
    bool hosts_are_default;
};

/* The choice says which messages are kept for later. */
enum spool_choice { SPOOL_KEEPS_OUTAGE, SPOOL_KEEPS_TEMPORARY, SPOOL_KEEPS_ALWAYS };
enum bounce_choice { BOUNCE_TO_SENDER, BOUNCE_TO_ADDRESSES, BOUNCE_TO_NOBODY };

struct bounce_to {
    enum bounce_choice whom;
    /* These are set with BOUNCE_TO_ADDRESSES. */
    struct strings addresses;
};

struct spool_config {
    /* There is a [spool]; without one nothing is ever stored, and the rest are the defaults: for
     * mail that was left there. */
    bool is_on;
    char *directory;
    enum spool_choice when;
    usec wait;
    uint64_t max_size;
    unsigned max_messages;
    /* It is a percentage. */
    unsigned min_free;
    /* The two together are the value of one key. */
    usec retry_first, retry_longest;
    usec max_age;
    unsigned max_unknown;
    struct bounce_to bounce_to;
    usec failed_age, alert_age;
};

/* These settings say how somebody is called when something is wrong. */
struct alert_config {
    /* There is an [alert]. */
    bool is_on;
    struct strings command;
    /* A repeat of 0 means that nobody is called again. */
    usec after, repeat;
};

/* A shared engine has a host and a port, or with port 0 the path of a socket. */
struct engine_address {
    char *host;
    uint16_t port;
};
struct engine_addresses {
    struct engine_address *items;
    size_t n;
};

/* These settings say how this instance meets the others. */
struct cluster_config {
    /* There is a [cluster]; without one this instance is alone, and the rest is zero. */
    bool is_on;
    /* The engines are tried in this order. */
    struct engine_addresses engine;
    char *key_file;
    /* 32 octets in base64, as in the file. */
    struct secret *key;
    enum tls_policy tls;
    /* May be NULL. */
    char *tls_ca, *tls_name, *tls_cert, *tls_key;
    bool plaintext_auth;
    char *username, *password_file;
    /* NULL means that there is no AUTH. */
    struct secret *password;
    /* Unique among the instances. */
    char *instance;
    unsigned expect;
    usec timeout, lease;
};

struct config {
    unsigned refs;
    char *file;
    /* The environment variables that are the configuration because there is no such file. Then a
     * line is the place of a variable in this list, counted from 1. */
    struct strings variables;
    struct listen_config *listens;
    size_t nlistens;
    struct upstream_config *upstreams;
    size_t nupstreams;
    struct server_config server;
    struct log_config log;
    struct admin_config admin;
    struct spool_config spool;
    struct alert_config alert;
    struct cluster_config cluster;
};

/* The report holds all errors and warnings about a file. The line of an error is "FILE:LINE:
 * [section] key: what is wrong and what is allowed". The line of a warning is "FILE:LINE: warning:
 * …". */
struct config_report {
    char **lines;
    /* For each line. */
    bool *is_warning;
    size_t n;
    /* The others are warnings. */
    size_t errors;
};

bool strings_same(const struct strings *a, const struct strings *b);
/* Gives a copy, which strings_clear frees. A NULL stands behind its last item. */
struct strings strings_copy(const struct strings *list);
bool engine_addresses_same(const struct engine_addresses *a, const struct engine_addresses *b);
/* Frees what a struct strings holds. */
void strings_clear(void *field);

/* Returns whether there is something to load: the file, or variables of the environment in its
 * place. */
bool config_is_there(const char *file);
/* The file, or where there is none the variables SMTP_DETOUR_… of the environment.
 * Gives a config with one reference, secrets read; NULL if there is any error. The report is always
 * filled; config_report_free it. */
struct config *config_load(const char *file, struct config_report *report);
/* The same, and writes what is in force where nothing is wrong: each key with its value and where
 * that comes from (line, provider, default; "found": of this machine), secrets left out. */
struct config *config_load_printing(const char *file, struct config_report *report, FILE *out);
/* The same as config_load on a reload: a file named by a key that may no longer be read (EACCES:
 * root was given up) keeps the value `old` (borrowed) has, with a warning. */
struct config *config_reload(const char *file, const struct config *old,
                             struct config_report *report);
struct config *config_ref(struct config *c);
/* Wipes the passwords and client secrets of all accounts, which live on in their credentials alone:
 * a configuration is held for as long as anything of it is, and a rotated password must not be. */
void config_forget_passwords(struct config *c);
/* The last one wipes the secrets. */
void config_unref(struct config **c);
/* Returns whether both have the same value in every key with which sessions are made (the column
 * `connection` of the table), or of which a TLS context is made except for the expected name (the
 * column `trust`). */
bool config_same_connection(const struct upstream_config *a, const struct upstream_config *b);
bool config_same_trust(const struct upstream_config *a, const struct upstream_config *b);
/* Returns whether the process lacks the right to read this file. NULL is no such file. On a reload
 * the process has given up root, and what was made of such a file stays as it is. */
bool config_is_out_of_reach(const char *file);
/* Writes where a line stands, for messages. This is "FILE:LINE", and "FILE" without a line. In a
 * configuration from the environment it is the variable's name, and "environment" without one.
 * Returns out. */
#define CONFIG_PLACE 4160
const char *config_place(const struct config *c, int line, char *out, size_t size);
/* Returns the line on which an account gives a key, or 0 if it does not. */
int config_line_of(const struct upstream_config *u, const char *key);
/* Returns whether a host's name may be used in EHLO (RFC 5321 section 2.3.5): it has a dot, is no
 * address and no kind of localhost, and none of its labels has an underscore, which Exim answers
 * with 501. */
bool hostname_fits_ehlo(const char *hostname);
/* A configuration that is no file yet; `file` is the name for the report's lines. Gives; NULL: the
 * report says why. */
struct config *config_from_text(const char *file, struct slice text, struct config_report *report);
/* A configuration of one account that nobody wrote: the host, the ports on which submission is
 * usually offered, no login. Gives; NULL: it is neither a name nor an address. */
struct config *config_for_host(const char *host);
/* Before anybody shares the config: no state_dir, so that nothing of the running server's is
 * touched. */
void config_forget_state(struct config *c);
/* The same: no [cluster], so that nobody takes it for the instance that serves here. */
void config_forget_cluster(struct config *c);
void config_report_free(struct config_report *report);

/* Writes "install -D -m 640 -g smtp-detour /dev/stdin PATH". As root, this command makes a file of
 * the secret that is then typed (Enter, Ctrl-D), for the server's group. Returns out. */
const char *secret_command(const struct server_config *server, const char *path, char *out,
                           size_t size);

/* Writes proxy.ini.example from the table. */
void config_print_example(FILE *out);

/* Small words for messages. */
/* Returns "application access" and so on. The word of TOKEN_NONE is "password". */
const char *token_flow_name(enum token_flow flow);
/* Returns "starttls", "implicit", "plain" or "api". */
const char *port_mode_name(enum port_mode mode);
/* Returns whether one of the account's ports is a rung of this kind: `443/api`, or any that speaks
 * SMTP. */
bool ports_have_api(const struct ports *ports);
bool ports_have_smtp(const struct ports *ports);

#endif
