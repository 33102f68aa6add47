/* The scripted server's AUTH: PLAIN, LOGIN, XOAUTH2 and OAUTHBEARER, as a strict reader would have
 * them. Its base64 is its own, so that a fault in the product's cannot hide itself here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_upstream_internal.h"

static size_t decode_base64(const char *in, char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, have = 0;
    size_t n = 0;
    for (; *in && *in != '='; in++) {
        const char *p = strchr(alphabet, *in);
        if (!p)
            break;
        bits = (bits << 6 | (unsigned)(p - alphabet)) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have & 0xff);
        }
    }
    out[n] = '\0';
    return n;
}

static bool is_right(const struct sim_upstream_script *script, const char *user, const char *secret)
{
    if (!script->user)
        return true;
    bool known = script->any_user || strcmp(user, script->user) == 0;
    return known && (script->takes ? script->takes(script->takes_ctx, secret)
                                   : strcmp(secret, script->password) == 0);
}

static void judge_login(struct up_session *s, const char *user, const char *password)
{
    const struct sim_upstream_script *script = &s->u->script;
    struct sim_login *login = ledger_login(s, user, password);
    bool right = is_right(script, user, password);
    right = right && !(script->refused_user && strstr(user, script->refused_user));
    const char *reply = !right               ? "535 5.7.8 authentication failed"
                        : script->auth_reply ? script->auth_reply
                                             : "235 2.7.0 welcome";
    const char *full = right ? up_cap_says(s, SIM_AT_AUTH) : NULL;
    reply = full ? full : reply;
    const struct sim_fault_rule *r = up_rule_due(s->u, SIM_AT_AUTH);
    login->code = r && r->fault == SIM_FAULT_REPLY  ? atoi(r->text)
                  : r && r->fault < SIM_FAULT_REPLY ? 0
                                                    : atoi(reply);
    s->authenticated = login->code == 235;
    s->state = UP_COMMANDS;
    up_answer(s, SIM_AT_AUTH, up_ends(reply), "%s\r\n", reply);
}

static void sasl_plain(struct up_session *s, const char *response)
{
    char plain[UP_LINE] = "";
    size_t n = decode_base64(response, plain);
    const char *user = memchr(plain, '\0', n),
               *password = user ? memchr(user + 1, '\0', n - (size_t)(user + 1 - plain)) : NULL;
    if (password)
        judge_login(s, user + 1, password + 1);
    else
        judge_login(s, "", "");
}

static void sasl_login_user(struct up_session *s, const char *response)
{
    char user[UP_LINE];
    decode_base64(response, user);
    free(s->user);
    s->user = mem_string(user);
    s->state = UP_SASL_PASSWORD;
    up_answer_plain(s, "334 UGFzc3dvcmQ6\r\n");
}

/* What stands between `key` and the octet 01 behind it. False: it does not stand there. */
static bool take_part(const char *message, const char *key, char *value)
{
    const char *at = strstr(message, key);
    size_t n = at ? strcspn(at + strlen(key), "\x01") : 0;
    if (at)
        memcpy(value, at + strlen(key), n);
    value[n] = '\0';
    return at && at[strlen(key) + n] == '\x01';
}

/* XOAUTH2 and OAUTHBEARER: both end in 01 01. */
static void sasl_token(struct up_session *s, const char *response)
{
    char message[UP_LINE] = "", user[UP_LINE] = "", token[UP_LINE] = "";
    const struct sim_upstream_script *script = &s->u->script;
    size_t n = decode_base64(response, message);
    bool bearer = strncmp(message, "n,a=", 4) == 0;
    bool whole = n > 2 && strcmp(message + n - 2, "\x01\x01") == 0 &&
                 take_part(message, bearer ? "n,a=" : "user=", user) &&
                 take_part(message,
                           "\x01"
                           "auth=Bearer ",
                           token);
    if (bearer && user[0])
        user[strcspn(user, ",")] = '\0';
    if (!whole)
        up_complain(s, "a malformed %s message", bearer ? "OAUTHBEARER" : "XOAUTH2");
    bool right = is_right(script, user, token);
    if (right || script->token_error == SIM_TOKEN_PLAIN_535) {
        judge_login(s, user, token);
        return;
    }
    free(s->user);
    free(s->token);
    s->user = mem_string(user);
    s->token = mem_string(token);
    s->bearer = bearer;
    s->state = UP_SASL_TOKEN_ERROR;
    /* {"status":"400","schemes":"Bearer","scope":"https://mail.example/"} */
    up_answer_plain(s, "334 eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczov"
                       "L21haWwuZXhhbXBsZS8ifQ==\r\n");
}

static void token_error_answered(struct up_session *s, const char *line)
{
    if (strcmp(line, s->bearer ? "AQ==" : "") != 0)
        up_complain(s, "the error of a token is answered by \"%.40s\"", line);
    judge_login(s, s->user, s->token);
}

void up_sasl_line(struct up_session *s, const char *line)
{
    char password[UP_LINE];
    enum up_state state = s->state;
    up_check_last_in_group(s, "a SASL line", false);
    s->state = UP_COMMANDS;
    if (strcmp(line, "*") == 0)
        up_answer_plain(s, "501 5.7.0 cancelled\r\n");
    else if (state == UP_SASL_PLAIN)
        sasl_plain(s, line);
    else if (state == UP_SASL_USER)
        sasl_login_user(s, line);
    else if (state == UP_SASL_TOKEN)
        sasl_token(s, line);
    else if (state == UP_SASL_TOKEN_ERROR)
        token_error_answered(s, line);
    else {
        decode_base64(line, password);
        judge_login(s, s->user, password);
    }
}

/* A line that is longer than it reads gets the reply of the script, whatever is in it. */
static void begin_token(struct up_session *s, const char *initial)
{
    const struct sim_upstream_script *p = &s->u->script;
    if (initial && p->longest_initial && strlen(initial) > p->longest_initial) {
        up_answer_plain(s, "%s\r\n", p->long_reply ? p->long_reply : "500 5.5.6 line too long");
    } else if (initial) {
        sasl_token(s, initial);
    } else {
        s->state = UP_SASL_TOKEN;
        up_answer_plain(s, "334 \r\n");
    }
}

void up_auth(struct up_session *s, const char *args)
{
    const char *offered = s->u->script.mechanisms;
    char name[40] = "";
    size_t n = strcspn(args, " ");
    snprintf(name, sizeof name, "%.*s", (int)(n < 39 ? n : 39), args);
    const char *initial = args[n] == ' ' ? args + n + 1 : NULL;
    up_check_last_in_group(s, "AUTH", false);
    if (s->authenticated || s->has_mail)
        up_complain(s, "AUTH where it may not stand");
    if (!offered || !strstr(offered, name) || !s->extended) {
        up_complain(s, "AUTH %s was not offered", name);
        up_answer_plain(s, "504 5.5.4 not offered\r\n");
    } else if (strcmp(name, "XOAUTH2") == 0 || strcmp(name, "OAUTHBEARER") == 0) {
        begin_token(s, initial);
    } else if (strcmp(name, "PLAIN") == 0 && initial) {
        sasl_plain(s, initial);
    } else if (strcmp(name, "PLAIN") == 0) {
        s->state = UP_SASL_PLAIN;
        up_answer_plain(s, "334 \r\n");
    } else if (initial) {
        sasl_login_user(s, initial);
    } else {
        s->state = UP_SASL_USER;
        up_answer_plain(s, "334 VXNlcm5hbWU6\r\n");
    }
}
