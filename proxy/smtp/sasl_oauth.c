/* OAUTHBEARER (RFC 7628) and the older XOAUTH2, which Google and Microsoft specify, consist of one
 * message with a token. A server that refuses the token says why in a challenge, hears a line
 * without meaning, and then ends the exchange with its reply. */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "smtp/sasl_private.h"

/* This octet separates the parts of a message. In a user's name it would begin a part of its
 * own. */
#define PART "\x01"

/* ---- what can be said ---- */

/* A token is made of printable octets without a blank (RFC 6750 section 2.1). */
static bool is_token(struct slice token)
{
    for (size_t i = 0; i < token.len; i++)
        if (ascii_is_control(token.data[i]) || token.data[i] == ' ' ||
            (unsigned char)token.data[i] > '~')
            return false;
    return token.len > 0;
}

int sasl_check_token(const struct sasl *s, struct err *err)
{
    struct slice token = secret_reveal(s->password), user = slice_of(s->user);
    if (token.len > CAP_TOKEN || user.len > CAP_ADDRESS) {
        err_set(err, ERR_LIMIT, "the access token has more than %d octets, or the user's name %d",
                CAP_TOKEN, CAP_ADDRESS);
        return -1;
    }
    for (size_t i = 0; i < user.len; i++)
        if (ascii_is_control(user.data[i])) {
            err_set(err, ERR_INVALID, "the user's name holds a control character");
            return -1;
        }
    if (is_token(token))
        return 0;
    err_set(err, ERR_INVALID, "what should be an access token holds blanks or control characters");
    return -1;
}

/* ---- the message ---- */

/* A comma would end the name (RFC 5801 section 4). */
static bool put_name(struct buf *raw, struct slice name)
{
    bool fits = true;
    for (size_t i = 0; i < name.len && fits; i++) {
        char c = name.data[i];
        fits = c == ','   ? buf_append(raw, "=2C", 3)
               : c == '=' ? buf_append(raw, "=3D", 3)
                          : buf_append(raw, &c, 1);
    }
    return fits;
}

static bool put_bearer(struct buf *raw, const struct sasl *s)
{
    return buf_printf(raw, PART "auth=Bearer ") &&
           buf_append_slice(raw, secret_reveal(s->password)) && buf_printf(raw, PART PART);
}

static bool put_oauthbearer(struct buf *raw, const struct sasl *s)
{
    bool fits = buf_printf(raw, "n,a=") && put_name(raw, slice_of(s->user)) && buf_printf(raw, ",");
    if (s->host[0])
        fits = fits && buf_printf(raw, PART "host=%s" PART "port=%u", s->host, s->port);
    return fits && put_bearer(raw, s);
}

static bool put_xoauth2(struct buf *raw, const struct sasl *s)
{
    return buf_printf(raw, "user=%s", s->user) && put_bearer(raw, s);
}

/* ---- what the server says against it ---- */

static struct slice skip_blanks(struct slice s)
{
    while (s.len &&
           (s.data[0] == ' ' || s.data[0] == '\t' || s.data[0] == '\r' || s.data[0] == '\n'))
        s = slice_from(s, 1);
    return s;
}

/* Returns what stands behind the first `"key"` and its colon, or nothing if there is none. The key
 * is looked for as a word, and the text is not parsed as JSON. The words are for a log, and nothing
 * is decided by them. */
static struct slice value_of(struct slice json, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i + n + 2 <= json.len; i++) {
        if (json.data[i] != '"' || memcmp(json.data + i + 1, key, n) != 0 ||
            json.data[i + 1 + n] != '"')
            continue;
        struct slice rest = skip_blanks(slice_from(json, i + n + 2));
        if (rest.len && rest.data[0] == ':')
            return skip_blanks(slice_from(rest, 1));
    }
    return slice_of("");
}

struct words {
    char *out;
    size_t size, n;
};

/* Appends one printable octet. An octet that is not printable becomes a question mark. Returns
 * false if the words are full. */
static bool say_octet(struct words *w, char c)
{
    if (w->n + 1 >= w->size)
        return false;
    w->out[w->n++] = (char)(ascii_is_control(c) || (unsigned char)c > '~' ? '?' : c);
    w->out[w->n] = '\0';
    return true;
}

static void say_text(struct words *w, const char *text)
{
    while (*text && say_octet(w, *text))
        text++;
}

/* Appends a string up to its quote, without the backslashes of JSON. It appends any other value up
 * to the octet that ends it. */
static void say_value(struct words *w, struct slice value)
{
    bool quoted = value.data[0] == '"';
    for (size_t i = quoted; i < value.len; i++) {
        char c = value.data[i];
        if (quoted ? c == '"' : c == ',' || c == '}' || c == ' ' || c == '\r' || c == '\n')
            return;
        if (quoted && c == '\\' && i + 1 < value.len)
            c = value.data[++i];
        if (!say_octet(w, c))
            return;
    }
}

/* Keeps the three keys of RFC 7628 section 3.2.2 and of XOAUTH2. Of an error that has none of them
 * it keeps the beginning, as it stands. */
static void keep_complaint(struct sasl *s, struct slice error)
{
    static const char *const keys[] = {"status", "schemes", "scope"};
    struct words w = {.out = s->complaint, .size = sizeof s->complaint};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct slice value = value_of(error, keys[i]);
        if (!value.len)
            continue;
        say_text(&w, w.n ? ", " : "");
        say_text(&w, keys[i]);
        say_text(&w, " ");
        say_value(&w, value);
    }
    bool says_nothing = !w.n;
    for (size_t i = 0; says_nothing && i < error.len && say_octet(&w, error.data[i]); i++)
        continue;
    if (!w.n)
        say_text(&w, "an error without words");
}

static void hear_error(struct sasl *s, struct slice challenge)
{
    struct buf error;
    buf_init(&error, CAP_REPLY_TEXT);
    s->satisfied = false;
    keep_complaint(s, base64_decode(challenge, &error) ? buf_view(&error) : challenge);
    buf_wipe(&error);
}

/* ---- the steps ---- */

static int say(struct sasl *s, bool (*put)(struct buf *raw, const struct sasl *s),
               struct buf *response, struct err *err)
{
    struct buf raw;
    buf_init(&raw, CAP_TOKEN_MESSAGE);
    int rc = -1;
    if (put(&raw, s))
        rc = sasl_encode(buf_view(&raw), response, err);
    else
        err_set(err, ERR_LIMIT, "the response is longer than %d octets", CAP_TOKEN_MESSAGE);
    buf_wipe(&raw);
    s->satisfied = rc == 0;
    return rc;
}

/* One octet 01 answers an error (RFC 7628 section 3.2.3). */
int sasl_step_oauthbearer(struct sasl *s, struct slice challenge, struct buf *response,
                          struct err *err)
{
    if (s->steps == 0 || s->asked_again)
        return say(s, put_oauthbearer, response, err);
    hear_error(s, challenge);
    return sasl_encode(slice_of(PART), response, err);
}

/* An empty line answers an error of XOAUTH2. */
int sasl_step_xoauth2(struct sasl *s, struct slice challenge, struct buf *response, struct err *err)
{
    if (s->steps == 0 || s->asked_again)
        return say(s, put_xoauth2, response, err);
    hear_error(s, challenge);
    return 0;
}
