/* A listener hears the dialog here. It hears every command and every reply, without secrets. */
#include <stdio.h>

#include "smtp/client_private.h"

enum { CODE = 3 };

static void tell(const struct smtp_client *c, bool from_server, struct slice line)
{
    const struct smtp_client_listener *l = c->settings->listener;
    l->line(l->ctx, from_server, line);
}

/* The listener may hear "AUTH PLAIN", for example. It may hear neither what follows that on the
 * line nor any later line of the exchange. */
static void tell_auth(const struct smtp_client *c, struct slice line)
{
    char shown[64];
    bool begins = slice_starts(line, "AUTH ");
    if (begins)
        snprintf(shown, sizeof shown, "AUTH %s (the credentials are left out)", c->mechanism);
    else
        snprintf(shown, sizeof shown, "(credentials, left out)");
    tell(c, false, slice_of(shown));
}

void smtp_client_tell_sent(const struct smtp_client *c, enum smtp_client_state state,
                           struct slice line)
{
    if (!c->settings->listener)
        return;
    if (state == CS_AUTH)
        tell_auth(c, line);
    else
        tell(c, false, slice_trim(line));
}

void smtp_client_tell_heard(const struct smtp_client *c, enum smtp_client_state state,
                            const struct reply *r)
{
    UNINITIALIZED char shown[CAP_REPLY_LINE + ENHANCED_MAX + 8];
    struct slice rest = buf_view(&r->text);
    if (!c->settings->listener)
        return;
    bool secret = state == CS_AUTH && (r->code == 334 || smtp_client_echoes(c, rest));
    if (secret)
        rest = slice_of(r->code == 334 ? "(a challenge, left out)"
                                       : "(it repeats the credentials; left out)");
    for (bool more = true; more;) {
        size_t end = slice_find(rest, '\n');
        struct slice line = slice_head(rest, end);
        more = end < rest.len;
        int n = snprintf(shown, sizeof shown, "%0*d%c%s%s%.*s", CODE, r->code, more ? '-' : ' ',
                         r->enhanced, r->enhanced[0] ? " " : "",
                         (int)(line.len < CAP_REPLY_LINE ? line.len : CAP_REPLY_LINE), line.data);
        tell(c, true,
             slice_make(shown, n > 0 && (size_t)n < sizeof shown ? (size_t)n : sizeof shown - 1));
        rest = slice_from(rest, more ? end + 1 : rest.len);
    }
}
