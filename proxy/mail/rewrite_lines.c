#include "mail/rewrite_lines.h"

#include <inttypes.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "wire/date.h"

/* The octets of a trace line, Date, Message-ID and From of usual length. */
enum { SIZE_MARGIN = 1024 };

static char *give(struct buf *b)
{
    char *text = slice_string(buf_view(b));
    buf_free(b);
    return text;
}

#define LINE(...) line_of((struct line_parts){__VA_ARGS__})

struct line_parts {
    const char *before, *middle, *after;
};

static char *line_of(struct line_parts p)
{
    struct buf b;
    buf_init(&b, CAP_ADDED_LINE);
    bool fits = buf_printf(&b, "%s%s%s\r\n", p.before, p.middle, p.after);
    return fits ? give(&b) : NULL;
}

static char *from_line(const struct rewrite_facts *f)
{
    const struct upstream_config *u = f->upstream;
    if (u->header_from)
        return LINE("From: ", u->header_from, "");
    if (f->sender[0])
        return LINE("From: ", f->sender, "");
    return LINE("From: ", "postmaster@", u->qualify ? u->qualify : f->hostname);
}

bool rewrite_message_id(struct buf *out, int64_t seconds, const char *id, const char *hostname)
{
    /* The id is unique for a year; the second makes it so for good. */
    return buf_printf(out, "<%" PRId64 ".%s@%s>", seconds, id, hostname);
}

static char *message_id_line(const struct rewrite_facts *f)
{
    struct buf b;
    if (f->message_id && f->message_id[0])
        return LINE("Message-ID: ", f->message_id, "");
    buf_init(&b, CAP_ADDED_LINE);
    bool fits = buf_printf(&b, "Message-ID: ") &&
                rewrite_message_id(&b, f->seconds, f->id, f->hostname) && buf_printf(&b, "\r\n");
    return fits ? give(&b) : NULL;
}

/* A client's name for itself goes where programs read it, so only names and address literals are
 * written. */
static void put_helo(struct buf *b, const char *helo)
{
    struct slice in = slice_head(slice_of(helo), CAP_HELO);
    bool fits = true;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.data[i];
        bool plain = ascii_is_alpha(c) || ascii_is_digit(c) || (c != 0 && strchr(".-_:[]", c));
        fits = fits && buf_append(b, plain ? &c : "?", 1);
    }
    if (!in.len)
        fits = buf_append(b, "unknown", 7);
    (void)fits;
}

static char *trace_line(const struct rewrite_facts *f)
{
    char client[ADDR_TEXT], date[DATE_TEXT];
    struct buf b;
    buf_init(&b, CAP_ADDED_LINE);
    bool fits = buf_printf(&b, "Received: from ");
    put_helo(&b, f->helo);
    fits = fits &&
           buf_printf(&b, " ([%s%s])\r\n\tby %s with ", f->client->family == ADDR_V6 ? "IPv6:" : "",
                      addr_text(f->client, client), f->hostname);
    if (f->esmtp)
        fits = fits && buf_printf(&b, "%s%s%s", f->utf8 ? "UTF8SMTP" : "ESMTP", f->tls ? "S" : "",
                                  f->authenticated ? "A" : "");
    /* No better keyword is registered for HELO. */
    else
        fits = fits && buf_printf(&b, "SMTP");
    fits = fits && buf_printf(&b, " id %s;\r\n\t%s\r\n", f->id, date_text(f->seconds, date));
    return fits ? give(&b) : NULL;
}

void rewrite_plan_make(struct rewrite_plan *plan_r, const struct rewrite_facts *f)
{
    const struct upstream_config *u = f->upstream;
    *plan_r = (struct rewrite_plan){.separate = u->fix_headers};
    if (u->received)
        plan_r->first = trace_line(f);
    if (u->header_from)
        plan_r->header_from = mem_string(u->header_from);
}

void rewrite_plan_complete(struct rewrite_plan *plan, const struct rewrite_facts *f)
{
    const struct upstream_config *u = f->upstream;
    char date[DATE_TEXT];
    if (u->fix_headers || u->header_from)
        plan->from = from_line(f);
    if (u->fix_headers) {
        bool is_given = f->date && f->date[0];
        plan->date = LINE("Date: ", is_given ? f->date : date_text(f->seconds, date), "");
        plan->message_id = message_id_line(f);
    }
}

uint64_t rewrite_size(const struct upstream_config *u, uint64_t declared, uint64_t limit)
{
    if (!u->fix_headers && !u->header_from && !u->received)
        return declared;
    if (declared > UINT64_MAX - SIZE_MARGIN)
        return declared;
    uint64_t size = declared + SIZE_MARGIN;
    return limit && size > limit && declared <= limit ? limit : size;
}
