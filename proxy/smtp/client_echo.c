/* A server that repeats what it was told ("535 cannot take AUTH PLAIN AGpv...") would put our
 * credentials into logs, reports and pages: its words stop here. */
#include "smtp/client_private.h"

#include "wire/base64.h"

enum {
    /* octets of the password in a row: fewer say nothing */
    RAW_RUN = 6,
    /* the same of what went over the wire */
    ENCODED_RUN = 8,
    /* octets of a secret: an echo begins at its beginning */
    LOOKED_AT = 1024
};

static bool holds(struct slice text, struct slice piece)
{
    for (size_t i = 0; i + piece.len <= text.len; i++)
        if (memcmp(text.data + i, piece.data, piece.len) == 0)
            return true;
    return false;
}

/* Whether any `run` octets of the secret in a row stand in the text; of a shorter one, all of
 * it. */
static bool shares(struct slice text, struct slice secret, size_t run)
{
    secret = slice_head(secret, LOOKED_AT);
    run = secret.len < run ? secret.len : run;
    for (size_t i = 0; run > 0 && i + run <= secret.len; i++)
        if (holds(text, slice_make(secret.data + i, run)))
            return true;
    return false;
}

/* PLAIN's line is "\0user\0password" in base64, LOGIN's the password alone. */
static bool shares_encoded(const struct smtp_client_login *l, struct slice text)
{
    struct slice password = secret_reveal(l->password);
    struct buf plain, line, alone;
    buf_init(&plain, CAP_SECRET + CAP_AUTH_LINE);
    buf_init(&line, 2 * (CAP_SECRET + CAP_AUTH_LINE));
    buf_init(&alone, 2 * CAP_SECRET);
    bool made = buf_append(&plain, "", 1) && buf_append_slice(&plain, slice_of(l->user)) &&
                buf_append(&plain, "", 1) && buf_append_slice(&plain, password) &&
                base64_encode(buf_view(&plain), &line) && base64_encode(password, &alone);
    bool found = !made || shares(text, buf_view(&line), ENCODED_RUN) ||
                 shares(text, buf_view(&alone), ENCODED_RUN);
    buf_wipe(&plain);
    buf_wipe(&line);
    buf_wipe(&alone);
    return found;
}

bool smtp_client_reply_echoes(const struct smtp_client *c, const struct reply *r)
{
    struct slice text = buf_view(&r->text);
    if (!c->login.password)
        return false;
    return shares(text, secret_reveal(c->login.password), RAW_RUN) ||
           shares_encoded(&c->login, text);
}
