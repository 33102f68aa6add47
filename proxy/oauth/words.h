/* What a token that is not to be had means for a person: one table of what token services say,
 * and of the sentence that names the cure. The table never decides what happens next: that follows
 * from the OAuth `error` alone (answer.h); providers' codes choose words. What mail servers say of
 * a token stands in upstream/finding_login.c. */
#ifndef OAUTH_WORDS_H
#define OAUTH_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* What a sentence may name. NULL and 0 where it is not known. */
struct oauth_facts {
    const char *account, *tenant, *client_id, *scope;
    /* Where the client's secret or certificate comes from: a path or a key of the configuration. */
    const char *secret_file;
    /* How far the endpoint's clock is ahead of ours, in seconds. */
    int64_t skew;
    /* 0: the endpoint did not ask for a wait. */
    int64_t retry_after;
};

enum { OAUTH_CODES = 8 };

/* What an endpoint said. Strings may be "". */
struct oauth_said {
    int status;
    const char *error, *description, *suberror;
    /* Microsoft's error_codes; 0 ends them. */
    long codes[OAUTH_CODES];
};

/* Writes the sentence for what a token endpoint said; returns out. */
const char *oauth_endpoint_words(const struct oauth_said *said, const struct oauth_facts *facts,
                                 char *out, size_t size);

#endif
