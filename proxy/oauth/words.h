/* Why there is no token, in words for a person: one table of the errors of token services, each
 * with a sentence that names the cure. The table only chooses words. What happens next follows from
 * the OAuth `error` (answer.h). The errors of mail servers are in upstream/finding_login.c. */
#ifndef OAUTH_WORDS_H
#define OAUTH_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* The values that a sentence may name. NULL and 0 if they are not known. */
struct oauth_facts {
    const char *account, *tenant, *client_id, *scope;
    /* Where the client's secret or certificate comes from: a path or a key of the configuration. */
    const char *secret_file;
    /* How far the endpoint's clock is ahead of ours, in seconds. */
    int64_t skew;
    /* 0 if the endpoint did not ask for a wait. */
    int64_t retry_after;
};

enum { OAUTH_CODES = 8 };

/* The error of an endpoint. Strings may be "". */
struct oauth_said {
    int status;
    const char *error, *description, *suberror;
    /* Microsoft's error_codes. A 0 ends them. */
    long codes[OAUTH_CODES];
};

/* Writes the sentence for this error and returns out. */
const char *oauth_endpoint_words(const struct oauth_said *said, const struct oauth_facts *facts,
                                 char *out, size_t size);

#endif
