/* Values of [cluster]: where the shared engines are. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/table.h"

#define DEFAULT_ENGINE_PORT 6379

/* Reads "host", "host:port" or "[::1]:port". The port is the default where none is given. */
static bool parse_place(struct slice text, struct engine_address *at)
{
    size_t close = text.len && text.data[0] == '[' ? slice_find(text, ']') : 0;
    size_t colon = slice_find(slice_from(text, close), ':') + close;
    struct slice host = slice_head(text, colon), port = slice_from(text, colon);
    uint64_t number = DEFAULT_ENGINE_PORT;
    if (port.len && (!number_parse(slice_from(port, 1), 65535, &number) || number == 0))
        return false;
    at->host = host_parse(host);
    at->port = (uint16_t)number;
    return at->host != NULL;
}

static int parse_engines(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct engine_addresses *list = field;
    struct slice item, rest = text;
    (void)key;
    while (next_item(&rest, &item)) {
        struct engine_address at = {0};
        if (slice_starts(item, "/")) {
            at.host = slice_string(item);
        } else if (!parse_place(item, &at)) {
            err_set(err, ERR_INVALID,
                    "\"%.*s\" is neither host:port, such as valkey.example.com:6379, nor the path "
                    "of a socket",
                    SHOWN(item));
            return -1;
        }
        list->items = mem_resize(list->items, (list->n + 1) * sizeof *list->items);
        list->items[list->n++] = at;
    }
    return 0;
}

static void clear_engines(void *field)
{
    struct engine_addresses *list = field;
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].host);
    free(list->items);
}

static bool equal_engines(const struct key *key, const void *a, const void *b)
{
    const struct engine_addresses *x = a, *y = b;
    (void)key;
    if (x->n != y->n)
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (x->items[i].port != y->items[i].port || strcmp(x->items[i].host, y->items[i].host) != 0)
            return false;
    return true;
}

const struct value_type type_engines = {
    .list = true, .parse = parse_engines, .clear = clear_engines, .equal = equal_engines};

bool engine_addresses_same(const struct engine_addresses *a, const struct engine_addresses *b)
{
    return equal_engines(NULL, a, b);
}

static int parse_instance(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    if (!host_name_is_valid(text)) {
        err_set(err, ERR_INVALID,
                "\"%.*s\" is no name: letters, digits and - _ ., such as gateway-1", SHOWN(text));
        return -1;
    }
    *(char **)field = slice_string(text);
    return 0;
}

const struct value_type type_instance = {
    .parse = parse_instance, .clear = string_clear, .equal = string_equal};
