#include "oauth/jwt.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "io/crypto.h"

/* A certificate's assertion lives five minutes from a little before now on. */
enum { LIFE = 300, SERVICE_LIFE = 600 };

/* Appends the JSON as base64url, and wipes its text. Takes value. */
static bool append_json(struct buf *out, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    bool ok = text && base64url_append(out, slice_of(text));
    json_decref(value);
    free(text);
    return ok;
}

/* Takes header and claims. */
static int sign(const struct signing_key *key, enum signature how, json_t *header, json_t *claims,
                struct buf *out, struct err *err)
{
    struct buf token, signature;
    int result = -1;
    buf_init(&token, CAP_ASSERTION);
    buf_init(&signature, CAP_ASSERTION);
    bool made = append_json(&token, header);
    made = made && buf_append(&token, ".", 1);
    made = append_json(&token, claims) && made;
    if (!made)
        err_set(err, ERR_INVALID,
                "the assertion cannot be written: a value is too long, or not UTF-8");
    else if (signing_key_sign(key, how, buf_view(&token), &signature, err) == 0) {
        result = buf_append(&token, ".", 1) && base64url_append(&token, buf_view(&signature)) &&
                         buf_append_slice(out, buf_view(&token))
                     ? 0
                     : -1;
        if (result < 0)
            err_set(err, ERR_LIMIT, "the assertion is too long");
    }
    buf_wipe(&token);
    buf_free(&signature);
    return result;
}

static void spell(const uint8_t *bytes, size_t n, char out[64])
{
    struct buf text;
    buf_init(&text, 63);
    bool fits = base64url_append(&text, slice_make(bytes, n));
    memcpy(out, fits ? buf_view(&text).data : "", fits ? text.len : 0);
    out[fits ? text.len : 0] = 0;
    buf_free(&text);
}

int jwt_client_assertion(const struct secret *cert, const struct secret *key_text,
                         const char *client_id, const char *audience, const struct jwt_moment *m,
                         struct buf *out, struct err *err)
{
    struct certificate_facts facts;
    char thumbprint[64], jti[64];
    int result = -1;
    struct signing_key *key = signing_key_new(secret_reveal(key_text), err);
    if (key && certificate_read(secret_reveal(cert), key, &facts, err) == 0) {
        spell(facts.sha256, sizeof facts.sha256, thumbprint);
        spell(m->random, sizeof m->random, jti);
        if (!facts.matches)
            err_set(err, ERR_INVALID, "oauth_client_key does not belong to oauth_client_cert");
        else
            result = sign(
                key, SIGN_PS256,
                json_pack("{s:s,s:s,s:s}", "alg", "PS256", "typ", "JWT", "x5t#S256", thumbprint),
                json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "aud", audience, "iss", client_id, "sub",
                          client_id, "jti", jti, "nbf", (json_int_t)m->now, "exp",
                          (json_int_t)(m->now + LIFE)),
                out, err);
    }
    signing_key_free(&key);
    return result;
}

static const char *text_at(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

int jwt_service_account(const struct secret *json, const char *mailbox, const char *scope,
                        const char *audience, const struct jwt_moment *m, struct buf *out,
                        struct err *err)
{
    struct slice text = secret_reveal(json);
    json_t *o = json_loadb(text.data, text.len, 0, NULL);
    const char *email = text_at(o, "client_email"), *id = text_at(o, "private_key_id");
    struct signing_key *key = NULL;
    int result = -1;
    if (!email[0] || !text_at(o, "private_key")[0])
        err_set(err, ERR_INVALID,
                "it is no JSON key of a service account: client_email or private_key is missing");
    else if ((key = signing_key_new(slice_of(text_at(o, "private_key")), err)) != NULL)
        result = sign(key, SIGN_RS256,
                      json_pack("{s:s,s:s,s:s}", "alg", "RS256", "typ", "JWT", "kid", id),
                      json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "iss", email, "sub", mailbox, "scope",
                                scope, "aud", audience, "iat", (json_int_t)m->now, "exp",
                                (json_int_t)(m->now + SERVICE_LIFE)),
                      out, err);
    signing_key_free(&key);
    json_decref(o);
    return result;
}
