/* The reports of ports as JSON, for `doctor --json` and /status.json (PROMISES 8):
 * {"port","mode","address","finding","words","ms"}. */
#ifndef UPSTREAM_REPORT_JSON_H
#define UPSTREAM_REPORT_JSON_H

#include <jansson.h>

#include "upstream/finding.h"

/* Gives. */
json_t *port_report_json(const struct port_report *report);

#endif
