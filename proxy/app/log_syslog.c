#include "app/log_syslog.h"

#include <syslog.h>
#include <unistd.h>

bool log_syslog_open(void)
{
    openlog("smtp-detour", LOG_PID, LOG_MAIL);
    return access("/dev/log", W_OK) == 0;
}

void log_syslog_write(int level, const char *text, size_t len)
{
    static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
    syslog(priorities[level], "%.*s", (int)len, text);
}
