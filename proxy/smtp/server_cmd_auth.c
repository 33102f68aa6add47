/* AUTH (RFC 4954). With SMTP_SERVER_AUTH_REQUIRED it is PLAIN (RFC 4616) or LOGIN, and the handler
 * decides. With SMTP_SERVER_AUTH_ACCEPT every mechanism and every response succeed, and nothing of
 * them is kept or decoded. A refusal would make the client's next line, which is its password, a
 * command. Decoded text is wiped here and is in no log and no reply. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/caps.h"
#include "smtp/server_private.h"
#include "wire/auth.h"
#include "wire/reply.h"

bool smtp_server_auth_offered(const struct smtp_server *s)
{
    bool secure = s->tls == TLS_SECURE;
    if (s->settings->auth == SMTP_SERVER_AUTH_OFF ||
        (s->settings->tls == SMTP_SERVER_TLS_REQUIRED && !secure))
        return false;
    return s->settings->auth == SMTP_SERVER_AUTH_ACCEPT || secure ||
           addr_is_loopback(&s->client.peer);
}

static void end_exchange(struct smtp_server *s)
{
    s->sasl = SASL_NONE;
    secret_free(&s->sasl_user);
}

void smtp_server_auth_forget(struct smtp_server *s)
{
    end_exchange(s);
    free((char *)s->client.user);
    s->client.user = NULL;
    s->logged_in = false;
}

void smtp_server_sasl_over(struct smtp_server *s, int code, const char *enhanced, const char *text)
{
    end_exchange(s);
    smtp_server_say(s, code, enhanced, text);
}

/* Sends "334 " and a text. Some devices compare the text to the letter. */
static void prompt(struct smtp_server *s, enum sasl_stage awaited, const char *text)
{
    struct buf reply;
    buf_init(&reply, CAP_REPLY_LINE);
    s->sasl = awaited;
    if (reply_write(&reply, 334, "", slice_of(text)))
        smtp_server_write(s, buf_view(&reply));
    buf_free(&reply);
}

static void prompt_for_password(struct smtp_server *s)
{
    /* This is "Password:". */
    prompt(s, SASL_PASSWORD, "UGFzc3dvcmQ6");
}

static void accept_login(struct smtp_server *s, struct slice user)
{
    s->logged_in = true;
    if (s->settings->auth == SMTP_SERVER_AUTH_REQUIRED)
        s->client.user = slice_string(user);
    smtp_server_sasl_over(s, 235, "2.7.0", "logged in");
}

void smtp_server_login_verdict(struct smtp_server *s, enum smtp_server_login verdict)
{
    switch (verdict) {
    case SMTP_SERVER_LOGIN_RIGHT: accept_login(s, secret_reveal(s->sasl_user)); break;
    case SMTP_SERVER_LOGIN_WRONG:
        s->failed_logins++;
        smtp_server_sasl_over(s, 535, "5.7.8", "wrong user name or password");
        break;
    case SMTP_SERVER_LOGIN_BUSY:
        smtp_server_sasl_over(s, 454, "4.7.0", "the login cannot be checked now, try again later");
        break;
    case SMTP_SERVER_LOGIN_LOCKED_OUT:
        end_exchange(s);
        smtp_server_farewell(s, 421, "4.7.0",
                             "too many failed logins from your address, try again later",
                             "too many failed logins from its address");
        break;
    }
}

static void check(struct smtp_server *s, struct slice user, struct slice password)
{
    if (slice_find(user, 0) < user.len || slice_find(password, 0) < password.len) {
        smtp_server_sasl_over(s, 501, "5.5.2", "a NUL is in it");
        return;
    }
    /* The slice `user` may lie in the old name, which end_exchange frees. */
    struct secret *name = secret_new(user);
    end_exchange(s);
    s->sasl_user = name;
    s->handlers->login(s->ctx, smtp_server_ticket(s, NULL), secret_reveal(name), password);
}

static void take_plain(struct smtp_server *s, struct slice message)
{
    struct auth_plain plain = {0};
    if (!auth_split_plain(message, &plain))
        smtp_server_sasl_over(s, 501, "5.5.2", "this is not what PLAIN asks for");
    /* No user may act for another. Such a login is refused like any wrong login: as late, and
     * counted. */
    else if (plain.authzid.len && !slice_equal(plain.authzid, plain.user))
        check(s, slice_of(""), plain.password);
    else
        check(s, plain.user, plain.password);
}

/* Takes a response in base64 to the current prompt. */
static void take_response(struct smtp_server *s, struct slice text, bool initial)
{
    struct buf message;
    buf_init(&message, CAP_AUTH_LINE);
    if (!auth_decode(text, initial, &message)) {
        smtp_server_sasl_over(s, 501, "5.5.2", "this is not base64");
    } else if (s->sasl == SASL_PLAIN) {
        take_plain(s, buf_view(&message));
    } else if (s->sasl == SASL_USER) {
        s->sasl_user = secret_new(buf_view(&message));
        prompt_for_password(s);
    } else {
        check(s, secret_reveal(s->sasl_user), buf_view(&message));
    }
    buf_wipe(&message);
}

/* With SMTP_SERVER_AUTH_ACCEPT the client's response is discarded unread. */
static void discard_response(struct smtp_server *s)
{
    if (s->sasl == SASL_USER)
        prompt_for_password(s);
    else
        accept_login(s, slice_of(""));
}

void smtp_server_sasl_line(struct smtp_server *s, struct slice line)
{
    if (slice_is(line, "*"))
        smtp_server_sasl_over(s, 501, "5.7.0", "login cancelled");
    else if (s->settings->auth == SMTP_SERVER_AUTH_ACCEPT)
        discard_response(s);
    else
        take_response(s, line, false);
}

void smtp_server_sasl_too_long(struct smtp_server *s)
{
    if (s->settings->auth == SMTP_SERVER_AUTH_ACCEPT && s->sasl == SASL_USER)
        discard_response(s);
    else
        smtp_server_sasl_over(s, 500, "5.5.6", "line too long");
}

/* A CRAM-MD5 client computes something from a challenge that looks like one (RFC 2195). */
static void challenge(struct smtp_server *s)
{
    uint64_t drawn;
    struct buf plain, text;
    loop_random(s->io->loop, &drawn, sizeof drawn);
    buf_init(&plain, CAP_REPLY_LINE);
    buf_init(&text, CAP_REPLY_LINE);
    bool fits = buf_printf(&plain, "<%" PRIu64 ".%" PRId64 "@%s>", drawn,
                           loop_wall_ms(s->io->loop) / 1000, s->settings->hostname) &&
                base64_encode(buf_view(&plain), &text) && buf_append(&text, "", 1);
    prompt(s, SASL_PLAIN, fits ? buf_view(&text).data : "");
    buf_free(&plain);
    buf_free(&text);
}

static void begin_unseen(struct smtp_server *s, const struct auth_request *request)
{
    bool login = request->mechanism == AUTH_MECHANISM_LOGIN;
    s->sasl = login ? SASL_USER : SASL_PLAIN;
    if (request->has_initial)
        discard_response(s);
    else if (request->mechanism == AUTH_MECHANISM_CRAM_MD5)
        challenge(s);
    else
        prompt(s, s->sasl, login ? "VXNlcm5hbWU6" : "");
}

static void begin_exchange(struct smtp_server *s, const struct auth_request *request)
{
    bool plain = request->mechanism == AUTH_MECHANISM_PLAIN;
    s->sasl = plain ? SASL_PLAIN : SASL_USER;
    if (request->has_initial)
        take_response(s, request->initial, true);
    /* This is "Username:". */
    else
        prompt(s, s->sasl, plain ? "" : "VXNlcm5hbWU6");
}

void server_do_auth(struct smtp_server *s, const struct command *command)
{
    struct auth_request request = auth_parse(command->args);
    bool unseen = s->settings->auth == SMTP_SERVER_AUTH_ACCEPT;
    /* A login that is taken again and again is nothing that goes on. */
    s->junk += unseen && s->logged_in;
    if (s->settings->auth == SMTP_SERVER_AUTH_OFF)
        smtp_server_say(s, 502, "5.5.1", "not offered here");
    else if (!s->said_hello && !unseen)
        smtp_server_say(s, 503, "5.5.1", "send EHLO first");
    else if ((s->logged_in && !unseen) || s->transaction)
        smtp_server_say(s, 503, "5.5.1",
                        s->transaction ? "not within a transaction" : "you are logged in already");
    else if (!smtp_server_auth_offered(s))
        smtp_server_say(s, 538, "5.7.11",
                        smtp_server_tls_offered(s)
                            ? "no password in clear: say STARTTLS first"
                            : "no password in clear, and this port does not offer TLS");
    else if (request.mechanism == AUTH_MECHANISM_NONE)
        smtp_server_say(s, 501, "5.5.4", "expected AUTH PLAIN or AUTH LOGIN");
    else if (unseen)
        begin_unseen(s, &request);
    else if (request.too_many)
        smtp_server_say(s, 501, "5.5.4", "expected AUTH PLAIN or AUTH LOGIN");
    else if (request.mechanism != AUTH_MECHANISM_PLAIN && request.mechanism != AUTH_MECHANISM_LOGIN)
        smtp_server_say(s, 504, "5.5.4", "only PLAIN and LOGIN");
    else
        begin_exchange(s, &request);
}
