/* The configuration as the program sees it: read once, never changed, shared by reference count; a reload makes a new one. What keys exist
 * and mean stands in keys.c, the only table. Fields are added together with the code that makes them work. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/secret.h"
#include "base/units.h"

enum tls_policy { TLS_VERIFY, TLS_ENCRYPT, TLS_MAY, TLS_OFF };
enum port_mode { PORT_STARTTLS, PORT_IMPLICIT, PORT_PLAIN };
enum auth_choice { AUTH_AUTO, AUTH_NONE, AUTH_PLAIN, AUTH_LOGIN, AUTH_CRAM_MD5, AUTH_SCRAM_SHA_256 };
enum identity_choice { IDENTITY_USERNAME, IDENTITY_SENDER };
enum proxy_kind { PROXY_NONE, PROXY_SOCKS5, PROXY_HTTP };

struct port {
    uint16_t number;
    enum port_mode mode; /* under tls = off every port is PORT_PLAIN: nothing is left to weaken or to forget */
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
struct listen_points {  /* where clients connect */
    struct addr *items; /* with ports: sockets that we open */
    size_t n;
    struct strings passed; /* names of sockets that a service manager passed us; "": every one that no other listener names */
};
struct ports {
    struct port *items;
    size_t n;
};
struct user {
    char *name;
    struct secret *hash;
}; /* of crypt(3) */
struct users {
    struct user *items;
    size_t n;
};
struct pins {
    uint8_t (*items)[32];
    size_t n;
};

struct destination {
    char *name; /* whose addresses count, as last resolved; NULL: */
    struct network network;
};
struct destinations {
    struct destination *items;
    size_t n;
};
struct alias {
    char *name, *to;
}; /* a recipient without a domain, or "*"; its address */
struct aliases {
    struct alias *items;
    size_t n;
};
struct rate_limit {
    unsigned messages;
    usec period;
}; /* 0 messages: none */

struct listen_config {
    char *name;
    int line; /* of its section header; 0: the default listener */
    struct listen_points address;
    bool address_is_default; /* then a missing IPv6 only warns */
    struct networks allow;
    bool open_relay;
    enum listen_tls tls;
    char *tls_cert, *tls_key; /* or NULL */
    int tls_min;              /* an enum tls_version, as below */
    enum listen_auth auth;
    char *users_file;               /* or NULL */
    struct users users;             /* of users_file, with auth = required */
    char *upstream;                 /* account name, or NULL */
    struct networks proxy_protocol; /* load balancers that must say who the client is */
    bool intercept;                 /* clients were turned here by a packet filter: where they meant to go picks the account */
    unsigned max_clients, max_clients_per_ip;
    struct rate_limit rate; /* messages per client address */
    uint64_t max_message_size;
    unsigned max_recipients;
    bool lf_line_endings;
    usec timeout;
};

struct outbound_proxy {
    enum proxy_kind kind;
    char *host;
    uint16_t port;
    char *user; /* or NULL */
    struct secret *password;
};

struct upstream_config {
    char *name;
    int line;
    int *key_lines;     /* by row of the table of keys; 0: not given */
    char *provider;     /* "gmail", "ses:eu-west-1"; or NULL. What it gives is in the fields already */
    uint64_t size_hint; /* octets: what the provider documents, for as long as its EHLO was never seen; 0: nothing */
    char *host;
    struct ports ports;
    enum tls_policy tls;
    char *tls_ca, *tls_name, *tls_cert, *tls_key; /* or NULL */
    struct pins tls_fingerprint;
    int tls_min;                     /* an enum tls_version of io/tls_context.h: 2 is TLS 1.2 */
    char *username;                  /* or NULL */
    struct secret *password;         /* from password or password_file; NULL: none */
    char *password_file;             /* as written: a path or "credential:NAME"; or NULL */
    struct strings password_command; /* the program and its arguments; n 0: none */
    enum auth_choice auth;
    bool plaintext_auth;
    enum identity_choice identity; /* whose name goes into AUTH */
    char *helo;                    /* or NULL */
    struct strings senders;
    struct networks clients;
    struct strings users;              /* names that clients logged in with */
    struct destinations destinations;  /* where an intercepted client meant to go */
    char *fallback;                    /* name of the account for when this one does not work; or NULL */
    char *envelope_from, *header_from; /* addresses that replace the sender's; or NULL */
    bool fix_headers, received;
    char *qualify; /* domain for addresses without one; or NULL */
    struct outbound_proxy proxy;
    struct addr source;      /* family ADDR_NONE: none */
    enum addr_family family; /* ADDR_NONE: any */
    usec connect_timeout, reply_timeout, final_timeout, port_patience, reprobe;
    unsigned max_connections, max_messages;
    struct rate_limit rate; /* messages to this account */
    usec idle_timeout, max_age, acquire_timeout;
    usec retry_auth_first, retry_auth_longest;
};

struct server_config {
    char *hostname;
    struct aliases aliases; /* of recipients without a domain */
    char *state_dir;
    usec drain_timeout;
    char *user, *group;
};

struct log_config {
    int level; /* an enum log_level */
    bool json;
    char *target; /* "stderr", "syslog" or a path */
};

struct admin_config {
    struct addresses address; /* n 0: there is no admin address */
    struct networks allow;
};

struct config {
    unsigned refs;
    char *file;
    struct listen_config *listens;
    size_t nlistens;
    struct upstream_config *upstreams;
    size_t nupstreams;
    struct server_config server;
    struct log_config log;
    struct admin_config admin;
};

/* What is wrong with a file, all of it. Lines are "FILE:LINE: [section] key: what is wrong and what is allowed", warnings "FILE:LINE: warning: …". */
struct config_report {
    char **lines;
    bool *is_warning; /* line by line */
    size_t n;
    size_t errors; /* the rest are warnings */
};

/* Gives a config with one reference, secrets read; NULL if there is any error. The report is always filled; config_report_free it. */
struct config *config_load(const char *file, struct config_report *report);
/* The same on a reload: a file named by a key that may no longer be read (EACCES: root was given up) keeps the value `old` (borrowed) has, with a warning. */
struct config *config_reload(const char *file, const struct config *old, struct config_report *report);
struct config *config_ref(struct config *c);
void config_unref(struct config **c); /* wipes the secrets with the last reference */
/* The line on which an account gives a key; 0: it does not. */
int config_line_of(const struct upstream_config *u, const char *key);
/* For `send`, before anybody shares the config: in place of its listeners the default one, and no state_dir, so that nothing of the running server's is touched. */
void config_for_one_message(struct config *c);
void config_report_free(struct config_report *report);

void config_print_example(FILE *out); /* proxy.ini.example, from the table */

/* Small words for messages. */
const char *port_mode_name(enum port_mode mode); /* "starttls", "implicit", "plain" */

#endif
