/* A message that is gathered: in memory while it is small, else in a file that no directory
 * shows. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/caps.h"
#include "io/gather.h"
#include "io_help.h"

/* Takes the place of libc's: a file system that has no files without a name. */
static bool without_unnamed;
static unsigned named;

int openat64(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (without_unnamed && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    named += (flags & O_CREAT) != 0;
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

static char top[] = "/tmp/gather-test-XXXXXX";
static struct loop *loop;
static struct gather_place *place;

static struct {
    int low, failed, whole;
    enum err_kind kind;
    char words[320];
} got;

static void on_low(void *ctx)
{
    (void)ctx;
    got.low++;
}

static void on_failed(void *ctx, const struct err *err)
{
    (void)ctx;
    got.failed++;
    got.kind = err->kind;
    snprintf(got.words, sizeof got.words, "%s", err->words);
}

static void on_whole(void *ctx)
{
    (void)ctx;
    got.whole++;
}

static const struct gather_events events = {on_low, on_failed, on_whole};

static int set_up(void **state)
{
    struct err err;
    (void)state;
    strcpy(top, "/tmp/gather-test-XXXXXX");
    assert_non_null(mkdtemp(top));
    memset(&got, 0, sizeof got);
    loop = loop_new(&err);
    place = gather_place_new(loop, top);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gather_place_unref(&place);
    loop_free(&loop);
    return rmdir(top);
}

static bool has_room(void *arg)
{
    (void)arg;
    return got.low || got.failed;
}

static bool is_over(void *arg)
{
    (void)arg;
    return got.whole || got.failed;
}

static char octet_at(uint64_t place_of_it)
{
    return (char)(place_of_it * 31 + place_of_it / 4093);
}

/* Puts so many octets, in pieces of that size, as the gather takes them. */
static void put(struct gather *g, uint64_t size, size_t piece)
{
    char *text = malloc(piece);
    for (uint64_t at = 0; at < size;) {
        size_t n = size - at < piece ? (size_t)(size - at) : piece;
        for (size_t i = 0; i < n; i++)
            text[i] = octet_at(at + i);
        got.low = 0;
        size_t taken = gather_put(g, slice_make(text, n));
        at += taken;
        if (taken < n)
            spin_until(loop, has_room, NULL);
    }
    free(text);
}

static void check(struct octets o, uint64_t offset, size_t n)
{
    char *text = malloc(n);
    assert_true(o.read(o.ctx, offset, text, n));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(text[i], octet_at(offset + i));
    free(text);
}

static size_t names_in_top(void)
{
    size_t n = 0;
    DIR *dir = opendir(top);
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return n;
}

/* The open files that lie there, and their octets. */
static size_t files_open(uint64_t *octets_r)
{
    size_t n = 0;
    char link[300], path[300];
    struct stat st;
    DIR *dir = opendir("/proc/self/fd");
    *octets_r = 0;
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        snprintf(path, sizeof path, "/proc/self/fd/%s", e->d_name);
        ssize_t len = readlink(path, link, sizeof link - 1);
        if (len <= 0 || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        link[len] = 0;
        if (strncmp(link, top, strlen(top)) != 0)
            continue;
        assert_int_equal(st.st_nlink, 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        *octets_r += (uint64_t)st.st_size;
        n++;
    }
    closedir(dir);
    return n;
}

static bool none_open(void *arg)
{
    uint64_t octets;
    (void)arg;
    return files_open(&octets) == 0;
}

/* ---- the tests ---- */

static void a_message_comes_back_as_it_was(void **state)
{
    static const uint64_t sizes[] = {0, 1, CAP_GATHER - 1, CAP_GATHER, CAP_GATHER + 1, 30000001};
    static const size_t pieces[] = {16384, 1000003};
    (void)state;
    for (size_t i = 0; i < 12; i++) {
        uint64_t size = sizes[i / 2], on_disk;
        struct gather *g = gather_new(loop, place, &events, NULL);
        memset(&got, 0, sizeof got);
        put(g, size, pieces[i % 2]);
        gather_end(g);
        assert_int_equal(got.whole, 0);
        spin_until(loop, is_over, NULL);
        assert_int_equal(got.whole, 1);
        assert_int_equal(files_open(&on_disk), size > CAP_GATHER);
        assert_true(on_disk == (size > CAP_GATHER ? size - CAP_GATHER_HEAD : 0));
        assert_int_equal(names_in_top(), 0);
        struct octets o = gather_octets(g);
        assert_true(o.size == size && gather_size(g) == size);
        check(o, 0, (size_t)size);
        if (size > CAP_GATHER) {
            char c;
            check(o, CAP_GATHER_HEAD - 7, 99);
            check(o, size - 1, 1);
            assert_false(o.read(o.ctx, size, &c, 1));
        }
        gather_free(&g);
        spin_until(loop, none_open, NULL);
    }
}

static void a_name_is_taken_away_at_once(void **state)
{
    uint64_t on_disk;
    (void)state;
    without_unnamed = true;
    named = 0;
    struct gather *g = gather_new(loop, place, &events, NULL);
    put(g, 3 * CAP_GATHER, 16384);
    gather_end(g);
    spin_until(loop, is_over, NULL);
    without_unnamed = false;
    assert_int_equal(got.whole, 1);
    assert_int_equal(named, 1);
    assert_int_equal(names_in_top(), 0);
    assert_int_equal(files_open(&on_disk), 1);
    check(gather_octets(g), 0, 3 * CAP_GATHER);
    gather_free(&g);
    spin_until(loop, none_open, NULL);
}

static void a_slow_disk_holds_up_who_gathers(void **state)
{
    (void)state;
    struct gather *g = gather_new(loop, place, &events, NULL);
    char *text = calloc(1, 4 * CAP_GATHER);
    size_t taken = gather_put(g, slice_make(text, 4 * CAP_GATHER));
    assert_true(taken < 3 * CAP_GATHER);
    assert_int_equal(got.low, 0);
    spin_until(loop, has_room, NULL);
    assert_int_equal(got.low, 1);
    /* in the middle of it */
    (void)!gather_put(g, slice_make(text, 4 * CAP_GATHER));
    gather_free(&g);
    spin_until(loop, none_open, NULL);
    free(text);
}

static void expect_failure(struct gather *g, enum err_kind kind, const char *words)
{
    put(g, 3 * CAP_GATHER, 16384);
    gather_end(g);
    spin_until(loop, is_over, NULL);
    assert_int_equal(got.failed, 1);
    assert_int_equal(got.kind, kind);
    assert_non_null(strstr(got.words, words));
    assert_int_equal(gather_put(g, slice_of("more")), 4);
    spin_some(loop);
    assert_int_equal(got.failed + got.whole, 1);
    gather_free(&g);
}

static void a_full_disk_is_said(void **state)
{
    struct rlimit before, small;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 1000000;
    setrlimit(RLIMIT_FSIZE, &small);
    expect_failure(gather_new(loop, place, &events, NULL), ERR_FULL, "File too large");
    setrlimit(RLIMIT_FSIZE, &before);
}

static void no_place_is_said(void **state)
{
    (void)state;
    expect_failure(gather_new(loop, NULL, &events, NULL), ERR_FULL, "no directory");
}

/* It may be made later, and is used then. */
static void a_directory_that_is_missing_is_said(void **state)
{
    char path[60];
    (void)state;
    snprintf(path, sizeof path, "%s/below", top);
    struct gather_place *p = gather_place_new(loop, path);
    expect_failure(gather_new(loop, p, &events, NULL), ERR_NOT_FOUND, "below");
    assert_int_equal(mkdir(path, 0700), 0);
    memset(&got, 0, sizeof got);
    struct gather *g = gather_new(loop, p, &events, NULL);
    gather_place_unref(&p);
    put(g, 2 * CAP_GATHER, 16384);
    gather_end(g);
    spin_until(loop, is_over, NULL);
    assert_int_equal(got.whole, 1);
    check(gather_octets(g), 0, 2 * CAP_GATHER);
    gather_free(&g);
    spin_until(loop, none_open, NULL);
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_comes_back_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_taken_away_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slow_disk_holds_up_who_gathers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_place_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_is_missing_is_said, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
