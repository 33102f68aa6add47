/* What one account's login by token is configured with. Filled by whoever reads the
 * configuration. */
#ifndef OAUTH_SETTINGS_H
#define OAUTH_SETTINGS_H

#include "base/secret.h"
#include "io/http.h"

struct oauth_settings {
    const char *account;
    /* The mailbox that the token is for: `sub` of a service account's assertion. */
    const char *identity;
    /* NULL where they are not given. */
    const char *tenant, *client_id, *scope, *token_url;
    const struct secret *client_secret;
    /* Paths. */
    const char *client_secret_file, *client_cert, *client_key, *assertion_file;
    const char *service_account_file, *token_file;
    /* The configuration names token_file itself. */
    bool token_file_is_given;
    /* The provider knows application access. */
    bool has_application_access;
    struct http_route route;
    /* retry_auth. */
    usec retry_first, retry_longest;
};

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
