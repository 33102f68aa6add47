#include "relay/login.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/password.h"
#include "relay/admission.h"

#define FAILURE_DELAY USEC_PER_SEC

/* One AUTH, until it is answered. */
struct client_login {
    struct session *session;
    struct smtp_server_command *cmd;
    /* NULL if no user of that name may log in. Lives as long as the session's configuration. */
    const struct user *user;
    /* NULL once it has ended. */
    struct password_check *check;
    struct timer *delay;
};

static struct loop *loop_of(const struct client_login *l)
{
    return l->session->relay->io->loop;
}

static const struct addr *client_of(const struct client_login *l)
{
    return &smtp_server_client(l->session->server)->peer;
}

void login_abandon(struct client_login **login)
{
    struct client_login *l = *login;
    *login = NULL;
    if (!l)
        return;
    /* The client is gone and does not get the result, so it does not count. */
    if (l->check) {
        password_cancel(l->check);
        guard_end(&l->session->relay->guard, client_of(l), false, loop_now(loop_of(l)));
    }
    timer_free(&l->delay);
    free(l);
}

static void answer(struct client_login *l, enum smtp_server_login verdict)
{
    struct smtp_server_command *cmd = l->cmd;
    login_abandon(&l->session->login);
    smtp_server_answer_login(cmd, verdict);
}

static void delay_over(void *arg)
{
    answer(arg, SMTP_SERVER_LOGIN_WRONG);
}

/* An unknown name is not shown, because it may be a password in the wrong field. */
static void log_login(const struct client_login *l, enum log_level level, const char *what)
{
    char client[ADDR_TEXT];
    log_event(l->session->relay->io->log, level, what,
              log_str("client", addr_text(client_of(l), client)),
              log_str("listener", l->session->listener->config->name),
              log_str("user", l->user ? l->user->name : NULL));
}

static void refuse(struct client_login *l)
{
    struct relay *relay = l->session->relay;
    log_login(l, LOG_WARN, "login refused");
    admission_note_refused(relay, relay_count_of(relay, l->session->listener->config->name),
                           client_of(l), CLIENT_LOGIN_WRONG);
    if (guard_end(&l->session->relay->guard, client_of(l), true, loop_now(loop_of(l))))
        log_login(
            l, LOG_WARN,
            "too many failed logins from one address: it is locked out for up to ten minutes");
    timer_arm(l->delay, FAILURE_DELAY);
}

static void on_checked(void *ctx, enum password_verdict verdict)
{
    struct client_login *l = ctx;
    l->check = NULL;
    if (verdict == PASSWORD_RIGHT && l->user) {
        guard_end(&l->session->relay->guard, client_of(l), false, loop_now(loop_of(l)));
        log_login(l, LOG_DEBUG, "logged in");
        answer(l, SMTP_SERVER_LOGIN_RIGHT);
    } else if (verdict == PASSWORD_UNCHECKED) {
        guard_end(&l->session->relay->guard, client_of(l), false, loop_now(loop_of(l)));
        log_login(l, LOG_ERROR,
                  "a hash in users_file is of a kind that this system's crypt(3) does not know");
        answer(l, SMTP_SERVER_LOGIN_BUSY);
    } else {
        refuse(l);
    }
}

static bool is_locked(const struct user *u)
{
    char first = secret_reveal(u->hash).data[0];
    return first == '!' || first == '*';
}

static const struct user *find(const struct users *users, struct slice name)
{
    for (size_t i = 0; i < users->n; i++)
        if (slice_is(name, users->items[i].name))
            return is_locked(&users->items[i]) ? NULL : &users->items[i];
    return NULL;
}

/* Returns the user whose hash an unknown name is checked against. It is always the same for one
 * name, so that the kind of the hash tells nothing. Returns NULL if all are locked. */
static const struct user *stand_in(const struct users *users, struct slice name)
{
    /* This is FNV-1a. */
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        sum = (sum ^ (unsigned char)name.data[i]) * 16777619u;
    for (size_t i = 0; i < users->n; i++) {
        const struct user *u = &users->items[(sum + i) % users->n];
        if (!is_locked(u))
            return u;
    }
    return NULL;
}

void login_begin(struct session *s, struct smtp_server_command *cmd, struct slice user,
                 struct slice password)
{
    const struct users *users = &s->listener->config->users;
    enum guard_word word = guard_begin(&s->relay->guard, &smtp_server_client(s->server)->peer,
                                       loop_now(s->relay->io->loop));
    if (word != GUARD_GO) {
        smtp_server_answer_login(cmd, word == GUARD_SHUT ? SMTP_SERVER_LOGIN_LOCKED_OUT
                                                         : SMTP_SERVER_LOGIN_BUSY);
        return;
    }
    struct client_login *l = NEW(struct client_login);
    s->login = l;
    l->session = s;
    l->cmd = cmd;
    l->delay = timer_new(s->relay->io->loop, delay_over, l);
    l->user = find(users, user);
    const struct user *measured = l->user ? l->user : stand_in(users, user);
    if (!measured) {
        refuse(l);
        return;
    }
    l->check = password_check(s->relay->passwords, measured->hash, password, on_checked, l);
    if (!l->check) {
        guard_end(&s->relay->guard, client_of(l), false, loop_now(s->relay->io->loop));
        answer(l, SMTP_SERVER_LOGIN_BUSY);
    }
}
