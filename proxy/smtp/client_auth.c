/* The AUTH machine (RFC 4954) chooses the mechanism, leads the exchange, and judges its end. AUTH
 * is never begun on a connection that has not earned it. */
#include "smtp/client_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "io/offload.h"
#include "smtp/sasl.h"

enum {
    /* This many 334s are answered per mechanism. None of ours needs more than 3. */
    MOST_ROUNDS = 8,
    /* RFC 4954 section 4 allows an initial response only if the command fits 512 octets with its
     * CRLF. */
    INITIAL_LINE = 510,
    /* Microsoft wants a token there nevertheless. It may be as long as RFC 4954 allows any line to
     * be, with its CRLF. */
    INITIAL_TOKEN_LINE = CAP_AUTH_LINE - 2,
};

/* The job is a step that derives a key on a helper thread. It owns the exchange meanwhile, so that
 * the session may end before it does. */
struct auth_job {
    /* NULL means that the client is gone. */
    struct smtp_client *client;
    struct sasl *sasl;
    char *challenge;
    struct buf response;
    struct err err;
    int rc;
};

/* Finds the best mechanism that is offered, wanted and not yet answered 504. Returns false if none
 * is left. */
static bool choose(const struct smtp_client *c, enum mechanism *m_r)
{
    for (int i = 0; i < MECHANISM_COUNT; i++) {
        enum mechanism m = (enum mechanism)i;
        if (mechanism_is_wanted(m, c->settings->auth, c->settings->secret) &&
            (c->ehlo.mechanisms & ~c->login.tried & mechanism_bit(m))) {
            *m_r = m;
            return true;
        }
    }
    return false;
}

void smtp_client_forget_login(struct smtp_client *c)
{
    struct smtp_client_login *l = &c->login;
    /* The job frees itself, and the exchange with it. */
    if (l->job)
        l->job->client = NULL;
    else
        sasl_free(&l->sasl);
    secret_free(&l->password);
    free(l->user);
    *l = (struct smtp_client_login){0};
}

/* PROMISES 1 allows no credential over a connection that is not TLS with a verified name, unless
 * the configuration says so in as many words. */
static bool has_earned_it(const struct smtp_client *c)
{
    const struct tls_facts *facts = stream_tls(c->stream);
    return !c->settings->needs_verified || (facts && facts->verified);
}

enum smtp_client_state smtp_client_want_auth(struct smtp_client *c)
{
    if (!has_earned_it(c))
        return smtp_client_lose(
            c, SMTP_CLIENT_FAULT_NO_MECHANISM, NULL, ERR_PERMISSION,
            "credentials only go over TLS with a verified certificate, and this "
            "connection has none");
    if (!c->ehlo.auth)
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_NO_MECHANISM, NULL, ERR_PROTOCOL,
                                "AUTH is not offered");
    enum mechanism first;
    if (!choose(c, &first))
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_NO_MECHANISM, NULL, ERR_PROTOCOL,
                                "none of the offered mechanisms is ours: %s",
                                c->ehlo.mechanisms_text);
    return CS_AUTH_WANTED;
}

enum smtp_client_state client_arrive_auth_wanted(struct smtp_client *c, const struct reply *r)
{
    (void)r;
    if (!smtp_client_is_mute(c))
        c->events->auth_wanted(c->ctx);
    return smtp_client_stay(c);
}

/* Nothing of a line that holds a credential stays behind in our memory. */
static enum smtp_client_state say(struct smtp_client *c, const char *command, const char *mechanism,
                                  struct slice response)
{
    struct buf line;
    buf_init(&line, INITIAL_LINE + sasl_response_cap(c->login.mechanism));
    bool fits =
        buf_printf(&line, "%s%s%s", command, mechanism, mechanism[0] && response.len ? " " : "") &&
        buf_append_slice(&line, response) && buf_append(&line, "\r\n", 2);
    enum smtp_client_state next = CS_AUTH;
    if (fits)
        next = smtp_client_ask(c, CS_AUTH, buf_view(&line));
    else
        smtp_client_fail_later(c, SMTP_CLIENT_FAULT_NO_MECHANISM, ERR_LIMIT,
                               "the credentials don't fit an AUTH line");
    buf_wipe(&line);
    return next;
}

/* Begins the exchange anew. Returns NULL if the mechanism cannot carry this name or secret. */
static struct sasl *start(const struct smtp_client *c, enum mechanism m, struct err *err)
{
    const struct smtp_client_login *l = &c->login;
    const struct sasl_login login = {.user = l->user,
                                     .secret = l->password,
                                     .host = c->settings->host,
                                     .port = c->settings->port};
    return sasl_new(m, &login, err);
}

/* Starts *m, or the next one if it cannot carry this name or password. Returns false if none is
 * left. */
static bool prepare(struct smtp_client *c, enum mechanism *m, struct err *err)
{
    struct smtp_client_login *l = &c->login;
    sasl_free(&l->sasl);
    while (!(l->sasl = start(c, *m, err))) {
        l->tried |= mechanism_bit(*m);
        if (!choose(c, m))
            return false;
    }
    return true;
}

/* Appends the initial response, where there is one and the line has room for it. Otherwise it
 * appends nothing, and the exchange begins with the server's empty challenge. */
static int speak_first(struct smtp_client *c, struct buf *response, struct err *err)
{
    struct smtp_client_login *l = &c->login;
    const struct mechanism_row *row = mechanism_row(l->mechanism);
    size_t room = row->secret == MECHANISM_TOKEN ? INITIAL_TOKEN_LINE : INITIAL_LINE;
    l->said_at_once = false;
    if (!sasl_speaks_first(l->sasl) || l->in_two_steps)
        return 0;
    if (sasl_step(l->sasl, slice_of(""), response, err) < 0)
        return -1;
    l->said_at_once = sizeof "AUTH  " - 1 + strlen(row->name) + response->len <= room;
    if (l->said_at_once)
        return 0;
    buf_wipe(response);
    buf_init(response, sasl_response_cap(l->mechanism));
    sasl_free(&l->sasl);
    l->sasl = start(c, l->mechanism, err);
    return l->sasl ? 0 : -1;
}

/* Begins AUTH with mechanism m, or with the next one if m cannot carry this login. It is called for
 * the owner, after a 504, or for the second time with the same mechanism. */
static void begin(struct smtp_client *c, enum mechanism m)
{
    struct smtp_client_login *l = &c->login;
    struct buf response;
    struct err err;
    l->rounds = 0;
    if (!prepare(c, &m, &err)) {
        smtp_client_fail_later(c, SMTP_CLIENT_FAULT_NO_MECHANISM, err.kind, err.words);
        return;
    }
    l->mechanism = m;
    c->mechanism = mechanism_row(m)->name;
    buf_init(&response, sasl_response_cap(m));
    if (speak_first(c, &response, &err) < 0)
        smtp_client_fail_later(c, SMTP_CLIENT_FAULT_NO_MECHANISM, err.kind, err.words);
    else
        say(c, "AUTH ", c->mechanism, buf_view(&response));
    buf_wipe(&response);
    c->used_auth = c->used_auth || !smtp_client_is_mute(c);
}

void smtp_client_auth(struct smtp_client *c, const struct smtp_client_credential *credential)
{
    if (smtp_client_is_mute(c) || smtp_client_now(c) != CS_AUTH_WANTED)
        return;
    smtp_client_forget_login(c);
    enum mechanism m;
    if (!choose(c, &m) || !has_earned_it(c)) {
        smtp_client_fail_later(c, SMTP_CLIENT_FAULT_NO_MECHANISM, ERR_PERMISSION,
                               "this connection may not carry credentials");
        return;
    }
    c->login.user = mem_string(credential->user);
    c->login.password = secret_copy(credential->password);
    begin(c, m);
}

/* ---- rounds ---- */

static enum smtp_client_state answer(struct smtp_client *c, int rc, const struct buf *response,
                                     const struct err *err)
{
    if (rc < 0)
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, NULL, err->kind, "%s", err->words);
    return say(c, "", "", buf_view(response));
}

static void derive(void *arg)
{
    struct auth_job *job = arg;
    job->rc = sasl_step(job->sasl, slice_of(job->challenge), &job->response, &job->err);
}

static void derived(void *arg)
{
    struct auth_job *job = arg;
    struct smtp_client *c = job->client;
    if (c) {
        c->login.job = NULL;
        smtp_client_enter(c, CS_AUTH_WANTED);
        smtp_client_enter(c, answer(c, job->rc, &job->response, &job->err));
    } else {
        sasl_free(&job->sasl);
    }
    buf_wipe(&job->response);
    free(job->challenge);
    free(job);
}

static enum smtp_client_state derive_elsewhere(struct smtp_client *c, struct slice challenge)
{
    struct auth_job *job = NEW(struct auth_job);
    job->client = c;
    job->sasl = c->login.sasl;
    job->challenge = slice_string(challenge);
    buf_init(&job->response, sasl_response_cap(c->login.mechanism));
    c->login.job = job;
    offload_submit(c->io.offload, derive, derived, job);
    return CS_AUTH_WORKING;
}

static enum smtp_client_state judge_challenge(struct smtp_client *c, const struct reply *r)
{
    struct smtp_client_login *l = &c->login;
    struct buf response;
    struct err err;
    struct slice challenge = slice_trim(buf_view(&r->text));
    if (++l->rounds > MOST_ROUNDS)
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, NULL, ERR_PROTOCOL,
                                "the server never stops asking");
    if (sasl_next_is_slow(l->sasl))
        return derive_elsewhere(c, challenge);
    buf_init(&response, sasl_response_cap(l->mechanism));
    int rc = sasl_step(l->sasl, challenge, &response, &err);
    enum smtp_client_state next = answer(c, rc, &response, &err);
    buf_wipe(&response);
    return next;
}

/* The server announced a mechanism that it does not take (RFC 4954 section 4). The next one is
 * tried on the same session. */
static enum smtp_client_state judge_unknown(struct smtp_client *c, const struct reply *r)
{
    char words[200];
    c->login.tried |= mechanism_bit(c->login.mechanism);
    enum mechanism next;
    if (!choose(c, &next))
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_NO_MECHANISM, r, ERR_PROTOCOL,
                                "no mechanism is left: %s", reply_words(r, words, sizeof words));
    begin(c, next);
    return CS_AUTH;
}

/* Returns whether this is one of Microsoft's codes for a token that does not fit. Among them are
 * 5.5.127 (too old) and 5.5.124 (not this mailbox's). */
static bool is_misfit(const struct reply *r)
{
    return r->code == 501 && strncmp(r->enhanced, "5.5.12", 6) == 0 && r->enhanced[6];
}

static bool has_token(const struct smtp_client *c)
{
    return c->login.sasl && mechanism_row(c->login.mechanism)->secret == MECHANISM_TOKEN;
}

/* Some servers do not read a line as long as a token's. */
static bool wants_two_steps(const struct smtp_client *c, const struct reply *r)
{
    return has_token(c) && c->login.said_at_once && c->login.rounds == 0 &&
           (r->code == 500 || (r->code == 501 && !is_misfit(r)));
}

enum smtp_client_login_refusal smtp_client_login_refusal(const struct smtp_client *c,
                                                         const struct reply *reply,
                                                         char words_r[CAP_TOKEN_COMPLAINT])
{
    bool is_final = reply && reply->code >= 500;
    words_r[0] = '\0';
    if (!has_token(c) || (reply && reply->code < 500))
        return SMTP_CLIENT_LOGIN_BY_CODE;
    if (sasl_complaint(c->login.sasl)[0]) {
        const char *words = sasl_complaint(c->login.sasl);
        if (!smtp_client_echoes(c, slice_of(words)))
            snprintf(words_r, CAP_TOKEN_COMPLAINT, "%s", words);
        return SMTP_CLIENT_LOGIN_TOKEN_ERROR;
    }
    if (is_final && is_misfit(reply))
        return SMTP_CLIENT_LOGIN_TOKEN_MISFIT;
    return is_final && (reply->code == 501 || reply->code > 504) ? SMTP_CLIENT_LOGIN_TOKEN
                                                                 : SMTP_CLIENT_LOGIN_BY_CODE;
}

static enum smtp_client_state judge_yes(struct smtp_client *c, const struct reply *r)
{
    if (sasl_complaint(c->login.sasl)[0])
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, r, ERR_PROTOCOL,
                                "the server refuses the token and then says yes");
    if (!sasl_is_satisfied(c->login.sasl))
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_PROTOCOL, r, ERR_PROTOCOL,
                                "the server says yes before %s is through, without a proof that it "
                                "knows the password",
                                c->mechanism);
    smtp_client_forget_login(c);
    return CS_IDLE;
}

static enum smtp_client_state judge(struct smtp_client *c, const struct reply *r)
{
    if (r->code == 334)
        return judge_challenge(c, r);
    if (reply_is(r, 2))
        return judge_yes(c, r);
    if (r->code == 504 && !sasl_complaint(c->login.sasl)[0])
        return judge_unknown(c, r);
    if (wants_two_steps(c, r)) {
        c->login.in_two_steps = true;
        begin(c, c->login.mechanism);
        return CS_AUTH;
    }
    return r->code >= 400 ? smtp_client_lose_to_reply(c, r) : smtp_client_lose_out_of_step(c, r);
}

enum smtp_client_state client_judge_auth(struct smtp_client *c, const struct reply *r)
{
    struct reply quiet;
    static const char instead[] = "(the server repeats the credentials; its words are left out)";
    if (r->code == 334 || !smtp_client_echoes(c, buf_view(&r->text)))
        return judge(c, r);
    reply_init(&quiet);
    reply_copy(&quiet, r);
    buf_clear(&quiet.text);
    enum smtp_client_state next =
        buf_append(&quiet.text, instead, sizeof instead - 1) ? judge(c, &quiet) : CS_AUTH;
    reply_free(&quiet);
    return next;
}
