#include "api/recipients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/address_list.h"
#include "base/caps.h"
#include "base/mem.h"

/* ---- who is in the envelope ---- */

struct expected {
    char *key;
    const char *address;
    bool named;
};

struct header_reader {
    const struct api_recipients *r;
    struct expected *expected;
    struct buf *out;
    char *words;
    size_t size;
    enum api_fit fit;
    /* These count the fields of each name: To, Cc, Bcc. */
    unsigned fields[3];
    /* These belong to the field that is read. */
    struct slice value;
    size_t copied;
    bool names, kept;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct expected *)a)->key, ((const struct expected *)b)->key);
}

static bool keep_key(void *ctx, const struct listed_address *a)
{
    char **key = ctx;
    if (*key || !a->has_domain)
        return false;
    *key = slice_string(a->key);
    return true;
}

static char *key_of(const char *address)
{
    char *key = NULL;
    size_t entries;
    if (!address_list_read(slice_of(address), keep_key, &key, &entries)) {
        free(key);
        key = NULL;
    }
    return key;
}

static bool unreadable(struct header_reader *d, const char *what)
{
    d->fit = API_UNREADABLE;
    snprintf(d->words, d->size, "%s", what);
    return false;
}

static bool expect_all(struct header_reader *d)
{
    d->expected = mem_alloc((d->r->count + 1) * sizeof *d->expected);
    for (size_t i = 0; i < d->r->count; i++) {
        d->expected[i].address = d->r->list[i];
        d->expected[i].key = key_of(d->r->list[i]);
        if (!d->expected[i].key)
            return unreadable(d, "a recipient's address has no form that a header can hold");
    }
    qsort(d->expected, d->r->count, sizeof *d->expected, by_key);
    return true;
}

/* ---- the addresses of a field ---- */

/* Adds an address to the words, printable, as long as it fits. */
static void note_other(struct header_reader *d, struct slice address)
{
    size_t n = strlen(d->words);
    d->fit = API_NAMES_OTHERS;
    if (n + address.len + 3 > d->size)
        return;
    n += (size_t)snprintf(d->words + n, d->size - n, "%s", n ? ", " : "");
    for (size_t i = 0; i < address.len; i++)
        d->words[n++] = address.data[i] > ' ' && address.data[i] < 127 ? address.data[i] : '?';
    d->words[n] = 0;
}

static bool on_address(void *ctx, const struct listed_address *a)
{
    struct header_reader *d = ctx;
    const struct address bare = {.text = a->key, .local = a->key, .domain = slice_of("")};
    char *whole = a->has_domain ? NULL : d->r->complete ? d->r->complete(d->r->ctx, &bare) : NULL;
    struct expected wanted = {.key = whole ? key_of(whole) : slice_string(a->key)};
    struct expected *found = NULL;
    if (wanted.key && (a->has_domain || whole))
        found = bsearch(&wanted, d->expected, d->r->count, sizeof wanted, by_key);
    if (!found)
        note_other(d, a->key);
    /* The same recipient may be in the envelope twice. */
    for (struct expected *e = found; e && d->names && e >= d->expected; e--)
        e->named = e->named || strcmp(e->key, found->key) == 0;
    for (struct expected *e = found;
         e && d->names && e < d->expected + d->r->count && strcmp(e->key, found->key) == 0; e++)
        e->named = true;
    bool fits = true;
    if (whole && found && d->kept) {
        fits = buf_append_slice(d->out,
                                slice_head(slice_from(d->value, d->copied), a->from - d->copied)) &&
               buf_append(d->out, whole, strlen(whole));
        d->copied = a->to;
    }
    free(whole);
    free(wanted.key);
    return fits;
}

static bool append_missing(struct header_reader *d, bool first)
{
    bool fits = true;
    for (size_t i = 0; i < d->r->count; i++) {
        struct expected *e = &d->expected[i];
        if (e->named || (i > 0 && strcmp(e[-1].key, e->key) == 0))
            continue;
        fits = fits && buf_printf(d->out, "%s%s", first ? " " : ",\r\n ", e->address);
        first = false;
    }
    return fits;
}

/* ---- the fields ---- */

static const char *const kinds[] = {"to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"};
enum { BCC = 2, SENT_TO = 3, KINDS = 6 };

struct recipient_field {
    /* The name with its colon; the value without its last CRLF. */
    struct slice head, value;
    size_t kind;
    /* No blank stands before the colon. */
    bool regular;
};

/* Returns the octets of the field at the start of `in`, or 0 if there is none. */
static size_t read_field(struct slice in, struct recipient_field *f)
{
    size_t colon = slice_find(in, ':'), end = 0, name = 0;
    do {
        size_t from = end;
        end += slice_find(slice_from(in, end), '\n') + 1;
        if (end > in.len ||
            (from && !slice_trim(slice_head(slice_from(in, from), end - from - 2)).len))
            return 0;
    } while (end < in.len && (in.data[end] == ' ' || in.data[end] == '\t'));
    while (name < colon && name < end && in.data[name] > ' ' && in.data[name] < 127)
        name++;
    /* Readers differ over a bare CR or LF. */
    for (size_t i = 0; i < end; i++)
        if ((in.data[i] == '\r') != (i + 1 < end && in.data[i + 1] == '\n'))
            return 0;
    if (!name || colon >= end || slice_trim(slice_head(slice_from(in, name), colon - name)).len)
        return 0;
    f->head = slice_head(in, colon + 1);
    f->value = slice_head(slice_from(in, colon + 1), end - colon - 3);
    f->regular = name == colon;
    for (f->kind = 0; f->kind < KINDS; f->kind++)
        if (slice_is_word(slice_head(in, name), kinds[f->kind]))
            break;
    return end;
}

static bool count_fields(struct header_reader *d, struct slice header)
{
    struct recipient_field f;
    while (header.len) {
        size_t n = read_field(header, &f);
        if (!n)
            return unreadable(d, "the header has a line that is no field");
        if (f.kind < SENT_TO && f.regular)
            d->fields[f.kind]++;
        header = slice_from(header, n);
    }
    return true;
}

/* Services read To, Cc and Bcc. Which of several fields of one name they read is not known: what
 * such a field names does not count as named. All Bcc become the first. The first pass reads
 * only. */
static bool pass(struct header_reader *d, struct slice header, bool writes)
{
    struct recipient_field f;
    unsigned bcc = 0;
    while (header.len) {
        size_t n = read_field(header, &f), entries = 0;
        header = slice_from(header, n);
        bool is_bcc = f.kind == BCC && f.regular;
        bcc += is_bcc;
        d->kept = writes && !(is_bcc && bcc > 1);
        d->names = !writes && f.kind < SENT_TO && f.regular &&
                   (is_bcc ? bcc == 1 : d->fields[f.kind] == 1);
        d->value = f.value;
        d->copied = 0;
        bool fits = !d->kept || buf_append_slice(d->out, f.head);
        if (f.kind < KINDS && !address_list_read(f.value, on_address, d, &entries))
            return unreadable(d, "a list of recipients in the header cannot be read");
        if (!d->kept)
            continue;
        fits = fits && buf_append_slice(d->out, slice_from(f.value, d->copied)) &&
               (!is_bcc || append_missing(d, entries == 0)) && buf_append(d->out, "\r\n", 2);
        if (!fits)
            return unreadable(d, "the header is too long");
    }
    return true;
}

static bool add_bcc(struct header_reader *d)
{
    size_t missing = 0;
    for (size_t i = 0; i < d->r->count; i++)
        missing += !d->expected[i].named;
    if (!missing || d->fields[BCC])
        return true;
    bool fits =
        buf_append(d->out, "Bcc:", 4) && append_missing(d, true) && buf_append(d->out, "\r\n", 2);
    return fits || unreadable(d, "the header is too long");
}

/* ---- the message ---- */

static bool read_message(void *ctx, uint64_t offset, char *out, size_t n)
{
    const struct api_message *m = ctx;
    if (offset < m->header.len) {
        struct slice now = slice_head(slice_from(buf_view(&m->header), (size_t)offset), n);
        memcpy(out, now.data, now.len);
        offset += now.len, out += now.len, n -= now.len;
    }
    return n == 0 || m->source.read(m->source.ctx, offset - m->header.len + m->body_at, out, n);
}

/* Reads the source up to the blank line that ends its header, or whole where it has none. */
static bool read_header(struct header_reader *d, struct octets source, struct buf *header)
{
    char piece[4096];
    for (uint64_t at = 0; at < source.size;) {
        size_t n = source.size - at < sizeof piece ? (size_t)(source.size - at) : sizeof piece;
        if (!source.read(source.ctx, at, piece, n))
            return unreadable(d, "the message cannot be read");
        if (!buf_append(header, piece, n))
            return unreadable(d, "the header is too long");
        at += n;
        struct slice all = buf_view(header);
        for (size_t i = at > n + 3 ? (size_t)at - n - 3 : 0; i + 2 <= all.len; i++)
            if (all.data[i] == '\r' && all.data[i + 1] == '\n' &&
                (i == 0 ||
                 (i + 4 <= all.len && all.data[i + 2] == '\r' && all.data[i + 3] == '\n'))) {
                header->len = i ? i + 2 : 0;
                return true;
            }
    }
    return header->len == 0 || buf_view(header).data[header->len - 1] == '\n' ||
           unreadable(d, "the last line has no end");
}

enum api_fit api_message_make(struct api_message *m, const struct api_recipients *r,
                              struct octets source, char *words, size_t size)
{
    struct header_reader d = {
        .r = r, .out = &m->header, .words = words, .size = size, .fit = API_FITS};
    struct buf header;
    *m = (struct api_message){.source = source};
    words[0] = 0;
    buf_init(&header, CAP_API_HEADER);
    buf_init(&m->header, 2 * CAP_API_HEADER);
    if (expect_all(&d) && read_header(&d, source, &header) && count_fields(&d, buf_view(&header)) &&
        pass(&d, buf_view(&header), false) && d.fit == API_FITS &&
        pass(&d, buf_view(&header), true))
        (void)add_bcc(&d);
    m->body_at = header.len;
    m->octets = (struct octets){m->header.len + source.size - m->body_at, read_message, m};
    for (size_t i = 0; d.expected && i < r->count; i++)
        free(d.expected[i].key);
    free(d.expected);
    buf_free(&header);
    return d.fit;
}

void api_message_clear(struct api_message *m)
{
    buf_free(&m->header);
    *m = (struct api_message){0};
}
