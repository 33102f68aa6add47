#include "smtp/sasl_private.h"

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/caps.h"
#include "base/mem.h"

static sasl_stepper step_plain, step_login, step_library;

static sasl_stepper *const steppers[] = {
    [MECHANISM_OAUTHBEARER] = sasl_step_oauthbearer,
    [MECHANISM_XOAUTH2] = sasl_step_xoauth2,
    [MECHANISM_SCRAM_SHA_256] = step_library,
    [MECHANISM_PLAIN] = step_plain,
    [MECHANISM_LOGIN] = step_login,
    [MECHANISM_CRAM_MD5] = step_library,
};

_Static_assert(sizeof steppers / sizeof steppers[0] == MECHANISM_COUNT, "a mechanism has no step");

static const char *name_of(const struct sasl *s)
{
    return mechanism_row(s->mechanism)->name;
}

/* SCRAM hashes text in the one form that RFC 4013 gives it. Text has no such form if it is not
 * UTF-8, or holds control characters or unassigned code points. */
static bool scram_carries(const char *text)
{
    char *prepared = NULL;
    /* Despite its name, this flag is the stricter of the two in libgsasl 2.2. It is as strict as
     * the library's SCRAM. */
    int rc = gsasl_saslprep(text, GSASL_ALLOW_UNASSIGNED, &prepared, NULL);
    if (prepared)
        secret_erase(prepared, strlen(prepared));
    gsasl_free(prepared);
    return rc == GSASL_OK;
}

static int start_library(struct sasl *s, struct err *err)
{
    if (s->mechanism == MECHANISM_SCRAM_SHA_256 &&
        (!scram_carries(s->user) || !scram_carries(secret_reveal(s->password).data))) {
        err_set(err, ERR_INVALID,
                "SCRAM cannot carry this user name or password: it is not UTF-8, or holds control "
                "characters");
        return -1;
    }
    int rc = gsasl_init(&s->library);
    if (rc == GSASL_OK)
        rc = gsasl_client_start(s->library, name_of(s), &s->session);
    if (rc == GSASL_OK)
        rc = gsasl_property_set(s->session, GSASL_AUTHID, s->user);
    if (rc == GSASL_OK)
        rc = gsasl_property_set(s->session, GSASL_PASSWORD, secret_reveal(s->password).data);
    if (rc == GSASL_OK)
        return 0;
    err_set(err, ERR_INVALID, "%s can't begin: %s", name_of(s), gsasl_strerror(rc));
    return -1;
}

size_t sasl_response_cap(enum mechanism m)
{
    return mechanism_row(m)->secret == MECHANISM_TOKEN ? CAP_TOKEN_RESPONSE : CAP_AUTH_LINE;
}

static int start(struct sasl *s, struct err *err)
{
    if (steppers[s->mechanism] == step_library)
        return start_library(s, err);
    if (mechanism_row(s->mechanism)->secret == MECHANISM_TOKEN)
        return sasl_check_token(s, err);
    return 0;
}

struct sasl *sasl_new(enum mechanism m, const struct sasl_login *login, struct err *err)
{
    struct slice secret = secret_reveal(login->secret);
    if (memchr(secret.data, '\0', secret.len)) {
        err_set(err, ERR_INVALID, "the password holds a NUL");
        return NULL;
    }
    struct sasl *s = NEW(struct sasl);
    s->mechanism = m;
    buf_init(&s->first, CAP_AUTH_LINE);
    s->user = mem_string(login->user);
    s->password = secret_copy(login->secret);
    s->host = mem_string(login->host ? login->host : "");
    s->port = login->port;
    if (start(s, err) < 0)
        sasl_free(&s);
    return s;
}

/* The library frees its copies without overwriting them, so we overwrite them. Only its own
 * pointers lead there. */
static void wipe_property(Gsasl_session *session, Gsasl_property property)
{
    const char *value = gsasl_property_fast(session, property);
    if (value)
        secret_erase((char *)value, strlen(value));
}

void sasl_free(struct sasl **sp)
{
    struct sasl *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    if (s->session) {
        wipe_property(s->session, GSASL_PASSWORD);
        wipe_property(s->session, GSASL_SCRAM_SALTED_PASSWORD);
        gsasl_finish(s->session);
    }
    if (s->library)
        gsasl_done(s->library);
    secret_free(&s->password);
    buf_wipe(&s->first);
    free(s->user);
    free(s->host);
    free(s);
}

bool sasl_speaks_first(const struct sasl *s)
{
    return mechanism_row(s->mechanism)->speaks_first;
}

bool sasl_next_is_slow(const struct sasl *s)
{
    return (int)s->steps == mechanism_row(s->mechanism)->slow_step;
}

bool sasl_is_satisfied(const struct sasl *s)
{
    return s->satisfied;
}

const char *sasl_complaint(const struct sasl *s)
{
    return s->complaint;
}

static int too_long(struct err *err)
{
    err_set(err, ERR_LIMIT, "the response is longer than %d octets", CAP_AUTH_LINE);
    return -1;
}

int sasl_encode(struct slice bytes, struct buf *response, struct err *err)
{
    return base64_encode(bytes, response) ? 0 : too_long(err);
}

/* The message is the empty authorization identity, NUL, user, NUL, password (RFC 4616). */
static int step_plain(struct sasl *s, struct slice challenge, struct buf *response, struct err *err)
{
    (void)challenge;
    struct buf raw;
    buf_init(&raw, CAP_AUTH_LINE);
    bool fits = buf_append(&raw, "", 1) && buf_append_slice(&raw, slice_of(s->user)) &&
                buf_append(&raw, "", 1) && buf_append_slice(&raw, secret_reveal(s->password));
    int rc = fits ? sasl_encode(buf_view(&raw), response, err) : too_long(err);
    buf_wipe(&raw);
    s->satisfied = rc == 0;
    return rc;
}

static int step_login(struct sasl *s, struct slice challenge, struct buf *response, struct err *err)
{
    (void)challenge;
    if (s->steps == 0)
        return sasl_encode(slice_of(s->user), response, err);
    s->satisfied = true;
    return sasl_encode(secret_reveal(s->password), response, err);
}

/* RFC 5802 section 5.1: "r=...,s=...,i=4096". Values hold no comma. */
static int check_iterations(struct slice server_first, struct err *err)
{
    while (server_first.len) {
        struct slice item = slice_head(server_first, slice_find(server_first, ','));
        server_first = slice_from(server_first, item.len + 1);
        if (item.len < 3 || item.data[0] != 'i' || item.data[1] != '=')
            continue;
        unsigned long n = 0;
        for (size_t i = 2; i < item.len; i++) {
            if (!ascii_is_digit(item.data[i]) || n > CAP_SCRAM_ITERATIONS)
                break;
            n = n * 10 + (unsigned long)(item.data[i] - '0');
        }
        if (n >= SASL_LEAST_ITERATIONS && n <= CAP_SCRAM_ITERATIONS)
            return 0;
        err_set(
            err, ERR_PROTOCOL,
            "the server asks for an unreasonable number of SCRAM iterations (%d to %d are taken)",
            SASL_LEAST_ITERATIONS, CAP_SCRAM_ITERATIONS);
        return -1;
    }
    err_set(err, ERR_PROTOCOL, "the server's SCRAM challenge names no iterations");
    return -1;
}

static int ask_library(struct sasl *s, struct slice challenge, struct buf *response,
                       struct err *err)
{
    bool scram = s->mechanism == MECHANISM_SCRAM_SHA_256;
    if (scram && s->steps == 1 && check_iterations(challenge, err) < 0)
        return -1;
    /* The server's error ("e=...") is not a proof. An empty line lets it say its 535. */
    if (scram && s->steps >= 1 && slice_starts(challenge, "e="))
        return 0;
    /* The SCRAM parser of the library wants a NUL behind the bytes. */
    char *input = slice_string(challenge);
    char *output = NULL;
    size_t length = 0;
    int rc = gsasl_step(s->session, input, challenge.len, &output, &length);
    free(input);
    if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE) {
        gsasl_free(output);
        if (scram && s->steps == 2)
            err_set(err, ERR_PROTOCOL, "the server could not prove that it knows the password (%s)",
                    gsasl_strerror(rc));
        else
            err_set(err, ERR_PROTOCOL, "%s: %s", name_of(s), gsasl_strerror(rc));
        return -1;
    }
    s->satisfied = scram ? rc == GSASL_OK && s->steps == 2 : true;
    rc = length ? sasl_encode(slice_make(output, length), response, err) : 0;
    if (output)
        secret_erase(output, length);
    gsasl_free(output);
    return rc;
}

static int step_library(struct sasl *s, struct slice challenge, struct buf *response,
                        struct err *err)
{
    struct buf raw;
    int rc = -1;
    buf_init(&raw, CAP_AUTH_LINE);
    if (base64_decode(challenge, &raw))
        rc = ask_library(s, buf_view(&raw), response, err);
    else
        err_set(err, ERR_PROTOCOL, "the server's challenge is not base64");
    buf_wipe(&raw);
    if (s->steps == 0 && rc == 0 && !buf_append_slice(&s->first, buf_view(response)))
        rc = too_long(err);
    return rc;
}

/* Returns whether the server did not read the initial response that stood behind AUTH, and asks for
 * it. It asks with an empty challenge where a challenge must say something, or where the mechanism
 * has none. */
static bool is_asked_again(const struct sasl *s, struct slice challenge)
{
    return sasl_speaks_first(s) && s->steps == 1 && !challenge.len && !s->repeated;
}

static int repeat(struct sasl *s, struct buf *response, struct err *err)
{
    s->repeated = true;
    s->asked_again = true;
    if (steppers[s->mechanism] != step_library)
        return steppers[s->mechanism](s, slice_of(""), response, err);
    return buf_append_slice(response, buf_view(&s->first)) ? 0 : too_long(err);
}

int sasl_step(struct sasl *s, struct slice challenge, struct buf *response, struct err *err)
{
    if (is_asked_again(s, challenge))
        return repeat(s, response, err);
    if (s->steps >= mechanism_row(s->mechanism)->steps) {
        err_set(err, ERR_PROTOCOL, "the server asks for more than %s has to say", name_of(s));
        return -1;
    }
    s->asked_again = false;
    int rc = steppers[s->mechanism](s, challenge, response, err);
    s->steps++;
    return rc;
}
