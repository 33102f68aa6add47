/* Dates in mail headers (RFC 5322 3.3), with the offset of the local time zone. */
#ifndef WIRE_DATE_H
#define WIRE_DATE_H

#include <stdint.h>

#define DATE_TEXT 40

/* Writes "Thu, 1 Jan 2026 00:00:00 +0100" for seconds since 1970. The time zone is the process's
 * (TZ, /etc/localtime). Returns out. */
const char *date_text(int64_t seconds, char out[DATE_TEXT]);

#endif
