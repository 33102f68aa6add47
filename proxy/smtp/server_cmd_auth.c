/* AUTH PLAIN and LOGIN (RFC 4954, RFC 4616). With SERVER_AUTH_ACCEPT anything well-formed is taken
 * and wiped unseen; with SERVER_AUTH_REQUIRED the handler decides. What is decoded here is wiped
 * here, and stands in no log and no reply. */
#include <stdlib.h>

#include "base/caps.h"
#include "smtp/server_private.h"
#include "wire/auth.h"
#include "wire/reply.h"

bool server_auth_offered(const struct server *s)
{
    bool secure = s->tls == TLS_SECURE;
    if (s->settings->auth == SERVER_AUTH_OFF ||
        (s->settings->tls == SERVER_TLS_REQUIRED && !secure))
        return false;
    return s->settings->auth == SERVER_AUTH_ACCEPT || secure || addr_is_loopback(&s->client.peer);
}

static void end_exchange(struct server *s)
{
    s->sasl = SASL_NONE;
    secret_free(&s->sasl_user);
}

void server_auth_forget(struct server *s)
{
    end_exchange(s);
    free((char *)s->client.user);
    s->client.user = NULL;
    s->logged_in = false;
}

void server_sasl_over(struct server *s, int code, const char *enhanced, const char *text)
{
    end_exchange(s);
    server_say(s, code, enhanced, text);
}

/* "334 " and what stands behind it: some devices compare it to the letter. */
static void prompt(struct server *s, enum sasl awaited, const char *text)
{
    struct buf reply;
    buf_init(&reply, CAP_REPLY_LINE);
    s->sasl = awaited;
    if (reply_write(&reply, 334, "", slice_of(text)))
        server_write(s, buf_view(&reply));
    buf_free(&reply);
}

static void accept_login(struct server *s, struct slice user)
{
    s->logged_in = true;
    if (s->settings->auth == SERVER_AUTH_REQUIRED)
        s->client.user = slice_string(user);
    server_sasl_over(s, 235, "2.7.0", "logged in");
}

void server_login_verdict(struct server *s, enum server_login verdict)
{
    switch (verdict) {
    case SERVER_LOGIN_RIGHT: accept_login(s, secret_reveal(s->sasl_user)); break;
    case SERVER_LOGIN_WRONG:
        s->failed_logins++;
        server_sasl_over(s, 535, "5.7.8", "wrong user name or password");
        break;
    case SERVER_LOGIN_BUSY:
        server_sasl_over(s, 454, "4.7.0", "the login cannot be checked now, try again later");
        break;
    case SERVER_LOGIN_LOCKED_OUT:
        end_exchange(s);
        server_farewell(s, 421, "4.7.0",
                        "too many failed logins from your address, try again later",
                        "too many failed logins from its address");
        break;
    }
}

static void check(struct server *s, struct slice user, struct slice password)
{
    if (s->settings->auth == SERVER_AUTH_ACCEPT) {
        accept_login(s, user);
        return;
    }
    if (slice_find(user, 0) < user.len || slice_find(password, 0) < password.len) {
        server_sasl_over(s, 501, "5.5.2", "a NUL is in it");
        return;
    }
    /* user may be the old one's bytes */
    struct secret *name = secret_new(user);
    end_exchange(s);
    s->sasl_user = name;
    s->handlers->login(s->ctx, server_ticket(s, TICKET_LOGIN), secret_reveal(name), password);
}

static void take_plain(struct server *s, struct slice message)
{
    struct auth_plain plain = {0};
    if (s->settings->auth == SERVER_AUTH_ACCEPT)
        accept_login(s, message);
    else if (!auth_split_plain(message, &plain))
        server_sasl_over(s, 501, "5.5.2", "this is not what PLAIN asks for");
    /* nobody here may act for another: refused as any wrong login is, as late and as counted */
    else if (plain.authzid.len && !slice_equal(plain.authzid, plain.user))
        check(s, slice_of(""), plain.password);
    else
        check(s, plain.user, plain.password);
}

/* A response in base64, to whatever is awaited. */
static void take_response(struct server *s, struct slice text, bool initial)
{
    struct buf message;
    buf_init(&message, CAP_AUTH_LINE);
    if (!auth_decode(text, initial, &message)) {
        server_sasl_over(s, 501, "5.5.2", "this is not base64");
    } else if (s->sasl == SASL_PLAIN) {
        take_plain(s, buf_view(&message));
    } else if (s->sasl == SASL_USER) {
        s->sasl_user = secret_new(buf_view(&message));
        /* "Password:" */
        prompt(s, SASL_PASSWORD, "UGFzc3dvcmQ6");
    } else {
        check(s, secret_reveal(s->sasl_user), buf_view(&message));
    }
    buf_wipe(&message);
}

void server_sasl_line(struct server *s, struct slice line)
{
    if (slice_is(line, "*"))
        server_sasl_over(s, 501, "5.7.0", "login cancelled");
    else
        take_response(s, line, false);
}

static void begin_exchange(struct server *s, const struct auth_request *request)
{
    bool plain = request->mechanism == AUTH_MECHANISM_PLAIN;
    s->sasl = plain ? SASL_PLAIN : SASL_USER;
    if (request->has_initial)
        take_response(s, request->initial, true);
    /* "Username:" */
    else
        prompt(s, s->sasl, plain ? "" : "VXNlcm5hbWU6");
}

void server_do_auth(struct server *s, const struct command *command)
{
    struct auth_request request = auth_parse(command->args);
    if (s->settings->auth == SERVER_AUTH_OFF)
        server_say(s, 502, "5.5.1", "not offered here");
    else if (!s->said_hello)
        server_say(s, 503, "5.5.1", "send EHLO first");
    else if (s->logged_in || s->transaction)
        server_say(s, 503, "5.5.1",
                   s->transaction ? "not within a transaction" : "you are logged in already");
    else if (!server_auth_offered(s))
        server_say(s, 538, "5.7.11",
                   server_tls_offered(s)
                       ? "no password in clear: say STARTTLS first"
                       : "no password in clear, and this port does not offer TLS");
    else if (request.mechanism == AUTH_MECHANISM_NONE || request.too_many)
        server_say(s, 501, "5.5.4", "expected AUTH PLAIN or AUTH LOGIN");
    else if (request.mechanism == AUTH_MECHANISM_UNKNOWN)
        server_say(s, 504, "5.5.4", "only PLAIN and LOGIN");
    else
        begin_exchange(s, &request);
}
