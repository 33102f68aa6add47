/* What the service manager is told, and that a manager that does not listen holds nobody up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/notify.h"

static char directory[] = "/tmp/app_notify_test.XXXXXX";
static char path[64];

static int manager(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "%s/notify", directory);
    memcpy(at.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
    return fd;
}

static void a_state_arrives(void **state)
{
    char got[64];
    int fd = manager();
    (void)state;
    assert_true(notify_is_wanted());
    notify_send("READY=1");
    ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);
    assert_int_equal(n, 7);
    assert_memory_equal(got, "READY=1", 7);
    close(fd);
    unlink(path);
}

/* The kernel keeps a few hundred datagrams for a manager at most; the next would wait for it. */
static void a_manager_that_does_not_read_holds_nobody_up(void **state)
{
    int fd = manager();
    (void)state;
    alarm(20);
    for (int i = 0; i < 5000; i++)
        notify_send("WATCHDOG=1");
    alarm(0);
    close(fd);
    unlink(path);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_false(notify_is_wanted());
    notify_send("READY=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_arrives),
        cmocka_unit_test(a_manager_that_does_not_read_holds_nobody_up),
        cmocka_unit_test(without_a_manager_nothing_happens),
    };
    if (!mkdtemp(directory))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
