/* How each flow asks for a token: the form that is sent. A flow is a row; which one an account uses
 * is decided by what its configuration gives (config/tokens.c). */
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
    /* It uses the refresh token of a file, of which only one request may be under way. */
    bool refreshes;
    /* Appends the fields of the request's body. */
    int (*write)(const struct oauth_ingredients *in, struct buf *form, struct err *err);
};

/* Never NULL. */
const struct oauth_flow *oauth_flow_of(const struct oauth_settings *s);

/* Whether what is sent holds a signed or foreign assertion, which a wrong clock spoils. */
bool oauth_flow_asserts(const struct oauth_flow *flow, const struct oauth_settings *s);

/* Gives the body of the request, URL-encoded; NULL with err. */
struct secret *oauth_form(const struct oauth_flow *flow, const struct oauth_ingredients *in,
                          struct err *err);

/* Appends "&NAME=VALUE", URL-encoded; without the "&" at the beginning. */
bool form_add(struct buf *form, const char *name, struct slice value) MUST_USE;

/* The path of an input, or NULL where none is configured. */
const char *oauth_input_path(const struct oauth_settings *s, enum oauth_input input);

#endif
