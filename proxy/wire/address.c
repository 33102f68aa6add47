#include "wire/address.h"

#include <string.h>

#include "base/caps.h"
#include "wire/utf8.h"

static bool is_word_octet(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c > 127;
}

/* atext of RFC 5322 with UTF-8 (RFC 6531), and dots anywhere: addresses like "a..b" and "a." exist,
 * and carry nothing dangerous. */
static bool is_local_octet(char c)
{
    return is_word_octet(c) || (c != 0 && strchr(".!#$%&'*+-/=?^_`{|}~", c));
}

/* Octets of the quoted string at the start of `s`; 0: not one, or an empty one. */
static size_t quoted_len(struct slice s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.data[i] == '"')
            return i > 1 ? i + 1 : 0;
        if (s.data[i] == '\\' && ++i == s.len)
            return 0;
        if (ascii_is_control(s.data[i]))
            return 0;
    }
    return 0;
}

static size_t local_len(struct slice s)
{
    size_t n = 0;
    if (s.len && s.data[0] == '"')
        return quoted_len(s);
    while (n < s.len && is_local_octet(s.data[n]))
        n++;
    return n;
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]". */
static size_t literal_len(struct slice s)
{
    size_t n = 1;
    while (n < s.len && (ascii_is_alpha(s.data[n]) || ascii_is_digit(s.data[n]) ||
                         (s.data[n] != 0 && strchr(".:-", s.data[n]))))
        n++;
    return n > 1 && n < s.len && s.data[n] == ']' ? n + 1 : 0;
}

/* Octets of the domain at the start of `s`; 0: none, or one with an empty label. Underscores are
 * seen in local networks. */
static size_t domain_len(struct slice s)
{
    size_t n = 0;
    if (s.len && s.data[0] == '[')
        return literal_len(s);
    for (; n < s.len; n++) {
        bool dot = s.data[n] == '.';
        if (!dot && !is_word_octet(s.data[n]) && s.data[n] != '-' && s.data[n] != '_')
            break;
        if (dot && (n == 0 || s.data[n - 1] == '.'))
            return 0;
    }
    return n && s.data[n - 1] != '.' ? n : 0;
}

/* Reads a mailbox at the start of `in`; returns its octets, 0: not one. */
static size_t read_mailbox(struct slice in, struct address *a)
{
    size_t n = local_len(in);
    if (n == 0)
        return 0;
    a->local = slice_head(in, n);
    if (n < in.len && in.data[n] == '@') {
        size_t domain = domain_len(slice_from(in, n + 1));
        if (domain == 0)
            return 0;
        a->domain = slice_head(slice_from(in, n + 1), domain);
        n += 1 + domain;
    }
    a->text = slice_head(in, n);
    a->has_utf8 = utf8_has_high(a->text);
    return n <= CAP_ADDRESS && utf8_is_valid(a->text) ? n : 0;
}

/* What follows "@one,@two:" (RFC 5321 appendix C: taken and ignored); `in` itself where there is
 * none. */
static struct slice skip_route(struct slice in)
{
    struct slice s = in;
    while (s.len && s.data[0] == '@') {
        size_t n = domain_len(slice_from(s, 1));
        if (n == 0)
            return in;
        s = slice_from(s, 1 + n);
        if (s.len && s.data[0] == ':')
            return slice_from(s, 1);
        if (s.len == 0 || s.data[0] != ',')
            return in;
        s = slice_from(s, 1);
    }
    return in;
}

static struct address null_address(void)
{
    return (struct address){.text = slice_of(""), .local = slice_of(""), .domain = slice_of("")};
}

bool address_parse_path(struct slice in, struct address *address_r, struct slice *rest_r)
{
    struct address a = null_address();
    size_t n = 0;
    in = slice_trim(in);
    bool bracket = in.len && in.data[0] == '<';
    if (bracket)
        in = slice_from(in, 1);
    if (!bracket || in.len == 0 || in.data[0] != '>') {
        in = skip_route(in);
        n = read_mailbox(in, &a);
        if (n == 0)
            return false;
    }
    if (bracket && (n == in.len || in.data[n++] != '>'))
        return false;
    if (n < in.len && in.data[n] != ' ' && in.data[n] != '\t')
        return false;
    *address_r = a;
    *rest_r = slice_trim(slice_from(in, n));
    return true;
}

bool address_parse(struct slice in, struct address *address_r)
{
    struct address a = null_address();
    size_t n = read_mailbox(in, &a);
    if (n == 0 || n != in.len)
        return false;
    *address_r = a;
    return true;
}

bool address_is_postmaster(const struct address *a)
{
    return a->domain.len == 0 && slice_is_word(a->local, "postmaster");
}
