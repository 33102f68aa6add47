/* Types of values of a login by token: addresses of endpoints, tenants, days, the way there. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/table.h"

/* --- addresses of endpoints --- */

#define HTTPS "https://"
#define HTTP "http://"

/* Takes the host from the "host", "host:port" or "[::1]:port" of an address. Returns false if a
 * user stands in it, if its host is empty, or if its port is no number of a port. */
static bool take_authority(struct slice text, struct slice *host_r)
{
    struct slice authority = slice_head(text, slice_find(text, '/'));
    uint64_t port;
    if (slice_find(authority, '@') < authority.len)
        return false;
    size_t end =
        slice_starts(authority, "[") ? slice_find(authority, ']') + 1 : slice_find(authority, ':');
    if (end > authority.len)
        return false;
    *host_r = slice_head(authority, end);
    struct slice rest = slice_from(authority, end);
    if (rest.len && (rest.data[0] != ':' || !number_parse(slice_from(rest, 1), 65535, &port)))
        return false;
    return host_r->len > 0;
}

static bool is_this_machine(const char *host)
{
    struct addr address;
    return strcmp(host, "localhost") == 0 ||
           (addr_parse(slice_of(host), &address) && addr_is_loopback(&address));
}

/* An address of the web without blanks, controls and a fragment. */
static bool is_clean(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] <= ' ' || (unsigned char)text.data[i] >= 0x7F ||
            strchr("#\"<>\\^`{|}", text.data[i]))
            return false;
    return true;
}

/* Gives the host of a URL. Returns NULL if there is none. Then the words say what is wrong. */
static char *url_host(struct slice text, bool is_https, struct err *err)
{
    struct slice host, rest = slice_from(text, strlen(is_https ? HTTPS : HTTP));
    char *name = is_clean(text) && take_authority(rest, &host) ? host_parse(host) : NULL;
    if (!name)
        err_set(err, ERR_INVALID,
                "not a usable address; allowed: https://HOST/PATH, without a user and without "
                "\"#\"");
    return name;
}

static int parse_url(const struct key *key, struct slice text, void *field, struct err *err)
{
    bool is_https = slice_starts(text, HTTPS);
    (void)key;
    if (!is_https && !slice_starts(text, HTTP)) {
        err_set(err, ERR_INVALID, "not an address of the web; allowed: https://HOST/PATH");
        return -1;
    }
    char *host = url_host(text, is_https, err);
    if (!host)
        return -1;
    bool is_safe = is_https || is_this_machine(host);
    free(host);
    if (!is_safe) {
        err_set(err, ERR_INVALID,
                "secrets would go there in clear; allowed: https, or http to this machine alone");
        return -1;
    }
    *(char **)field = slice_string(text);
    return 0;
}

const struct value_type type_url = {
    .parse = parse_url, .clear = string_clear, .equal = string_equal};

/* --- tenants --- */

static int parse_tenant(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    if (!host_name_is_valid(text)) {
        err_set(err, ERR_INVALID,
                "\"%.*s\" is neither a tenant's id nor a domain; allowed: "
                "00000000-0000-0000-0000-000000000000, example.com",
                SHOWN(text));
        return -1;
    }
    *(char **)field = slice_string(text);
    return 0;
}

const struct value_type type_tenant = {
    .parse = parse_tenant, .clear = string_clear, .equal = string_equal};

/* --- days --- */

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_of_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t days = day - 1;
    for (int64_t y = 1970; y < year; y++)
        days += is_leap(y) ? 366 : 365;
    for (int64_t m = 1; m < month; m++)
        days += days_of_month(year, m);
    return days;
}

/* Reads a day such as "2027-11-30" (ISO 8601). The field gets the Unix seconds of its beginning in
 * UTC. */
static int parse_date(const struct key *key, struct slice text, void *field, struct err *err)
{
    uint64_t year = 0, month = 0, day = 0;
    (void)key;
    bool is_one = text.len == 10 && text.data[4] == '-' && text.data[7] == '-' &&
                  number_parse(slice_head(text, 4), 9999, &year) &&
                  number_parse(slice_make(text.data + 5, 2), 12, &month) &&
                  number_parse(slice_from(text, 8), 31, &day) && year >= 1970 && month && day &&
                  (int64_t)day <= days_of_month((int64_t)year, (int64_t)month);
    if (!is_one) {
        err_set(err, ERR_INVALID, "\"%.*s\" is no day; allowed: YEAR-MONTH-DAY, as 2027-11-30",
                SHOWN(text));
        return -1;
    }
    *(int64_t *)field = 86400 * days_since_1970((int64_t)year, (int64_t)month, (int64_t)day);
    return 0;
}

const struct value_type type_date = {.parse = parse_date, .equal = octets_equal};

/* --- the way there --- */

static int parse_way(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct endpoint_way *way = field;
    (void)key;
    way->direct = slice_is(text, "direct");
    if (way->direct)
        return 0;
    return proxy_parse(text, &way->proxy, err);
}

static void clear_way(void *field)
{
    proxy_clear(&((struct endpoint_way *)field)->proxy);
}

static bool way_equal(const struct key *key, const void *a, const void *b)
{
    const struct endpoint_way *x = a, *y = b;
    return x->direct == y->direct && proxy_equal(key, &x->proxy, &y->proxy);
}

/* It may hold a password. */
const struct value_type type_endpoint_way = {
    .secret = true, .parse = parse_way, .clear = clear_way, .equal = way_equal};
