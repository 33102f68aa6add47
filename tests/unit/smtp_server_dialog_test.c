/* The server half against scripted clients and handlers, in the simulated world. Most of it is
 * text: tests/dialogs/server/NAME.txt, see the README there. Every dialog is played in one segment,
 * line by line, byte by byte and in random pieces; the answers must be the same. */
#include <dirent.h>
#include <regex.h>

#include "unit/smtp_server_stage.h"

#define DIALOGS "tests/dialogs/server"

enum split { SPLIT_WHOLE, SPLIT_LINES, SPLIT_BYTES, SPLIT_RANDOM, SPLITS };
static const char *const split_names[SPLITS] = {"whole", "lines", "bytes", "random"};

struct dialog {
    const char *name;
    struct lines lines;
    struct stage st;
    enum split split;
    /* bytes of the client not sent yet */
    struct buf due;
    /* how far the expectations were met */
    size_t answers, events;
    /* of what was heard */
    struct slice rest;
    /* body */
    struct buf expected;
    bool expects_close, has_body;
};

PRINTF_LIKE(2, 3) static void wrong(struct dialog *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print_error("%s, split %s: ", d->name, split_names[d->split]);
    vprint_error(fmt, args);
    va_end(args);
    print_error("\n--- heard:\n%.*s--- events:\n", (int)d->st.heard.len,
                buf_view(&d->st.heard).data);
    for (size_t i = 0; i < d->st.events.n; i++)
        print_error("%s\n", d->st.events.items[i]);
    fail();
}

/* \r \n \t \0 \\ \xHH */
static void unescape(const char *p, struct buf *out)
{
    for (; *p; p++) {
        char c = *p;
        if (c == '\\') {
            unsigned hex;
            p++;
            c = *p == 'r' ? '\r' : *p == 'n' ? '\n' : *p == 't' ? '\t' : *p == '0' ? '\0' : *p;
            if (*p == 'x' && sscanf(p + 1, "%2x", &hex) == 1) {
                c = (char)hex;
                p += 2;
            }
        }
        assert_true(buf_append(out, &c, 1));
    }
}

static void send_due(struct dialog *d)
{
    struct slice due = buf_view(&d->due);
    while (due.len) {
        size_t n = due.len;
        if (d->split == SPLIT_BYTES)
            n = 1;
        if (d->split == SPLIT_RANDOM)
            n = 1 + sim_rng_index(sim_script_rng(d->st.sim), due.len < 80 ? due.len : 80);
        push(&d->st, due.data, n);
        due = slice_from(due, n);
    }
    buf_clear(&d->due);
    sim_run_for(d->st.sim, SHORT_WHILE);
}

/* Splits "WORD*COUNT: REST" or "WORD REST"; the count is 1 without. */
static const char *after_word(const char *line, const char *word, unsigned *count)
{
    size_t n = strlen(word);
    char *end;
    *count = 1;
    if (strncmp(line, word, n) != 0)
        return NULL;
    line += n;
    if (*line == '*') {
        *count = (unsigned)strtoul(line + 1, &end, 10);
        line = end;
    }
    if (*line == ':')
        line++;
    else if (*line && *line != ' ')
        return NULL;
    return *line == ' ' ? line + 1 : line;
}

/* The server half gets a certificate, and this policy. */
static void stage_tls(struct stage *st, enum smtp_server_tls policy)
{
    struct err err;
    struct tls_server_settings settings = {.pem = slice_of("proxy.example\n"), .min = TLS_V1_2};
    st->settings.tls = policy;
    st->settings.tls_context = tls_context_server(&settings, &err);
    assert_non_null(st->settings.tls_context);
}

/* The client begins its handshake. */
static void stage_secure(struct stage *st)
{
    sim_end_tls_as_client(st->end);
    st->securing = true;
    on_client(st);
}

static void set(struct dialog *d, const char *rest)
{
    char key[40], value[40] = "";
    struct stage *st = &d->st;
    assert_true(sscanf(rest, "%39s %39s", key, value) >= 1);
    uint64_t n = strtoull(value, NULL, 10);
    if (strcmp(key, "max_message_size") == 0)
        st->settings.max_message_size = n;
    else if (strcmp(key, "max_recipients") == 0)
        st->settings.max_recipients = (unsigned)n;
    else if (strcmp(key, "timeout") == 0)
        st->settings.timeout = (usec)n * USEC_PER_SEC;
    else if (strcmp(key, "lf") == 0)
        st->settings.lf_line_endings = true;
    else if (strcmp(key, "tls") == 0)
        stage_tls(st, strcmp(value, "starttls") == 0   ? SMTP_SERVER_TLS_OFFERED
                      : strcmp(value, "required") == 0 ? SMTP_SERVER_TLS_REQUIRED
                                                       : SMTP_SERVER_TLS_IMPLICIT);
    else if (strcmp(key, "auth") == 0)
        st->settings.auth =
            strcmp(value, "accept") == 0 ? SMTP_SERVER_AUTH_ACCEPT : SMTP_SERVER_AUTH_REQUIRED;
    else if (strcmp(key, "unwelcome") == 0)
        st->unwelcome = true;
    else if (strcmp(key, "from") == 0)
        assert_true(addr_parse(slice_of(value), &st->from));
    else if (strcmp(key, "upstream_size") == 0)
        st->offer.size = n;
    else if (strcmp(key, "dsn") == 0)
        st->offer.dsn = true;
    else if (strcmp(key, "smtputf8") == 0)
        st->offer.smtputf8 = true;
    else
        wrong(d, "set %s: unknown", key);
}

static void script(struct dialog *d, const char *rest, unsigned count)
{
    for (int k = 0; k < KINDS; k++) {
        size_t n = strlen(kind_names[k]);
        if (strncmp(rest, kind_names[k], n) == 0 && rest[n] == ' ') {
            while (count--)
                add(&d->st.scripted[k], mem_string(rest + n + 1));
            return;
        }
    }
    wrong(d, "H: %s: unknown", rest);
}

/* What must be known before the first byte is sent. */
static void prepare(struct dialog *d)
{
    unsigned count;
    const char *rest;
    for (size_t i = 0; i < d->lines.n; i++) {
        const char *line = d->lines.items[i];
        if ((rest = after_word(line, "set", &count)))
            set(d, rest);
        else if ((rest = after_word(line, "H", &count)))
            script(d, rest, count);
        else if ((rest = after_word(line, "M", &count))) {
            d->has_body = true;
            while (count--) {
                unescape(rest, &d->expected);
                assert_true(buf_append(&d->expected, "\r\n", 2));
            }
        } else if (strcmp(line, "close") == 0)
            d->expects_close = true;
    }
}

/* A command of the script that is not the client's. true: done. */
static bool stage_direction(struct dialog *d, const char *line)
{
    struct stage *st = &d->st;
    unsigned count;
    const char *rest;
    char copy[400];
    if (strcmp(line, "eof") == 0) {
        sim_end_finish(st->end);
    } else if (strcmp(line, "reset") == 0) {
        sim_end_reset(st->end);
        st->reset = true;
    } else if (strcmp(line, "tls") == 0) {
        stage_secure(st);
    } else if ((rest = after_word(line, "wait", &count))) {
        sim_run_for(st->sim, (usec)strtoull(rest, NULL, 10) * USEC_PER_SEC);
    } else if ((rest = after_word(line, "answer", &count))) {
        while (count--)
            answer_waiting(st, strcmp(rest, "last") == 0 ? st->nwaiting - 1 : 0);
    } else if (strcmp(line, "release") == 0) {
        st->held = false;
        smtp_server_hold_body(st->server, false);
    } else if (strcmp(line, "drain") == 0) {
        smtp_server_drain(st->server);
    } else if ((rest = after_word(line, "id", &count))) {
        smtp_server_set_message_id(st->server, rest);
    } else if ((rest = after_word(line, "shut", &count))) {
        struct answer a;
        snprintf(copy, sizeof copy, "%s", rest);
        parse_answer(copy, &a);
        smtp_server_close(st->server, a.code, a.enhanced, a.text.data);
    } else {
        return false;
    }
    sim_run_for(st->sim, SHORT_WHILE);
    return true;
}

static bool matches(struct dialog *d, struct slice line, const char *pattern)
{
    char text[1024], anchored[1024];
    regex_t re;
    snprintf(text, sizeof text, "%.*s", (int)line.len, line.data);
    snprintf(anchored, sizeof anchored, "^(%s)", pattern);
    if (regcomp(&re, anchored, REG_EXTENDED | REG_NOSUB) != 0)
        wrong(d, "%s: bad pattern", pattern);
    bool ok = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return ok;
}

static void expect_answer(struct dialog *d, const char *pattern)
{
    size_t end = slice_find(d->rest, '\n');
    struct slice line = slice_head(d->rest, end);
    if (end == d->rest.len)
        wrong(d, "wanted \"%s\", but heard nothing more", pattern);
    if (!line.len || line.data[line.len - 1] != '\r')
        wrong(d, "a line without CR");
    line.len--;
    if (!matches(d, line, pattern))
        wrong(d, "wanted \"%s\", heard \"%.*s\"", pattern, (int)line.len, line.data);
    d->rest = slice_from(d->rest, end + 1);
}

static void compare(struct dialog *d)
{
    unsigned count;
    const char *rest;
    struct stage *st = &d->st;
    bool has_events = false;
    d->rest = buf_view(&st->heard);
    for (size_t i = 0; i < d->lines.n; i++) {
        if ((rest = after_word(d->lines.items[i], "S", &count))) {
            while (count--)
                expect_answer(d, rest);
        } else if ((rest = after_word(d->lines.items[i], "E", &count))) {
            for (has_events = true; count--; d->events++)
                if (d->events == st->events.n || strcmp(st->events.items[d->events], rest) != 0)
                    wrong(d, "wanted event \"%s\"", rest);
        } else if ((rest = after_word(d->lines.items[i], "L", &count)) &&
                   !sim_log_has(st->sim, rest)) {
            wrong(d, "wanted \"%s\" in the log", rest);
        }
    }
    if (d->rest.len)
        wrong(d, "heard more than wanted");
    if (has_events && d->events != st->events.n)
        wrong(d, "more events than wanted");
    if (d->has_body && !slice_equal(buf_view(&d->expected), buf_view(&st->message)))
        wrong(d, "wanted another body, not \"%.*s\"", (int)st->message.len,
              buf_view(&st->message).data);
    if (d->expects_close != (st->closed > 0))
        wrong(d, d->expects_close ? "wanted it closed" : "closed too early");
    if (d->expects_close && !st->eof && !st->reset)
        wrong(d, "the client was not told");
}

static void play(struct dialog *d)
{
    unsigned count;
    const char *rest;
    stage_connect(&d->st);
    for (size_t i = 0; i < d->lines.n; i++) {
        const char *line = d->lines.items[i];
        bool ends = true;
        if (!(rest = after_word(line, "C", &count)) && (rest = after_word(line, "C-", &count)))
            ends = false;
        if (!rest) {
            if (!strchr("#SEHML", line[0]) && strcmp(line, "close") != 0 &&
                strncmp(line, "set ", 4) != 0 && strncmp(line, "splits ", 7) != 0) {
                send_due(d);
                if (!stage_direction(d, line))
                    wrong(d, "%s: unknown", line);
            }
            continue;
        }
        while (count--) {
            unescape(rest, &d->due);
            if (ends)
                assert_true(buf_append(&d->due, "\r\n", 2));
        }
        if (d->split == SPLIT_LINES)
            send_due(d);
    }
    send_due(d);
    sim_run_for(d->st.sim, SHORT_WHILE);
}

static bool wants_split(const struct dialog *d, enum split split)
{
    for (size_t i = 0; i < d->lines.n; i++)
        if (strncmp(d->lines.items[i], "splits ", 7) == 0)
            return strstr(d->lines.items[i], split_names[split]) != NULL;
    return true;
}

static void read_lines(const char *path, struct lines *l)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    assert_non_null(f);
    while (getline(&line, &size, f) >= 0) {
        line[strcspn(line, "\n")] = 0;
        if (line[0])
            add(l, mem_string(line));
    }
    free(line);
    fclose(f);
}

static void run_dialog(const char *name)
{
    char path[400];
    struct dialog *d = NEW(struct dialog);
    snprintf(path, sizeof path, DIALOGS "/%s", name);
    struct lines lines = {0};
    read_lines(path, &lines);
    for (int split = 0; split < SPLITS; split++) {
        for (uint64_t seed = 1; seed <= (split == SPLIT_RANDOM ? 5 : 1); seed++) {
            *d = (struct dialog){.name = name, .lines = lines, .split = (enum split)split};
            if (!wants_split(d, d->split))
                continue;
            buf_init(&d->due, PLENTY);
            buf_init(&d->expected, PLENTY);
            stage_begin(&d->st, seed);
            prepare(d);
            play(d);
            compare(d);
            stage_end(&d->st);
            buf_free(&d->due);
            buf_free(&d->expected);
        }
    }
    lines_free(&lines);
    free(d);
}

static int is_dialog(const struct dirent *entry)
{
    return strstr(entry->d_name, ".txt") != NULL;
}

static void dialog(void **state)
{
    run_dialog(*state);
}

int main(void)
{
    struct dirent **entries;
    int n = scandir(DIALOGS, &entries, is_dialog, alphasort);
    if (n < 25) {
        fprintf(stderr, "%s: where are the dialogs? Run this from the top of the tree.\n", DIALOGS);
        return 1;
    }
    struct CMUnitTest *tests = mem_alloc((size_t)n * sizeof *tests);
    for (int i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){
            .name = entries[i]->d_name, .test_func = dialog, .initial_state = entries[i]->d_name};
    int failed = _cmocka_run_group_tests("dialogs", tests, (size_t)n, NULL, NULL);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    free(tests);
    return failed;
}
