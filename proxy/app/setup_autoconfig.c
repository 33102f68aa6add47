#include "app/setup_autoconfig.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "config/table.h"

/* Of the text of one element. The elements that matter hold a word each. */
enum { TEXT_SIZE = 256, DEPTH_MAX = 32 };

enum element {
    /* None that matters. */
    ELEMENT_OTHER,
    ELEMENT_HOST,
    ELEMENT_PORT,
    ELEMENT_SOCKET,
    ELEMENT_USER,
    ELEMENT_COUNT
};

static const char *const names[ELEMENT_COUNT] = {[ELEMENT_HOST] = "hostname",
                                                 [ELEMENT_PORT] = "port",
                                                 [ELEMENT_SOCKET] = "socketType",
                                                 [ELEMENT_USER] = "username"};

struct xml_reading {
    const char *address;
    struct autoconfig *out;
    XML_Parser parser;
    unsigned depth;
    /* The depth of the outgoingServer that is open, or 0. */
    unsigned server;
    /* Whose text is read. */
    enum element open;
    char texts[ELEMENT_COUNT][TEXT_SIZE];
    size_t lengths[ELEMENT_COUNT];
};

static bool has_attribute(const char **attributes, const char *name, const char *value)
{
    for (size_t i = 0; attributes[i]; i += 2)
        if (strcmp(attributes[i], name) == 0)
            return strcmp(attributes[i + 1], value) == 0;
    return false;
}

static void on_start(void *ctx, const char *name, const char **attributes)
{
    struct xml_reading *r = ctx;
    if (++r->depth > DEPTH_MAX)
        XML_StopParser(r->parser, XML_FALSE);
    r->open = ELEMENT_OTHER;
    if (!r->server && strcmp(name, "outgoingServer") == 0 &&
        has_attribute(attributes, "type", "smtp")) {
        r->server = r->depth;
        memset(r->lengths, 0, sizeof r->lengths);
    }
    for (size_t i = ELEMENT_HOST; r->server && r->depth == r->server + 1 && i < ELEMENT_COUNT; i++)
        if (strcmp(name, names[i]) == 0 && !r->lengths[i])
            r->open = (enum element)i;
}

static void on_text(void *ctx, const char *text, int len)
{
    struct xml_reading *r = ctx;
    if (r->open == ELEMENT_OTHER)
        return;
    size_t *n = &r->lengths[r->open], more = (size_t)len;
    /* What does not fit is no host, no port and no name. */
    if (more >= TEXT_SIZE - *n) {
        r->open = ELEMENT_OTHER;
        *n = 0;
        return;
    }
    memcpy(r->texts[r->open] + *n, text, more);
    *n += more;
}

static struct slice text_of(const struct xml_reading *r, enum element element)
{
    struct slice text = slice_make(r->texts[element], r->lengths[element]);
    while (text.len && (text.data[0] == '\n' || text.data[0] == '\r' || text.data[0] == ' ' ||
                        text.data[0] == '\t'))
        text = slice_from(text, 1);
    while (text.len && strchr("\n\r \t", text.data[text.len - 1]))
        text.len--;
    return text;
}

static uint16_t port_of(struct slice text)
{
    unsigned value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.data[i]) || value > 65535)
            return 0;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    return value <= 65535 ? (uint16_t)value : 0;
}

/* The three words of the format that stand for parts of the address; all else is taken as it is. */
static void write_username(struct slice text, const char *address, char *out, size_t size)
{
    const char *at = strrchr(address, '@');
    const struct {
        const char *word;
        struct slice meaning;
    } words[] = {{"%EMAILADDRESS%", slice_of(address)},
                 {"%EMAILLOCALPART%", slice_make(address, (size_t)(at - address))},
                 {"%EMAILDOMAIN%", slice_of(at + 1)}};
    struct buf name;
    buf_init(&name, size - 1);
    while (text.len) {
        struct slice piece = slice_head(text, 1);
        size_t used = 1;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (slice_starts(text, words[i].word)) {
                piece = words[i].meaning;
                used = strlen(words[i].word);
            }
        if (!buf_append_slice(&name, piece)) {
            buf_free(&name);
            return;
        }
        text = slice_from(text, used);
    }
    memcpy(out, buf_view(&name).data, buf_view(&name).len);
    out[buf_view(&name).len] = 0;
    buf_free(&name);
    for (const char *c = out; *c; c++)
        if (ascii_is_control(*c))
            *out = 0;
}

static void take_server(struct xml_reading *r)
{
    struct slice host = text_of(r, ELEMENT_HOST), socket = text_of(r, ELEMENT_SOCKET);
    struct port port = {port_of(text_of(r, ELEMENT_PORT)),
                        slice_is(socket, "SSL") ? PORT_IMPLICIT : PORT_STARTTLS};
    struct autoconfig *out = r->out;
    /* Without TLS no password is sent. */
    if (!port.number || (port.mode == PORT_STARTTLS && !slice_is(socket, "STARTTLS")) ||
        out->nports == AUTOCONFIG_PORTS || (out->nports && out->ports[0].number == port.number))
        return;
    if (out->nports && !slice_is(host, out->host))
        return;
    if (!out->nports) {
        if (!host_name_is_valid(host) || host.len >= sizeof out->host)
            return;
        snprintf(out->host, sizeof out->host, "%.*s", (int)host.len, host.data);
        write_username(text_of(r, ELEMENT_USER), r->address, out->username, sizeof out->username);
    }
    out->ports[out->nports++] = port;
}

static void on_end(void *ctx, const char *name)
{
    struct xml_reading *r = ctx;
    (void)name;
    r->open = ELEMENT_OTHER;
    if (r->server && r->depth == r->server) {
        take_server(r);
        r->server = 0;
    }
    r->depth--;
}

/* An autoconfiguration has no document type, and none is read: entities of its own could make a
 * small file large. */
static void on_doctype(void *ctx, const char *name, const char *system_id, const char *public_id,
                       int has_internal_subset)
{
    struct xml_reading *r = ctx;
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    XML_StopParser(r->parser, XML_FALSE);
}

bool autoconfig_read(struct slice xml, const char *address, struct autoconfig *out)
{
    struct xml_reading r = {.address = address, .out = out};
    *out = (struct autoconfig){0};
    r.parser = XML_ParserCreate(NULL);
    if (!r.parser)
        return false;
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    bool good = XML_Parse(r.parser, xml.data, (int)xml.len, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(r.parser);
    return good && out->nports > 0;
}
