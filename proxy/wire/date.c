#include "wire/date.h"

#include <stdio.h>
#include <time.h>

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* The offset "-0000" means a time in UTC without a known offset (RFC 5322 3.3). */
static const char *offset(const struct tm *tm, char out[8])
{
    return strftime(out, 8, "%z", tm) == 5 ? out : "-0000";
}

const char *date_text(int64_t seconds, char out[DATE_TEXT])
{
    time_t t = (time_t)seconds;
    struct tm tm = {0};
    char zone[8];
    tzset();
    /* The year does not fit an int. */
    if (!localtime_r(&t, &tm)) {
        t = 0;
        localtime_r(&t, &tm);
    }
    snprintf(out, DATE_TEXT, "%s, %d %s %d %02d:%02d:%02d %s", days[tm.tm_wday], tm.tm_mday,
             months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
             offset(&tm, zone));
    return out;
}
