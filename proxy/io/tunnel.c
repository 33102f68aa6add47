#include "io/tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/caps.h"
#include "base/echo.h"
#include "base/mem.h"

/* RFC 1928, RFC 1929. */
enum { SOCKS_VERSION = 5, SOCKS_AUTH_VERSION = 1, SOCKS_CONNECT = 1 };
enum { METHOD_NONE = 0, METHOD_PASSWORD = 2, METHOD_REFUSED = 0xff };
enum { TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };

/* Judges the view. Returns 0 if it needs more or has asked the next question, 1 if the tunnel is
 * ready, and -1 with err if it was refused. */
typedef int judge_fn(struct tunnel *t);

struct tunnel {
    struct stream *stream;
    /* Its strings are borrowed. */
    struct tunnel_target target;
    tunnel_fn *fn;
    void *ctx;
    judge_fn *judge;
    /* Reports later what failed in tunnel_start. */
    struct deferred stillborn;
    struct err err;
};

static int refuse(struct tunnel *t, enum err_kind kind, const char *words)
{
    err_set(&t->err, kind, "%s proxy: %s", t->target.kind == TUNNEL_SOCKS5 ? "SOCKS" : "HTTP",
            words);
    return -1;
}

/* Sends a request, which may hold a password, and waits for the answer. */
static int ask(struct tunnel *t, struct buf *request, judge_fn *judge)
{
    bool sent = stream_write_slice(t->stream, buf_view(request));
    buf_wipe(request);
    t->judge = judge;
    return sent ? 0 : refuse(t, ERR_LIMIT, "the request does not fit into the queue");
}

static bool append_byte(struct buf *b, unsigned value)
{
    unsigned char byte = (unsigned char)value;
    return buf_append(b, &byte, 1);
}

/* Appends a string behind its length in one octet. */
static bool append_short(struct buf *b, struct slice s)
{
    return s.len > 0 && s.len <= 255 && append_byte(b, (unsigned)s.len) && buf_append_slice(b, s);
}

static unsigned byte_at(struct slice s, size_t at)
{
    return (unsigned char)s.data[at];
}

static const char *socks_words(unsigned code)
{
    static const char *const words[] = {
        [1] = "general failure",       [2] = "not allowed by its rules",
        [3] = "network unreachable",   [4] = "host unreachable",
        [5] = "connection refused",    [6] = "time to live expired",
        [7] = "command not supported", [8] = "address type not supported",
    };
    return code < sizeof words / sizeof *words && words[code] ? words[code] : "unknown refusal";
}

/* RFC 1928 section 6: VER REP RSV ATYP BND.ADDR BND.PORT, whose length depends on ATYP. It consumes
 * no octet behind that, because the next one is SMTP. */
static int judge_socks_reply(struct tunnel *t)
{
    struct slice view = stream_view(t->stream);
    char words[80];
    if (view.len < 2)
        return 0;
    if (byte_at(view, 0) != SOCKS_VERSION)
        return refuse(t, ERR_PROXY, "it does not speak SOCKS5");
    if (byte_at(view, 1) != 0) {
        snprintf(words, sizeof words, "%s (%u)", socks_words(byte_at(view, 1)), byte_at(view, 1));
        return refuse(t, ERR_PROXY, words);
    }
    if (view.len < 5)
        return 0;
    size_t need = 4 + 2;
    switch (byte_at(view, 3)) {
    case TYPE_V4: need += 4; break;
    case TYPE_V6: need += 16; break;
    case TYPE_NAME: need += 1 + byte_at(view, 4); break;
    default: return refuse(t, ERR_PROXY, "its answer holds an unknown type of address");
    }
    if (view.len < need)
        return 0;
    stream_consume(t->stream, need);
    return 1;
}

static int ask_socks_connect(struct tunnel *t)
{
    struct buf b;
    struct addr literal;
    buf_init(&b, CAP_TUNNEL_REQUEST);
    bool ok =
        append_byte(&b, SOCKS_VERSION) && append_byte(&b, SOCKS_CONNECT) && append_byte(&b, 0);
    if (addr_parse(slice_of(t->target.host), &literal))
        ok = ok && append_byte(&b, literal.family == ADDR_V4 ? TYPE_V4 : TYPE_V6) &&
             buf_append(&b, literal.bytes, literal.family == ADDR_V4 ? 4 : 16);
    else
        ok = ok && append_byte(&b, TYPE_NAME) && append_short(&b, slice_of(t->target.host));
    ok = ok && append_byte(&b, t->target.port >> 8) && append_byte(&b, t->target.port & 0xff);
    if (ok)
        return ask(t, &b, judge_socks_reply);
    buf_free(&b);
    return refuse(t, ERR_INVALID, "the host name is too long for it");
}

/* RFC 1929: VER STATUS. */
static int judge_socks_login(struct tunnel *t)
{
    struct slice view = stream_view(t->stream);
    if (view.len < 2)
        return 0;
    if (byte_at(view, 1) != 0)
        return refuse(t, ERR_PROXY, "user name or password refused");
    stream_consume(t->stream, 2);
    return ask_socks_connect(t);
}

static struct slice password_of(const struct tunnel_target *target)
{
    return target->password ? secret_reveal(target->password) : slice_of("");
}

static int ask_socks_login(struct tunnel *t)
{
    struct buf b;
    buf_init(&b, CAP_TUNNEL_REQUEST);
    if (append_byte(&b, SOCKS_AUTH_VERSION) && append_short(&b, slice_of(t->target.user)) &&
        append_short(&b, password_of(&t->target)))
        return ask(t, &b, judge_socks_login);
    buf_wipe(&b);
    return refuse(t, ERR_INVALID, "user name and password must have 1 to 255 octets");
}

/* RFC 1928 section 3: VER METHOD. */
static int judge_socks_method(struct tunnel *t)
{
    struct slice view = stream_view(t->stream);
    if (view.len < 1)
        return 0;
    if (byte_at(view, 0) != SOCKS_VERSION)
        return refuse(t, ERR_PROXY, "it does not speak SOCKS5");
    if (view.len < 2)
        return 0;
    unsigned method = byte_at(view, 1);
    stream_consume(t->stream, 2);
    if (method == METHOD_NONE)
        return ask_socks_connect(t);
    if (method == METHOD_PASSWORD && t->target.user)
        return ask_socks_login(t);
    return refuse(t, ERR_PROXY,
                  t->target.user ? "it accepts no way to log in that we have"
                                 : "it wants a user name and a password");
}

static int ask_socks_method(struct tunnel *t)
{
    struct buf b;
    buf_init(&b, CAP_TUNNEL_REQUEST);
    bool ok = append_byte(&b, SOCKS_VERSION) && append_byte(&b, t->target.user ? 2 : 1) &&
              append_byte(&b, METHOD_NONE) && (!t->target.user || append_byte(&b, METHOD_PASSWORD));
    /* Four octets fit. */
    (void)ok;
    return ask(t, &b, judge_socks_method);
}

/* Appends user, colon and password (RFC 7617). */
static bool append_login(const struct tunnel_target *target, struct buf *out)
{
    return buf_append_slice(out, slice_of(target->user)) && buf_append(out, ":", 1) &&
           buf_append_slice(out, password_of(target));
}

/* Appends the value of Proxy-Authorization: base64 of the login. */
static bool append_authorization(const struct tunnel_target *target, struct buf *out)
{
    struct buf login;
    buf_init(&login, CAP_TUNNEL_REQUEST);
    bool ok = append_login(target, &login) && base64_encode(buf_view(&login), out);
    buf_wipe(&login);
    return ok;
}

/* A proxy that repeats what it was told would bring our password into logs and reports. */
static bool echoes(const struct tunnel_target *target, struct slice text)
{
    /* Fewer octets of a secret in a row tell nothing. */
    enum { RUN = 6 };
    struct buf login;
    if (!target->user)
        return false;
    struct echo *e = echo_of(text);
    buf_init(&login, CAP_TUNNEL_REQUEST);
    bool found = !append_login(target, &login) || echo_repeats_encoded(e, buf_view(&login), RUN) ||
                 echo_repeats(e, password_of(target), RUN);
    buf_wipe(&login);
    echo_free(&e);
    return found;
}

/* Refuses with the status line as words. It is cut and its controls are replaced, for it can be
 * long and would forge log lines elsewhere. `code` stands for it when it repeats our login; it has
 * three digits, or none. */
static int refuse_with_status(struct tunnel *t, struct slice line, struct slice code)
{
    char words[160];
    size_t n = line.len < sizeof words - 1 ? line.len : sizeof words - 1;
    if (echoes(&t->target, slice_head(line, n))) {
        snprintf(words, sizeof words, "its refusal repeats our login and is withheld%s%.*s%s",
                 code.len ? " (" : "", (int)code.len, code.data, code.len ? ")" : "");
        return refuse(t, ERR_PROXY, words);
    }
    for (size_t i = 0; i < n; i++)
        words[i] = ascii_is_control(line.data[i]) || (line.data[i] & 0x80) ? '?' : line.data[i];
    words[n] = 0;
    return refuse(t, ERR_PROXY, words);
}

/* Returns the length of the header section with its empty line, or 0 if it is not complete. Lines
 * end in CRLF, or in LF from simple proxies. */
static size_t header_length(struct slice view)
{
    for (size_t i = 0; i < view.len; i++) {
        if (view.data[i] != '\n')
            continue;
        if (i + 1 < view.len && view.data[i + 1] == '\n')
            return i + 2;
        if (i + 2 < view.len && view.data[i + 1] == '\r' && view.data[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

/* RFC 9110 section 9.3.6: after any 2xx the tunnel begins right behind the header section. A 1xx
 * announces another answer. */
static int judge_http_reply(struct tunnel *t)
{
    static const char protocol[] = "HTTP/1.";
    for (;;) {
        struct slice view = stream_view(t->stream);
        struct slice start = slice_head(view, sizeof protocol - 1);
        if (memcmp(start.data ? start.data : "", protocol, start.len) != 0)
            return refuse(t, ERR_PROXY, "it does not speak HTTP");
        size_t len = header_length(slice_head(view, CAP_TUNNEL_HEADER));
        if (len == 0)
            return view.len < CAP_TUNNEL_HEADER ? 0
                                                : refuse(t, ERR_PROXY, "its answer is too long");
        struct slice line = slice_trim(slice_head(view, slice_find(view, '\n')));
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        struct slice status = slice_trim(slice_from(line, slice_find(line, ' ')));
        if (status.len < 3 || !ascii_is_digit(status.data[0]) || !ascii_is_digit(status.data[1]) ||
            !ascii_is_digit(status.data[2]))
            return refuse_with_status(t, line, slice_of(""));
        if (status.data[0] != '1' && status.data[0] != '2')
            return refuse_with_status(t, line, slice_head(status, 3));
        bool stands = status.data[0] == '2';
        stream_consume(t->stream, len);
        if (stands)
            return 1;
        if (!stream_view(t->stream).len)
            return 0;
    }
}

static int ask_http(struct tunnel *t)
{
    const struct tunnel_target *target = &t->target;
    struct addr literal;
    char where[300];
    struct buf b;
    for (const char *c = target->host; *c; c++)
        if (*c == ' ' || ascii_is_control(*c))
            return refuse(t, ERR_INVALID, "the host name holds a blank or a control character");
    bool is_v6 = addr_parse(slice_of(target->host), &literal) && literal.family == ADDR_V6 &&
                 target->host[0] != '[';
    int n = snprintf(where, sizeof where, is_v6 ? "[%s]:%u" : "%s:%u", target->host,
                     (unsigned)target->port);
    if (n < 0 || (size_t)n >= sizeof where)
        return refuse(t, ERR_INVALID, "the host name is too long for it");
    buf_init(&b, CAP_TUNNEL_REQUEST);
    bool ok = buf_printf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", where, where);
    if (target->user)
        ok = ok && buf_append_slice(&b, slice_of("Proxy-Authorization: Basic ")) &&
             append_authorization(target, &b) && buf_append(&b, "\r\n", 2);
    if (ok && buf_append(&b, "\r\n", 2))
        return ask(t, &b, judge_http_reply);
    buf_wipe(&b);
    return refuse(t, ERR_INVALID, "user name and password are too long");
}

/* Ends the tunnel and reports how it went. The callee becomes the stream's owner. */
static void finish(struct tunnel *t, bool stands)
{
    tunnel_fn *fn = t->fn;
    void *ctx = t->ctx;
    struct err err = t->err;
    deferred_cancel(&t->stillborn);
    free(t);
    fn(ctx, stands ? NULL : &err);
}

static void on_event(void *arg, struct stream *s, enum stream_event event)
{
    struct tunnel *t = arg;
    int verdict = 0;
    /* It was refused already. The owner hears it at the end of the turn. */
    if (!link_is_alone(&t->stillborn.link))
        return;
    switch (event) {
    case STREAM_INPUT: verdict = t->judge(t); break;
    case STREAM_EOF: verdict = refuse(t, ERR_CLOSED, "it closed the connection"); break;
    case STREAM_FAILED: verdict = refuse(t, stream_error(s)->kind, stream_error(s)->words); break;
    case STREAM_CONNECTED:
    case STREAM_SECURED:
    case STREAM_LOW: break;
    }
    if (verdict)
        finish(t, verdict > 0);
}

static void on_stillborn(void *arg)
{
    finish(arg, false);
}

struct tunnel *tunnel_start(struct loop *loop, struct stream *s, const struct tunnel_target *target,
                            tunnel_fn *fn, void *ctx)
{
    struct tunnel *t = NEW(struct tunnel);
    t->stream = s;
    t->target = *target;
    t->fn = fn;
    t->ctx = ctx;
    deferred_init(&t->stillborn, on_stillborn, t);
    stream_set_owner(s, on_event, t);
    if ((target->kind == TUNNEL_SOCKS5 ? ask_socks_method(t) : ask_http(t)) < 0)
        loop_defer(loop, &t->stillborn);
    return t;
}

static void ignore_event(void *ctx, struct stream *s, enum stream_event event)
{
    (void)ctx;
    (void)s;
    (void)event;
}

void tunnel_cancel(struct tunnel **t)
{
    if (!*t)
        return;
    stream_set_owner((*t)->stream, ignore_event, NULL);
    deferred_cancel(&(*t)->stillborn);
    free(*t);
    *t = NULL;
}
