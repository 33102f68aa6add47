/* Tunnels against a scripted proxy at the far end of a socket pair. */
#include "io_help.h"

#include "io/tunnel.h"

/* what the proxy expects next, and what it then says */
struct line {
    const char *expect;
    size_t nexpect;
    const char *answer;
    size_t nanswer;
};

#define BYTES(text) text, sizeof(text) - 1
#define SAY(expect, answer)                                                                        \
    {                                                                                              \
        BYTES(expect), BYTES(answer)                                                               \
    }

struct scene {
    struct tunnel_target target;
    struct line lines[4];
    bool close_at_end;
    /* ERR_NONE: the tunnel stands */
    enum err_kind kind;
    /* part of the refusal; for one that stands: what is in the view then */
    const char *words;
    /* must not be in the refusal; NULL: anything may */
    const char *secret;
};

struct show {
    struct loop *loop;
    struct owner owner;
    bool over;
    struct err err;
    const struct scene *scene;
    size_t step, seen, said;
    int fd;
    /* the proxy answers one octet at a time */
    bool slow;
};

static void on_tunnel(void *ctx, const struct err *err)
{
    struct show *show = ctx;
    assert_false(show->over);
    show->over = true;
    if (err)
        show->err = *err;
    stream_set_owner(show->owner.s, owner_event, &show->owner);
}

/* The proxy's side, called once in a while. */
static bool play(void *arg)
{
    struct show *show = arg;
    const struct line *l = &show->scene->lines[show->step];
    char c;
    while (show->step < 4 && l->expect && show->seen < l->nexpect &&
           recv(show->fd, &c, 1, 0) == 1) {
        if (c != l->expect[show->seen])
            fail_msg("step %zu, octet %zu: %d instead of %d", show->step, show->seen, c,
                     l->expect[show->seen]);
        show->seen++;
    }
    if (show->step < 4 && l->expect && show->seen == l->nexpect && show->said < l->nanswer) {
        size_t n = show->slow ? 1 : l->nanswer - show->said;
        assert_int_equal(send(show->fd, l->answer + show->said, n, MSG_NOSIGNAL), (ssize_t)n);
        show->said += n;
        if (show->slow)
            return show->over;
    }
    if (show->step < 4 && l->expect && show->seen == l->nexpect && show->said == l->nanswer) {
        show->step++;
        show->seen = show->said = 0;
        if (show->scene->close_at_end &&
            (show->step == 4 || !show->scene->lines[show->step].expect))
            shutdown(show->fd, SHUT_WR);
    }
    return show->over;
}

static void perform(const struct scene *scene, bool slow)
{
    struct show show = {.loop = new_loop(), .scene = scene, .slow = slow};
    show.fd = owner_open(&show.owner, show.loop, SOCK_STREAM, usual_caps, false);
    struct tunnel *t = tunnel_start(show.loop, show.owner.s, &scene->target, on_tunnel, &show);
    assert_non_null(t);
    assert_false(show.over);
    spin_until(show.loop, play, &show);
    spin_some(show.loop);
    char more;
    /* it said no more than the script has */
    assert_int_equal(recv(show.fd, &more, 1, 0), -1);
    assert_int_equal(show.err.kind, scene->kind);
    if (scene->kind != ERR_NONE) {
        if (!strstr(show.err.words, scene->words))
            fail_msg("\"%s\" is not in \"%s\"", scene->words, show.err.words);
        if (scene->secret && strstr(show.err.words, scene->secret))
            fail_msg("\"%s\" is in \"%s\"", scene->secret, show.err.words);
    } else if (!slow) {
        /* octet by octet the tunnel stands before the greeting has begun */
        assert_true(show.step == 4 || !scene->lines[show.step].expect);
        assert_true(slice_is(stream_view(show.owner.s), scene->words));
        assert_string_equal(show.owner.events, scene->words[0] ? "I" : "");
    }
    close(show.fd);
    owner_close(&show.owner);
    loop_free(&show.loop);
}

static void perform_all(const struct scene *scenes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        perform(&scenes[i], false);
        perform(&scenes[i], true);
    }
}

static void test_socks(void **state)
{
    struct secret *password = secret_new(slice_of("pw"));
    char long_name[300];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    const struct tunnel_target name = {
        .kind = TUNNEL_SOCKS5, .host = "smtp.example.com", .port = 587};
    const struct tunnel_target v4 = {.kind = TUNNEL_SOCKS5, .host = "192.0.2.1", .port = 25};
    const struct tunnel_target v6 = {.kind = TUNNEL_SOCKS5, .host = "2001:db8::1", .port = 25};
    const struct tunnel_target login = {
        .kind = TUNNEL_SOCKS5, .host = "h", .port = 25, .user = "joe", .password = password};
    const struct tunnel_target no_password = {
        .kind = TUNNEL_SOCKS5, .host = "h", .port = 25, .user = "joe"};
    const struct tunnel_target too_long = {.kind = TUNNEL_SOCKS5, .host = long_name, .port = 25};
    const struct scene scenes[] = {
        {.target = name,
         .lines = {SAY("\5\1\0", "\5\0"),
                   SAY("\5\1\0\3\x10smtp.example.com\x02\x4b", "\5\0\0\1\x7f\0\0\1\x10\x01"
                                                               "220 hi\r\n")},
         .words = "220 hi\r\n"},
        {.target = v4,
         .lines = {SAY("\5\1\0", "\5\0"),
                   SAY("\5\1\0\1\xc0\0\2\1\0\x19", "\5\0\0\3\5proxy\x10\x01")},
         .words = ""},
        {.target = v6,
         .lines = {SAY("\5\1\0", "\5\0"),
                   SAY("\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x19", "\5\0\0\4"
                                                                               "0123456789abcdef"
                                                                               "\x10\x01"
                                                                               "2")},
         .words = "2"},
        {.target = login,
         .lines = {SAY("\5\2\0\2", "\5\2"), SAY("\1\3joe\2pw", "\1\0"),
                   SAY("\5\1\0\3\1h\0\x19", "\5\0\0\1\0\0\0\0\0\0")},
         .words = ""},
        {.target = login,
         .lines = {SAY("\5\2\0\2", "\5\0"), SAY("\5\1\0\3\1h\0\x19", "\5\0\0\1\0\0\0\0\0\0")},
         .words = ""},
        {.target = login,
         .lines = {SAY("\5\2\0\2", "\5\2"), SAY("\1\3joe\2pw", "\1\1")},
         .kind = ERR_PROXY,
         .words = "password refused"},
        {.target = no_password,
         .lines = {SAY("\5\2\0\2", "\5\2")},
         .kind = ERR_INVALID,
         .words = "1 to 255 octets"},
        {.target = name,
         .lines = {SAY("\5\1\0", "\5\2")},
         .kind = ERR_PROXY,
         .words = "wants a user name"},
        {.target = login,
         .lines = {SAY("\5\2\0\2", "\5\xff")},
         .kind = ERR_PROXY,
         .words = "no way to log in"},
        {.target = v4,
         .lines = {SAY("\5\1\0", "\5\0"), SAY("\5\1\0\1\xc0\0\2\1\0\x19", "\5\5")},
         .kind = ERR_PROXY,
         .words = "connection refused (5)"},
        {.target = v4,
         .lines = {SAY("\5\1\0", "\5\0"), SAY("\5\1\0\1\xc0\0\2\1\0\x19", "\5\x63")},
         .kind = ERR_PROXY,
         .words = "unknown refusal (99)"},
        {.target = v4,
         .lines = {SAY("\5\1\0", "\5\0"), SAY("\5\1\0\1\xc0\0\2\1\0\x19", "\5\0\0\7\1")},
         .kind = ERR_PROXY,
         .words = "type of address"},
        {.target = v4,
         .lines = {SAY("\5\1\0", "HTTP/1.1 400")},
         .kind = ERR_PROXY,
         .words = "does not speak SOCKS5"},
        {.target = v4,
         .lines = {SAY("\5\1\0", "\5")},
         .close_at_end = true,
         .kind = ERR_CLOSED,
         .words = "SOCKS proxy: it closed"},
        {.target = too_long,
         .lines = {SAY("\5\1\0", "\5\0")},
         .kind = ERR_INVALID,
         .words = "too long"},
    };
    (void)state;
    perform_all(scenes, sizeof scenes / sizeof *scenes);
    secret_free(&password);
}

static void test_http(void **state)
{
    struct secret *password = secret_new(slice_of("open sesame"));
    static char endless[9000];
    memcpy(endless, "HTTP/1.1 200 ", 13);
    memset(endless + 13, 'x', sizeof endless - 13);
    const struct tunnel_target name = {
        .kind = TUNNEL_HTTP, .host = "smtp.example.com", .port = 587};
    const struct tunnel_target v6 = {.kind = TUNNEL_HTTP, .host = "2001:db8::1", .port = 25};
    const struct tunnel_target login = {
        .kind = TUNNEL_HTTP, .host = "h", .port = 25, .user = "Aladdin", .password = password};
    const struct tunnel_target forged = {
        .kind = TUNNEL_HTTP, .host = "h HTTP/1.1\r\nX:", .port = 25};
#define ASK "CONNECT smtp.example.com:587 HTTP/1.1\r\nHost: smtp.example.com:587\r\n\r\n"
    const struct scene scenes[] = {
        {.target = name,
         .lines = {SAY(ASK, "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n220 hi\r\n")},
         .words = "220 hi\r\n"},
        {.target = name, .lines = {SAY(ASK, "HTTP/1.0 204 Fine\n\n")}, .words = ""},
        {.target = name,
         .lines = {SAY(ASK, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n2")},
         .words = "2"},
        {.target = v6,
         .lines = {SAY("CONNECT [2001:db8::1]:25 HTTP/1.1\r\nHost: [2001:db8::1]:25\r\n\r\n",
                       "HTTP/1.1 200\r\n\r\n")},
         .words = ""},
        {.target = login,
         .lines = {SAY("CONNECT h:25 HTTP/1.1\r\nHost: h:25\r\nProxy-Authorization: Basic "
                       "QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
                       "HTTP/1.1 200 OK\r\n\r\n")},
         .words = ""},
        {.target = name,
         .lines = {SAY(
             ASK,
             "HTTP/1.1 407 Proxy Authentication\033Required\r\nContent-Length: 5\r\n\r\nhello")},
         .kind = ERR_PROXY,
         .words = "HTTP proxy: HTTP/1.1 407 Proxy Authentication?Required"},
        {.target = name,
         .lines = {SAY(ASK, "HTTP/1.1 301 Moved\r\n\r\n")},
         .kind = ERR_PROXY,
         .words = "301 Moved"},
        {.target = name,
         .lines = {SAY(ASK, "HTTP/1.1 2\r\n\r\n")},
         .kind = ERR_PROXY,
         .words = "HTTP/1.1 2"},
        {.target = name,
         .lines = {SAY(ASK, "220 mail.example.com\r\n")},
         .kind = ERR_PROXY,
         .words = "does not speak HTTP"},
        {.target = name,
         .lines = {SAY(ASK, "HTTP/1.1 200 OK\r\n")},
         .close_at_end = true,
         .kind = ERR_CLOSED,
         .words = "HTTP proxy: it closed"},
        {.target = forged, .lines = {{0}}, .kind = ERR_INVALID, .words = "control character"},
    };
    const struct scene flood = {.target = name,
                                .lines = {{BYTES(ASK), endless, sizeof endless}},
                                .kind = ERR_PROXY,
                                .words = "too long"};
    (void)state;
    perform_all(scenes, sizeof scenes / sizeof *scenes);
    perform(&flood, false);
    secret_free(&password);
}

#define ASK_WITH_LOGIN                                                                             \
    "CONNECT h:25 HTTP/1.1\r\nHost: h:25\r\nProxy-Authorization: Basic "                           \
    "QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"

/* A proxy may repeat what it was told. The password must not reach logs and reports that way. */
static void an_echo_of_the_login_is_withheld(void **state)
{
    struct secret *password = secret_new(slice_of("open sesame")),
                  *brief = secret_new(slice_of("pw"));
    const struct tunnel_target login = {
        .kind = TUNNEL_HTTP, .host = "h", .port = 25, .user = "Aladdin", .password = password};
    const struct tunnel_target short_login = {
        .kind = TUNNEL_HTTP, .host = "h", .port = 25, .user = "a", .password = brief};
    static const char withheld[] =
        "HTTP proxy: its refusal repeats our login and is withheld (407)";
    const struct scene scenes[] = {
        {.target = login,
         .lines = {SAY(ASK_WITH_LOGIN, "HTTP/1.1 407 no Aladdin:open sesame here\r\n\r\n")},
         .kind = ERR_PROXY,
         .words = withheld,
         .secret = "sesame"},
        {.target = login,
         .lines = {SAY(ASK_WITH_LOGIN, "HTTP/1.1 407 bad QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n")},
         .kind = ERR_PROXY,
         .words = withheld,
         .secret = "pvcGVuIHNlc2"},
        {.target = login,
         .lines = {SAY(ASK_WITH_LOGIN, "HTTP/1.1 open sesame\r\n\r\n")},
         .kind = ERR_PROXY,
         .words = "HTTP proxy: its refusal repeats our login and is withheld",
         .secret = "sesame"},
        {.target = short_login,
         .lines = {SAY("CONNECT h:25 HTTP/1.1\r\nHost: h:25\r\nProxy-Authorization: Basic "
                       "YTpwdw==\r\n\r\n",
                       "HTTP/1.1 407 not pw\r\n\r\n")},
         .kind = ERR_PROXY,
         .words = withheld,
         .secret = "pw"},
        {.target = login,
         .lines = {SAY(ASK_WITH_LOGIN, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")},
         .kind = ERR_PROXY,
         .words = "407 Proxy Authentication Required"},
    };
    (void)state;
    perform_all(scenes, sizeof scenes / sizeof *scenes);
    secret_free(&password);
    secret_free(&brief);
}

static void test_cancel(void **state)
{
    struct show show = {.loop = new_loop()};
    const struct tunnel_target target = {.kind = TUNNEL_HTTP, .host = "h", .port = 25},
                               bad = {.kind = TUNNEL_HTTP, .host = " ", .port = 25};
    (void)state;
    show.fd = owner_open(&show.owner, show.loop, SOCK_STREAM, usual_caps, false);
    struct tunnel *t = tunnel_start(show.loop, show.owner.s, &target, on_tunnel, &show);
    spin_some(show.loop);
    tunnel_cancel(&t);
    assert_null(t);
    send_text(show.fd, "HTTP/1.1 200 OK\r\n\r\n");
    spin_some(show.loop);
    t = tunnel_start(show.loop, show.owner.s, &bad, on_tunnel, &show);
    tunnel_cancel(&t);
    spin_some(show.loop);
    assert_false(show.over);
    close(show.fd);
    owner_close(&show.owner);
    loop_free(&show.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socks),
        cmocka_unit_test(test_http),
        cmocka_unit_test(an_echo_of_the_login_is_withheld),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
