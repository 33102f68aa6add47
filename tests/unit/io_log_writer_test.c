/* The log's thread: what cannot be written now never holds the caller; order is kept, and what is
 * missing is said. Where something blocks, the test hangs. */
#include "io_help.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/caps.h"
#include "io/log_outlet.h"
#include "io/log_writer.h"

enum { LINES = 60000, LONG = 100 };

#define PATIENCE (20 * USEC_PER_SEC)

struct pipe_ends {
    int read, write;
};

static struct pipe_ends new_pipe(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    return (struct pipe_ends){fds[0], fds[1]};
}

static struct log_writer *new_writer(struct log_outlet outlet, bool thread)
{
    struct log_writer *w = log_writer_new(outlet);
    if (thread)
        log_writer_start(w);
    return w;
}

static void say(struct log_writer *w, int number)
{
    char line[LONG + 2];
    int n = snprintf(line, sizeof line, "line %d ", number);
    memset(line + n, '.', (size_t)(LONG - n));
    line[LONG] = '\n';
    log_writer_line(w, LOG_INFO, line, LONG + 1);
}

struct count {
    int lines, last, notices;
    unsigned long lost;
};

/* Reads lines up to the end; each must be whole and after the one before. */
static struct count read_lines(FILE *in)
{
    struct count c = {.last = -1};
    char line[400];
    while (fgets(line, sizeof line, in)) {
        int number;
        const char *lost = strstr(line, "msg=\"");
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        if (sscanf(line, "line %d ", &number) == 1) {
            assert_true(number > c.last);
            assert_int_equal(strlen(line), LONG + 1);
            c.last = number;
            c.lines++;
        } else {
            assert_non_null(lost);
            assert_non_null(strstr(line, "lost"));
            c.lost += strtoul(lost + 5, NULL, 10);
            c.notices++;
        }
    }
    return c;
}

static struct count read_file(const char *path)
{
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    struct count c = read_lines(in);
    fclose(in);
    return c;
}

static void stalled_pipe(bool thread)
{
    struct pipe_ends p = new_pipe();
    struct log_writer *w = new_writer(log_outlet_of(p.write, true), thread);
    for (int i = 0; i < LINES; i++)
        say(w, i);
    /* Now somebody reads, and it moves again. */
    pid_t reader = fork();
    assert_true(reader >= 0);
    if (reader == 0) {
        close(p.write);
        struct count c = read_lines(fdopen(p.read, "r"));
        bool good = c.notices >= 1 && c.lost > 0 && (int)c.lost + c.lines == LINES;
        if (!good)
            fprintf(stderr, "%d lines, %d notices of %lu lost\n", c.lines, c.notices, c.lost);
        _exit(good ? 0 : 1);
    }
    close(p.read);
    log_writer_free(&w, PATIENCE);
    int status;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
}

static void a_pipe_that_nobody_reads(void **state)
{
    (void)state;
    stalled_pipe(true);
    stalled_pipe(false);
}

static void the_end_is_not_held_up(void **state)
{
    (void)state;
    for (int thread = 0; thread < 2; thread++) {
        struct pipe_ends p = new_pipe();
        struct log_writer *w = new_writer(log_outlet_of(p.write, true), thread);
        for (int i = 0; i < 2000; i++)
            say(w, i);
        log_writer_free(&w, 10 * USEC_PER_MS);
        assert_null(w);
        close(p.read);
    }
}

static void another_outlet_takes_what_the_stuck_one_did_not(void **state)
{
    char name[] = "/tmp/io_log.XXXXXX";
    (void)state;
    for (int thread = 0; thread < 2; thread++) {
        struct pipe_ends p = new_pipe();
        char copy[sizeof name];
        strcpy(copy, name);
        int file = mkstemp(copy);
        struct log_writer *w = new_writer(log_outlet_of(p.write, true), thread);
        for (int i = 0; i < 2000; i++)
            say(w, i);
        log_writer_switch(w, log_outlet_of(file, true));
        for (int i = 2000; i < 4000; i++)
            say(w, i);
        log_writer_free(&w, PATIENCE);
        struct count c = read_file(copy);
        assert_int_equal(c.last, 3999);
        assert_true(c.lines > 2000 && c.lines < 4000 && c.notices == 0);
        /* The pipe's lines, less the one that was cut and is whole in the file. */
        char octets[65536];
        ssize_t n, all = 0;
        while ((n = read(p.read, octets, sizeof octets)) > 0)
            all += n;
        assert_int_equal(all / (LONG + 1) + c.lines, 4000);
        close(p.read);
        unlink(copy);
    }
}

static void lines_go_to_the_file_of_their_time(void **state)
{
    char first[] = "/tmp/io_log.XXXXXX", second[] = "/tmp/io_log.XXXXXX";
    (void)state;
    struct log_writer *w = new_writer(log_outlet_of(mkstemp(first), true), true);
    for (int i = 0; i < 10; i++)
        say(w, i);
    log_writer_switch(w, log_outlet_of(mkstemp(second), true));
    say(w, 10);
    log_writer_free(&w, PATIENCE);
    assert_int_equal(read_file(first).lines, 10);
    struct count c = read_file(second);
    assert_true(c.lines == 1 && c.last == 10);
    unlink(first);
    unlink(second);
}

static void what_a_full_disk_cost(void **state)
{
    char name[] = "/tmp/io_log.XXXXXX", text[300];
    (void)state;
    struct log_writer *w =
        new_writer(log_outlet_of(open("/dev/full", O_WRONLY | O_CLOEXEC), true), false);
    for (int i = 0; i < 7; i++)
        say(w, i);
    log_writer_switch(w, log_outlet_of(mkstemp(name), true));
    log_writer_line(w, LOG_INFO, "{\"a\":1}\n", 8);
    log_writer_free(&w, PATIENCE);
    FILE *in = fopen(name, "r");
    assert_non_null(fgets(text, sizeof text, in));
    assert_non_null(strstr(text, "7 lines lost"));
    assert_non_null(fgets(text, sizeof text, in));
    assert_string_equal(text, "{\"a\":1}\n");
    fclose(in);
    unlink(name);
}

/* Everything that can be read now, as a string. */
static size_t drain_socket(int fd, char *out, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while ((n = recv(fd, out + len, size - 1 - len, MSG_DONTWAIT)) > 0)
        len += (size_t)n;
    out[len] = 0;
    return len;
}

static void the_journal_has_a_time_of_its_own(void **state)
{
    static const struct {
        enum log_level level;
        const char *line, *there;
    } rows[] = {
        {LOG_WARN, "time=2026-01-01T00:00:00.000Z level=warn msg=x\n", "<4>level=warn msg=x\n"},
        {LOG_INFO, "{\"time\":\"2026-01-01T00:00:00.000Z\",\"level\":\"info\"}\n",
         "<6>{\"level\":\"info\"}\n"},
        {LOG_ERROR, "no time here\n", "<3>no time here\n"},
        {LOG_DEBUG, "time=never\n", "<7>time=never\n"},
    };
    static char filler[4096], heard[1024 * 1024];
    int fds[2], small = 4096;
    struct stat st;
    char stream[64];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(fstat(fds[0], &st), 0);
    assert_false(log_outlet_of(fds[0], false).is_journal);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    struct log_outlet outlet = log_outlet_of(fds[0], false);
    assert_true(outlet.is_journal);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t at = 0;
        assert_int_equal(log_outlet_put(&outlet, rows[i].level, slice_of(rows[i].line), &at),
                         PUT_DONE);
        drain_socket(fds[1], heard, sizeof heard);
        assert_string_equal(heard, rows[i].there);
        /* The same when there is no room at first: nothing of the line counts as written. */
        while (send(fds[0], filler, sizeof filler, MSG_DONTWAIT) > 0)
            ;
        at = 0;
        for (int again = 0; again < 2; again++) {
            assert_int_equal(log_outlet_put(&outlet, rows[i].level, slice_of(rows[i].line), &at),
                             PUT_LATER);
            assert_int_equal(at, 0);
        }
        drain_socket(fds[1], heard, sizeof heard);
        assert_int_equal(log_outlet_put(&outlet, rows[i].level, slice_of(rows[i].line), &at),
                         PUT_DONE);
        drain_socket(fds[1], heard, sizeof heard);
        assert_string_equal(heard, rows[i].there);
    }
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_that_nobody_reads),
        cmocka_unit_test(the_end_is_not_held_up),
        cmocka_unit_test(another_outlet_takes_what_the_stuck_one_did_not),
        cmocka_unit_test(lines_go_to_the_file_of_their_time),
        cmocka_unit_test(what_a_full_disk_cost),
        cmocka_unit_test(the_journal_has_a_time_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
