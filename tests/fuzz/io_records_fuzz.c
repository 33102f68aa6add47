/* The answer of a name server. What must hold: the records are at most as many as there is room
 * for, in order, and each name is one that may be shown and looked up. */
#include <string.h>

#include "fuzz.h"
#include "io/records.h"

static void check(const struct mail_record *r, size_t n)
{
    CHECK(n <= CAP_RECORDS);
    for (size_t i = 0; i < n; i++) {
        CHECK(i == 0 || r[i].priority >= r[i - 1].priority);
        CHECK(memchr(r[i].name, 0, sizeof r[i].name));
        for (const char *c = r[i].name; *c; c++)
            CHECK((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' ||
                  *c == '.');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mail_record r[CAP_RECORDS];
    check(r, records_parse(RECORD_MX, data, size, r));
    check(r, records_parse(RECORD_SRV, data, size, r));
    return 0;
}
