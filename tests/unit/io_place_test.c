/* Files of ours where others may write: links, FIFOs and directories that change are not what they
 * seem to be. */
#include "io_help.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "io/files.h"
#include "io/place.h"

static char top[] = "/tmp/io_place.XXXXXX";

static const char *at(const char *name)
{
    static char paths[8][200];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", top, name);
    return path;
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static int make_top(void **state)
{
    (void)state;
    return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", top);
    return system(command);
}

/* Opens, writes an x where it may, and closes. */
static int try(const char *path, enum file_form form, unsigned mode, const struct file_owner *owner,
               struct err *err)
{
    int fd = file_open(path, form, mode, owner, err);
    if (fd < 0)
        return -1;
    if (form != FILE_READ)
        assert_int_equal(write(fd, "x", 1), 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    return 0;
}

static void forms(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(try(at("log"), FILE_READ, 0, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    mode_t before = umask(0077);
    assert_int_equal(try(at("log"), FILE_APPEND, 0640, NULL, &err), 0);
    umask(0);
    assert_int_equal(mode_of(at("log")), 0640);
    assert_int_equal(try(at("secret"), FILE_CREATE, 0600, NULL, &err), 0);
    assert_int_equal(mode_of(at("secret")), 0600);
    umask(before);
    /* One that was there keeps its mode. */
    assert_int_equal(chmod(at("log"), 0600), 0);
    assert_int_equal(try(at("log"), FILE_APPEND, 0640, NULL, &err), 0);
    assert_int_equal(mode_of(at("log")), 0600);
    assert_int_equal(size_of(at("log")), 2);
    assert_int_equal(try(at("secret"), FILE_CREATE, 0600, NULL, &err), -1);
    assert_int_equal(try(at("log"), FILE_READ, 0, NULL, &err), 0);
    assert_int_equal(try(top, FILE_READ, 0, NULL, &err), -1);
    assert_int_equal(try("/", FILE_READ, 0, NULL, &err), -1);
}

static void an_owner_is_given_to_new_files_only(void **state)
{
    const struct file_owner owner = {12345, 12346};
    struct err err;
    struct stat st;
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(try(at("given"), FILE_APPEND, 0640, &owner, &err), 0);
    assert_int_equal(stat(at("given"), &st), 0);
    assert_true(st.st_uid == 12345 && st.st_gid == 12346 && (st.st_mode & 07777) == 0640);
    put(at("roots"), "");
    assert_int_equal(try(at("roots"), FILE_APPEND, 0640, &owner, &err), 0);
    assert_int_equal(stat(at("roots"), &st), 0);
    assert_int_equal(st.st_uid, 0);
    assert_int_equal(file_replace_for(at("roots"), slice_of("new"), 0600, &owner, &err), 0);
    assert_int_equal(stat(at("roots"), &st), 0);
    assert_true(st.st_uid == 12345 && (st.st_mode & 07777) == 0600);
}

static void what_is_not_a_file_of_ours(void **state)
{
    struct err err;
    (void)state;
    put(at("victim"), "victim");
    put(at("victim2"), "victim");
    assert_int_equal(symlink(at("victim"), at("link")), 0);
    assert_int_equal(link(at("victim2"), at("hard")), 0);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    assert_int_equal(symlink(at("nowhere"), at("dangling")), 0);
    static const char *const bad[] = {"link", "hard", "fifo", "dangling"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        /* A FIFO without a writer or reader would hang here. */
        for (enum file_form form = FILE_READ; form <= FILE_APPEND; form++) {
            assert_int_equal(try(at(bad[i]), form, 0640, NULL, &err), -1);
            assert_non_null(strstr(err.words, at(bad[i])));
        }
        /* But what stands there may be replaced. */
        struct stat st;
        assert_int_equal(file_replace(at(bad[i]), slice_of("fresh"), 0600, &err), 0);
        assert_int_equal(lstat(at(bad[i]), &st), 0);
        assert_true(S_ISREG(st.st_mode) && st.st_nlink == 1);
    }
    assert_int_equal(size_of(at("victim")), 6);
    assert_int_equal(size_of(at("nowhere")), -1);
    assert_int_equal(size_of(at("victim2")), 6);
}

static void links_on_the_way(void **state)
{
    char path[300];
    struct err err;
    (void)state;
    assert_int_equal(mkdir(at("real"), 0700), 0);
    assert_int_equal(symlink(at("real"), at("way")), 0);
    assert_int_equal(try(at("real/log"), FILE_APPEND, 0640, NULL, &err), 0);
    assert_int_equal(try(at("real/../real/./log"), FILE_APPEND, 0640, NULL, &err), 0);
    assert_int_equal(try(at("way/log"), FILE_APPEND, 0640, NULL, &err), -1);
    assert_non_null(strstr(err.words, "symbolic link"));
    assert_int_equal(file_replace(at("way/log"), slice_of("new"), 0600, &err), -1);
    assert_int_equal(directory_make(at("way"), 0700, NULL, &err), -1);
    assert_int_equal(size_of(at("real/log")), 2);
    assert_int_equal(try(at("real/log/x"), FILE_APPEND, 0640, NULL, &err), -1);
    /* Through a directory that others may write, also when a link of root's leads there. */
    snprintf(path, sizeof path, "/proc/self/root%s/way/log", top);
    assert_int_equal(try(path, FILE_APPEND, 0640, NULL, &err), -1);
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    assert_int_equal(try(path, FILE_READ, 0, NULL, &err), -1);
}

/* Where only root may write, links and FIFOs are the administrator's own. */
static void what_root_alone_made(void **state)
{
    char folder[] = "/var/io_place.XXXXXX", link_to[100], fifo[100], file[100];
    struct err err;
    struct stat st;
    (void)state;
    if (geteuid() != 0 || stat("/", &st) != 0 || st.st_uid != 0 || stat("/var", &st) != 0 ||
        st.st_mode & 022 || !mkdtemp(folder))
        skip();
    snprintf(link_to, sizeof link_to, "%s/link", folder);
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    assert_int_equal(symlink("./file", link_to), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(try(link_to, FILE_APPEND, 0640, NULL, &err), 0);
    assert_int_equal(size_of(file), 1);
    assert_int_equal(try(fifo, FILE_APPEND, 0640, NULL, &err), 0);
    assert_int_equal(try(fifo, FILE_READ, 0, NULL, &err), -1);
    assert_int_equal(try("/dev/null", FILE_APPEND, 0640, NULL, &err), 0);
    /* A link of theirs that leads among others: from there on none is followed. */
    unlink(link_to);
    assert_int_equal(symlink(top, link_to), 0);
    char through[200];
    snprintf(through, sizeof through, "%s/way/log", link_to);
    assert_int_equal(try(through, FILE_APPEND, 0640, NULL, &err), -1);
    snprintf(through, sizeof through, "%s/real/log", link_to);
    assert_int_equal(try(through, FILE_APPEND, 0640, NULL, &err), 0);
    unlink(link_to), unlink(fifo), unlink(file), rmdir(folder);
}

/* ---- while another changes it ---- */

struct attack {
    const char *a, *b, *name;
    atomic_bool over;
};

/* musl 1.2.3 has neither the call nor the flag. */
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

/* Two entries change places as fast as they can. */
static void *swap(void *arg)
{
    struct attack *attack = arg;
    while (!atomic_load(&attack->over))
        syscall(SYS_renameat2, AT_FDCWD, attack->a, AT_FDCWD, attack->b, RENAME_EXCHANGE);
    return NULL;
}

enum { ROUNDS = 3000 };

static void race(const char *a, const char *b, const char *path, const char *victim, bool replaces)
{
    const struct file_owner owner = {12345, 12345};
    char name_a[200], name_b[200], name_path[200];
    struct attack attack = {.a = name_a, .b = name_b};
    pthread_t thread;
    struct err err;
    struct stat before, after;
    snprintf(name_a, sizeof name_a, "%s", at(a));
    snprintf(name_b, sizeof name_b, "%s", at(b));
    snprintf(name_path, sizeof name_path, "%s", at(path));
    assert_int_equal(stat(at(victim), &before), 0);
    assert_int_equal(pthread_create(&thread, NULL, swap, &attack), 0);
    for (int i = 0; i < ROUNDS; i++) {
        (void)!try(name_path, FILE_APPEND, 0640, geteuid() == 0 ? &owner : NULL, &err);
        if (replaces)
            (void)!file_replace_for(name_path, slice_of("pem"), 0600,
                                    geteuid() == 0 ? &owner : NULL, &err);
    }
    atomic_store(&attack.over, true);
    pthread_join(thread, NULL);
    assert_int_equal(stat(at(victim), &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(after.st_uid, before.st_uid);
    assert_int_equal(after.st_mode, before.st_mode);
}

static void a_file_that_becomes_a_link(void **state)
{
    (void)state;
    put(at("loot"), "root's");
    put(at("mine"), "");
    assert_int_equal(symlink(at("loot"), at("trap")), 0);
    race("mine", "trap", "mine", "loot", false);
}

static void a_directory_that_becomes_a_link(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("box"), 0700), 0);
    assert_int_equal(mkdir(at("safe"), 0700), 0);
    put(at("safe/file"), "root's");
    assert_int_equal(symlink(at("safe"), at("door")), 0);
    race("box", "door", "box/file", "safe/file", false);
    race("box", "door", "box/file", "safe/file", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(an_owner_is_given_to_new_files_only),
        cmocka_unit_test(what_is_not_a_file_of_ours),
        cmocka_unit_test(links_on_the_way),
        cmocka_unit_test(what_root_alone_made),
        cmocka_unit_test(a_file_that_becomes_a_link),
        cmocka_unit_test(a_directory_that_becomes_a_link),
    };
    return cmocka_run_group_tests(tests, make_top, remove_top);
}
