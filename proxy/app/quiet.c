#include "app/quiet.h"

#include <time.h>

static void swallow(void *ctx, enum log_level level, const char *line, size_t len)
{
    (void)ctx;
    (void)level;
    (void)line;
    (void)len;
}

static int64_t wall_ms(void *ctx)
{
    struct timespec now;
    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct log_sink quiet_sink(void)
{
    return (struct log_sink){swallow, wall_ms, NULL};
}
