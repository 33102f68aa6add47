/* A person's login, once, for a refresh token: by a device code that is typed in elsewhere, or
 * by a browser (PKCE) whose last address comes back through the loopback or is pasted. The
 * machine only: who shows, listens and writes the file is the caller. Ends by itself after the
 * code's life or ten minutes. */
#ifndef OAUTH_LOGIN_H
#define OAUTH_LOGIN_H

#include "io/http.h"
#include "io/io.h"

struct oauth_login;

struct oauth_login_settings {
    const char *client_id, *scope, *token_url;
    /* A desktop client's secret goes along at some providers; or NULL. */
    const struct secret *client_secret;
    /* Of the device code. */
    const char *device_url;
    /* Of the browser: the page, where it leads back to, whom it should suggest (or NULL), and what
     * else the provider wants to hear ("access_type=offline&prompt=consent", or NULL). */
    const char *authorize_url, *redirect, *hint, *more;
    struct http_route route;
};

struct oauth_login_events {
    /* What the person is to open, and the code to type there ("" with a browser). Borrowed. */
    void (*show)(void *ctx, const char *url, const char *user_code);
    /* The end; refresh_token borrowed, NULL with err: ERR_REFUSED where the person said no,
     * ERR_PERMISSION where the provider did, who may allow another way. The login may be freed
     * here. */
    void (*done)(void *ctx, const struct secret *refresh_token, const struct err *err);
};

/* Copies the settings. Events come later, on the loop. Give. */
struct oauth_login *oauth_login_device(const struct io *io, struct http *http,
                                       const struct oauth_login_settings *s,
                                       const struct oauth_login_events *events, void *ctx);
struct oauth_login *oauth_login_browser(const struct io *io, struct http *http,
                                        const struct oauth_login_settings *s,
                                        const struct oauth_login_events *events, void *ctx);
/* The address at which the browser ended, whole or from its "?" on. 0: it belongs to this login,
 * and what follows is told by done; -1 with err: it does not, and the login goes on waiting. */
int oauth_login_take_address(struct oauth_login *login, struct slice address,
                             struct err *err) MUST_USE;
/* NULL is fine. */
void oauth_login_free(struct oauth_login **login);

#endif
