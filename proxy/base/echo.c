#include "base/echo.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/caps.h"
#include "base/mem.h"
#include "base/secret.h"

enum {
    BUCKETS = 4096,
    /* Octets by which a place is found. No run is shorter. */
    KEY = 3,
    NO_PLACE = UINT16_MAX,
};

/* Words, and their places by their first octets: a token of 12 KiB is compared with 8 KiB of words
 * in a moment. */
struct index {
    char text[CAP_REPLY_TEXT];
    size_t len;
    uint16_t first[BUCKETS], next[CAP_REPLY_TEXT];
};

struct echo {
    bool too_long;
    struct index raw;
    /* The same words with base64url's own letters replaced by those of base64. */
    struct index folded;
};

static size_t bucket_of(const char *octets)
{
    uint32_t key = (uint32_t)(unsigned char)octets[0] << 16 |
                   (uint32_t)(unsigned char)octets[1] << 8 | (unsigned char)octets[2];
    return (key * UINT32_C(2654435761)) >> 20;
}

/* The alphabet of base64url (RFC 4648 section 5) has two letters of its own. */
static char fold(char c)
{
    return (char)(c == '-' ? '+' : c == '_' ? '/' : c);
}

static void index_words(struct index *x, struct slice words, bool folded)
{
    x->len = words.len;
    for (size_t i = 0; i < x->len; i++)
        x->text[i] = folded ? fold(words.data[i]) : words.data[i];
    for (size_t i = 0; i < BUCKETS; i++)
        x->first[i] = NO_PLACE;
    for (size_t i = 0; i + KEY <= x->len; i++) {
        size_t b = bucket_of(x->text + i);
        x->next[i] = x->first[b];
        x->first[b] = (uint16_t)i;
    }
}

struct echo *echo_of(struct slice words)
{
    struct echo *e = NEW(struct echo);
    e->too_long = words.len > CAP_REPLY_TEXT;
    index_words(&e->raw, slice_head(words, CAP_REPLY_TEXT), false);
    index_words(&e->folded, slice_head(words, CAP_REPLY_TEXT), true);
    return e;
}

void echo_free(struct echo **e)
{
    if (!*e)
        return;
    secret_erase(*e, sizeof **e);
    free(*e);
    *e = NULL;
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

static bool shares(const struct index *x, struct slice secret, size_t run)
{
    if (secret.len < run || run < KEY)
        return holds_short(x, secret);
    for (size_t i = 0; i + run <= secret.len; i++)
        if (holds(x, slice_make(secret.data + i, run)))
            return true;
    return false;
}

/* Takes the padding away, which base64url leaves out, unless hardly anything would be left. */
static struct slice unpadded(struct slice text)
{
    enum { SHORTEST = 4 };
    while (text.len > SHORTEST && text.data[text.len - 1] == '=')
        text.len--;
    return text;
}

bool echo_repeats_encoded(const struct echo *e, struct slice message, size_t run)
{
    /* The first four letters hold some of the octets before it. */
    enum { MIXED = 4 };
    bool found = e->too_long;
    /* The encoded text may begin behind 0, 1 or 2 octets of something else. */
    for (size_t before = 0; before < 3 && !found; before++) {
        struct buf clear, text;
        buf_init(&clear, message.len + before);
        buf_init(&text, (message.len + before) / 3 * 4 + 4);
        bool made = buf_append(&clear, "..", before) && buf_append_slice(&clear, message) &&
                    base64_encode(buf_view(&clear), &text);
        struct slice letters = unpadded(slice_from(buf_view(&text), before ? MIXED : 0));
        found = !made || shares(&e->folded, letters, (run * 4 + 2) / 3);
        buf_wipe(&clear);
        buf_wipe(&text);
    }
    return found;
}

bool echo_repeats(const struct echo *e, struct slice secret, size_t run)
{
    return e->too_long || shares(&e->raw, secret, run) || echo_repeats_encoded(e, secret, run);
}
