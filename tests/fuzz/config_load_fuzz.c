/* A configuration and a file of users, as somebody may have written or broken them: the input is
 * proxy.ini, and behind a line "%%" the users_file that it names as "@USERS@". What must hold:
 * there is a configuration or an error, never both and never neither; every message is one
 * printable line that points into the file; a password shows in none; reading it twice says the
 * same. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/config.h"
#include "fuzz.h"

static char folder[64], config_path[80], users_path[80];

static void make_folder(void)
{
    if (folder[0])
        return;
    snprintf(folder, sizeof folder, "/dev/shm/detour-fuzz-XXXXXX");
    CHECK(mkdtemp(folder) ||
          (snprintf(folder, sizeof folder, "/tmp/detour-fuzz-XXXXXX") > 0 && mkdtemp(folder)));
    snprintf(config_path, sizeof config_path, "%s/proxy.ini", folder);
    snprintf(users_path, sizeof users_path, "%s/users", folder);
}

static void remove_folder(void)
{
    unlink(config_path);
    unlink(users_path);
    rmdir(folder);
}

static void write_file(const char *path, struct slice text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len);
    close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    make_folder();
    atexit(remove_folder);
    return 0;
}

static const char secret_word[] = "hunter2";

/* The word is a secret where it stands in no other place than behind "password = " at the start of
 * a line. */
static bool word_is_secret(const char *text)
{
    static const char key[] = "\npassword = ";
    for (const char *c = text; (c = strstr(c, secret_word)); c++)
        if (c - text < (ptrdiff_t)sizeof key - 1 ||
            memcmp(c - (sizeof key - 1), key, sizeof key - 1) != 0)
            return false;
    return true;
}

static void check_report(const struct config_report *report, const char *text)
{
    long lines = 1;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    size_t errors = 0;
    for (size_t i = 0; i < report->n; i++) {
        const char *words = report->lines[i];
        CHECK(strncmp(words, config_path, strlen(config_path)) == 0);
        CHECK(words[strlen(config_path)] == ':' &&
              strtol(words + strlen(config_path) + 1, NULL, 10) <= lines);
        for (const char *c = words; *c; c++)
            CHECK(!ascii_is_control(*c) || *c == '\t');
        CHECK(!word_is_secret(text) || !strstr(words, secret_word));
        errors += !report->is_warning[i];
    }
    CHECK(errors == report->errors);
}

/* The input's text with the true name of the file of users. */
static struct buf place_users(struct slice text)
{
    static const char mark[] = "@USERS@";
    struct buf out;
    buf_init(&out, 1024 * 1024);
    while (text.len) {
        const char *at = memmem(text.data, text.len, mark, sizeof mark - 1);
        size_t n = at ? (size_t)(at - text.data) : text.len;
        bool ok = buf_append_slice(&out, slice_head(text, n)) &&
                  (!at || buf_append_slice(&out, slice_of(users_path)));
        CHECK(ok || out.len > 65536);
        text = slice_from(text, n + (at ? sizeof mark - 1 : 0));
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size), users = slice_make(NULL, 0);
    const char *mark = size ? memmem(data, size, "\n%%\n", 4) : NULL;
    if (mark) {
        users = slice_from(text, (size_t)(mark - text.data) + 4);
        text = slice_head(text, (size_t)(mark - text.data) + 1);
    }
    struct buf placed = place_users(text);
    write_file(config_path, buf_view(&placed));
    write_file(users_path, users);
    struct config_report first, second;
    struct config *config = config_load(config_path, &first),
                  *again = config_load(config_path, &second);
    char *whole = slice_string(buf_view(&placed));
    CHECK((config == NULL) == (first.errors > 0) && (again == NULL) == (config == NULL) &&
          first.n == second.n);
    if (strlen(whole) == placed.len)
        check_report(&first, whole);
    for (size_t i = 0; i < first.n; i++)
        CHECK(strcmp(first.lines[i], second.lines[i]) == 0);
    free(whole);
    config_unref(&config);
    config_unref(&again);
    config_report_free(&first);
    config_report_free(&second);
    buf_free(&placed);
    return 0;
}
