/* Types of values about mail itself: addresses, the domain that completes them, aliases. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/table.h"

/* What goes into MAIL, RCPT and header lines as it is: no quoting, nothing that could end a line or
 * an address (RFC 5322 atext, and dots). */
static bool is_local_part(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) &&
            !(c != 0 && strchr(".!#$%&'*+-/=?^_`{|}~", c)))
            return false;
    }
    /* RFC 5321 4.5.3.1.1 */
    return s.len > 0 && s.len <= 64;
}

static bool is_mail_address(struct slice s)
{
    size_t at = slice_find(s, '@');
    return at < s.len && is_local_part(slice_head(s, at)) &&
           host_name_is_valid(slice_from(s, at + 1));
}

static int parse_mail_address(const struct key *key, struct slice text, void *field,
                              struct err *err)
{
    (void)key;
    if (!is_mail_address(text)) {
        err_set(err, ERR_INVALID, "\"%.*s\" is not a bare mail address such as me@example.com",
                SHOWN(text));
        return -1;
    }
    *(char **)field = slice_string(text);
    return 0;
}

const struct value_type type_mail_address = {.parse = parse_mail_address, .clear = string_clear};

static int parse_domain(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    if (!host_name_is_valid(text)) {
        err_set(err, ERR_INVALID, "\"%.*s\" is not a domain such as example.com", SHOWN(text));
        return -1;
    }
    *(char **)field = slice_string(text);
    return 0;
}

const struct value_type type_domain = {.parse = parse_domain, .clear = string_clear};

/* --- aliases --- */

static void clear_aliases(void *field)
{
    struct aliases *list = field;
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].name);
        free(list->items[i].to);
    }
    free(list->items);
}

static bool is_named(const struct aliases *list, struct slice name)
{
    for (size_t i = 0; i < list->n; i++)
        if (slice_is_word(name, list->items[i].name))
            return true;
    return false;
}

static int parse_aliases(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct aliases *list = field;
    struct slice item;
    (void)key;
    while (next_item(&text, &item)) {
        size_t equals = slice_find(item, '=');
        struct slice name = slice_head(item, equals), to = slice_from(item, equals + 1);
        if (!is_local_part(name) || !is_mail_address(to)) {
            err_set(
                err, ERR_INVALID,
                "\"%.*s\" is not NAME=ADDRESS such as root=admin@example.com or *=ops@example.com",
                SHOWN(item));
            return -1;
        }
        if (is_named(list, name)) {
            err_set(err, ERR_INVALID, "\"%.*s\" is named twice", SHOWN(name));
            return -1;
        }
        list->items = mem_resize(list->items, (list->n + 1) * sizeof *list->items);
        list->items[list->n++] = (struct alias){.name = slice_string(name), .to = slice_string(to)};
    }
    if (list->n)
        return 0;
    err_set(err, ERR_INVALID, "the list is empty; leave the line out for none");
    return -1;
}

const struct value_type type_aliases = {
    .list = true, .parse = parse_aliases, .clear = clear_aliases};
