/* A token file: its lock, its replacement, and what is no token file. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/caps.h"
#include "io/token_file.h"

static char folder[] = "/tmp/detour-token-XXXXXX";
static char path[64], other[64], temporary[64];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/token", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    snprintf(temporary, sizeof temporary, "%s/token.tmp", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

static void put(const char *at, const char *text, mode_t mode)
{
    unlink(at);
    FILE *f = fopen(at, "w");
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(at, mode), 0);
}

static struct token_file *lock(const char *wanted)
{
    struct err err = {0};
    struct secret *token;
    struct token_file *file = token_file_lock(path, &token, &err);
    if (!file)
        fail_msg("%s", err.words);
    assert_string_equal(secret_reveal(token).data, wanted);
    secret_free(&token);
    return file;
}

static enum err_kind refusal(void)
{
    struct err err = {0};
    struct secret *token;
    assert_null(token_file_lock(path, &token, &err));
    assert_null(token);
    return err.kind;
}

static void one_at_a_time(void **state)
{
    int status;
    (void)state;
    put(path, "first\n", 0600);
    struct token_file *file = lock("first");
    assert_int_equal(refusal(), ERR_TIMEOUT);
    if (fork() == 0)
        _exit(refusal() == ERR_TIMEOUT ? 0 : 1);
    assert_true(wait(&status) > 0 && status == 0);
    token_file_unlock(&file);
    assert_null(file);
    file = lock("first");
    token_file_unlock(&file);
}

static void replaced_for_good(void **state)
{
    struct err err;
    struct stat st;
    struct secret *second = secret_new(slice_of("second"));
    (void)state;
    put(path, "first\r\nrest\n", 0640);
    put(temporary, "left by a crash", 0644);
    struct token_file *file = lock("first");
    assert_int_equal(token_file_replace(file, second, &err), 0);
    assert_true(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    assert_int_equal(access(temporary, F_OK), -1);
    token_file_unlock(&file);
    file = lock("second");
    token_file_unlock(&file);
    secret_free(&second);
}

/* Takes the place of libc's: once, the file is replaced between its opening and its locking. */
static bool replaced_meanwhile;

int flock(int fd, int operation)
{
    if (replaced_meanwhile)
        assert_int_equal(rename(other, path), 0);
    replaced_meanwhile = false;
    return (int)syscall(SYS_flock, fd, operation);
}

static void replaced_between_opening_and_locking(void **state)
{
    (void)state;
    put(path, "old\n", 0600);
    put(other, "new\n", 0600);
    replaced_meanwhile = true;
    struct token_file *file = lock("new");
    assert_false(replaced_meanwhile);
    assert_int_equal(refusal(), ERR_TIMEOUT);
    token_file_unlock(&file);
}

/* Who waited for the lock of a file that was replaced meanwhile takes the new one, and its
 * token. */
static void a_lock_on_the_old_file_is_worth_nothing(void **state)
{
    (void)state;
    put(path, "old\n", 0600);
    int fd = open(path, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(refusal(), ERR_TIMEOUT);
    put(other, "new\n", 0600);
    assert_int_equal(rename(other, path), 0);
    struct token_file *file = lock("new");
    token_file_unlock(&file);
    close(fd);
}

static void what_is_no_token_file(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(refusal(), ERR_NOT_FOUND);
    put(path, "\nsecond\n", 0600);
    assert_int_equal(refusal(), ERR_INVALID);
    put(path, "seen\n", 0604);
    assert_int_equal(refusal(), ERR_PERMISSION);
    put(path, "two names\n", 0600);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(refusal(), ERR_PERMISSION);
    unlink(path);
    assert_int_equal(symlink(other, path), 0);
    assert_int_not_equal(refusal(), ERR_TIMEOUT);
    unlink(path);
    unlink(other);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(refusal(), ERR_PERMISSION);
}

static void not_writable(void **state)
{
    struct err err = {0};
    struct secret *second = secret_new(slice_of("second"));
    (void)state;
    put(path, "first\n", 0600);
    struct token_file *file = lock("first");
    /* where the temporary file belongs */
    assert_int_equal(mkdir(temporary, 0700), 0);
    assert_int_equal(token_file_replace(file, second, &err), -1);
    assert_int_not_equal(err.kind, ERR_NONE);
    rmdir(temporary);
    token_file_unlock(&file);
    file = lock("first");
    token_file_unlock(&file);
    secret_free(&second);
}

static void put_token(const char *text, enum err_kind wanted)
{
    struct err err = {0};
    struct secret *token = secret_new(slice_of(text));
    int result = token_file_put(path, token, &err);
    assert_int_equal(result, wanted == ERR_NONE ? 0 : -1);
    if (result < 0)
        assert_int_equal(err.kind, wanted);
    secret_free(&token);
}

/* A login writes whatever stands there: nothing, an empty line, a file that is no token's. */
static void put_by_a_login(void **state)
{
    struct stat st;
    (void)state;
    unlink(path);
    for (int i = 0; i < 4; i++) {
        if (i == 1)
            put(path, "\n", 0600);
        if (i == 2)
            put(path, "for everybody\n", 0644);
        if (i == 3) {
            put(other, "somebody else's\n", 0600);
            unlink(path);
            assert_int_equal(symlink(other, path), 0);
        }
        put_token("token", ERR_NONE);
        assert_true(lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600);
        struct token_file *file = lock("token");
        token_file_unlock(&file);
    }
    struct secret *untouched = secret_line(other, &(struct err){0});
    assert_string_equal(secret_reveal(untouched).data, "somebody else's");
    secret_free(&untouched);
}

/* The server's request with the old token is under way: its answer would overwrite ours. */
static void not_put_while_somebody_renews(void **state)
{
    (void)state;
    put(path, "first\n", 0600);
    struct token_file *file = lock("first");
    put_token("second", ERR_TIMEOUT);
    token_file_unlock(&file);
    file = lock("first");
    token_file_unlock(&file);
    put_token("second", ERR_NONE);
}

/* Replaces the token again and again, until it is killed. */
static void replace_for_ever(void)
{
    struct err err;
    char text[64];
    for (unsigned i = 1;; i++) {
        struct secret *token;
        struct token_file *file = token_file_lock(path, &token, &err);
        secret_free(&token);
        snprintf(text, sizeof text, "token-%u-whole", i);
        token = secret_new(slice_of(text));
        if (!file || token_file_replace(file, token, &err) != 0)
            _exit(1);
        secret_free(&token);
        token_file_unlock(&file);
    }
}

/* Whoever is killed, at whatever moment: the file holds a whole token, and nobody its lock. */
static void killed_at_any_moment(void **state)
{
    unsigned n;
    char rest[20];
    (void)state;
    put(path, "token-0-whole\n", 0600);
    for (useconds_t moment = 0; moment < 20; moment++) {
        struct err err = {0};
        struct secret *token;
        int status;
        pid_t child = fork();
        if (child == 0)
            replace_for_ever();
        usleep(500 + moment * 731);
        kill(child, SIGKILL);
        assert_true(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        struct token_file *file = token_file_lock(path, &token, &err);
        assert_non_null(file);
        assert_int_equal(sscanf(secret_reveal(token).data, "token-%u-%19s", &n, rest), 2);
        assert_string_equal(rest, "whole");
        /* what it left beside it is no hindrance */
        assert_int_equal(token_file_replace(file, token, &err), 0);
        secret_free(&token);
        token_file_unlock(&file);
    }
}

static void whole_texts(void **state)
{
    struct err err;
    (void)state;
    put(path, "-----BEGIN\nEND-----\n", 0600);
    struct secret *text = secret_text(path, 100, &err);
    assert_string_equal(secret_reveal(text).data, "-----BEGIN\nEND-----\n");
    secret_free(&text);
    assert_null(secret_text(path, 5, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    text = secret_line(path, &err);
    assert_string_equal(secret_reveal(text).data, "-----BEGIN");
    secret_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(replaced_for_good),
        cmocka_unit_test(replaced_between_opening_and_locking),
        cmocka_unit_test(a_lock_on_the_old_file_is_worth_nothing),
        cmocka_unit_test(what_is_no_token_file),
        cmocka_unit_test(not_writable),
        cmocka_unit_test(put_by_a_login),
        cmocka_unit_test(not_put_while_somebody_renews),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(whole_texts),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
