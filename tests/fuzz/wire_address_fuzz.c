/* A path: what is taken as an address is one address, holds nothing that ends a command, and is
 * read the same inside of brackets. */
#include <string.h>

#include "base/caps.h"
#include "fuzz.h"
#include "wire/address.h"
#include "wire/utf8.h"

static void check_octets(const struct address *a)
{
    bool quoted = a->local.data[0] == '"';
    for (size_t i = 0; i < a->text.len; i++) {
        char c = a->text.data[i];
        CHECK(!ascii_is_control(c));
        if (!quoted || i >= a->local.len)
            CHECK(!strchr(" <>()\",;\\", c));
    }
    CHECK(slice_find(a->domain, '@') == a->domain.len);
    CHECK(quoted || slice_find(a->local, '@') == a->local.len);
    CHECK(utf8_is_valid(a->text) && a->has_utf8 == utf8_has_high(a->text));
}

static void check_address(const struct address *a)
{
    CHECK(a->text.len > 0 && a->text.len <= CAP_ADDRESS);
    CHECK(a->local.len > 0 && a->local.data == a->text.data);
    CHECK(a->text.len == a->local.len + (a->domain.len ? 1 + a->domain.len : 0));
    if (a->domain.len)
        CHECK(a->domain.data == a->text.data + a->local.len + 1 && a->domain.data[-1] == '@');
    check_octets(a);
}

/* As the client half sends it on: in brackets, with a parameter behind. */
static void check_again(const struct address *a)
{
    char line[CAP_ADDRESS + 16];
    struct address again;
    struct slice rest;
    int n = snprintf(line, sizeof line, "<%.*s> SIZE=1", (int)a->text.len, a->text.data);
    CHECK(address_parse_path(slice_make(line, (size_t)n), &again, &rest));
    CHECK(slice_equal(again.text, a->text) && slice_equal(again.local, a->local) &&
          slice_equal(again.domain, a->domain));
    CHECK(slice_is(rest, "SIZE=1"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size), rest;
    struct address a, bare;
    if (address_parse(in, &bare)) {
        check_address(&bare);
        CHECK(bare.text.data == in.data && bare.text.len == in.len);
        check_again(&bare);
    }
    if (!address_parse_path(in, &a, &rest))
        return 0;
    CHECK(lies_inside(a.text, in) && lies_inside(rest, in) && is_trimmed(rest));
    if (a.text.len == 0) {
        CHECK(a.local.len == 0 && a.domain.len == 0 && slice_starts(slice_trim(in), "<>"));
        return 0;
    }
    check_address(&a);
    check_again(&a);
    CHECK(address_parse(a.text, &bare) && slice_equal(bare.text, a.text));
    CHECK(!address_is_postmaster(&a) || a.domain.len == 0);
    return 0;
}
