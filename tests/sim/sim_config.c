#include "sim_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(int fd, const char *text)
{
    size_t n = strlen(text);
    if (write(fd, text, n) != (ssize_t)n)
        abort();
}

/* The oracle compares octets: headers are left alone, unless the text says what is to become of
 * them. */
static void put_ini(int fd, const char *ini)
{
    bool has_rule = strstr(ini, "fix_headers") != NULL;
    while (*ini) {
        const char *end = strchr(ini, '\n');
        size_t n = end ? (size_t)(end - ini) + 1 : strlen(ini);
        if (write(fd, ini, n) != (ssize_t)n)
            abort();
        if (!has_rule && end && strncmp(ini, "[upstream", 9) == 0)
            put(fd, "fix_headers = no\n");
        ini += n;
    }
}

struct config *sim_config(const char *ini)
{
    struct config_report report = {0};
    char path[40];
    int fd = memfd_create("proxy.ini", MFD_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0600) != 0)
        abort();
    put(fd, "[server]\nhostname = proxy.example.com\nstate_dir = /state\nuser = root\n");
    put_ini(fd, ini);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct config *config = config_load(path, &report);
    close(fd);
    for (size_t i = 0; !config && i < report.n; i++)
        fprintf(stderr, "%s\n", report.lines[i]);
    config_report_free(&report);
    if (!config)
        abort();
    return config;
}
