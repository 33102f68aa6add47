#include "oauth/settings.h"

#include <stdlib.h>

#include "base/mem.h"

static const char *copy(const char *text)
{
    return text ? mem_string(text) : NULL;
}

static void drop(const char *text)
{
    free((char *)text);
}

struct oauth_settings oauth_settings_copy(const struct oauth_settings *s)
{
    struct oauth_settings c = *s;
    const char **const texts[] = OAUTH_SETTINGS_TEXTS(&c);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = copy(*texts[i]);
    c.client_secret = secret_copy(s->client_secret);
    c.route.proxy_password = secret_copy(s->route.proxy_password);
    return c;
}

static void drop_secret(const struct secret *secret)
{
    struct secret *mine = (struct secret *)secret;
    secret_free(&mine);
}

void oauth_settings_clear(struct oauth_settings *s)
{
    const char **const texts[] = OAUTH_SETTINGS_TEXTS(s);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        drop(*texts[i]);
    drop_secret(s->client_secret);
    drop_secret(s->route.proxy_password);
    *s = (struct oauth_settings){0};
}
