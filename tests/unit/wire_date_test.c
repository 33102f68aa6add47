/* Dates as mail writes them, in several time zones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/date.h"

static void expect(const char *zone, int64_t seconds, const char *text)
{
    char out[DATE_TEXT];
    setenv("TZ", zone, 1);
    assert_string_equal(date_text(seconds, out), text);
}

static void dates(void **state)
{
    (void)state;
    expect("UTC0", 0, "Thu, 1 Jan 1970 00:00:00 +0000");
    expect("UTC0", 1767225599, "Wed, 31 Dec 2025 23:59:59 +0000");
    expect("UTC0", 1709210096, "Thu, 29 Feb 2024 12:34:56 +0000");
    expect("XXX-5:30", 1767225600, "Thu, 1 Jan 2026 05:30:00 +0530");
    expect("XXX3:30", 1767225600, "Wed, 31 Dec 2025 20:30:00 -0330");
    expect("CET-1CEST,M3.5.0,M10.5.0/3", 1782864000, "Wed, 1 Jul 2026 02:00:00 +0200");
    expect("CET-1CEST,M3.5.0,M10.5.0/3", 1767225600, "Thu, 1 Jan 2026 01:00:00 +0100");
    /* a clock that is that wrong must not cost more */
    expect("UTC0", INT64_MAX, "Thu, 1 Jan 1970 00:00:00 +0000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
