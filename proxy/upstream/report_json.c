#include "upstream/report_json.h"

#include <string.h>

json_t *port_report_json(const struct port_report *r)
{
    char address[ADDR_TEXT] = "";
    if (r->address.family != ADDR_NONE)
        addr_text(&r->address, address);
    return json_pack("{s:i, s:s, s:s, s:s, s:o, s:I}", "port", (int)r->port.number, "mode",
                     port_mode_name(r->port.mode), "address", address, "finding",
                     finding_name(r->finding), "words",
                     json_stringn_nocheck(r->words, strlen(r->words)), "ms",
                     (json_int_t)(r->took / USEC_PER_MS));
}
