#include "oauth/grant.h"

#include <string.h>

#include "base/caps.h"

#define JWT_BEARER "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* ---- the form ---- */

static bool is_plain(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || (c && strchr("-._~", c));
}

bool form_add(struct buf *form, const char *name, struct slice value)
{
    static const char hex[] = "0123456789ABCDEF";
    bool ok = (form->len == 0 || buf_append(form, "&", 1)) &&
              buf_append(form, name, strlen(name)) && buf_append(form, "=", 1);
    for (size_t i = 0; ok && i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        const char coded[3] = {'%', hex[c >> 4], hex[c & 15]};
        ok = is_plain(value.data[i]) ? buf_append(form, &value.data[i], 1)
                                     : buf_append(form, coded, sizeof coded);
    }
    return ok;
}

static int add(struct buf *form, const char *name, struct slice value, struct err *err)
{
    if (form_add(form, name, value))
        return 0;
    err_set(err, ERR_LIMIT, "the request for a token is too long");
    return -1;
}

static struct slice input(const struct oauth_ingredients *in, enum oauth_input which)
{
    const struct secret *item = in->inputs->items[which];
    return item ? secret_reveal(item) : slice_make(NULL, 0);
}

/* ---- who we are ---- */

static int add_assertion(const struct oauth_ingredients *in, struct buf *form, struct err *err)
{
    const struct oauth_settings *s = in->settings;
    struct buf assertion;
    int result = 0;
    buf_init(&assertion, CAP_TOKEN_FORM);
    if (s->assertion_file)
        result = buf_append_slice(&assertion, input(in, OAUTH_ASSERTION)) ? 0 : -1;
    else
        result = jwt_client_assertion(in->inputs->items[OAUTH_CLIENT_CERT],
                                      in->inputs->items[OAUTH_CLIENT_KEY], s->client_id,
                                      s->token_url, &in->moment, &assertion, err);
    if (result == 0)
        result = add(form, "client_assertion_type", slice_of(JWT_BEARER), err);
    if (result == 0)
        result = add(form, "client_assertion", buf_view(&assertion), err);
    buf_wipe(&assertion);
    return result;
}

static int add_client(const struct oauth_ingredients *in, struct buf *form, struct err *err)
{
    const struct oauth_settings *s = in->settings;
    if (add(form, "client_id", slice_of(s->client_id), err) < 0)
        return -1;
    if (s->assertion_file || s->client_cert)
        return add_assertion(in, form, err);
    if (s->client_secret)
        return add(form, "client_secret", secret_reveal(s->client_secret), err);
    if (s->client_secret_file)
        return add(form, "client_secret", input(in, OAUTH_CLIENT_SECRET), err);
    return 0;
}

/* ---- the flows ---- */

static int write_service_account(const struct oauth_ingredients *in, struct buf *form,
                                 struct err *err)
{
    const struct oauth_settings *s = in->settings;
    struct buf assertion;
    buf_init(&assertion, CAP_TOKEN_FORM);
    int result = jwt_service_account(in->inputs->items[OAUTH_SERVICE_ACCOUNT], s->identity,
                                     s->scope, s->token_url, &in->moment, &assertion, err);
    if (result == 0)
        result =
            add(form, "grant_type", slice_of("urn:ietf:params:oauth:grant-type:jwt-bearer"), err);
    if (result == 0)
        result = add(form, "assertion", buf_view(&assertion), err);
    buf_wipe(&assertion);
    return result;
}

static int write_application(const struct oauth_ingredients *in, struct buf *form, struct err *err)
{
    if (add(form, "grant_type", slice_of("client_credentials"), err) < 0 ||
        add_client(in, form, err) < 0)
        return -1;
    return add(form, "scope", slice_of(in->settings->scope), err);
}

/* At Google the scope belongs to the grant. Microsoft wants it in each request. */
static int write_refresh(const struct oauth_ingredients *in, struct buf *form, struct err *err)
{
    if (add(form, "grant_type", slice_of("refresh_token"), err) < 0 ||
        add_client(in, form, err) < 0 ||
        add(form, "refresh_token", input(in, OAUTH_REFRESH_TOKEN), err) < 0)
        return -1;
    return in->settings->scope ? add(form, "scope", slice_of(in->settings->scope), err) : 0;
}

static const struct oauth_flow flows[] = {
    {.is = TOKEN_SERVICE_ACCOUNT, .write = write_service_account},
    {.is = TOKEN_APPLICATION, .write = write_application},
    {.is = TOKEN_REFRESH, .refreshes = true, .write = write_refresh},
};

const struct oauth_flow *oauth_flow_of(const struct oauth_settings *s)
{
    const struct oauth_flow *flow = flows;
    while (flow->is != s->flow && flow->is != TOKEN_REFRESH)
        flow++;
    return flow;
}

bool oauth_flow_asserts(const struct oauth_flow *flow, const struct oauth_settings *s)
{
    return flow->is == TOKEN_SERVICE_ACCOUNT || s->client_cert || s->assertion_file;
}

struct secret *oauth_form(const struct oauth_flow *flow, const struct oauth_ingredients *in,
                          struct err *err)
{
    struct buf form;
    struct secret *body = NULL;
    buf_init(&form, CAP_TOKEN_FORM);
    /* The whole size is allocated at once, because a buffer that grows leaves copies behind. */
    buf_reserve(&form, 0, CAP_TOKEN_FORM);
    if (flow->write(in, &form, err) == 0)
        body = secret_new(buf_view(&form));
    buf_wipe(&form);
    return body;
}

const char *oauth_input_path(const struct oauth_settings *s, enum oauth_input which)
{
    const char *const paths[OAUTH_INPUTS] = {
        [OAUTH_CLIENT_SECRET] = s->client_secret_file,
        [OAUTH_CLIENT_CERT] = s->client_cert,
        [OAUTH_CLIENT_KEY] = s->client_key,
        [OAUTH_ASSERTION] = s->assertion_file,
        [OAUTH_SERVICE_ACCOUNT] = s->service_account_file,
        [OAUTH_REFRESH_TOKEN] = s->token_file,
    };
    return paths[which];
}
