#include "upstream/memory_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/hex.h"
#include "base/mem.h"

#define HEADER "smtp-detour upstreams 1"
#define WORDS_MAX 8
/* An escaped name has at most this many octets, so that what was printed can be parsed again. */
#define WORD_MAX (3 * CAP_MEMORY_NAME)

static const char *const chunking_names[] = {
    [CHUNKING_UNPROVEN] = "unproven", [CHUNKING_PROVEN] = "proven", [CHUNKING_BROKEN] = "broken"};
static const char *const mode_names[] = {[PORT_STARTTLS] = "starttls",
                                         [PORT_IMPLICIT] = "implicit",
                                         [PORT_PLAIN] = "plain",
                                         [PORT_API] = "api"};

void memory_entry_free(struct memory_entry *e)
{
    free(e->account);
    free(e->host);
    *e = (struct memory_entry){0};
}

/* ---- reading ---- */

static bool parse_number(struct slice text, int base, uint64_t max, uint64_t *value_r)
{
    char copy[24], *end;
    if (text.len == 0 || text.len >= sizeof copy || text.data[0] == '-' || text.data[0] == '+')
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    *value_r = strtoull(copy, &end, base);
    return *end == 0 && *value_r <= max;
}

static size_t split(struct slice line, struct slice words[WORDS_MAX])
{
    size_t n = 0;
    line = slice_trim(line);
    while (line.len && n < WORDS_MAX) {
        size_t end = slice_find(line, ' ');
        words[n++] = slice_head(line, end);
        line = slice_trim(slice_from(line, end));
    }
    return n;
}

/* Gives the name, or NULL if it is none. */
static char *unescape(struct slice word)
{
    if (word.len == 0 || word.len > WORD_MAX)
        return NULL;
    char *out = mem_alloc(word.len + 1);
    size_t n = 0;
    while (word.len) {
        int octet = hex_take_percent(&word);
        if (octet <= 0) {
            free(out);
            return NULL;
        }
        out[n++] = (char)octet;
    }
    if (n > CAP_MEMORY_NAME) {
        free(out);
        return NULL;
    }
    return out;
}

static int name_index(struct slice word, const char *const *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_is(word, table[i]))
            return (int)i;
    return -1;
}

static void read_works(struct memory_record *r, const struct slice *words, size_t n)
{
    uint64_t port;
    int mode =
        n == 3 ? name_index(words[2], mode_names, sizeof mode_names / sizeof *mode_names) : -1;
    if (mode >= 0 && parse_number(words[1], 10, 65535, &port))
        r->works = (struct port){.number = (uint16_t)port, .mode = (enum port_mode)mode};
}

static void read_ehlo(struct memory_record *r, const struct slice *words, size_t n)
{
    struct account_facts f = {.known = true};
    for (size_t i = 1; i < n; i++) {
        if (slice_starts(words[i], "size="))
            f.has_size = parse_number(slice_from(words[i], 5), 10, UINT64_MAX, &f.size);
        else if (slice_is(words[i], "dsn"))
            f.dsn = true;
        else if (slice_is(words[i], "smtputf8"))
            f.smtputf8 = true;
        else if (slice_is(words[i], "chunking"))
            f.chunking = true;
        else if (slice_is(words[i], "8bitmime"))
            f.eightbit = true;
    }
    if (!f.has_size)
        f.size = 0;
    r->facts = f;
}

static void read_bdat(struct memory_record *r, const struct slice *words, size_t n)
{
    uint64_t port, fingerprint;
    int known = n == 4 ? name_index(words[3], chunking_names,
                                    sizeof chunking_names / sizeof *chunking_names)
                       : -1;
    if (known >= 0 && r->nbdat < CAP_MEMORY_PORTS && parse_number(words[1], 10, 65535, &port) &&
        parse_number(words[2], 16, UINT64_MAX, &fingerprint))
        r->bdat[r->nbdat++] =
            (struct memory_bdat){(uint16_t)port, fingerprint, (enum smtp_client_chunking)known};
}

static void read_address(struct memory_record *r, const struct slice *words, size_t n)
{
    if (n == 2 && r->naddresses < CAP_DNS_ADDRESSES &&
        addr_parse(words[1], &r->addresses[r->naddresses]))
        r->naddresses++;
}

static struct memory_entry *read_account(const struct slice *words, size_t n,
                                         struct memory_entry **entries, size_t *count)
{
    if (n != 3 || *count == CAP_MEMORY_ENTRIES)
        return NULL;
    char *account = unescape(words[1]), *host = unescape(words[2]);
    if (!account || !host) {
        free(account);
        free(host);
        return NULL;
    }
    *entries = mem_resize(*entries, (*count + 1) * sizeof **entries);
    struct memory_entry *e = &(*entries)[(*count)++];
    *e = (struct memory_entry){.account = account, .host = host};
    return e;
}

void memory_parse(struct slice text, struct memory_entry **entries_r, size_t *n_r)
{
    struct memory_entry *e = NULL;
    size_t line_end = slice_find(text, '\n');
    *entries_r = NULL;
    *n_r = 0;
    if (!slice_is(slice_trim(slice_head(text, line_end)), HEADER))
        return;
    for (text = slice_from(text, line_end + 1); text.len; text = slice_from(text, line_end + 1)) {
        struct slice words[WORDS_MAX];
        line_end = slice_find(text, '\n');
        size_t n = split(slice_head(text, line_end), words);
        if (n && slice_is(words[0], "account"))
            e = read_account(words, n, entries_r, n_r);
        else if (!n || !e)
            continue;
        else if (slice_is(words[0], "works"))
            read_works(&e->record, words, n);
        else if (slice_is(words[0], "ehlo"))
            read_ehlo(&e->record, words, n);
        else if (slice_is(words[0], "bdat"))
            read_bdat(&e->record, words, n);
        else if (slice_is(words[0], "address"))
            read_address(&e->record, words, n);
    }
}

/* ---- writing ---- */

static bool print_escaped(struct buf *out, const char *text)
{
    bool ok = true;
    for (const char *c = text; *c && ok; c++) {
        if (*c == ' ' || *c == '%' || ascii_is_control(*c))
            ok = buf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
        else
            ok = buf_append(out, c, 1);
    }
    return ok;
}

static bool print_record(const struct memory_record *r, struct buf *out)
{
    const struct account_facts *f = &r->facts;
    char text[ADDR_TEXT];
    bool ok = true;
    if (r->works.number)
        ok = ok &&
             buf_printf(out, "works %u %s\n", (unsigned)r->works.number, mode_names[r->works.mode]);
    if (f->known) {
        ok = ok && buf_printf(out, "ehlo");
        if (f->has_size)
            ok = ok && buf_printf(out, " size=%" PRIu64, f->size);
        ok = ok &&
             buf_printf(out, "%s%s%s%s\n", f->dsn ? " dsn" : "", f->smtputf8 ? " smtputf8" : "",
                        f->chunking ? " chunking" : "", f->eightbit ? " 8bitmime" : "");
    }
    for (size_t i = 0; i < r->nbdat; i++)
        ok = ok && buf_printf(out, "bdat %u %016" PRIx64 " %s\n", (unsigned)r->bdat[i].port,
                              r->bdat[i].fingerprint, chunking_names[r->bdat[i].known]);
    for (size_t i = 0; i < r->naddresses; i++)
        ok = ok && buf_printf(out, "address %s\n", addr_text(&r->addresses[i], text));
    return ok;
}

bool memory_print(const struct memory_entry *entries, size_t n, struct buf *out)
{
    bool ok = buf_printf(out, HEADER "\n");
    for (size_t i = 0; i < n && ok; i++) {
        if (strlen(entries[i].account) > CAP_MEMORY_NAME ||
            strlen(entries[i].host) > CAP_MEMORY_NAME)
            continue;
        ok = buf_printf(out, "account ") && print_escaped(out, entries[i].account) &&
             buf_printf(out, " ") && print_escaped(out, entries[i].host) && buf_printf(out, "\n") &&
             print_record(&entries[i].record, out);
    }
    return ok;
}
