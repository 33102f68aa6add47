/* What `check` asks this machine: who holds a port, and whether another user may read a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/port_holder.h"
#include "app/reader_rights.h"

#define REST " 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n"

static struct addr addr_of(const char *text, unsigned port)
{
    struct addr a;
    assert_true(addr_parse(slice_of(text), &a));
    a.port = (uint16_t)port;
    return a;
}

static void a_line_of_proc(void **state)
{
    const struct {
        const char *line, *at;
        unsigned port;
        bool in_the_way;
    } rows[] = {
        {"   0: 0100007F:0019 00000000:0000 0A" REST, "127.0.0.1", 25, true},
        {"   0: 0100007F:0019 00000000:0000 0A" REST, "127.0.0.1", 26, false},
        {"   0: 0100007F:0019 00000000:0000 0A" REST, "192.0.2.1", 25, false},
        {"   0: 0100007F:0019 00000000:0000 0A" REST, "0.0.0.0", 25, true},
        {"   0: 0100007F:0019 00000000:0000 01" REST, "127.0.0.1", 25, false},
        {"   0: 00000000:0019 00000000:0000 0A" REST, "127.0.0.1", 25, true},
        {"   0: 00000000:0019 00000000:0000 0A" REST, "::1", 25, false},
        {"   0: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 "
         "0A" REST,
         "::1", 25, true},
        {"   0: 00000000000000000000000000000000:0019 00000000000000000000000000000000:0000 "
         "0A" REST,
         "192.0.2.1", 25, true},
        {"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n",
         "127.0.0.1", 25, false},
        {"   0: 01000:0019 00000000:0000 0A" REST, "127.0.0.1", 25, false},
        {"", "127.0.0.1", 25, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct addr at = addr_of(rows[i].at, rows[i].port);
        assert_int_equal(port_holder_inode(rows[i].line, &at), rows[i].in_the_way ? 4242 : 0);
    }
}

static void this_very_program(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    struct port_holder holder;
    char words[64], expected[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    struct addr at = addr_of("127.0.0.1", ntohs(in.sin_port));
    assert_false(port_holder_find(&at, &holder));
    assert_int_equal(listen(fd, 1), 0);
    assert_true(port_holder_find(&at, &holder));
    assert_int_equal(holder.pid, getpid());
    snprintf(expected, sizeof expected, "%s (pid %ld)", "app_check_machi", (long)getpid());
    assert_string_equal(port_holder_words(&holder, words), expected);
    close(fd);
    assert_false(port_holder_find(&at, &holder));
}

static char folder[] = "/tmp/detour-rights-XXXXXX";

static void make(const char *name, mode_t mode, uid_t uid, gid_t gid, char path[128])
{
    snprintf(path, 128, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(chown(path, uid, gid), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void who_may_read(void **state)
{
    const struct {
        mode_t mode;
        uid_t uid;
        gid_t gid;
        bool allowed;
    } rows[] = {
        {0600, 0, 0, false},
        {0640, 0, 4321, true},
        {0640, 0, 4322, true},
        {0640, 0, 4444, false},
        {0604, 0, 0, true},
        {0600, 4321, 0, true},
        /* The first class that fits decides. */
        {0044, 4321, 0, false},
        {0604, 0, 4322, false},
    };
    struct reader_rights rights = {.uid = 4321, .groups = {4321, 4322}, .ngroups = 2},
                         root = {.uid = 0};
    char path[128], where[256];
    (void)state;
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        make("secret", rows[i].mode, rows[i].uid, rows[i].gid, path);
        assert_int_equal(reader_may_read(&rights, path, where, sizeof where), rows[i].allowed);
        assert_true(reader_may_read(&root, path, where, sizeof where));
        if (!rows[i].allowed)
            assert_string_equal(where, path);
    }
    make("secret", 0644, 0, 0, path);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_false(reader_may_read(&rights, path, where, sizeof where));
    assert_string_equal(where, folder);
    assert_true(reader_may_read(&rights, "/nonexistent/file", where, sizeof where));
    assert_int_equal(chmod(folder, 0755), 0);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(folder) && chmod(folder, 0755) == 0 ? 0 : -1;
}

static int end(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/secret", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_line_of_proc),
                                       cmocka_unit_test(this_very_program),
                                       cmocka_unit_test(who_may_read)};
    return cmocka_run_group_tests(tests, begin, end);
}
