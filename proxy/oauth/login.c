#include "oauth/login.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/hex.h"
#include "base/mem.h"
#include "io/crypto.h"
#include "io/loop.h"
#include "oauth/answer.h"
#include "oauth/echo.h"
#include "oauth/grant.h"

#define PATIENCE (600 * USEC_PER_SEC)
/* The pause that slow_down adds (RFC 8628 3.5), and the longest pause after an endpoint's error. */
#define SLOWER (5 * USEC_PER_SEC)
#define SLOWEST (60 * USEC_PER_SEC)
enum { VERIFIER = 32, STATE = 16 };

struct oauth_login {
    const struct io *io;
    struct http *http;
    const struct oauth_login_events *events;
    void *ctx;
    char *client_id, *scope, *token_url, *device_url, *redirect, *url;
    struct secret *client_secret;
    struct http_route route;
    char *proxy, *proxy_user, *ca_file;
    struct secret *proxy_password;
    struct http_request *request;
    struct timer *deadline, *poll;
    struct deferred showing;
    struct oauth_device device;
    usec interval;
    struct secret *verifier, *state;
    /* The form that was sent last. Words that repeat it are not shown. */
    struct secret *form;
};

/* ---- the end ---- */

static void end(struct oauth_login *l, const struct secret *token, const struct err *err)
{
    timer_stop(l->deadline);
    timer_stop(l->poll);
    l->events->done(l->ctx, token, err);
}

static void fail(struct oauth_login *l, enum err_kind kind, const char *words)
{
    struct err err;
    err_set(&err, kind, "%.300s", words);
    end(l, NULL, &err);
}

/* An error of a file or of the network. Whatever its kind is, the provider has not refused. */
static void fail_unheard(struct oauth_login *l, const struct err *err)
{
    fail(l, err->kind == ERR_PERMISSION ? ERR_SYSTEM : err->kind, err->words);
}

static void on_deadline(void *arg)
{
    struct oauth_login *l = arg;
    http_cancel(&l->request);
    fail(l, ERR_TIMEOUT, "nobody has logged in in time: begin again");
}

/* The error of RFC 8628 3.5, and Entra's word for it. */
static bool is_declined(const struct oauth_answer *a)
{
    return strcmp(a->error, "access_denied") == 0 ||
           strcmp(a->error, "authorization_declined") == 0;
}

static void fail_as_said(struct oauth_login *l, struct oauth_answer *a)
{
    char words[300];
    const struct oauth_facts facts = {.client_id = l->client_id, .scope = l->scope};
    oauth_silence_echo(a, l->form);
    struct oauth_said said = oauth_answer_said(a);
    if (is_declined(a)) {
        fail(l, ERR_REFUSED, "the login was declined in the browser");
        return;
    }
    oauth_endpoint_words(&said, &facts, words, sizeof words);
    fail(l, ERR_PERMISSION, words);
}

static void succeed(struct oauth_login *l, const struct oauth_answer *a)
{
    if (a->refresh_token)
        end(l, a->refresh_token, NULL);
    else
        fail(l, ERR_INVALID,
             "signed in, but without a refresh token, so it would work for an hour: the scope "
             "lacks offline_access "
             "(Microsoft), or consent was given before and not asked for again (Google: "
             "prompt=consent)");
}

/* ---- requests ---- */

static void post(struct oauth_login *l, const char *url, struct buf *form, http_fn *fn)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    secret_free(&l->form);
    l->form = secret_new(buf_view(form));
    const struct http_ask ask = {
        .url = url, .headers = headers, .body = l->form, .route = l->route};
    l->request = http_send(l->http, &ask, fn, l);
    buf_wipe(form);
}

static bool form_begin(const struct oauth_login *l, struct buf *form)
{
    buf_init(form, CAP_TOKEN_FORM);
    buf_reserve(form, 0, CAP_TOKEN_FORM);
    return form_add(form, "client_id", slice_of(l->client_id)) &&
           (!l->client_secret || form_add(form, "client_secret", secret_reveal(l->client_secret)));
}

static void too_long(struct oauth_login *l, struct buf *form)
{
    buf_wipe(form);
    fail(l, ERR_LIMIT, "the request is too long");
}

/* ---- the device code ---- */

static void poll_again(struct oauth_login *l)
{
    timer_arm(l->poll, l->interval);
}

/* These errors of the flow mean that the person is not ready, or that we ask too often. */
static bool goes_on(struct oauth_login *l, const struct oauth_answer *a)
{
    if (strcmp(a->error, "slow_down") == 0)
        l->interval += SLOWER;
    else if (a->class == OAUTH_WAIT)
        l->interval = l->interval * 2 < SLOWEST ? l->interval * 2 : SLOWEST;
    else if (strcmp(a->error, "authorization_pending") != 0)
        return false;
    return true;
}

static void judge_poll(struct oauth_login *l, struct oauth_answer *a)
{
    if (a->class == OAUTH_OK)
        succeed(l, a);
    else if (goes_on(l, a))
        poll_again(l);
    else if (strcmp(a->error, "expired_token") == 0)
        fail(l, ERR_TIMEOUT, "the code has expired: begin again");
    else
        fail_as_said(l, a);
}

static void on_polled(void *ctx, const struct http_answer *http, const struct err *err)
{
    struct oauth_login *l = ctx;
    struct oauth_answer a;
    (void)err;
    l->request = NULL;
    oauth_answer_read(&a, http ? http->status : 503, http ? http->body : slice_make(NULL, 0));
    judge_poll(l, &a);
    oauth_answer_clear(&a);
}

static void on_poll(void *arg)
{
    struct oauth_login *l = arg;
    struct buf form;
    if (form_begin(l, &form) &&
        form_add(&form, "grant_type", slice_of("urn:ietf:params:oauth:grant-type:device_code")) &&
        form_add(&form, "device_code", secret_reveal(l->device.device_code)))
        post(l, l->token_url, &form, on_polled);
    else
        too_long(l, &form);
}

static void on_device(void *ctx, const struct http_answer *http, const struct err *err)
{
    struct oauth_login *l = ctx;
    l->request = NULL;
    if (!http) {
        fail_unheard(l, err);
        return;
    }
    oauth_device_read(&l->device, http->status, http->body);
    if (!l->device.device_code) {
        struct oauth_answer a;
        oauth_answer_read(&a, http->status, http->body);
        fail_as_said(l, &a);
        oauth_answer_clear(&a);
        return;
    }
    l->interval = l->device.interval * USEC_PER_SEC;
    timer_arm(l->deadline, l->device.expires_in * USEC_PER_SEC);
    poll_again(l);
    l->events->show(l->ctx, l->device.uri, l->device.user_code);
}

/* ---- the browser ---- */

static void on_showing(void *arg)
{
    struct oauth_login *l = arg;
    l->events->show(l->ctx, l->url, "");
}

static void on_exchanged(void *ctx, const struct http_answer *http, const struct err *err)
{
    struct oauth_login *l = ctx;
    struct oauth_answer a;
    l->request = NULL;
    if (!http) {
        fail_unheard(l, err);
        return;
    }
    oauth_answer_read(&a, http->status, http->body);
    if (a.class == OAUTH_OK)
        succeed(l, &a);
    else
        fail_as_said(l, &a);
    oauth_answer_clear(&a);
}

static struct secret *draw(struct oauth_login *l, size_t n)
{
    uint8_t bytes[VERIFIER];
    struct buf text;
    buf_init(&text, 64);
    loop_random(l->io->loop, bytes, n);
    /* 32 octets become 43 letters, which fit. */
    struct secret *s =
        base64url_append(&text, slice_make(bytes, n)) ? secret_new(buf_view(&text)) : NULL;
    secret_erase(bytes, sizeof bytes);
    buf_wipe(&text);
    return s;
}

static bool add_challenge(const struct oauth_login *l, struct buf *url)
{
    uint8_t digest[32];
    struct buf text;
    buf_init(&text, 64);
    sha256(secret_reveal(l->verifier), digest);
    bool ok = base64url_append(&text, slice_make(digest, sizeof digest)) &&
              form_add(url, "code_challenge", buf_view(&text)) &&
              form_add(url, "code_challenge_method", slice_of("S256"));
    buf_free(&text);
    return ok;
}

/* Gives the address of the page, or returns NULL if it would be too long. */
static char *page_of(const struct oauth_login *l, const struct oauth_login_settings *s)
{
    struct buf url;
    buf_init(&url, CAP_LOGIN_URL);
    const char *join = strchr(s->authorize_url, '?') ? "&" : "?";
    bool ok =
        buf_append(&url, s->authorize_url, strlen(s->authorize_url)) && buf_append(&url, join, 1) &&
        buf_append(&url, "response_type=code", 18) &&
        form_add(&url, "client_id", slice_of(s->client_id)) &&
        form_add(&url, "redirect_uri", slice_of(s->redirect)) &&
        form_add(&url, "scope", slice_of(s->scope)) &&
        form_add(&url, "state", secret_reveal(l->state)) && add_challenge(l, &url) &&
        (!s->hint || form_add(&url, "login_hint", slice_of(s->hint))) &&
        (!s->more || (buf_append(&url, "&", 1) && buf_append(&url, s->more, strlen(s->more))));
    char *page = ok ? slice_string(buf_view(&url)) : NULL;
    buf_free(&url);
    return page;
}

/* Gives a parameter's value, decoded, or returns NULL if it is missing or malformed. */
static struct secret *parameter(struct slice query, const char *name)
{
    while (query.len) {
        struct slice pair = slice_head(query, slice_find(query, '&')),
                     key = slice_head(pair, slice_find(pair, '='));
        query = slice_from(query, pair.len + 1);
        if (!slice_is(key, name))
            continue;
        struct slice coded = slice_from(pair, key.len + 1);
        struct buf out;
        bool ok = true;
        buf_init(&out, CAP_LOGIN_URL);
        while (ok && coded.len) {
            /* In a form "+" is a blank. */
            bool blank = coded.data[0] == '+';
            int octet = hex_take_percent(&coded);
            char c = (char)(blank ? ' ' : octet);
            ok = octet > 0 && buf_append(&out, &c, 1);
        }
        struct secret *value = ok ? secret_new(buf_view(&out)) : NULL;
        buf_wipe(&out);
        return value;
    }
    return NULL;
}

static int exchange(struct oauth_login *l, const struct secret *code, struct err *err)
{
    struct buf form;
    if (form_begin(l, &form) && form_add(&form, "grant_type", slice_of("authorization_code")) &&
        form_add(&form, "code", secret_reveal(code)) &&
        form_add(&form, "redirect_uri", slice_of(l->redirect)) &&
        form_add(&form, "code_verifier", secret_reveal(l->verifier))) {
        post(l, l->token_url, &form, on_exchanged);
        return 0;
    }
    buf_wipe(&form);
    err_set(err, ERR_LIMIT, "the code is too long");
    return -1;
}

/* Anybody can make up an address, so its controls are not shown. */
static void show_parameter(struct slice query, const char *name, char *out, size_t size)
{
    struct secret *value = parameter(query, name);
    struct slice text = value ? secret_reveal(value) : slice_make(NULL, 0);
    size_t n = text.len < size ? text.len : size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = text.data[i] >= ' ' && text.data[i] < 127 ? text.data[i] : '?';
    out[n] = 0;
    secret_free(&value);
}

/* The error of the page when the person or an administrator said no. */
static void explain_no(struct slice query, struct err *err)
{
    char error[60], words[200];
    show_parameter(query, "error", error, sizeof error);
    show_parameter(query, "error_description", words, sizeof words);
    err_set(err, ERR_PERMISSION, "the login was refused: %s%s%s", error, words[0] ? ": " : "",
            words);
}

int oauth_login_take_address(struct oauth_login *l, struct slice address, struct err *err)
{
    address = slice_trim(address);
    size_t question = slice_find(address, '?');
    struct slice query =
        question < address.len ? slice_from(address, question + 1) : slice_make(NULL, 0);
    query = slice_head(query, slice_find(query, '#'));
    struct secret *state = parameter(query, "state"), *code = parameter(query, "code"),
                  *error = parameter(query, "error");
    int result = -1;
    if (l->request || !l->state)
        err_set(err, ERR_INVALID, "an address was given already");
    else if (!state || !secret_equal(state, l->state))
        err_set(err, ERR_INVALID,
                "this address is not that of this login: paste the whole of it, as the browser "
                "shows it at the end");
    else if (error)
        explain_no(query, err);
    else if (!code)
        err_set(err, ERR_INVALID, "the address holds no code");
    else
        result = exchange(l, code, err);
    secret_free(&state);
    secret_free(&code);
    secret_free(&error);
    return result;
}

/* ---- life ---- */

static char *copy(const char *text)
{
    return text ? mem_string(text) : NULL;
}

static struct oauth_login *login_new(const struct io *io, struct http *http,
                                     const struct oauth_login_settings *s,
                                     const struct oauth_login_events *events, void *ctx)
{
    struct oauth_login *l = NEW(struct oauth_login);
    l->io = io;
    l->http = http;
    l->events = events;
    l->ctx = ctx;
    l->client_id = copy(s->client_id);
    l->scope = copy(s->scope);
    l->token_url = copy(s->token_url);
    l->device_url = copy(s->device_url);
    l->redirect = copy(s->redirect);
    l->client_secret = secret_copy(s->client_secret);
    l->route = s->route;
    l->route.proxy = l->proxy = copy(s->route.proxy);
    l->route.proxy_user = l->proxy_user = copy(s->route.proxy_user);
    l->route.ca_file = l->ca_file = copy(s->route.ca_file);
    l->route.proxy_password = l->proxy_password = secret_copy(s->route.proxy_password);
    deferred_init(&l->showing, on_showing, l);
    l->deadline = timer_new(io->loop, on_deadline, l);
    l->poll = timer_new(io->loop, on_poll, l);
    timer_arm(l->deadline, PATIENCE);
    return l;
}

struct oauth_login *oauth_login_device(const struct io *io, struct http *http,
                                       const struct oauth_login_settings *s,
                                       const struct oauth_login_events *events, void *ctx)
{
    struct oauth_login *l = login_new(io, http, s, events, ctx);
    struct buf form;
    buf_init(&form, CAP_TOKEN_FORM);
    if (form_add(&form, "client_id", slice_of(l->client_id)) &&
        form_add(&form, "scope", slice_of(l->scope)))
        post(l, l->device_url, &form, on_device);
    buf_wipe(&form);
    return l;
}

struct oauth_login *oauth_login_browser(const struct io *io, struct http *http,
                                        const struct oauth_login_settings *s,
                                        const struct oauth_login_events *events, void *ctx)
{
    struct oauth_login *l = login_new(io, http, s, events, ctx);
    l->verifier = draw(l, VERIFIER);
    l->state = draw(l, STATE);
    l->url = page_of(l, s);
    if (l->url)
        loop_defer(io->loop, &l->showing);
    else
        timer_arm(l->deadline, 0);
    return l;
}

void oauth_login_free(struct oauth_login **login)
{
    struct oauth_login *l = *login;
    *login = NULL;
    if (!l)
        return;
    http_cancel(&l->request);
    deferred_cancel(&l->showing);
    timer_free(&l->deadline);
    timer_free(&l->poll);
    oauth_device_clear(&l->device);
    char *texts[] = {l->client_id, l->scope, l->token_url,  l->device_url, l->redirect,
                     l->url,       l->proxy, l->proxy_user, l->ca_file};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    secret_free(&l->client_secret);
    secret_free(&l->proxy_password);
    secret_free(&l->verifier);
    secret_free(&l->state);
    secret_free(&l->form);
    loop_free_later(l->io->loop, l, free);
}
