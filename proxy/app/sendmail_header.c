#include "app/sendmail_header.h"

#include <string.h>

#include "app/send_message.h"
#include "base/base64.h"
#include "wire/header.h"

struct field {
    struct slice all, name, value;
};

static size_t line_end(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\n')
            return i + 1;
    return text.len;
}

static size_t name_length(struct slice text)
{
    size_t n = 0;
    while (n < text.len && text.data[n] > ' ' && text.data[n] < 127 && text.data[n] != ':')
        n++;
    return n;
}

/* Takes the field at the start of `rest` with its folded lines. Returns false if the header ends
 * there. */
static bool next_field(struct slice *rest, struct field *field_r)
{
    size_t name = name_length(*rest), colon = name, end;
    while (colon < rest->len && (rest->data[colon] == ' ' || rest->data[colon] == '\t'))
        colon++;
    if (name == 0 || colon == rest->len || rest->data[colon] != ':')
        return false;
    end = line_end(*rest);
    while (end < rest->len && (rest->data[end] == ' ' || rest->data[end] == '\t'))
        end += line_end(slice_from(*rest, end));
    field_r->all = slice_head(*rest, end);
    field_r->name = slice_head(*rest, name);
    field_r->value = slice_from(field_r->all, colon + 1);
    *rest = slice_from(*rest, end);
    return true;
}

static bool names_recipients(struct slice name, bool resent)
{
    if (resent)
        return slice_is_word(name, "Resent-To") || slice_is_word(name, "Resent-Cc") ||
               slice_is_word(name, "Resent-Bcc");
    return slice_is_word(name, "To") || slice_is_word(name, "Cc") || slice_is_word(name, "Bcc");
}

static bool is_blind(struct slice name)
{
    return slice_is_word(name, "Bcc") || slice_is_word(name, "Resent-Bcc");
}

static bool is_resent(struct slice message)
{
    struct field field;
    while (next_field(&message, &field))
        if (names_recipients(field.name, true))
            return true;
    return false;
}

/* Writes a display name: quoted, or an encoded word (RFC 2047) of at most 75 octets if it is not
 * ASCII. Controls are left out. */
static bool put_name(const char *name, struct buf *out)
{
    bool ascii = true;
    struct slice text = slice_head(slice_of(name), 200);
    for (size_t i = 0; i < text.len; i++)
        ascii &= (unsigned char)text.data[i] < 128;
    if (!ascii) {
        /* These become 60 octets of base64, with 12 around them. It is cut between characters. */
        size_t n = text.len < 45 ? text.len : 45;
        while (n < text.len && n > 0 && ((unsigned char)text.data[n] & 0xc0) == 0x80)
            n--;
        return buf_append(out, "=?UTF-8?B?", 10) && base64_encode(slice_head(text, n), out) &&
               buf_append(out, "?=", 2);
    }
    bool ok = buf_append(out, "\"", 1);
    for (size_t i = 0; ok && i < text.len; i++) {
        if (ascii_is_control(text.data[i]))
            continue;
        if (text.data[i] == '"' || text.data[i] == '\\')
            ok = buf_append(out, "\\", 1);
        ok = ok && buf_append(out, &text.data[i], 1);
    }
    return ok && buf_append(out, "\"", 1);
}

static bool put_from(const struct sendmail_header *h, struct buf *out)
{
    bool ok = buf_append(out, "From: ", 6);
    if (ok && h->name && *h->name)
        ok = put_name(h->name, out) && buf_append(out, " ", 1);
    if (!*h->sender)
        return ok && buf_printf(out, "<MAILER-DAEMON@%s>\r\n", h->hostname);
    return ok && buf_printf(out, "<%s>\r\n", h->sender);
}

static int too_large(struct err *err)
{
    err_set(err, ERR_LIMIT, "the message is larger than %zu MiB", CAP_SEND_MESSAGE >> 20);
    return -1;
}

/* Returns true for "From me ..." as in mbox files, quoted or not. The line "From : me" is a
 * field. */
static bool begins_as_mbox(struct slice message)
{
    struct header_scan scan;
    header_scan_init(&scan);
    header_scan(&scan, slice_head(message, slice_find(message, '\n')));
    return scan.in_mbox_line;
}

int sendmail_header_rewrite(const struct sendmail_header *h, struct slice message, struct buf *out,
                            struct err *err)
{
    struct field field;
    bool has_from = false, resent;
    if (begins_as_mbox(message))
        message = slice_from(message, line_end(message));
    resent = is_resent(message);
    while (next_field(&message, &field)) {
        has_from |= slice_is_word(field.name, "From");
        if (h->recipients && names_recipients(field.name, resent) &&
            mailboxes_read(h->recipients, field.value, err) != 0)
            return -1;
        if (!is_blind(field.name) && !buf_append_slice(out, field.all))
            return too_large(err);
    }
    if (!has_from && !put_from(h, out))
        return too_large(err);
    /* The body began without its blank line. */
    if (!(message.len >= 2 && message.data[0] == '\r') && !buf_append(out, "\r\n", 2))
        return too_large(err);
    return buf_append_slice(out, message) ? 0 : too_large(err);
}
