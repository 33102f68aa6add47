/* What a domain's web server says about its submission servers. What must hold: a host that may
 * stand in a configuration, ports with TLS, and a name on one line. */
#include <string.h>

#include "app/setup_autoconfig.h"
#include "config/table.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct autoconfig c;
    if (!autoconfig_read(slice_make(data, size), "me@firm.test", &c))
        return 0;
    CHECK(c.nports >= 1 && c.nports <= AUTOCONFIG_PORTS);
    CHECK(memchr(c.host, 0, sizeof c.host) && host_name_is_valid(slice_of(c.host)));
    CHECK(memchr(c.username, 0, sizeof c.username));
    for (const char *p = c.username; *p; p++)
        CHECK(!ascii_is_control(*p));
    for (size_t i = 0; i < c.nports; i++)
        CHECK(c.ports[i].number && c.ports[i].mode != PORT_PLAIN);
    return 0;
}
