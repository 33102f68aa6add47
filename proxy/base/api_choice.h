/* The services that take mail over HTTPS, as the configuration names them: ONE table. What is asked
 * of each, and what its answers mean, is a file in api/. */
#ifndef BASE_API_CHOICE_H
#define BASE_API_CHOICE_H

#include <stdbool.h>

/* X(id, word of the key `api`, as people know it, the base URL where `api_url` is not set, it wants
 * a key of its own (`api_secret_file`) instead of a token) */
#define API_SERVICES(X)                                                                            \
    X(GRAPH, "graph", "Microsoft Graph", "https://graph.microsoft.com/v1.0", false)                \
    X(GMAIL, "gmail", "Gmail", "https://gmail.googleapis.com", false)                              \
    X(MAILGUN, "mailgun", "Mailgun", "https://api.mailgun.net", true)

#define API_ID(id, ...) API_##id,
enum api_choice { API_NONE, API_SERVICES(API_ID) API_CHOICES };
#undef API_ID

struct api_choice_row {
    const char *word, *title, *url;
    bool takes_key;
};

/* Not of API_NONE. */
const struct api_choice_row *api_choice_row(enum api_choice choice);

#endif
