/* The AUTH machine (RFC 4954): which mechanism, the exchange, what its end means. AUTH is never
 * begun on a connection that has not earned it. */
#include "smtp/client_private.h"

#include <stdlib.h>

#include "io/offload.h"
#include "smtp/sasl.h"

enum {
    /* 334s per mechanism; none of ours needs more than 3 */
    MOST_ROUNDS = 8,
    /* RFC 4954 section 4: an initial response only if the command fits 512 octets with its CRLF */
    INITIAL_LINE = 510,
};

/* A step that derives a key, on a helper thread. The job owns the exchange meanwhile, so that the
 * session may end before it does. */
struct auth_job {
    /* NULL: it is gone */
    struct smtp_client *client;
    struct sasl *sasl;
    char *challenge;
    struct buf response;
    struct err err;
    int rc;
};

/* The best mechanism that is offered, wanted and not yet answered 504; MECHANISM_COUNT: none. */
static enum mechanism choose(const struct smtp_client *c)
{
    for (int i = 0; i < MECHANISM_COUNT; i++) {
        enum mechanism m = (enum mechanism)i;
        if (mechanism_is_wanted(m, c->settings->auth) &&
            (c->ehlo.mechanisms & ~c->login.tried & mechanism_bit(m)))
            return m;
    }
    return MECHANISM_COUNT;
}

void smtp_client_forget_login(struct smtp_client *c)
{
    struct smtp_client_login *l = &c->login;
    /* it frees itself, and the exchange with it */
    if (l->job)
        l->job->client = NULL;
    else
        sasl_free(&l->sasl);
    secret_free(&l->password);
    free(l->user);
    *l = (struct smtp_client_login){0};
}

/* PROMISES 1: no credential over a connection that isn't TLS with a verified name, unless the
 * configuration says so in as many words. */
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
    if (choose(c) == MECHANISM_COUNT)
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
    buf_init(&line, CAP_AUTH_LINE);
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

/* A mechanism that cannot carry this name or password is passed over. MECHANISM_COUNT: none is
 * left. */
static enum mechanism prepare(struct smtp_client *c, enum mechanism m, struct err *err)
{
    struct smtp_client_login *l = &c->login;
    sasl_free(&l->sasl);
    while (m != MECHANISM_COUNT && !(l->sasl = sasl_new(m, l->user, l->password, err))) {
        l->tried |= mechanism_bit(m);
        m = choose(c);
    }
    return m;
}

/* Begins with the best mechanism left. Called by the owner, or after a 504. */
static void begin(struct smtp_client *c, enum mechanism m)
{
    struct smtp_client_login *l = &c->login;
    struct buf response;
    struct err err;
    l->rounds = 0;
    m = prepare(c, m, &err);
    if (m == MECHANISM_COUNT) {
        smtp_client_fail_later(c, SMTP_CLIENT_FAULT_NO_MECHANISM, err.kind, err.words);
        return;
    }
    l->mechanism = m;
    c->mechanism = mechanism_row(m)->name;
    buf_init(&response, CAP_AUTH_LINE);
    size_t before = sizeof "AUTH  " - 1 + strlen(c->mechanism);
    size_t room = INITIAL_LINE - before;
    struct slice name = slice_of(l->user);
    bool short_enough = (name.len + secret_reveal(l->password).len + 64) / 3 * 4 <= room;
    if (short_enough && sasl_speaks_first(l->sasl) &&
        sasl_step(l->sasl, slice_of(""), &response, &err) < 0)
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
    enum mechanism m = choose(c);
    if (m == MECHANISM_COUNT || !has_earned_it(c)) {
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
    buf_init(&job->response, CAP_AUTH_LINE);
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
    buf_init(&response, CAP_AUTH_LINE);
    int rc = sasl_step(l->sasl, challenge, &response, &err);
    enum smtp_client_state next = answer(c, rc, &response, &err);
    buf_wipe(&response);
    return next;
}

/* The server announced a mechanism that it doesn't take (RFC 4954 section 4): the next one, on the
 * same session. */
static enum smtp_client_state judge_unknown(struct smtp_client *c, const struct reply *r)
{
    char words[200];
    c->login.tried |= mechanism_bit(c->login.mechanism);
    enum mechanism next = choose(c);
    if (next == MECHANISM_COUNT)
        return smtp_client_lose(c, SMTP_CLIENT_FAULT_NO_MECHANISM, r, ERR_PROTOCOL,
                                "no mechanism is left: %s", reply_words(r, words, sizeof words));
    begin(c, next);
    return CS_AUTH;
}

static enum smtp_client_state judge(struct smtp_client *c, const struct reply *r)
{
    if (r->code == 334)
        return judge_challenge(c, r);
    if (reply_is(r, 2)) {
        if (!sasl_is_satisfied(c->login.sasl))
            return smtp_client_lose(
                c, SMTP_CLIENT_FAULT_PROTOCOL, r, ERR_PROTOCOL,
                "the server says yes before %s is through, without a proof that it "
                "knows the password",
                c->mechanism);
        smtp_client_forget_login(c);
        return CS_IDLE;
    }
    if (r->code == 504)
        return judge_unknown(c, r);
    return r->code >= 400 ? smtp_client_lose_to_reply(c, r) : smtp_client_lose_out_of_step(c, r);
}

enum smtp_client_state client_judge_auth(struct smtp_client *c, const struct reply *r)
{
    struct reply quiet;
    static const char instead[] = "(the server repeats the credentials; its words are left out)";
    if (r->code == 334 || !smtp_client_reply_echoes(c, r))
        return judge(c, r);
    reply_init(&quiet);
    reply_copy(&quiet, r);
    buf_clear(&quiet.text);
    enum smtp_client_state next =
        buf_append(&quiet.text, instead, sizeof instead - 1) ? judge(c, &quiet) : CS_AUTH;
    reply_free(&quiet);
    return next;
}
