#include "oauth/echo.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/echo.h"
#include "base/hex.h"

/* A repetition of so many octets is no accident. */
enum { RUN = 8 };

static const char *const kept[] = {"client_secret", "refresh_token", "client_assertion",
                                   "assertion",     "code",          "code_verifier",
                                   "device_code"};

/* Appends a value as it was before it became part of a form. */
static bool decode(struct slice value, struct buf *out)
{
    while (value.len) {
        int octet = hex_take_percent(&value);
        char c = (char)octet;
        if (octet < 0 || !buf_append(out, &c, 1))
            return false;
    }
    return true;
}

static bool repeats(const struct echo *e, struct slice value)
{
    struct buf raw;
    buf_init(&raw, CAP_TOKEN_FORM);
    bool found =
        !decode(value, &raw) || echo_repeats(e, value, RUN) || echo_repeats(e, buf_view(&raw), RUN);
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
    struct slice rest = form ? secret_reveal(form) : slice_make(NULL, 0);
    struct echo *e = echo_of(slice_of(words));
    bool found = false;
    while (rest.len && !found) {
        struct slice field = slice_head(rest, slice_find(rest, '&'));
        size_t equals = slice_find(field, '=');
        rest = slice_from(rest, field.len + (field.len < rest.len));
        found = is_kept(slice_head(field, equals)) && repeats(e, slice_from(field, equals + 1));
    }
    echo_free(&e);
    return found;
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
