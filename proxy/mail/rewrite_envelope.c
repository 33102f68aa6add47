#include "mail/rewrite_envelope.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/mem.h"

/* An address that becomes too long with its domain is none. */
static char *qualified(const struct upstream_config *u, struct slice local)
{
    struct address whole;
    struct buf b;
    char *text = NULL;
    if (!u->qualify)
        return NULL;
    buf_init(&b, CAP_ADDRESS);
    if (buf_append_slice(&b, local) && buf_printf(&b, "@%s", u->qualify) &&
        address_parse(buf_view(&b), &whole))
        text = slice_string(buf_view(&b));
    buf_free(&b);
    return text;
}

char *rewrite_sender(const struct upstream_config *u, const struct address *from)
{
    if (!from->text.len)
        return mem_string("");
    if (u->envelope_from)
        return mem_string(u->envelope_from);
    return from->domain.len ? slice_string(from->text) : qualified(u, from->local);
}

static const char *alias_of(const struct aliases *aliases, struct slice local)
{
    const char *rest = NULL;
    for (size_t i = 0; i < aliases->n; i++) {
        if (slice_is_word(local, aliases->items[i].name))
            return aliases->items[i].to;
        if (slice_is(slice_of(aliases->items[i].name), "*"))
            rest = aliases->items[i].to;
    }
    return rest;
}

char *rewrite_recipient(const struct aliases *aliases, const struct upstream_config *u,
                        const struct address *to)
{
    if (to->domain.len)
        return slice_string(to->text);
    const char *alias = alias_of(aliases, to->local);
    return alias ? mem_string(alias) : qualified(u, to->local);
}
