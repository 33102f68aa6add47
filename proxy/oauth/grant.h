/* The form that each flow sends for a token. A flow is a row. The keys that an account has decide
 * which one it uses (config/tokens.c). */
#ifndef OAUTH_GRANT_H
#define OAUTH_GRANT_H

#include "oauth/jwt.h"
#include "oauth/settings.h"

struct oauth_ingredients {
    const struct oauth_settings *settings;
    const struct oauth_inputs *inputs;
    struct jwt_moment moment;
};

struct oauth_flow {
    enum token_flow is;
    /* It uses the refresh token of a file, with which only one request may run at a time. */
    bool refreshes;
    /* Appends the fields of the request's body. */
    int (*write)(const struct oauth_ingredients *in, struct buf *form, struct err *err);
};

/* Never NULL. */
const struct oauth_flow *oauth_flow_of(const struct oauth_settings *s);

/* Returns whether the form holds an assertion, which a wrong clock makes invalid. */
bool oauth_flow_asserts(const struct oauth_flow *flow, const struct oauth_settings *s);

/* Gives the body of the request, URL-encoded, or returns NULL with err. */
struct secret *oauth_form(const struct oauth_flow *flow, const struct oauth_ingredients *in,
                          struct err *err);

/* Appends "&NAME=VALUE", URL-encoded. The first one has no "&". */
bool form_add(struct buf *form, const char *name, struct slice value) MUST_USE;

/* Returns the path of an input, or NULL if none is configured. */
const char *oauth_input_path(const struct oauth_settings *s, enum oauth_input input);

#endif
