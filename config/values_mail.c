/* Types of values about mail itself: addresses, the domain that completes them, aliases,
 * senders. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/table.h"

/* It goes into MAIL, RCPT and header lines unchanged. So it has no quoting and nothing that could
 * end a line or an address (RFC 5322 atext, and dots). */
static bool is_local_part(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) &&
            !(c != 0 && strchr(".!#$%&'*+-/=?^_`{|}~", c)))
            return false;
    }
    /* RFC 5321 4.5.3.1.1. */
    return s.len > 0 && s.len <= 64;
}

bool mail_address_is_valid(struct slice s)
{
    size_t at = slice_find(s, '@');
    return at < s.len && is_local_part(slice_head(s, at)) &&
           host_name_is_valid(slice_from(s, at + 1));
}

static int parse_mail_address(const struct key *key, struct slice text, void *field,
                              struct err *err)
{
    (void)key;
    if (!mail_address_is_valid(text)) {
        err_set(err, ERR_INVALID, "\"%.*s\" is not a bare mail address such as me@example.com",
                SHOWN(text));
        return -1;
    }
    *(char **)field = slice_string(text);
    return 0;
}

const struct value_type type_mail_address = {
    .parse = parse_mail_address, .clear = string_clear, .equal = string_equal};

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

const struct value_type type_domain = {
    .parse = parse_domain, .clear = string_clear, .equal = string_equal};

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

static bool aliases_equal(const struct key *key, const void *a, const void *b)
{
    const struct aliases *x = a, *y = b;
    (void)key;
    for (size_t i = 0; x->n == y->n && i < x->n; i++)
        if (strcmp(x->items[i].name, y->items[i].name) != 0 ||
            strcmp(x->items[i].to, y->items[i].to) != 0)
            return false;
    return x->n == y->n;
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
        if (!is_local_part(name) || !mail_address_is_valid(to)) {
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
    .list = true, .parse = parse_aliases, .clear = clear_aliases, .equal = aliases_equal};

/* --- senders --- */

static bool domain_is_valid(struct slice domain)
{
    struct addr a;
    if (slice_starts(domain, "[IPv6:") && domain.data[domain.len - 1] == ']')
        return addr_parse(slice_make(domain.data + 6, domain.len - 7), &a);
    if (domain.len > 2 && domain.data[0] == '[' && domain.data[domain.len - 1] == ']')
        return addr_parse(slice_make(domain.data + 1, domain.len - 2), &a);
    /* A domain of RFC 6531 passes unchanged. */
    for (size_t i = 0; i < domain.len; i++)
        if ((unsigned char)domain.data[i] >= 128)
            return true;
    return host_name_is_valid(domain);
}

/* Accepts "<>", "*", "@dom", "user@dom" and "user@*". */
static bool sender_is_valid(struct slice text)
{
    size_t at = text.len;
    if (slice_is(text, "<>") || slice_is(text, "*"))
        return true;
    while (at > 0 && text.data[at - 1] != '@')
        at--;
    if (at == 0)
        return false;
    struct slice user = slice_head(text, at - 1), domain = slice_from(text, at);
    if (slice_find(user, '*') < user.len || slice_find(user, '<') < user.len)
        return false;
    return (user.len > 0 && slice_is(domain, "*")) || domain_is_valid(domain);
}

static int parse_senders(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct strings *list = field;
    struct slice item;
    (void)key;
    while (next_item(&text, &item)) {
        if (!sender_is_valid(item)) {
            err_set(err, ERR_INVALID, "\"%.*s\" is none of: user@dom, @dom, user@*, *, <>",
                    SHOWN(item));
            return -1;
        }
        list->items = mem_resize(list->items, (list->n + 1) * sizeof *list->items);
        list->items[list->n++] = slice_string(item);
    }
    if (list->n)
        return 0;
    err_set(err, ERR_INVALID, "the list is empty; leave the line out for the default");
    return -1;
}

const struct value_type type_senders = {
    .list = true, .parse = parse_senders, .clear = strings_clear, .equal = strings_equal};
