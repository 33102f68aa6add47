/* The services that take mail over HTTPS, as the configuration names them: ONE table. What is asked
 * of each, and what its answers mean, is a file in api/. */
#ifndef BASE_API_CHOICE_H
#define BASE_API_CHOICE_H

#include <stdbool.h>

enum api_choice { API_NONE, API_GRAPH, API_GMAIL, API_MAILGUN, API_CHOICES };

struct api_choice_row {
    /* The word of the key `api`. */
    const char *word;
    /* As people know it. */
    const char *title;
    /* The base URL where `api_url` is not set. */
    const char *url;
    /* It wants a key of its own (`api_secret_file`) instead of a token. */
    bool takes_key;
};

/* Not of API_NONE. */
const struct api_choice_row *api_choice_row(enum api_choice choice);

#endif
