/* Types of values that name hosts, addresses, ports, certificates and users. Most are lists. */
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/table.h"

/* All lists begin with these fields in memory: the items and their number. */
#define LIST_CLEAR(type) free(((type *)field)->items)
#define LIST_GROW(list)                                                                            \
    ((list)->items = mem_resize((list)->items, ((list)->n + 1) * sizeof *(list)->items))

static int refuse_empty(size_t n, struct err *err)
{
    if (n)
        return 0;
    err_set(err, ERR_INVALID, "the list is empty; leave the line out for the default");
    return -1;
}

/* --- hosts --- */

static bool label_is_valid(struct slice label)
{
    if (label.len == 0 || label.len > 63 || label.data[0] == '-' ||
        label.data[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!ascii_is_alpha(label.data[i]) && !ascii_is_digit(label.data[i]) &&
            label.data[i] != '-' && label.data[i] != '_')
            return false;
    return true;
}

bool host_name_is_valid(struct slice text)
{
    uint64_t number;
    if (text.len == 0 || text.len > 253)
        return false;
    for (;;) {
        size_t dot = slice_find(text, '.');
        struct slice label = slice_head(text, dot);
        if (!label_is_valid(label))
            return false;
        /* A last label of digits only is an incorrect IPv4 address. */
        if (dot == text.len)
            return !number_parse(label, UINT64_MAX, &number);
        text = slice_from(text, dot + 1);
    }
}

char *host_parse(struct slice text)
{
    struct addr a;
    if (addr_parse(text, &a)) {
        if (text.data[0] == '[')
            text = slice_make(text.data + 1, text.len - 2);
        return slice_string(text);
    }
    /* The final dot would never match a certificate. */
    if (text.len > 1 && text.data[text.len - 1] == '.')
        text.len--;
    return host_name_is_valid(text) ? slice_string(text) : NULL;
}

static int parse_host(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct addr a;
    char *host = host_parse(text);
    if (host) {
        *(char **)field = host;
        return 0;
    }
    size_t colon = slice_find(text, ':');
    if (addr_parse_with_port(text, &a) || host_name_is_valid(slice_head(text, colon)))
        err_set(err, ERR_INVALID,
                "\"%.*s\" has a port; only the host name or address stands here%s", SHOWN(text),
                keys_find(key->section, slice_of("ports")) ? ", put the port into ports" : "");
    else
        err_set(err, ERR_INVALID,
                "\"%.*s\" is neither a host name (international ones in their xn-- form) nor an IP "
                "address",
                SHOWN(text));
    return -1;
}

/* Reads a name, or an address that is sent as RFC 5321 4.1.3 says. */
static int parse_helo(const struct key *key, struct slice text, void *field, struct err *err)
{
    static const char v6[] = "[IPv6:";
    struct addr a;
    char literal[ADDR_TEXT];
    struct slice bare = text;
    (void)key;
    if (slice_starts(text, v6) && text.data[text.len - 1] == ']')
        bare = slice_make(text.data + sizeof v6 - 1, text.len - sizeof v6);
    else if (text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        bare = slice_make(text.data + 1, text.len - 2);
    if (addr_parse(bare, &a)) {
        *(char **)field = mem_string(addr_text_literal(&a, literal));
        return 0;
    }
    if (host_name_is_valid(text) && !slice_is_word(text, "localhost")) {
        *(char **)field = slice_string(text);
        return 0;
    }
    err_set(err, ERR_INVALID,
            "\"%.*s\" is neither a host name (other than localhost, which providers refuse) nor an "
            "address",
            SHOWN(text));
    return -1;
}

/* --- addresses and networks --- */

static int parse_address(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct addr *a = field;
    (void)key;
    if (addr_parse(text, a)) {
        *a = addr_unmap(a);
        return 0;
    }
    err_set(err, ERR_INVALID,
            "\"%.*s\" is not an IP address without port, such as 192.0.2.1 or 2001:db8::1",
            SHOWN(text));
    return -1;
}

static bool addr_same(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && (a->family == ADDR_NONE || addr_equal(a, b)) &&
           a->port == b->port && a->scope == b->scope;
}

static bool address_equal(const struct key *key, const void *a, const void *b)
{
    (void)key;
    return addr_same(a, b);
}

bool addresses_equal(const struct key *key, const void *a, const void *b)
{
    const struct addresses *x = a, *y = b;
    (void)key;
    for (size_t i = 0; x->n == y->n && i < x->n; i++)
        if (!addr_same(&x->items[i], &y->items[i]))
            return false;
    return x->n == y->n;
}

bool network_equal(const struct network *a, const struct network *b)
{
    return addr_same(&a->base, &b->base) && a->bits == b->bits;
}

static bool networks_equal(const struct key *key, const void *a, const void *b)
{
    const struct networks *x = a, *y = b;
    (void)key;
    for (size_t i = 0; x->n == y->n && i < x->n; i++)
        if (!network_equal(&x->items[i], &y->items[i]))
            return false;
    return x->n == y->n;
}

static void clear_addresses(void *field)
{
    LIST_CLEAR(struct addresses);
}

static int parse_addresses(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct addresses *list = field;
    struct slice item;
    (void)key;
    while (next_item(&text, &item)) {
        LIST_GROW(list);
        if (!addr_parse_with_port(item, &list->items[list->n]) || list->items[list->n].port == 0) {
            err_set(err, ERR_INVALID,
                    "\"%.*s\" is not an address with a port, such as 127.0.0.1:25, 0.0.0.0:25 or "
                    "[::1]:25",
                    SHOWN(item));
            return -1;
        }
        list->items[list->n] = addr_unmap(&list->items[list->n]);
        list->n++;
    }
    return refuse_empty(list->n, err);
}

static void clear_networks(void *field)
{
    LIST_CLEAR(struct networks);
}

static int parse_networks(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct networks *list = field;
    struct slice item;
    (void)key;
    while (next_item(&text, &item)) {
        LIST_GROW(list);
        if (!network_parse(item, &list->items[list->n])) {
            err_set(err, ERR_INVALID,
                    "\"%.*s\" is not a network such as 192.168.0.0/16, 2001:db8::/32 or a single "
                    "address (no bits may be set behind the "
                    "prefix)",
                    SHOWN(item));
            return -1;
        }
        list->n++;
    }
    return refuse_empty(list->n, err);
}

/* --- ports --- */

const char *port_mode_name(enum port_mode mode)
{
    switch (mode) {
    case PORT_STARTTLS: return "starttls";
    case PORT_IMPLICIT: return "implicit";
    case PORT_PLAIN: return "plain";
    case PORT_API: return "api";
    }
    return "?";
}

static size_t count_api(const struct ports *ports)
{
    size_t n = 0;
    for (size_t i = 0; i < ports->n; i++)
        n += ports->items[i].mode == PORT_API;
    return n;
}

bool ports_have_api(const struct ports *ports)
{
    return count_api(ports) > 0;
}

bool ports_have_smtp(const struct ports *ports)
{
    return count_api(ports) < ports->n;
}

static bool parse_mode(struct slice text, enum port_mode *mode_r)
{
    for (enum port_mode mode = PORT_STARTTLS; mode <= PORT_API; mode++)
        if (slice_is_word(text, port_mode_name(mode))) {
            *mode_r = mode;
            return true;
        }
    return false;
}

static bool parse_port(struct slice text, struct port *port_r)
{
    uint64_t number;
    size_t slash = slice_find(text, '/');
    if (!number_parse(slice_head(text, slash), 65535, &number) || number == 0)
        return false;
    port_r->number = (uint16_t)number;
    port_r->mode = number == 465 || number == 2465 || number == 443 ? PORT_IMPLICIT : PORT_STARTTLS;
    return slash == text.len || parse_mode(slice_from(text, slash + 1), &port_r->mode);
}

static bool ports_equal(const struct key *key, const void *a, const void *b)
{
    const struct ports *x = a, *y = b;
    (void)key;
    for (size_t i = 0; x->n == y->n && i < x->n; i++)
        if (x->items[i].number != y->items[i].number || x->items[i].mode != y->items[i].mode)
            return false;
    return x->n == y->n;
}

static void clear_ports(void *field)
{
    LIST_CLEAR(struct ports);
}

static int parse_ports(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct ports *list = field;
    struct slice item;
    (void)key;
    while (next_item(&text, &item)) {
        struct port port;
        if (!parse_port(item, &port)) {
            err_set(err, ERR_INVALID,
                    "\"%.*s\" is not PORT or PORT/MODE; allowed: 1 to 65535, and starttls, "
                    "implicit, plain or api",
                    SHOWN(item));
            return -1;
        }
        for (size_t i = 0; i < list->n; i++)
            if (list->items[i].number == port.number) {
                err_set(err, ERR_INVALID, "port %u stands here twice", (unsigned)port.number);
                return -1;
            }
        LIST_GROW(list);
        list->items[list->n++] = port;
    }
    return refuse_empty(list->n, err);
}

/* --- certificate pins --- */

/* Reads 64 hex digits, or 32 pairs of them with a colon between. */
static bool parse_pin(struct slice text, uint8_t pin[32])
{
    size_t step = text.len == 64 ? 2 : 3;
    if (text.len != 64 && text.len != 95)
        return false;
    for (size_t i = 0; i < 32; i++) {
        const char *at = text.data + i * step;
        int octet = hex_octet(slice_make(at, 2));
        if (octet < 0 || (step == 3 && i < 31 && at[2] != ':'))
            return false;
        pin[i] = (uint8_t)octet;
    }
    return true;
}

static bool pins_equal(const struct key *key, const void *a, const void *b)
{
    const struct pins *x = a, *y = b;
    (void)key;
    return x->n == y->n && (x->n == 0 || memcmp(x->items, y->items, x->n * sizeof *x->items) == 0);
}

static void clear_pins(void *field)
{
    LIST_CLEAR(struct pins);
}

static int parse_pins(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct pins *list = field;
    struct slice item;
    (void)key;
    while (next_item(&text, &item)) {
        LIST_GROW(list);
        if (!parse_pin(item, list->items[list->n])) {
            err_set(err, ERR_INVALID,
                    "\"%.*s\" is not a SHA-256 fingerprint: 64 hex digits, or 32 pairs with colons "
                    "between",
                    SHOWN(item));
            return -1;
        }
        list->n++;
    }
    return refuse_empty(list->n, err);
}

/* --- names of users --- */

static int parse_names(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct strings *list = field;
    struct slice item;
    (void)key;
    while (next_item(&text, &item)) {
        LIST_GROW(list);
        list->items[list->n++] = slice_string(item);
    }
    return refuse_empty(list->n, err);
}

/* --- names and addresses of hosts --- */

static int parse_hosts(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct strings *list = field;
    struct slice item;
    (void)key;
    while (next_item(&text, &item)) {
        char *host = host_parse(item);
        if (!host) {
            err_set(err, ERR_INVALID,
                    "\"%.*s\" is neither a host name nor an IP address, without port", SHOWN(item));
            return -1;
        }
        LIST_GROW(list);
        list->items[list->n++] = host;
    }
    return refuse_empty(list->n, err);
}

const struct value_type type_host = {
    .parse = parse_host, .clear = string_clear, .equal = string_equal};
const struct value_type type_helo = {
    .parse = parse_helo, .clear = string_clear, .equal = string_equal};
const struct value_type type_address = {.parse = parse_address, .equal = address_equal};
const struct value_type type_addresses = {
    .list = true, .parse = parse_addresses, .clear = clear_addresses, .equal = addresses_equal};
const struct value_type type_networks = {
    .list = true, .parse = parse_networks, .clear = clear_networks, .equal = networks_equal};
const struct value_type type_ports = {
    .list = true, .parse = parse_ports, .clear = clear_ports, .equal = ports_equal};
const struct value_type type_pins = {
    .list = true, .parse = parse_pins, .clear = clear_pins, .equal = pins_equal};
const struct value_type type_hosts = {
    .list = true, .parse = parse_hosts, .clear = strings_clear, .equal = strings_equal};
const struct value_type type_names = {
    .list = true, .parse = parse_names, .clear = strings_clear, .equal = strings_equal};
