/* What the tests of the config room share: a folder of their own with files that configs may
 * name. */
#ifndef TESTS_UNIT_CONFIG_SUPPORT_H
#define TESTS_UNIT_CONFIG_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "config/config.h"

/* every secret in a test holds it, and no message may */
#define SECRET_WORD "hunter2"

static char test_dir[] = "/tmp/detour-XXXXXX";

static inline const char *test_path(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", test_dir, name);
    return out;
}

static inline void test_write(const char *name, const char *bytes, size_t n, mode_t mode)
{
    char path[256];
    FILE *f = fopen(test_path(name, path), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static inline int test_dir_make(void **state)
{
    (void)state;
    return mkdtemp(test_dir) ? 0 : -1;
}

static inline int test_dir_remove(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", test_dir);
    return system(command);
}

/* Loads a text as a file of mode 0600. */
static inline struct config *test_load(const char *bytes, size_t n, struct config_report *report)
{
    char path[256];
    test_write("t.ini", bytes, n, 0600);
    return config_load(test_path("t.ini", path), report);
}

#define LOAD(text, report) test_load((text), strlen(text), (report))

static inline bool report_has(const struct config_report *report, const char *words)
{
    for (size_t i = 0; i < report->n; i++)
        if (strstr(report->lines[i], words))
            return true;
    return false;
}

#endif
