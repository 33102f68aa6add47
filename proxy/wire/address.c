#include "wire/address.h"

#include <string.h>

#include "base/caps.h"
#include "wire/utf8.h"

static bool is_word_octet(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c > 127;
}

/* Accepts atext of RFC 5322 with UTF-8 (RFC 6531), and dots anywhere. Addresses like "a..b" and
 * "a." exist and carry nothing dangerous. */
static bool is_local_octet(char c)
{
    return is_word_octet(c) || (c != 0 && strchr(".!#$%&'*+-/=?^_`{|}~", c));
}

/* Returns the octets of the quoted string at the start of `s`. Returns 0 if there is none or an
 * empty one. */
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

/* Reads "[192.0.2.1]" or "[IPv6:2001:db8::1]". */
static size_t literal_len(struct slice s)
{
    size_t n = 1;
    while (n < s.len && (ascii_is_alpha(s.data[n]) || ascii_is_digit(s.data[n]) ||
                         (s.data[n] != 0 && strchr(".:-", s.data[n]))))
        n++;
    return n > 1 && n < s.len && s.data[n] == ']' ? n + 1 : 0;
}

/* Returns the octets of the domain at the start of `s`. Returns 0 if there is none, or if it has an
 * empty label. Underscores occur in local networks. */
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

/* Reads a mailbox at the start of `in`. Returns its octets, or 0 if there is none. */
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

/* Returns the part behind "@one,@two:" (RFC 5321 appendix C says to accept and ignore it). Returns
 * `in` itself where there is no route. */
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

/* Reads as RFC 5321 says, but brackets may be missing and blanks may stand around it. */
static bool read_strict(struct slice in, struct address *address_r, struct slice *rest_r)
{
    struct address a = null_address();
    size_t n = 0;
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

/* ------------------------------------------------------------------ what sloppy software writes */

static bool is_separator(char c)
{
    return c == ';' || c == ',' || c == ' ' || c == '\t';
}

/* Reads "dev@x.test" out of " dev@x.test.; ", and drops a source route. The address must be all
 * there is. The null sender is refused. */
static bool read_sloppy_mailbox(struct slice in, struct address *address_r)
{
    in = slice_trim(in);
    while (in.len && is_separator(in.data[in.len - 1]))
        in.len--;
    if (in.len && in.data[in.len - 1] == '.' && slice_find(in, '@') < in.len)
        in.len--;
    return address_parse(skip_route(in), address_r);
}

/* Finds the next bracket outside of quoted strings. A quote without its end is an ordinary octet.
 * *plain_r is true if neither a control nor, outside of quotes, an "@" stands before the bracket:
 * then it may be a name. */
static size_t find_bracket(struct slice s, bool *plain_r)
{
    size_t i = 0;
    *plain_r = true;
    for (; i < s.len && s.data[i] != '<' && s.data[i] != '>'; i++) {
        size_t quoted = s.data[i] == '"' ? quoted_len(slice_from(s, i)) : 0;
        if ((ascii_is_control(s.data[i]) && s.data[i] != '\t') || s.data[i] == '@')
            *plain_r = false;
        if (quoted)
            i += quoted - 1;
    }
    return i;
}

/* Reads "Scanner 3 <dev@x.test>", "<Scanner 3 <dev@x.test>>" or "<<dev@x.test>>": names in front,
 * and as many closing brackets as opening ones. *rest_r is what follows the last bracket. */
static bool read_named(struct slice in, struct address *address_r, struct slice *rest_r)
{
    size_t depth = 0;
    bool is_name;
    size_t at = find_bracket(in, &is_name);
    for (; at < in.len && in.data[at] == '<'; at = find_bracket(in, &is_name)) {
        if (!is_name)
            return false;
        in = slice_from(in, at + 1);
        depth++;
    }
    if (!depth || at == in.len || !read_sloppy_mailbox(slice_head(in, at), address_r))
        return false;
    for (in = slice_from(in, at); depth && in.len && in.data[0] == '>'; depth--) {
        in = slice_from(in, 1);
        if (depth > 1)
            in = slice_trim(in);
    }
    *rest_r = in;
    return depth == 0;
}

/* Reads "dev@x.test." and "dev@x.test;" without brackets. */
static bool read_bare(struct slice in, struct address *address_r, struct slice *rest_r)
{
    size_t n = 0;
    while (n < in.len && in.data[n] != ' ' && in.data[n] != '\t')
        n++;
    *rest_r = slice_from(in, n);
    return slice_find(in, '@') < n && read_sloppy_mailbox(slice_head(in, n), address_r);
}

static bool read_sloppy(struct slice in, struct address *address_r, struct slice *rest_r)
{
    struct slice rest;
    bool is_name;
    bool has_bracket = find_bracket(in, &is_name) < in.len;
    if (!(has_bracket && read_named(in, address_r, &rest)) && !read_bare(in, address_r, &rest))
        return false;
    size_t n = 0;
    while (n < rest.len && is_separator(rest.data[n]))
        n++;
    *rest_r = slice_trim(slice_from(rest, n));
    return n > 0 || rest.len == 0;
}

/* Returns whether a word behind an address is another address, or begins like one in brackets, and
 * is no parameter. */
static bool holds_address(struct slice rest)
{
    while (rest.len) {
        size_t n = 0;
        while (n < rest.len && rest.data[n] != ' ' && rest.data[n] != '\t')
            n++;
        struct slice word = slice_head(rest, n);
        struct slice name = slice_head(word, slice_find(word, '='));
        if (word.data[0] == '<' || slice_find(name, '@') < name.len)
            return true;
        rest = slice_trim(slice_from(rest, n));
    }
    return false;
}

bool address_parse_path(struct slice in, struct address *address_r, struct slice *rest_r)
{
    struct address a;
    struct slice rest;
    in = slice_trim(in);
    bool bare = in.len == 0 || in.data[0] != '<';
    bool strict = read_strict(in, &a, &rest);
    /* The text "Alice <dev@x.test>" begins with what may be a local part. */
    bool name = strict && bare && !a.domain.len && rest.len &&
                slice_find(rest, '<') < slice_find(rest, '=');
    if ((!strict || name) && !read_sloppy(in, &a, &rest))
        return false;
    if ((a.domain.len || !bare) && holds_address(rest))
        return false;
    *address_r = a;
    *rest_r = rest;
    return true;
}

bool address_is_postmaster(const struct address *a)
{
    return a->domain.len == 0 && slice_is_word(a->local, "postmaster");
}
