/* The header of a message that a program hands to `sendmail`, whose writer may be anybody (a web
 * form's). What must hold: every recipient is an address that a command line can carry, and says
 * itself again; no blind copy is left; there is a From; the header ends; the rest of the message
 * passes whole; a second pass changes nothing. */
#include <string.h>

#include "app/sendmail_header.h"
#include "fuzz.h"
#include "wire/address.h"

enum { CAP = 65536 };

static void check_recipients(const struct mailboxes *list)
{
    for (size_t i = 0; i < list->n; i++) {
        struct address address;
        struct slice rest, text = slice_of(list->items[i]);
        CHECK(address_parse_path(text, &address, &rest) && rest.len == 0 &&
              slice_equal(address.text, text));
        for (size_t k = 0; k < text.len; k++)
            CHECK(!ascii_is_control(text.data[k]));
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(list->items[i], list->items[k]) != 0);
    }
    for (size_t i = 0; i < list->n_bad; i++)
        for (const char *c = list->bad[i]; *c; c++)
            CHECK(!ascii_is_control(*c));
}

/* A line of the header that begins so, whatever its case; blanks before the colon count. */
static bool has_field(struct slice message, const char *name)
{
    while (message.len && message.data[0] != '\r' && message.data[0] != '\n') {
        size_t end = slice_find(message, '\n');
        struct slice line = slice_head(message, end);
        size_t colon = slice_find(line, ':');
        if (colon < line.len && slice_is_word(slice_trim(slice_head(line, colon)), name) &&
            line.data[0] != ' ' && line.data[0] != '\t')
            return true;
        message = slice_from(message, end + 1);
    }
    return false;
}

static bool ends_with(struct slice whole, struct slice end)
{
    return whole.len >= end.len && slice_equal(slice_from(whole, whole.len - end.len), end);
}

static void rewrite(struct slice in, struct mailboxes *list, struct buf *out)
{
    const struct sendmail_header h = {list, "me@host.test", "M\xc3\xa9", "host.test"};
    struct err err = {0};
    buf_init(out, CAP);
    if (sendmail_header_rewrite(&h, in, out, &err) != 0)
        CHECK(err.kind == ERR_LIMIT);
}

/* Every line ends in CRLF, as whoever reads the message makes it. */
static struct buf make_canonical(const uint8_t *data, size_t size)
{
    struct buf out;
    buf_init(&out, CAP);
    for (size_t i = 0; i < size; i++) {
        bool lone = data[i] == '\n' && (i == 0 || data[i - 1] != '\r'),
             end = data[i] == '\r' || lone;
        if (data[i] != '\n' || lone)
            CHECK(buf_append(&out, end ? "\r\n" : (const char *)data + i, end ? 2 : 1));
    }
    if (out.len && buf_view(&out).data[out.len - 1] != '\n')
        CHECK(buf_append(&out, "\r\n", 2));
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf canonical = make_canonical(data, size);
    struct slice in = buf_view(&canonical);
    struct mailboxes found = {0}, again = {0};
    struct buf once, twice;
    rewrite(in, &found, &once);
    struct slice message = buf_view(&once);
    check_recipients(&found);
    CHECK(!has_field(message, "Bcc") && !has_field(message, "Resent-Bcc"));
    CHECK(has_field(message, "From"));
    CHECK(memmem(message.data, message.len, "\r\n\r\n", 4));
    const char *body = in.len ? memmem(in.data, in.len, "\r\n\r\n", 4) : NULL;
    if (body)
        CHECK(ends_with(message, slice_from(in, (size_t)(body - in.data) + 2)));
    rewrite(message, &again, &twice);
    CHECK(slice_equal(buf_view(&twice), message));
    check_recipients(&again);
    mailboxes_free(&found);
    mailboxes_free(&again);
    buf_free(&canonical);
    buf_free(&once);
    buf_free(&twice);
    return 0;
}
