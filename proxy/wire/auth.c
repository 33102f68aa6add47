#include "wire/auth.h"

#include "base/base64.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice take_word(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->len && !is_blank(rest->data[n]))
        n++;
    struct slice word = slice_head(*rest, n);
    *rest = slice_trim(slice_from(*rest, n));
    return word;
}

struct auth_request auth_parse(struct slice args)
{
    struct auth_request r = {0};
    struct slice rest = slice_trim(args);
    struct slice mechanism = take_word(&rest);
    if (!mechanism.len)
        return r;
    r.mechanism = slice_is_word(mechanism, "PLAIN")      ? AUTH_MECHANISM_PLAIN
                  : slice_is_word(mechanism, "LOGIN")    ? AUTH_MECHANISM_LOGIN
                  : slice_is_word(mechanism, "CRAM-MD5") ? AUTH_MECHANISM_CRAM_MD5
                                                         : AUTH_MECHANISM_UNKNOWN;
    r.has_initial = rest.len > 0;
    r.initial = take_word(&rest);
    r.too_many = rest.len > 0;
    return r;
}

bool auth_decode(struct slice text, bool initial, struct buf *out)
{
    if (initial && slice_is(text, "="))
        return true;
    return base64_decode(text, out);
}

bool auth_split_plain(struct slice message, struct auth_plain *plain_r)
{
    size_t first = slice_find(message, 0);
    if (first == message.len)
        return false;
    struct slice rest = slice_from(message, first + 1);
    size_t second = slice_find(rest, 0);
    if (second == rest.len)
        return false;
    *plain_r = (struct auth_plain){.authzid = slice_head(message, first),
                                   .user = slice_head(rest, second),
                                   .password = slice_from(rest, second + 1)};
    return slice_find(plain_r->password, 0) == plain_r->password.len;
}

bool auth_is_line(struct slice line)
{
    size_t blanks = 0;
    while (blanks < line.len && is_blank(line.data[blanks]))
        blanks++;
    struct slice rest = slice_from(line, blanks);
    return rest.len > 4 && slice_starts(rest, "AUTH") && is_blank(rest.data[4]);
}
