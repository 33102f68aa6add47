/* The settings of one account's login by token. Code that knows the configuration fills them. */
#ifndef OAUTH_SETTINGS_H
#define OAUTH_SETTINGS_H

#include "base/secret.h"
#include "config/config.h"
#include "io/http.h"

struct oauth_settings {
    const char *account;
    /* Only flows that ask an endpoint are used here. */
    enum token_flow flow;
    /* The mailbox of the token. It becomes `sub` of a service account's assertion. */
    const char *identity;
    /* NULL if they are not given. */
    const char *tenant, *client_id, *scope, *token_url;
    const struct secret *client_secret;
    /* Paths. */
    const char *client_secret_file, *client_cert, *client_key, *assertion_file;
    const char *service_account_file, *token_file;
    struct http_route route;
    /* The deadline of one request. 0 means that of io/http.h. */
    usec deadline;
    /* Unix seconds, or 0 if it is not known. */
    int64_t secret_expires;
    /* Another grant of the account tells people when secret and certificate end. */
    bool is_second;
    /* These are the two values of retry_auth. */
    usec retry_first, retry_longest;
};

/* Pointers to all texts of it, to copy or free them. */
#define OAUTH_SETTINGS_TEXTS(s)                                                                    \
    {                                                                                              \
        &(s)->account, &(s)->identity, &(s)->tenant, &(s)->client_id, &(s)->scope,                 \
            &(s)->token_url, &(s)->client_secret_file, &(s)->client_cert, &(s)->client_key,        \
            &(s)->assertion_file, &(s)->service_account_file, &(s)->token_file, &(s)->route.proxy, \
            &(s)->route.proxy_user, &(s)->route.ca_file                                            \
    }

/* Gives a deep copy. */
struct oauth_settings oauth_settings_copy(const struct oauth_settings *s);
/* Wipes and frees a copy. */
void oauth_settings_clear(struct oauth_settings *s);

/* The files that are read again for every request, because they may have been replaced. */
enum oauth_input {
    OAUTH_CLIENT_SECRET,
    OAUTH_CLIENT_CERT,
    OAUTH_CLIENT_KEY,
    OAUTH_ASSERTION,
    OAUTH_SERVICE_ACCOUNT,
    OAUTH_REFRESH_TOKEN,
    OAUTH_INPUTS
};

struct oauth_inputs {
    struct secret *items[OAUTH_INPUTS];
};

#endif
