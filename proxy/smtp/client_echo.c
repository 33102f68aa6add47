/* A server that repeats what it was told ("535 cannot take AUTH PLAIN AGpv...") would put our
 * credentials into logs, reports and pages: its words stop here. A password or token is known as it
 * stands, and in base64 and base64url at any place of a longer text. */
#include "smtp/client_private.h"

#include <stdlib.h>

#include "wire/base64.h"

enum {
    /* octets of the secret in a row: fewer say nothing */
    RAW_RUN = 6,
    /* the same of what went over the wire */
    ENCODED_RUN = 8,
    /* octets of a password: an echo begins at its beginning. A token is looked at whole: its
     * beginning says only what kind of token it is. */
    PASSWORD_LOOKED_AT = 1024,
    /* of the words; a reply has no more */
    WORDS_LOOKED_AT = CAP_REPLY_TEXT,
    BUCKETS = 4096,
    /* octets that a place is found by; no run is shorter */
    KEY = 3,
    NO_PLACE = UINT16_MAX,
};

/* The words with their places by their first octets, so that a token of 12 KiB is compared with
 * 8 KiB of words in a moment. */
struct index {
    char text[WORDS_LOOKED_AT];
    size_t len;
    uint16_t first[BUCKETS], next[WORDS_LOOKED_AT];
};

static size_t bucket_of(const char *octets)
{
    uint32_t key = (uint32_t)(unsigned char)octets[0] << 16 |
                   (uint32_t)(unsigned char)octets[1] << 8 | (unsigned char)octets[2];
    return (key * UINT32_C(2654435761)) >> 20;
}

/* base64url (RFC 4648 section 5) has two letters of its own. */
static char fold(char c)
{
    return (char)(c == '-' ? '+' : c == '_' ? '/' : c);
}

static void index_words(struct index *x, struct slice words, bool encoded)
{
    x->len = words.len < WORDS_LOOKED_AT ? words.len : WORDS_LOOKED_AT;
    for (size_t i = 0; i < x->len; i++)
        x->text[i] = encoded ? fold(words.data[i]) : words.data[i];
    for (size_t i = 0; i < BUCKETS; i++)
        x->first[i] = NO_PLACE;
    for (size_t i = 0; i + KEY <= x->len; i++) {
        size_t b = bucket_of(x->text + i);
        x->next[i] = x->first[b];
        x->first[b] = (uint16_t)i;
    }
}

static bool holds(const struct index *x, struct slice piece)
{
    for (uint16_t i = x->first[bucket_of(piece.data)]; i != NO_PLACE; i = x->next[i])
        if (i + piece.len <= x->len && memcmp(x->text + i, piece.data, piece.len) == 0)
            return true;
    return false;
}

static bool holds_short(const struct index *x, struct slice piece)
{
    for (size_t i = 0; piece.len && i + piece.len <= x->len; i++)
        if (memcmp(x->text + i, piece.data, piece.len) == 0)
            return true;
    return false;
}

/* Whether any `run` octets of the secret in a row stand in the words; of a shorter one, all of
 * it. */
static bool shares(const struct index *x, struct slice secret, size_t run)
{
    if (secret.len < run)
        return holds_short(x, secret);
    for (size_t i = 0; i + run <= secret.len; i++)
        if (holds(x, slice_make(secret.data + i, run)))
            return true;
    return false;
}

/* The secret in base64 behind 0, 1 and 2 octets of something else: so it looks wherever it stands
 * in what was encoded. The first letters hold some of the other octets. */
static bool shares_base64(const struct index *x, struct slice secret)
{
    enum { MIXED = 4 };
    bool found = false;
    for (size_t before = 0; before < 3 && !found; before++) {
        struct buf clear, text;
        buf_init(&clear, secret.len + before);
        buf_init(&text, (secret.len + before) / 3 * 4 + 4);
        bool made = buf_append(&clear, "..", before) && buf_append_slice(&clear, secret) &&
                    base64_encode(buf_view(&clear), &text);
        struct slice pure = slice_from(buf_view(&text), before ? MIXED : 0);
        found = !made || shares(x, pure, ENCODED_RUN);
        buf_wipe(&clear);
        buf_wipe(&text);
    }
    return found;
}

/* PLAIN's message is "\0user\0password": an echo that was cut may hold its beginning alone. */
static bool shares_plain(const struct index *x, const struct smtp_client_login *l,
                         struct slice password)
{
    struct buf plain;
    buf_init(&plain, CAP_SECRET + CAP_AUTH_LINE);
    bool made = buf_append(&plain, "", 1) && buf_append_slice(&plain, slice_of(l->user)) &&
                buf_append(&plain, "", 1) && buf_append_slice(&plain, password);
    bool found = !made || shares_base64(x, buf_view(&plain));
    buf_wipe(&plain);
    return found;
}

bool smtp_client_echoes(const struct smtp_client *c, struct slice words)
{
    const struct smtp_client_login *l = &c->login;
    bool is_token = c->settings->secret == MECHANISM_TOKEN;
    if (!l->password)
        return false;
    struct slice secret = secret_reveal(l->password);
    if (!is_token)
        secret = slice_head(secret, PASSWORD_LOOKED_AT);
    struct index *x = NEW(struct index);
    index_words(x, words, false);
    bool found = shares(x, secret, RAW_RUN);
    if (!found) {
        index_words(x, words, true);
        found = shares_base64(x, secret) || (!is_token && shares_plain(x, l, secret));
    }
    secret_erase(x, sizeof *x);
    free(x);
    return found;
}
