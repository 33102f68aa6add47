#include "wire/proxy_header.h"

#include <stdint.h>
#include <string.h>

#include "base/caps.h"

static const char v1_prefix[] = "PROXY ";
static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";
enum {
    V1_PREFIX = sizeof v1_prefix - 1,
    V1_SHORTEST = 15 /* PROXY UNKNOWN CRLF */,
    V2_SIGNATURE = sizeof v2_signature - 1,
    V2_FIXED = 16
};

static enum proxy_header_step bad(struct proxy_header *out, const char *why)
{
    *out = (struct proxy_header){.why = why};
    return PROXY_HEADER_BAD;
}

static enum proxy_header_step more(struct proxy_header *out, size_t need)
{
    out->need = need;
    return PROXY_HEADER_MORE;
}

/* ------------------------------------------------------------------ version 1: a line */

/* Takes the next field. It ends with exactly one space or with the line. */
static bool next_field(struct slice *rest, struct slice *field_r)
{
    size_t space = slice_find(*rest, ' ');
    *field_r = slice_head(*rest, space);
    *rest = slice_from(*rest, space + 1);
    return field_r->len > 0;
}

static bool parse_port(struct slice text, uint16_t *port_r)
{
    unsigned value = 0;
    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.data[i]))
            return false;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    *port_r = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* Refuses the brackets and zones that addr_parse accepts, because they are not allowed here. */
static bool parse_bare(struct slice text, enum addr_family family, struct addr *addr_r)
{
    return text.len && text.data[0] != '[' && slice_find(text, '%') == text.len &&
           addr_parse(text, addr_r) && addr_r->family == family;
}

static enum proxy_header_step parse_line(struct slice line, struct proxy_header *out)
{
    struct slice protocol, source, destination, source_port, destination_port,
        rest = slice_from(line, V1_PREFIX);
    bool unknown =
        slice_is(rest, "UNKNOWN") || (rest.len > 7 && memcmp(rest.data, "UNKNOWN ", 8) == 0);
    /* The rest of the line is to be ignored. */
    if (unknown)
        return PROXY_HEADER_DONE;
    if (!next_field(&rest, &protocol) ||
        !(slice_is(protocol, "TCP4") || slice_is(protocol, "TCP6")))
        return bad(out, "a PROXY line with a protocol that is not TCP4, TCP6 or UNKNOWN");
    enum addr_family family = protocol.data[3] == '4' ? ADDR_V4 : ADDR_V6;
    bool fields = next_field(&rest, &source) && next_field(&rest, &destination) &&
                  next_field(&rest, &source_port);
    /* It reaches to the end of the line: a space in it is not a digit. */
    destination_port = rest;
    if (!fields || !parse_bare(source, family, &out->source) ||
        !parse_bare(destination, family, &out->destination))
        return bad(out, "a PROXY line with a wrong address");
    if (!parse_port(source_port, &out->source.port) ||
        !parse_port(destination_port, &out->destination.port))
        return bad(out, "a PROXY line with a wrong port");
    out->has_addresses = true;
    return PROXY_HEADER_DONE;
}

static enum proxy_header_step parse_v1(struct slice view, struct proxy_header *out)
{
    size_t n = view.len < CAP_PROXY_LINE ? view.len : CAP_PROXY_LINE;
    size_t cr = slice_find(slice_head(view, n), '\r');
    if (cr + 1 < n) {
        if (view.data[cr + 1] != '\n')
            return bad(out, "a PROXY line with a bare CR");
        out->length = cr + 2;
        return parse_line(slice_head(view, cr), out);
    }
    if (n == CAP_PROXY_LINE)
        return bad(out, "a PROXY line that does not end");
    if (n < V1_SHORTEST)
        return more(out, V1_SHORTEST - n);
    return more(out, cr < n || n + 1 == CAP_PROXY_LINE ? 1 : 2);
}

/* ------------------------------------------------------------------ version 2: octets */

enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_NONE = 0, FAMILY_V4 = 1, FAMILY_V6 = 2, FAMILY_UNIX = 3, FAMILY_COUNT };
enum { PROTOCOL_NONE = 0, PROTOCOL_STREAM = 1, PROTOCOL_DATAGRAM = 2, PROTOCOL_COUNT };
enum { TLV_HEAD = 3, TLV_CRC32C = 3, CRC_SIZE = 4 };

static const size_t block_sizes[FAMILY_COUNT] = {
    [FAMILY_NONE] = 0, [FAMILY_V4] = 12, [FAMILY_V6] = 36, [FAMILY_UNIX] = 216};

static unsigned octet(struct slice s, size_t at)
{
    return (unsigned char)s.data[at];
}

static uint16_t short_at(struct slice s, size_t at)
{
    return (uint16_t)(octet(s, at) << 8 | octet(s, at + 1));
}

/* CRC-32C (Castagnoli, RFC 9260 appendix A), bit by bit, because a header is short. */
static uint32_t crc_of(uint32_t crc, unsigned value)
{
    crc ^= value;
    for (int bit = 0; bit < 8; bit++)
        crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    return crc;
}

/* CRC-32C of the header, with the checksum field at `at` read as zero. */
static bool sum_is_right(struct slice header, size_t at)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < header.len; i++)
        crc = crc_of(crc, i >= at && i < at + CRC_SIZE ? 0 : octet(header, i));
    crc = ~crc;
    return short_at(header, at) == crc >> 16 && short_at(header, at + 2) == (crc & UINT16_MAX);
}

/* Checks the additions behind the addresses. All are skipped but the checksum. Returns NULL if they
 * are correct. */
static const char *fault_of_additions(struct slice header, size_t at)
{
    while (at < header.len) {
        if (header.len - at < TLV_HEAD || header.len - at - TLV_HEAD < short_at(header, at + 1))
            return "a PROXY v2 header with an addition that is cut off";
        size_t length = short_at(header, at + 1);
        if (octet(header, at) == TLV_CRC32C &&
            (length != CRC_SIZE || !sum_is_right(header, at + TLV_HEAD)))
            return "a PROXY v2 header with a wrong checksum";
        at += TLV_HEAD + length;
    }
    return NULL;
}

static struct addr address_at(struct slice header, size_t at, size_t port_at,
                              enum addr_family family)
{
    struct addr a = {.family = family, .port = short_at(header, port_at)};
    memcpy(a.bytes, header.data + at, family == ADDR_V4 ? 4 : 16);
    return addr_unmap(&a);
}

static enum proxy_header_step take_addresses(struct slice header, unsigned family,
                                             unsigned protocol, struct proxy_header *out)
{
    if (family >= FAMILY_COUNT || protocol >= PROTOCOL_COUNT)
        return bad(out, "a PROXY v2 header with an unknown family or protocol");
    if (header.len - V2_FIXED < block_sizes[family])
        return bad(out, "a PROXY v2 header that is too short for its addresses");
    /* The length of its addresses is unknown, so it is unknown where its additions begin. */
    if (family == FAMILY_NONE)
        return PROXY_HEADER_DONE;
    const char *fault = fault_of_additions(header, V2_FIXED + block_sizes[family]);
    if (fault)
        return bad(out, fault);
    if (protocol != PROTOCOL_STREAM || family == FAMILY_UNIX)
        return PROXY_HEADER_DONE;
    size_t size = family == FAMILY_V4 ? 4 : 16;
    enum addr_family ip = family == FAMILY_V4 ? ADDR_V4 : ADDR_V6;
    out->source = address_at(header, V2_FIXED, V2_FIXED + 2 * size, ip);
    out->destination = address_at(header, V2_FIXED + size, V2_FIXED + 2 * size + 2, ip);
    out->has_addresses = true;
    return PROXY_HEADER_DONE;
}

static enum proxy_header_step parse_v2(struct slice view, struct proxy_header *out)
{
    if (view.len < V2_FIXED)
        return more(out, V2_FIXED - view.len);
    unsigned version = octet(view, 12) >> 4, command = octet(view, 12) & 15;
    size_t length = V2_FIXED + (size_t)short_at(view, 14);
    if (version != 2 || command > COMMAND_PROXY)
        return bad(out, "a PROXY v2 header with an unknown version or command");
    if (length > CAP_PROXY_HEADER)
        return bad(out, "a PROXY v2 header that is too long");
    if (view.len < length)
        return more(out, length - view.len);
    out->length = length;
    /* It is a health check: its family and addresses mean nothing. */
    if (command == COMMAND_LOCAL)
        return PROXY_HEADER_DONE;
    return take_addresses(slice_head(view, length), octet(view, 13) >> 4, octet(view, 13) & 15,
                          out);
}

static bool begins_like(struct slice view, const char *start, size_t n)
{
    return memcmp(view.data, start, view.len < n ? view.len : n) == 0;
}

enum proxy_header_step proxy_header_parse(struct slice view, struct proxy_header *out)
{
    *out = (struct proxy_header){0};
    if (view.len == 0)
        return more(out, V1_SHORTEST);
    if (begins_like(view, v2_signature, V2_SIGNATURE))
        return parse_v2(view, out);
    if (begins_like(view, v1_prefix, V1_PREFIX))
        return parse_v1(view, out);
    return bad(out, "no PROXY header");
}
