/* Types of values about who comes in and where he wanted to go: rates and destinations. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/table.h"

/* --- "60/m" --- */

static const struct {
    const char *text;
    usec period;
} periods[] = {{"s", USEC_PER_SEC}, {"m", 60 * USEC_PER_SEC}, {"h", 3600 * USEC_PER_SEC}, {"d", 86400 * USEC_PER_SEC}};

static int parse_rate(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct rate_limit *rate = field;
    size_t slash = slice_find(text, '/');
    struct slice period = slice_from(text, slash + 1);
    uint64_t messages;
    bool known = number_parse(slice_head(text, slash), (uint64_t)key->max, &messages) && messages >= (uint64_t)key->min;
    for (size_t i = 0; known && i < sizeof periods / sizeof periods[0]; i++)
        if (slice_is(period, periods[i].text)) {
            *rate = (struct rate_limit){.messages = (unsigned)messages, .period = periods[i].period};
            return 0;
        }
    err_set(err, ERR_INVALID, "\"%.*s\" is not a rate such as 10/s, 60/m, 500/h or 2000/d; the number from %u to %u", SHOWN(text),
            (unsigned)key->min, (unsigned)key->max);
    return -1;
}

const struct value_type type_rate = {.parse = parse_rate};

/* --- names and networks --- */

static void clear_destinations(void *field)
{
    struct destinations *list = field;
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].name);
    free(list->items);
}

static int parse_destinations(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct destinations *list = field;
    struct slice item;
    (void)key;
    while (next_item(&text, &item)) {
        list->items = mem_resize(list->items, (list->n + 1) * sizeof *list->items);
        struct destination *d = &list->items[list->n];
        *d = (struct destination){0};
        if (!network_parse(item, &d->network)) {
            d->name = host_parse(item);
            if (!d->name) {
                err_set(err, ERR_INVALID, "\"%.*s\" is neither a host name nor a network such as 203.0.113.0/24 or 2001:db8::/32",
                        SHOWN(item));
                return -1;
            }
        }
        list->n++;
    }
    if (list->n)
        return 0;
    err_set(err, ERR_INVALID, "the list is empty; leave the line out to match every destination");
    return -1;
}

const struct value_type type_destinations = {.parse = parse_destinations, .clear = clear_destinations};
