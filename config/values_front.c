/* Types of values about clients and their original destinations: rates and destinations. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/table.h"

/* --- "60/m" --- */

static const struct {
    const char *text;
    usec period;
} periods[] = {{"s", USEC_PER_SEC},
               {"m", 60 * USEC_PER_SEC},
               {"h", 3600 * USEC_PER_SEC},
               {"d", 86400 * USEC_PER_SEC}};

static int parse_rate(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct rate_limit *rate = field;
    size_t slash = slice_find(text, '/');
    struct slice period = slice_from(text, slash + 1);
    uint64_t messages;
    bool known = number_parse(slice_head(text, slash), (uint64_t)key->max, &messages) &&
                 messages >= (uint64_t)key->min;
    for (size_t i = 0; known && i < sizeof periods / sizeof periods[0]; i++)
        if (slice_is(period, periods[i].text)) {
            *rate =
                (struct rate_limit){.messages = (unsigned)messages, .period = periods[i].period};
            return 0;
        }
    err_set(err, ERR_INVALID,
            "\"%.*s\" is not a rate such as 10/s, 60/m, 500/h or 2000/d; the number from %u to %u",
            SHOWN(text), (unsigned)key->min, (unsigned)key->max);
    return -1;
}

static bool rate_equal(const struct key *key, const void *a, const void *b)
{
    const struct rate_limit *x = a, *y = b;
    (void)key;
    return x->messages == y->messages && x->period == y->period;
}

const struct value_type type_rate = {.parse = parse_rate, .equal = rate_equal};

/* --- names and networks --- */

static void clear_destinations(void *field)
{
    struct destinations *list = field;
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].name);
    free(list->items);
}

static bool destinations_equal(const struct key *key, const void *a, const void *b)
{
    const struct destinations *x = a, *y = b;
    (void)key;
    for (size_t i = 0; x->n == y->n && i < x->n; i++)
        if (!text_equal(x->items[i].name, y->items[i].name) ||
            !network_equal(&x->items[i].network, &y->items[i].network))
            return false;
    return x->n == y->n;
}

static int parse_destinations(const struct key *key, struct slice text, void *field,
                              struct err *err)
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
                err_set(err, ERR_INVALID,
                        "\"%.*s\" is neither a host name nor a network such as 203.0.113.0/24 or "
                        "2001:db8::/32",
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

const struct value_type type_destinations = {.list = true,
                                             .parse = parse_destinations,
                                             .clear = clear_destinations,
                                             .equal = destinations_equal};

/* --- where clients connect --- */

static bool grow_passed(struct strings *list, struct slice name)
{
    for (size_t i = 0; i < list->n; i++)
        if (slice_is(name, list->items[i]))
            return false;
    list->items = mem_resize(list->items, (list->n + 1) * sizeof *list->items);
    list->items[list->n++] = slice_string(name);
    return true;
}

/* Reads "systemd" or "systemd:NAME". */
static bool is_passed(struct slice item, struct slice *name_r)
{
    static const char prefix[] = "systemd:";
    *name_r = slice_from(item, sizeof prefix - 1);
    return slice_is(item, "systemd") || (slice_starts(item, prefix) && name_r->len > 0);
}

static int parse_listen_points(const struct key *key, struct slice text, void *field,
                               struct err *err)
{
    struct listen_points *points = field;
    struct slice item, name;
    struct addr at;
    (void)key;
    while (next_item(&text, &item)) {
        if (is_passed(item, &name)) {
            if (grow_passed(&points->passed, name))
                continue;
            err_set(err, ERR_INVALID, "\"%.*s\" stands here twice", SHOWN(item));
            return -1;
        }
        if (!addr_parse_with_port(item, &at) || at.port == 0) {
            err_set(err, ERR_INVALID,
                    "\"%.*s\" is not an address with a port, such as 127.0.0.1:25, 0.0.0.0:25 or "
                    "[::1]:25; nor systemd or systemd:NAME",
                    SHOWN(item));
            return -1;
        }
        points->items = mem_resize(points->items, (points->n + 1) * sizeof *points->items);
        points->items[points->n++] = addr_unmap(&at);
    }
    if (points->n || points->passed.n)
        return 0;
    err_set(err, ERR_INVALID, "the list is empty; leave the line out for the default");
    return -1;
}

static bool listen_points_equal(const struct key *key, const void *a, const void *b)
{
    const struct listen_points *x = a, *y = b;
    return addresses_equal(key, x, y) && strings_equal(key, &x->passed, &y->passed);
}

static void clear_listen_points(void *field)
{
    struct listen_points *points = field;
    for (size_t i = 0; i < points->passed.n; i++)
        free(points->passed.items[i]);
    free(points->passed.items);
    free(points->items);
}

const struct value_type type_listen_points = {.list = true,
                                              .parse = parse_listen_points,
                                              .clear = clear_listen_points,
                                              .equal = listen_points_equal};
