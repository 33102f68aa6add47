/* What one account's login by token is configured with. Filled by whoever reads the
 * configuration. */
#ifndef OAUTH_SETTINGS_H
#define OAUTH_SETTINGS_H

#include "base/secret.h"
#include "config/config.h"
#include "io/http.h"

struct oauth_settings {
    const char *account;
    /* None but those that ask an endpoint. */
    enum token_flow flow;
    /* The mailbox that the token is for: `sub` of a service account's assertion. */
    const char *identity;
    /* NULL where they are not given. */
    const char *tenant, *client_id, *scope, *token_url;
    const struct secret *client_secret;
    /* Paths. */
    const char *client_secret_file, *client_cert, *client_key, *assertion_file;
    const char *service_account_file, *token_file;
    struct http_route route;
    /* Of one request; 0: as io/http.h has it. */
    usec deadline;
    /* Unix seconds; 0: not known. */
    int64_t secret_expires;
    /* retry_auth. */
    usec retry_first, retry_longest;
};

/* All texts of it, for who copies or frees them. */
#define OAUTH_SETTINGS_TEXTS(s)                                                                    \
    {                                                                                              \
        &(s)->account, &(s)->identity, &(s)->tenant, &(s)->client_id, &(s)->scope,                 \
            &(s)->token_url, &(s)->client_secret_file, &(s)->client_cert, &(s)->client_key,        \
            &(s)->assertion_file, &(s)->service_account_file, &(s)->token_file, &(s)->route.proxy, \
            &(s)->route.proxy_user, &(s)->route.ca_file                                            \
    }

/* Gives a deep one. */
struct oauth_settings oauth_settings_copy(const struct oauth_settings *s);
/* Of a copy; wipes. */
void oauth_settings_clear(struct oauth_settings *s);

/* What is read anew for every request: files whose content may have been replaced meanwhile. */
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
