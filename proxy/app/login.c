#include "app/login.h"

#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/check.h"
#include "app/login_redirect.h"

#include "app/privileges.h"
#include "app/quiet.h"
#include "app/status.h"
#include "app/world.h"
#include "base/mem.h"
#include "base/secret_file.h"
#include "config/presets.h"
#include "io/files.h"
#include "io/loop.h"
#include "io/process.h"
#include "io/signals.h"
#include "io/token_file.h"
#include "io/typed.h"
#include "oauth/login.h"
#include "oauth/route.h"

/* A server that renews just now holds the file for as long as its request takes, which is 10 s and
 * the disk's time. */
#define LOCK_PATIENCE (20 * USEC_PER_SEC)
#define LOCK_PAUSE (200 * USEC_PER_MS)
/* For the last page to reach the browser. */
#define GOODBYE USEC_PER_SEC

enum way { WAY_ANY, WAY_DEVICE, WAY_BROWSER };

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDING_SIGNALS = sizeof ending_signals / sizeof *ending_signals };

struct login_run {
    const char *config_file, *name;
    enum way way;
    struct config *config;
    const struct upstream_config *account;
    /* It was root's terminal: no browser is started from it. */
    bool was_root;
    struct io io;
    struct oauth_login *login;
    struct oauth_login_settings settings;
    /* What consent is asked for, in turn. The last refresh token serves all of it. */
    const char *scopes[2];
    size_t nscopes, consents;
    struct oauth_route route;
    struct secret *client_secret, *token;
    struct redirect *redirect;
    char redirect_url[64];
    struct typed *typed;
    struct timer *lock_pause;
    usec lock_until;
    struct signal_watch *signals[ENDING_SIGNALS];
    int status;
};

static void finish(struct login_run *s, int status)
{
    s->status = status;
    loop_stop(s->io.loop);
}

static int complain(int status, const char *words)
{
    fprintf(stderr, "smtp-detour login: %s\n", words);
    return status;
}

static void fail(struct login_run *s, const char *words)
{
    finish(s, complain(EXIT_ANSWER_BAD, words));
}

/* ---- the file ---- */

static void store(struct login_run *s)
{
    struct err err = {0};
    const char *file = s->account->oauth.token_file;
    if (token_file_put(file, s->token, &err) == 0) {
        printf("Logged in. %s holds the refresh token; a running server takes it by itself.\n",
               file);
        finish(s, EXIT_FINE);
    } else if (err.kind == ERR_TIMEOUT && loop_now(s->io.loop) < s->lock_until) {
        timer_arm(s->lock_pause, LOCK_PAUSE);
    } else {
        fail(s, err.words);
    }
}

static void on_lock_pause(void *arg)
{
    store(arg);
}

/* ---- the login ---- */

static int begin_browser(struct login_run *s);
static int begin_device(struct login_run *s);

/* Microsoft gives consent for one resource at a time. */
static bool asks_again(struct login_run *s)
{
    if (++s->consents == s->nscopes)
        return false;
    s->settings.scope = s->scopes[s->consents];
    printf("Signed in for SMTP. Once more, for the API that `443/api` in ports needs; nothing is "
           "written before.\n\n");
    int status = s->redirect ? begin_browser(s) : begin_device(s);
    if (status != EXIT_FINE)
        finish(s, status);
    return true;
}

/* What the provider refuses to a device may be open to a browser. */
static bool goes_on_with_browser(const struct login_run *s, const struct err *err)
{
    return s->way == WAY_ANY && !s->redirect && err->kind == ERR_PERMISSION &&
           s->account->oauth.authorize_url;
}

static void on_done(void *ctx, const struct secret *token, const struct err *err)
{
    struct login_run *s = ctx;
    oauth_login_free(&s->login);
    if (token) {
        secret_free(&s->token);
        s->token = secret_copy(token);
        if (asks_again(s))
            return;
        s->lock_until = loop_now(s->io.loop) + LOCK_PATIENCE;
        store(s);
    } else if (goes_on_with_browser(s, err)) {
        printf("The provider refuses the code: %s.\nThe browser may still do.\n\n", err->words);
        int status = begin_browser(s);
        if (status != EXIT_FINE)
            finish(s, status);
    } else {
        fail(s, err->words);
    }
}

/* Where there is a display; not from root's terminal, for a browser is nothing for root, and
 * nothing of a desktop is for the server's user. */
static bool open_browser(const struct login_run *s, const char *url)
{
    char *argv[] = {mem_string("xdg-open"), mem_string(url), NULL};
    const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    bool opened = !s->was_root && ((x && *x) || (wayland && *wayland)) && process_leave(argv) == 0;
    free(argv[0]);
    free(argv[1]);
    return opened;
}

static void on_show(void *ctx, const char *url, const char *user_code)
{
    struct login_run *s = ctx;
    const char *user = s->account->username;
    if (user_code[0])
        printf("Open %s in any browser, type the code %s and sign in as %s.\n", url, user_code,
               user);
    else
        printf("%s, and sign in as %s:\n\n%s\n\n"
               "If that browser is on another machine, it ends at an address that it cannot open "
               "(%s/?code=...):\npaste that address here.\n",
               open_browser(s, url) ? "A browser opens this address" : "Open this address", user,
               url, s->redirect_url);
    fflush(stdout);
}

static const struct oauth_login_events events = {.show = on_show, .done = on_done};

/* ERR_PERMISSION: the person, or the provider, said no, and that is the end. */
static int on_redirect(void *ctx, struct slice address, struct err *err)
{
    struct login_run *s = ctx;
    err_set(err, ERR_INVALID, "this login has ended");
    if (!s->login || oauth_login_take_address(s->login, address, err) == 0)
        return s->login ? 0 : -1;
    if (err->kind == ERR_PERMISSION)
        fail(s, err->words);
    return -1;
}

static void on_line(void *ctx, struct slice line)
{
    struct err err;
    struct login_run *s = ctx;
    line = slice_trim(line);
    if (line.len && s->login && on_redirect(s, line, &err) != 0 && err.kind != ERR_PERMISSION)
        complain(EXIT_FINE, err.words);
}

static int begin_device(struct login_run *s)
{
    s->login = oauth_login_device(&s->io, s->io.http, &s->settings, &events, s);
    return EXIT_FINE;
}

static int begin_browser(struct login_run *s)
{
    struct err err = {0};
    struct preset_choice choice;
    const char *provider = s->account->provider, *base = NULL;
    if (provider && preset_choose(slice_of(provider), true, &choice, &err) == 0 &&
        choice.preset->oauth) {
        base = choice.preset->oauth->redirect;
        s->settings.more = choice.preset->oauth->authorize_more;
    }
    if (!s->redirect)
        s->redirect = redirect_open(s->io.loop, on_redirect, s, &err);
    if (!s->redirect)
        return complain(EXIT_SYSTEM, err.words);
    snprintf(s->redirect_url, sizeof s->redirect_url, "%s:%u", base ? base : "http://127.0.0.1",
             (unsigned)redirect_port(s->redirect));
    s->settings.redirect = s->redirect_url;
    if (!s->typed)
        s->typed = typed_new(s->io.loop, STDIN_FILENO, on_line, s);
    s->login = oauth_login_browser(&s->io, s->io.http, &s->settings, &events, s);
    return EXIT_FINE;
}

static int begin(struct login_run *s)
{
    const struct oauth_config *o = &s->account->oauth;
    if (s->way != WAY_BROWSER && o->device_url)
        return begin_device(s);
    if (s->way != WAY_DEVICE && o->authorize_url)
        return begin_browser(s);
    return complain(EXIT_BAD_CONFIG,
                    s->way == WAY_DEVICE
                        ? "this provider has no code for devices that may send mail; try --browser"
                        : "nothing says where to log in: set provider, or oauth_authorize_url");
}

/* ---- before it ---- */

/* By root, while we are root: the server reads it so, too. */
static int read_client_secret(struct login_run *s)
{
    struct err err = {0};
    const struct oauth_config *o = &s->account->oauth;
    s->client_secret = secret_copy(o->client_secret);
    if (!o->client_secret_file)
        return EXIT_FINE;
    char *path = secret_file_path(o->client_secret_file);
    unsigned mode;
    if (path)
        s->client_secret = secret_file_read(path, &mode, &err);
    else
        err_set(&err, ERR_NOT_FOUND, "CREDENTIALS_DIRECTORY is not set");
    free(path);
    return s->client_secret ? EXIT_FINE : complain(EXIT_BAD_CONFIG, err.words);
}

/* The token belongs to the server's user, who also replaces it: so that user writes it from the
 * beginning. */
static int become_server(struct login_run *s)
{
    struct err err = {0};
    struct identity identity;
    struct file_owner owner;
    char words[512];
    if (identity_find(&s->config->server, &identity, &err) != 0)
        return complain(EXIT_BAD_CONFIG, err.words);
    /* What keeps it from being made is told by the look at it below. */
    if (directory_make(s->config->server.state_dir, 0700, identity_owner(&identity, &owner),
                       &err) != 0)
        err = (struct err){0};
    s->was_root = geteuid() == 0;
    if (identity_assume(&identity, &err) != 0)
        return complain(EXIT_SYSTEM, err.words);
    char *copy = mem_string(s->account->oauth.token_file);
    const char *directory = dirname(copy);
    bool writable = access(directory, W_OK | X_OK) == 0;
    snprintf(words, sizeof words,
             "%.300s cannot be written by %s, who keeps the token there: give it to that user "
             "(chown), or set oauth_token_file to another place",
             directory, identity.change ? identity.name : "who runs this");
    free(copy);
    return writable ? EXIT_FINE : complain(EXIT_BAD_CONFIG, words);
}

static int look_at_account(const struct login_run *s)
{
    const struct oauth_config *o = &s->account->oauth;
    const char *scope = ports_have_smtp(&s->account->ports) ? o->scope : o->api_scope;
    char words[256];
    if (o->flow == TOKEN_REFRESH)
        return scope ? EXIT_FINE
                     : complain(EXIT_BAD_CONFIG, "what to ask for is not known: set oauth_scope");
    snprintf(words, sizeof words, "the account %.60s logs in by %s: nobody has to log in for it%s",
             s->account->name, token_flow_name(o->flow),
             o->flow == TOKEN_NONE ? " (oauth_client_id makes it a login by token)" : "");
    return complain(EXIT_USAGE, words);
}

static void on_signal(void *arg)
{
    printf("\n");
    fail(arg, "ended; nothing was written");
}

static int open_all(struct login_run *s)
{
    struct err err = {0};
    signals_hold();
    if (world_open(&s->io, LOG_ERROR, false, quiet_sink(), &err) != 0)
        return complain(EXIT_SYSTEM, err.words);
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        s->signals[i] = signal_watch_new(s->io.loop, ending_signals[i], on_signal, s);
    s->lock_pause = timer_new(s->io.loop, on_lock_pause, s);
    return EXIT_FINE;
}

static void close_all(struct login_run *s)
{
    if (!s->io.loop)
        return;
    oauth_login_free(&s->login);
    typed_free(&s->typed);
    redirect_close(&s->redirect);
    timer_free(&s->lock_pause);
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        signal_watch_free(&s->signals[i]);
    loop_finish(s->io.loop, GOODBYE);
    world_close(&s->io);
}

static void fill_settings(struct login_run *s)
{
    const struct oauth_config *o = &s->account->oauth;
    const char *smtp = ports_have_smtp(&s->account->ports) ? o->scope : NULL;
    if (smtp)
        s->scopes[s->nscopes++] = smtp;
    if (o->api_scope && (!smtp || strcmp(smtp, o->api_scope) != 0))
        s->scopes[s->nscopes++] = o->api_scope;
    oauth_route_of(s->account, &s->route);
    s->settings = (struct oauth_login_settings){
        .client_id = o->client_id,
        .scope = s->scopes[0],
        .token_url = o->token_url,
        .client_secret = s->client_secret,
        .device_url = o->device_url,
        .authorize_url = o->authorize_url,
        .hint = s->account->username,
        .route = s->route.route,
    };
}

static bool parse_arguments(struct login_run *s, int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--device") == 0 && s->way == WAY_ANY)
            s->way = WAY_DEVICE;
        else if (strcmp(argv[i], "--browser") == 0 && s->way == WAY_ANY)
            s->way = WAY_BROWSER;
        else if (argv[i][0] != '-' && !s->name)
            s->name = argv[i];
        else
            return false;
    return s->name;
}

static int run(struct login_run *s)
{
    int (*const steps[])(struct login_run *) = {read_client_secret, become_server, open_all};
    int status = look_at_account(s);
    for (size_t i = 0; status == EXIT_FINE && i < sizeof steps / sizeof *steps; i++)
        status = steps[i](s);
    if (status != EXIT_FINE)
        return status;
    fill_settings(s);
    status = begin(s);
    if (status != EXIT_FINE)
        return status;
    loop_run(s->io.loop);
    return s->status;
}

int login_main(const char *config_file, int argc, char **argv)
{
    struct login_run s = {.config_file = config_file};
    if (!parse_arguments(&s, argc, argv)) {
        fprintf(stderr, "usage: smtp-detour login [-c FILE] [--device|--browser] ACCOUNT\n");
        return EXIT_USAGE;
    }
    s.config = load_config_or_complain(config_file);
    if (!s.config)
        return EXIT_BAD_CONFIG;
    s.account = find_account_or_complain(s.config, "login", s.name);
    int status = s.account ? run(&s) : EXIT_USAGE;
    close_all(&s);
    secret_free(&s.client_secret);
    secret_free(&s.token);
    config_unref(&s.config);
    return status;
}
