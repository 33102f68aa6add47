/* The disk over a real file system: both modes do the same, errors have a kind and words, one sync
 * of a directory serves all who asked, and what waits is bounded. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/caps.h"
#include "io/disk.h"
#include "io_help.h"

static char top[] = "/tmp/disk-test-XXXXXX";
static struct loop *loop;
static struct disk *disk;
static struct disk_directory *dir;

/* what the last answer said */
static struct {
    unsigned count;
    enum err_kind kind;
    char words[320];
    struct disk_file *file;
    uint64_t size;
    char data[64];
    size_t len, nnames;
    char first[64];
    struct disk_room room;
} got;

static void note(void *arg, const struct disk_answer *a)
{
    (void)arg;
    got.count++;
    got.kind = a->err ? a->err->kind : ERR_NONE;
    snprintf(got.words, sizeof got.words, "%s", a->err ? a->err->words : "");
    got.file = a->file ? a->file : got.file;
    got.size = a->size;
    got.len = a->data.len;
    memcpy(got.data, a->data.data ? a->data.data : "", a->data.len < 64 ? a->data.len : 64);
    got.nnames = a->nnames;
    if (a->nnames)
        snprintf(got.first, sizeof got.first, "%s", a->names[0].name);
    got.room = a->room;
}

static bool enough(void *arg)
{
    return got.count >= *(unsigned *)arg;
}

static enum err_kind await(unsigned n)
{
    spin_until(loop, enough, &n);
    return got.kind;
}

static void append(const char *text)
{
    struct buf b;
    buf_init(&b, 1024);
    assert_true(buf_append_slice(&b, slice_of(text)));
    disk_append(disk, got.file, &b, note, NULL);
    assert_int_equal(b.len, 0);
}

static int set_up(void **state)
{
    struct err err;
    (void)state;
    strcpy(top, "/tmp/disk-test-XXXXXX");
    assert_non_null(mkdtemp(top));
    memset(&got, 0, sizeof got);
    loop = loop_new(&err);
    disk = disk_new(loop);
    assert_int_equal(disk_directory_open(disk, top, false, &dir, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    disk_close(disk, &got.file);
    disk_free(&disk);
    disk_directory_close(&dir);
    loop_free(&loop);
    snprintf(command, sizeof command, "rm -rf %s", top);
    return system(command);
}

/* each call, and after how many answers the next one may be made */
static void a_life(bool threaded)
{
    unsigned n = 0;
    struct stat st;
    char path[64];
    disk_lock(disk, dir, "lock", note, NULL);
    assert_int_equal(await(++n), ERR_NONE);
    struct disk_file *lock = got.file;
    disk_lock(disk, dir, "lock", note, NULL);
    assert_int_equal(await(++n), ERR_IN_USE);
    disk_create(disk, dir, "a.new", note, NULL);
    assert_int_equal(await(++n), ERR_NONE);
    append("one ");
    append("two");
    assert_int_equal(disk_octets(disk), threaded ? 7 : 0);
    disk_sync(disk, got.file, note, NULL);
    disk_rename(disk, dir, "a.new", dir, "a", note, NULL);
    disk_sync_directory(disk, dir, note, NULL);
    n += 5;
    assert_int_equal(await(n), ERR_NONE);
    assert_int_equal(disk_octets(disk), 0);
    disk_read(disk, got.file, 4, 100, note, NULL);
    assert_int_equal(await(++n), ERR_NONE);
    assert_int_equal(got.len, 3);
    assert_memory_equal(got.data, "two", 3);
    disk_cut(disk, got.file, 3, note, NULL);
    assert_int_equal(await(++n), ERR_NONE);
    append("!");
    assert_int_equal(await(++n), ERR_NONE);
    disk_close(disk, &got.file);
    snprintf(path, sizeof path, "%s/a", top);
    disk_create(disk, dir, "a", note, NULL);
    assert_int_equal(await(++n), ERR_EXISTS);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    disk_close(disk, &lock);
    disk_lock(disk, dir, "lock", note, NULL);
    assert_int_equal(await(++n), ERR_NONE);
    disk_close(disk, &got.file);
    disk_open_log(disk, dir, "a", note, NULL);
    assert_int_equal(await(++n), ERR_NONE);
    assert_int_equal(got.size, 4);
    disk_unlink(disk, dir, "lock", note, NULL);
    assert_int_equal(await(++n), ERR_NONE);
    disk_list(disk, dir, note, NULL);
    assert_int_equal(await(++n), ERR_NONE);
    assert_int_equal(got.nnames, 1);
    assert_string_equal(got.first, "a");
    disk_room(disk, dir, note, NULL);
    assert_int_equal(await(++n), ERR_NONE);
    assert_true(got.room.octets_total >= got.room.octets && got.room.octets > 0);
    disk_open(disk, dir, "missing", note, NULL);
    assert_int_equal(await(++n), ERR_NOT_FOUND);
    assert_non_null(strstr(got.words, "/missing: No such file"));
}

static void at_once(void **state)
{
    (void)state;
    disk_list(disk, dir, note, NULL);
    /* before the call returned */
    assert_int_equal(got.count, 1);
    got.count = 0;
    a_life(false);
}

static void on_the_thread(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(disk_start(disk, &err), 0);
    disk_list(disk, dir, note, NULL);
    assert_int_equal(got.count, 0);
    await(1);
    got.count = 0;
    a_life(true);
}

static void no_room(void **state)
{
    struct rlimit before, small;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 5;
    disk_create(disk, dir, "a", note, NULL);
    setrlimit(RLIMIT_FSIZE, &small);
    append("more than five");
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(got.kind, ERR_FULL);
    assert_non_null(strstr(got.words, "File too large"));
    /* the short write before it stays: the file is given up */
    disk_read(disk, got.file, 0, 64, note, NULL);
    assert_int_equal(got.len, 5);
}

static void links_are_refused(void **state)
{
    char path[64], there[64];
    struct disk_directory *other;
    struct err err;
    (void)state;
    snprintf(path, sizeof path, "%s/link", top);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    disk_open(disk, dir, "link", note, NULL);
    assert_int_equal(got.kind, ERR_SYSTEM);
    snprintf(there, sizeof there, "%s/there", top);
    assert_int_equal(symlink(top, there), 0);
    assert_int_equal(disk_directory_open(disk, there, true, &other, &err), -1);
}

static void what_waits_is_bounded(void **state)
{
    struct err err;
    unsigned n = 1;
    (void)state;
    disk_create(disk, dir, "a", note, NULL);
    /* nobody takes the answers yet: what was written still counts */
    assert_int_equal(disk_start(disk, &err), 0);
    for (size_t octets = 0; octets <= CAP_DISK_OCTETS + CAP_DISK_BUSY; octets += CAP_DISK_BUSY) {
        struct buf b;
        buf_init(&b, CAP_DISK_BUSY);
        size_t room;
        memset(buf_space(&b, CAP_DISK_BUSY, &room), 'x', CAP_DISK_BUSY);
        buf_commit(&b, CAP_DISK_BUSY);
        disk_append(disk, got.file, &b, note, NULL);
        assert_int_equal(disk_is_busy(disk), octets > 0);
        n++;
    }
    assert_int_equal(await(n), ERR_FULL);
    assert_int_equal(disk_octets(disk), 0);
}

static void the_end_does_not_wait_for_what_waits(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(disk_start(disk, &err), 0);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        disk_create(disk, dir, name, note, NULL);
    }
    disk_free(&disk);
    assert_int_equal(got.count, 0);
    disk = disk_new(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(on_the_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_does_not_wait_for_what_waits, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
