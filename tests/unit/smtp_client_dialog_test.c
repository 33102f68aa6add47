/* Plays tests/dialogs/client/NAME.txt (see the README there) against the client half, each with the
 * upstream's bytes whole and one by one. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp_client_world.h"

#define DIALOGS "tests/dialogs/client"

struct dialog {
    struct world world;
    const char *file;
    unsigned line;
    bool connected;
    /* U: lines that follow one another leave together */
    struct buf said;
};

/* the one being played: hooks find their way back to it */
static struct dialog *current;

static void wrong(const struct dialog *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void wrong(const struct dialog *d, const char *fmt, ...)
{
    char words[2000];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    fail_msg("%s:%u (%s): %s", d->file, d->line, d->world.split ? "byte by byte" : "whole", words);
}

/* \r \n \0 \\ and \xHH. Gives. */
static struct buf unescape(const char *text)
{
    struct buf out;
    buf_init(&out, PLENTY);
    for (; *text; text++) {
        char c = *text;
        if (c == '\\' && text[1]) {
            text++;
            c = *text == 'r' ? '\r' : *text == 'n' ? '\n' : *text == '0' ? '\0' : *text;
            if (*text == 'x' && text[1] && text[2]) {
                char hex[3] = {text[1], text[2], 0};
                c = (char)strtol(hex, NULL, 16);
                text += 2;
            }
        }
        assert_true(buf_append(&out, &c, 1));
    }
    return out;
}

/* ---- what the owner does ---- */

static void call_mail(struct world *w, char *args)
{
    struct smtp_client_mail mail = {.from = slice_of("")};
    bool first = true;
    for (char *word = strtok(args, " "); word; word = strtok(NULL, " ")) {
        if (first && strcmp(word, "<>") != 0)
            mail.from = slice_of(word);
        else if (strncmp(word, "size=", 5) == 0)
            mail.has_size = true, mail.size = strtoull(word + 5, NULL, 10);
        else if (strcmp(word, "8bit") == 0)
            mail.eightbit = true;
        else if (strcmp(word, "utf8") == 0)
            mail.smtputf8 = true;
        else if (strncmp(word, "ret=", 4) == 0)
            mail.ret = slice_of(word + 4);
        else if (strncmp(word, "envid=", 6) == 0)
            mail.envid = slice_of(word + 6);
        first = false;
    }
    smtp_client_mail(w->client, &mail);
}

static void call_rcpt(struct world *w, char *args)
{
    struct slice to = slice_of(""), notify = to, orcpt = to;
    bool first = true;
    for (char *word = strtok(args, " "); word; word = strtok(NULL, " ")) {
        if (first)
            to = slice_of(word);
        else if (strncmp(word, "notify=", 7) == 0)
            notify = slice_of(word + 7);
        else if (strncmp(word, "orcpt=", 6) == 0)
            orcpt = slice_of(word + 6);
        first = false;
    }
    smtp_client_rcpt(w->client, to, notify, orcpt);
}

static void call_auth(struct world *w, char *args)
{
    char *user = strtok(args, " "), *password = strtok(NULL, " ");
    struct secret *secret = secret_new(slice_of(password));
    smtp_client_auth(w->client, &(struct smtp_client_credential){user, secret});
    secret_free(&secret);
}

static void fill_body(struct world *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(buf_append(&w->body, i % 64 == 62 ? "\r" : i % 64 == 63 ? "\n" : "x", 1));
    world_pump_body(w);
}

static void call_body(struct world *w, const char *args)
{
    struct buf octets = unescape(args);
    assert_true(buf_append_slice(&w->body, buf_view(&octets)));
    buf_free(&octets);
    world_pump_body(w);
}

static void call_in(struct world *w, const char *what)
{
    char *copy = mem_string(what), *args = strchr(copy, ' ');
    if (args)
        *args++ = 0;
    else
        args = copy + strlen(copy);
    if (!w->client)
        wrong(current, "the client is gone, can't call %s", what);
    if (!strcmp(copy, "auth"))
        call_auth(w, args);
    else if (!strcmp(copy, "mail"))
        call_mail(w, args);
    else if (!strcmp(copy, "rcpt"))
        call_rcpt(w, args);
    else if (!strcmp(copy, "pooled"))
        smtp_client_mark_pooled(w->client);
    else if (!strcmp(copy, "chunking"))
        smtp_client_set_chunking(w->client, !strcmp(args, "proven")   ? CHUNKING_PROVEN
                                            : !strcmp(args, "broken") ? CHUNKING_BROKEN
                                                                      : CHUNKING_UNPROVEN);
    else if (!strcmp(copy, "begin"))
        smtp_client_begin_body(w->client);
    else if (!strcmp(copy, "body"))
        call_body(w, args);
    else if (!strcmp(copy, "fill"))
        fill_body(w, strtoul(args, NULL, 10));
    else if (!strcmp(copy, "end"))
        w->end_wanted = true, world_pump_body(w);
    else if (!strcmp(copy, "rset"))
        smtp_client_rset(w->client);
    else if (!strcmp(copy, "quit"))
        smtp_client_quit(&w->client);
    else if (!strcmp(copy, "close"))
        smtp_client_close(&w->client);
    else if (!strcmp(copy, "abort"))
        w->client = smtp_client_abort(w->client) ? w->client : NULL;
    else
        wrong(current, "no such call: %s", what);
    free(copy);
}

/* ---- settings and questions ---- */

static void set(struct dialog *d, const char *key, const char *value)
{
    static const char *const tls[] = {"starttls", "implicit", "may", "none"};
    struct world *w = &d->world;
    for (int i = 0; !strcmp(key, "tls") && i < 4; i++)
        w->settings.tls = !strcmp(value, tls[i]) ? (enum smtp_client_tls)i : w->settings.tls;
    for (int i = 0; !strcmp(key, "auth") && i < AUTH_CHOICES; i++)
        if (!strcmp(value, auth_choice_word((enum auth_choice)i)))
            w->settings.auth = (enum auth_choice)i;
    if (!strcmp(key, "secret"))
        w->settings.secret = !strcmp(value, "token") ? MECHANISM_TOKEN : MECHANISM_PASSWORD;
    if (!strcmp(key, "needs_verified"))
        w->settings.needs_verified = !strcmp(value, "yes");
    if (!strcmp(key, "steps"))
        w->steps = true;
    if (!strcmp(key, "helo"))
        w->settings.helo = "";
    if (!strcmp(key, "window"))
        sim_path_default(w->sim)->window = strtoul(value, NULL, 10);
    if (!strcmp(key, "certificate"))
        w->tls.certificate.names = !strcmp(value, "other") ? "other.test" : "mail.test";
    if (!strcmp(key, "handshake"))
        w->tls.manner = !strcmp(value, "alert")     ? SIM_TLS_ALERT
                        : !strcmp(value, "closes")  ? SIM_TLS_CLOSES
                        : !strcmp(value, "babbles") ? SIM_TLS_BABBLES
                                                    : SIM_TLS_ANSWERS;
    if (!strcmp(key, "first_reply_timeout"))
        w->settings.first_reply_timeout = (usec)strtol(value, NULL, 10) * USEC_PER_SEC;
}

static void check(struct dialog *d, const char *what)
{
    static const char *const knowledge[] = {"unproven", "proven", "broken"};
    struct smtp_client *c = d->world.client;
    char now[200] = "gone";
    if (c)
        snprintf(now, sizeof now, "%s %s flights=%u %s%s", smtp_client_is_idle(c) ? "idle" : "busy",
                 knowledge[smtp_client_chunking(c)], smtp_client_flights(c),
                 smtp_client_uses_bdat(c) ? "bdat" : "data",
                 smtp_client_mechanism(c)[0] ? " auth" : "");
    if (!strstr(now, what))
        wrong(d, "it is \"%s\"", now);
}

static void expect(struct dialog *d, struct buf *from, const char *end, const char *text,
                   const char *whose)
{
    char *line = world_take_line(from, end);
    struct buf wanted = unescape(text);
    size_t n = wanted.len;
    assert_true(buf_append(&wanted, "", 1));
    const char *want = buf_view(&wanted).data;
    bool open_end = n && want[n - 1] == '*';
    if (!line)
        wrong(d, "no %s came; events so far: %.*s; unread: %.*s", whose, (int)d->world.events.len,
              buf_view(&d->world.events).data, (int)d->world.heard.len,
              buf_view(&d->world.heard).data);
    else if (open_end ? strncmp(line, want, n - 1) != 0 : strcmp(line, want) != 0)
        wrong(d, "%s is \"%s\"", whose, line);
    free(line);
    buf_free(&wanted);
}

static void expect_nothing(struct dialog *d)
{
    if (d->world.heard.len)
        wrong(d, "the client said \"%.*s\"", (int)d->world.heard.len,
              buf_view(&d->world.heard).data);
    if (d->world.events.len)
        wrong(d, "unexpected event \"%.*s\"", (int)d->world.events.len,
              buf_view(&d->world.events).data);
}

static void skip_octets(struct dialog *d, size_t n)
{
    if (d->world.heard.len < n)
        wrong(d, "only %zu octets are there", d->world.heard.len);
    buf_consume(&d->world.heard, n);
}

/* EVENT: CALL */
static void hook(struct dialog *d, char *text)
{
    char *call = strstr(text, ": ");
    for (size_t i = 0; call && i < MOST_HOOKS; i++) {
        if (d->world.hook_event[i])
            continue;
        *call = 0;
        d->world.hook_event[i] = mem_string(text);
        d->world.hook_call[i] = mem_string(call + 2);
        return;
    }
    wrong(d, "no room for a hook");
}

static void play_line(struct dialog *d, char *line)
{
    struct world *w = &d->world;
    char *args = strchr(line, ' ');
    args = args ? args + 1 : line + strlen(line);
    if (strncmp(line, "set ", 4) == 0) {
        char *value = strchr(args, ' ');
        *value++ = 0;
        set(d, args, value);
        return;
    }
    if (!d->connected) {
        d->connected = true;
        world_connect(w);
    }
    if (strncmp(line, "U: ", 3) != 0 && strncmp(line, "U; ", 3) != 0 && d->said.len) {
        struct buf now = d->said;
        buf_init(&d->said, PLENTY);
        w->shake_next = !strcmp(line, "tls");
        world_say(w, buf_view(&now));
        buf_free(&now);
    }
    if (!strcmp(line, "tls")) {
        if (w->settings.tls != SMTP_CLIENT_TLS_IMPLICIT)
            world_shake(w);
        return;
    }
    /* calls that follow one another are of one turn */
    if (strncmp(line, "call ", 5) != 0)
        world_run(w);
    if (strncmp(line, "U: ", 3) == 0 || strncmp(line, "U; ", 3) == 0) {
        struct buf bytes = unescape(line + 3);
        assert_true(buf_append_slice(&d->said, buf_view(&bytes)) &&
                    (line[1] == ';' || buf_append(&d->said, "\r\n", 2)));
        buf_free(&bytes);
    } else if (!strncmp(line, "C: ", 3) || !strcmp(line, "C:")) {
        expect(d, &w->heard, "\r\n", args, "line");
    } else if (!strncmp(line, "E: ", 3)) {
        expect(d, &w->events, "\n", args, "event");
    } else if (!strncmp(line, "call ", 5)) {
        call_in(w, args);
    } else if (!strncmp(line, "in ", 3)) {
        hook(d, args);
    } else if (!strncmp(line, "check ", 6)) {
        check(d, args);
    } else if (!strncmp(line, "skip ", 5)) {
        skip_octets(d, strtoul(args, NULL, 10));
    } else if (!strncmp(line, "wait ", 5)) {
        sim_run_for(w->sim, (usec)strtol(args, NULL, 10) * USEC_PER_SEC);
    } else if (!strcmp(line, "nothing")) {
        expect_nothing(d);
    } else if (!strcmp(line, "U eof")) {
        sim_end_finish(w->end);
    } else if (!strcmp(line, "U reset")) {
        sim_end_reset(w->end);
    } else if (!strcmp(line, "U deaf") || !strcmp(line, "U hears")) {
        w->deaf = !strcmp(line, "U deaf");
        world_hear(w);
    } else if (!strcmp(line, "C eof")) {
        if (!w->peer_ended)
            wrong(d, "the client did not close in good order");
    } else {
        wrong(d, "unknown line: %s", line);
    }
}

/* "only whole": what comes byte by byte is another story. */
static bool is_for(const char *path, bool split)
{
    char line[200];
    bool only_whole = false;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        only_whole = only_whole || !strcmp(line, "only whole\n");
    fclose(f);
    return !only_whole || !split;
}

static void play(const char *path, bool split)
{
    struct dialog d = {.file = path};
    char line[4000];
    if (!is_for(path, split))
        return;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    world_begin(&d.world, call_in);
    buf_init(&d.said, PLENTY);
    d.world.split = split;
    current = &d;
    while (fgets(line, sizeof line, f)) {
        d.line++;
        line[strcspn(line, "\n")] = 0;
        if (line[0] && line[0] != '#' && strcmp(line, "only whole") != 0)
            play_line(&d, line);
    }
    fclose(f);
    world_run(&d.world);
    expect_nothing(&d);
    size_t left = world_end(&d.world);
    buf_free(&d.said);
    if (left)
        wrong(&d, "%zu timers, transports, jobs or contexts were left behind", left);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_dialog(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && !strcmp(dot, ".txt");
}

static void test_dialogs(void **state)
{
    struct dirent **entries;
    const char *only = getenv("DIALOG");
    int n = scandir(DIALOGS, &entries, is_dialog, by_name);
    (void)state;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", DIALOGS, entries[i]->d_name);
        for (int split = 0; split < 2 && (!only || strstr(path, only)); split++)
            play(path, split);
        free(entries[i]);
    }
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dialogs)};
    return cmocka_run_group_tests_name("smtp client dialogs", tests, NULL, NULL);
}
