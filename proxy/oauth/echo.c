#include "oauth/echo.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "io/crypto.h"

/* So many octets in a row are no accident; shorter secrets are looked for whole. */
enum { RUN = 8, ENCODED_RUN = 11, LONGEST_VALUE = 16 * 1024 };

static const char *const kept[] = {"client_secret", "refresh_token", "client_assertion",
                                   "assertion",     "code",          "code_verifier",
                                   "device_code"};

static bool holds(struct slice words, struct slice piece)
{
    for (size_t i = 0; i + piece.len <= words.len; i++)
        if (words.data[i] == piece.data[0] && memcmp(words.data + i, piece.data, piece.len) == 0)
            return true;
    return false;
}

static bool shares(struct slice words, struct slice secret, size_t run)
{
    run = secret.len < run ? secret.len : run;
    for (size_t i = 0; run > 0 && i + run <= secret.len; i++)
        if (holds(words, slice_make(secret.data + i, run)))
            return true;
    return false;
}

/* In base64 it looks in three ways, by how many octets stand before it; those mix into the first
 * letters. */
static bool shares_base64(struct slice folded, struct slice secret)
{
    enum { MIXED = 4 };
    bool found = false;
    for (size_t before = 0; before < 3 && !found; before++) {
        struct buf clear, text;
        buf_init(&clear, LONGEST_VALUE + 2);
        buf_init(&text, 2 * LONGEST_VALUE);
        bool made = buf_append(&clear, "..", before) && buf_append_slice(&clear, secret) &&
                    base64url_append(&text, buf_view(&clear));
        found =
            !made || shares(folded, slice_from(buf_view(&text), before ? MIXED : 0), ENCODED_RUN);
        buf_wipe(&clear);
        buf_wipe(&text);
    }
    return found;
}

static int hex_of(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : 0;
}

static bool decode(struct slice value, struct buf *out)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == '%' && i + 2 < value.len) {
            c = (char)(hex_of(value.data[i + 1]) * 16 + hex_of(value.data[i + 2]));
            i += 2;
        }
        if (!buf_append(out, &c, 1))
            return false;
    }
    return true;
}

static bool repeats(struct slice words, struct slice folded, struct slice value)
{
    struct buf raw;
    buf_init(&raw, LONGEST_VALUE);
    bool found = !decode(value, &raw) || shares(words, value, RUN) ||
                 shares(words, buf_view(&raw), RUN) || shares_base64(folded, buf_view(&raw));
    buf_wipe(&raw);
    return found;
}

static bool is_kept(struct slice name)
{
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (slice_is(name, kept[i]))
            return true;
    return false;
}

bool oauth_echoes(const char *words, const struct secret *form)
{
    char folded[1024];
    size_t n = strlen(words);
    struct slice rest = form ? secret_reveal(form) : slice_make(NULL, 0);
    if (n >= sizeof folded)
        return form != NULL;
    for (size_t i = 0; i < n; i++)
        folded[i] = (char)(words[i] == '+' ? '-' : words[i] == '/' ? '_' : words[i]);
    while (rest.len) {
        struct slice field = slice_head(rest, slice_find(rest, '&'));
        size_t equals = slice_find(field, '=');
        rest = slice_from(rest, field.len + (field.len < rest.len));
        if (is_kept(slice_head(field, equals)) &&
            repeats(slice_of(words), slice_make(folded, n), slice_from(field, equals + 1)))
            return true;
    }
    return false;
}

void oauth_silence_echo(struct oauth_answer *a, const struct secret *form)
{
    if (oauth_echoes(a->description, form))
        snprintf(a->description, sizeof a->description, "its words repeat what it was sent");
    if (oauth_echoes(a->error, form))
        a->error[0] = 0;
    if (oauth_echoes(a->suberror, form))
        a->suberror[0] = 0;
}
