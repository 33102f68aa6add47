/* syslog behind two functions: its header and base/log.h use the same names. */
#ifndef APP_LOG_SYSLOG_H
#define APP_LOG_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>

/* false: nothing listens there now */
bool log_syslog_open(void);
/* level: an enum log_level */
void log_syslog_write(int level, const char *text, size_t len);

#endif
