/* What a SOCKS5 or HTTP proxy answers, before its stream is handed on. The tunnel is the real one;
 * the stream beneath it is a few lines here, whose view grows as the input says, and whose proxy
 * waits for each question. What must hold: cuts change nothing; the verdict comes once; not an
 * octet of what lies beyond the tunnel is taken; the proxy's words hold nothing that forges a log
 * line; nobody but a proxy that asked for it gets the password. */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "io/tunnel.h"

struct stream {
    /* by the proxy, all of it */
    struct slice said;
    size_t taken, there;
    /* what it was told */
    struct buf asked;
    stream_fn *fn;
    void *ctx;
    struct deferred *late;
    struct err err;
};

struct outcome {
    unsigned calls;
    bool stands;
    struct err err;
};

void stream_set_owner(struct stream *s, stream_fn *fn, void *ctx)
{
    s->fn = fn;
    s->ctx = ctx;
}

struct slice stream_view(const struct stream *s)
{
    return slice_make(s->said.data + s->taken, s->there - s->taken);
}

void stream_consume(struct stream *s, size_t n)
{
    CHECK(n <= s->there - s->taken);
    s->taken += n;
}

bool stream_write_slice(struct stream *s, struct slice data)
{
    return buf_append_slice(&s->asked, data);
}

const struct err *stream_error(const struct stream *s)
{
    return &s->err;
}

/* Of the loop: one deferred call, made by hand. */
void deferred_init(struct deferred *d, defer_fn *fn, void *arg)
{
    d->link.prev = d->link.next = &d->link;
    d->fn = fn;
    d->arg = arg;
}

void loop_defer(struct loop *loop, struct deferred *d)
{
    ((struct stream *)loop)->late = d;
}

void deferred_cancel(struct deferred *d)
{
    (void)d;
}

static void on_tunnel(void *ctx, const struct err *err)
{
    struct outcome *o = ctx;
    CHECK(o->calls == 0);
    o->calls++;
    o->stands = err == NULL;
    if (err)
        o->err = *err;
}

static const char password_text[] = "hunter2hunter2";

static bool holds(struct slice in, const char *word)
{
    return in.len && memmem(in.data, in.len, word, strlen(word)) != NULL;
}

/* "hunter2hunter2" alone in RFC 1929's message, or behind "user:" in base64. */
static bool holds_password(struct slice asked)
{
    return holds(asked, password_text) || holds(asked, "dXNlcjpodW50ZXIyaHVudGVyMg");
}

static void play(struct stream *s, const struct tunnel_target *target, size_t step, bool hangs_up,
                 struct outcome *o)
{
    *o = (struct outcome){0};
    buf_init(&s->asked, 65536);
    struct tunnel *t = tunnel_start((struct loop *)s, s, target, on_tunnel, o);
    if (s->late)
        s->late->fn(s->late->arg);
    while (!o->calls && s->there < s->said.len) {
        size_t taken;
        s->there += step < s->said.len - s->there ? step : s->said.len - s->there;
        do {
            taken = s->taken;
            s->fn(s->ctx, s, STREAM_INPUT);
        } while (!o->calls && s->taken > taken && s->there > s->taken);
    }
    if (!o->calls && hangs_up)
        s->fn(s->ctx, s, STREAM_EOF);
    if (!o->calls)
        tunnel_cancel(&t);
}

static void check_outcome(const struct stream *s, const struct tunnel_target *target,
                          const struct outcome *o)
{
    if (o->calls && !o->stands) {
        CHECK(o->err.kind == ERR_PROXY || o->err.kind == ERR_CLOSED || o->err.kind == ERR_LIMIT ||
              o->err.kind == ERR_INVALID);
        CHECK(memchr(o->err.words, 0, sizeof o->err.words));
        for (const char *c = o->err.words; *c; c++)
            CHECK(!ascii_is_control(*c) && !(*c & 0x80));
        CHECK(holds(s->said, password_text) || !holds(slice_of(o->err.words), password_text));
    }
    if (!target->user ||
        (target->kind == TUNNEL_SOCKS5 && !(s->said.len >= 2 && s->said.data[1] == 2)))
        CHECK(!holds_password(buf_view(&s->asked)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const hosts[] = {"smtp.example.test", "192.0.2.1", "2001:db8::1", "a b"};
    if (size < 2)
        return 0;
    struct secret *password = secret_new(slice_of(password_text));
    struct tunnel_target target = {data[0] & 1 ? TUNNEL_SOCKS5 : TUNNEL_HTTP,
                                   data[0] & 2 ? "user" : NULL, password, hosts[data[0] >> 2 & 3],
                                   587};
    struct slice said = slice_make(data + 1, size - 1);
    struct stream whole = {.said = said}, cut = {.said = said};
    struct outcome first, second;
    play(&whole, &target, said.len, data[0] & 16, &first);
    play(&cut, &target, 1, data[0] & 16, &second);
    check_outcome(&whole, &target, &first);
    check_outcome(&cut, &target, &second);
    CHECK(first.calls == second.calls && first.stands == second.stands &&
          first.err.kind == second.err.kind);
    CHECK(strcmp(first.err.words, second.err.words) == 0);
    if (first.stands)
        CHECK(whole.taken == cut.taken && cut.taken == cut.there);
    CHECK(slice_equal(buf_view(&whole.asked), buf_view(&cut.asked)));
    buf_free(&whole.asked);
    buf_free(&cut.asked);
    secret_free(&password);
    return 0;
}
