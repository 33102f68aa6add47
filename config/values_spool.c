/* Values of [spool]: a part of a whole in percent, and whom bounces go to. */
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/table.h"

static int parse_percent(const struct key *key, struct slice text, void *field, struct err *err)
{
    uint64_t value;
    bool has_sign = text.len && text.data[text.len - 1] == '%';
    if (!has_sign || !number_parse(slice_head(text, text.len - 1), (uint64_t)key->max, &value)) {
        err_set(err, ERR_INVALID, "\"%.*s\" is not a part from 0%% to %d%%, such as 5%%",
                SHOWN(text), (int)key->max);
        return -1;
    }
    *(unsigned *)field = (unsigned)value;
    return 0;
}

static bool equal_percent(const struct key *key, const void *a, const void *b)
{
    (void)key;
    return *(const unsigned *)a == *(const unsigned *)b;
}

const struct value_type type_percent = {.parse = parse_percent, .equal = equal_percent};

static int parse_bounce_to(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct bounce_to *to = field;
    struct slice item, rest = text;
    (void)key;
    if (slice_is_word(text, "sender") || slice_is_word(text, "off")) {
        to->whom = slice_is_word(text, "off") ? BOUNCE_TO_NOBODY : BOUNCE_TO_SENDER;
        return 0;
    }
    to->whom = BOUNCE_TO_ADDRESSES;
    while (next_item(&rest, &item)) {
        if (!mail_address_is_valid(item)) {
            err_set(err, ERR_INVALID,
                    "\"%.*s\" is neither sender, nor off, nor a bare mail address such as "
                    "me@example.com",
                    SHOWN(item));
            return -1;
        }
        to->addresses.items =
            mem_resize(to->addresses.items, (to->addresses.n + 1) * sizeof *to->addresses.items);
        to->addresses.items[to->addresses.n++] = slice_string(item);
    }
    return 0;
}

static void clear_bounce_to(void *field)
{
    strings_clear(&((struct bounce_to *)field)->addresses);
}

static bool equal_bounce_to(const struct key *key, const void *a, const void *b)
{
    const struct bounce_to *x = a, *y = b;
    return x->whom == y->whom && strings_equal(key, &x->addresses, &y->addresses);
}

const struct value_type type_bounce_to = {
    .list = true, .parse = parse_bounce_to, .clear = clear_bounce_to, .equal = equal_bounce_to};
