/* The scripted client: a queue of bytes to send, a queue of answers it waits for. */
#include "sim_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_world.h"

enum { QUEUE = 256, KEEP = 1024 * 1024, PATIENCE = 600, LINGER = 120, HELD = 1800 };

enum awaited {
    AWAIT_GREETING,
    AWAIT_HELLO,
    AWAIT_RSET,
    AWAIT_MAIL,
    AWAIT_RCPT,
    AWAIT_DATA,
    AWAIT_FINAL,
    AWAIT_QUIT
};

struct expectation {
    enum awaited what;
    size_t message, index;
};

struct sim_client {
    struct sim *sim;
    struct sim_client_script script;
    struct sim_end *end;
    struct sim_event start, send, give_up, next, thought;
    struct expectation queue[QUEUE];
    size_t first, count;
    struct buf out, in, replies;
    /* the one under way, or the next */
    size_t message;
    /* the recipient whose answer it thinks about */
    size_t heard;
    struct sim_outcome outcomes[SIM_CLIENT_MESSAGES];
    /* octets handed over; where each message's end of data ends */
    uint64_t sent, dot_at[SIM_CLIENT_MESSAGES];
    int last_code;
    bool cut_off;
    bool has_dsn, has_utf8, quit_said, finished, lost;
    bool leaving, done, gave_up, body_parted, closing, unreachable;
    char complaint[300];
};

static void complain(struct sim_client *c, const char *what, const char *detail)
{
    if (!c->complaint[0])
        snprintf(c->complaint, sizeof c->complaint, "%s: %.200s", what, detail);
}

static void finish(struct sim_client *c)
{
    c->done = true;
    sim_event_stop(c->sim->loop, &c->send);
    sim_event_stop(c->sim->loop, &c->give_up);
    sim_event_stop(c->sim->loop, &c->next);
    sim_event_stop(c->sim->loop, &c->thought);
    sim_event_stop(c->sim->loop, &c->start);
    if (c->end)
        sim_end_close(c->end);
    c->end = NULL;
}

static void hurry(struct sim_client *c)
{
    if (c->script.junk || c->script.deaf)
        return;
    usec patience = c->script.patience ? c->script.patience : PATIENCE * USEC_PER_SEC;
    sim_event_arm(c->sim->loop, &c->give_up, patience);
}

static void out_of_patience(void *arg)
{
    struct sim_client *c = arg;
    /* it was to be thrown out long ago */
    if (c->script.junk || c->script.deaf) {
        if (c->end && !sim_end_other(c->end)->closed)
            complain(c, "still holds the connection of a client that says or hears nothing", "");
        finish(c);
        return;
    }
    c->gave_up = true;
    sim_say(c->sim, "client gives up");
    finish(c);
}

static void part(struct sim_client *c)
{
    c->leaving = true;
    switch (c->script.parting) {
    case SIM_PART_QUIT:
    case SIM_PART_CLOSE: finish(c); break;
    case SIM_PART_RESET:
        sim_end_reset(c->end);
        c->end = NULL;
        finish(c);
        break;
    case SIM_PART_HALF: sim_end_finish(c->end); break;
    case SIM_PART_VANISH:
        sim_end_cut(c->end);
        finish(c);
        break;
    }
}

static void mark_dots(struct sim_client *c)
{
    for (size_t i = 0; i < c->script.n; i++)
        if (c->dot_at[i] > 0 && c->sent >= c->dot_at[i])
            c->outcomes[i].sent_dot = true;
}

static void send_some(void *arg)
{
    struct sim_client *c = arg;
    struct err err;
    while (c->end && c->out.len > 0) {
        size_t n =
            c->script.piece > 0 && c->out.len > c->script.piece ? c->script.piece : c->out.len;
        ssize_t done = sim_end_write(c->end, c->out.data + c->out.head, n, &err);
        /* a wake, or the end, will come */
        if (done <= 0)
            return;
        c->sent += (uint64_t)done;
        buf_consume(&c->out, (size_t)done);
        mark_dots(c);
        if (c->script.piece > 0 && c->out.len > 0) {
            sim_event_arm(c->sim->loop, &c->send, c->script.gap);
            return;
        }
    }
    if (c->end && c->closing && !c->leaving)
        part(c);
    else if (c->end && c->script.half && c->quit_said && !c->finished) {
        c->finished = true;
        sim_end_finish(c->end);
    }
}

static void say(struct sim_client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct sim_client *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)!buf_vprintf(&c->out, fmt, args);
    va_end(args);
    (void)!buf_append_slice(&c->out, slice_of(c->script.bare_lf ? "\n" : "\r\n"));
    if (!c->send.slot)
        sim_event_arm(c->sim->loop, &c->send, 0);
}

static void await(struct sim_client *c, enum awaited what, size_t message, size_t index)
{
    if (c->count == QUEUE)
        abort();
    c->queue[(c->first + c->count++) % QUEUE] = (struct expectation){what, message, index};
    hurry(c);
}

/* Whether the script ends here: then what is queued leaves, and the client after it. */
static bool parts(struct sim_client *c, enum sim_client_step step)
{
    bool last = c->message + 1 >= c->script.n;
    if (c->script.parts_at != step || !last || c->closing)
        return c->closing;
    c->closing = true;
    if (!c->send.slot)
        sim_event_arm(c->sim->loop, &c->send, 0);
    return true;
}

static void say_rcpt(struct sim_client *c, size_t i)
{
    const struct sim_message *m = &c->script.messages[c->message];
    bool dsn = m->dsn_rcpt && c->has_dsn;
    say(c, "RCPT TO:<%s>%s%s", m->to[i], dsn ? " " : "", dsn ? m->dsn_rcpt : "");
    await(c, AWAIT_RCPT, c->message, i);
}

static void say_data(struct sim_client *c)
{
    say(c, "DATA");
    await(c, AWAIT_DATA, c->message, 0);
    (void)parts(c, SIM_CLIENT_SENT_DATA);
}

static void say_mail(struct sim_client *c)
{
    const struct sim_message *m = &c->script.messages[c->message];
    c->outcomes[c->message].began = true;
    const struct sim_outcome *before = c->message > 0 ? &c->outcomes[c->message - 1] : NULL;
    /* a transaction that never came to its end */
    bool open = before && before->mail / 100 == 2 && before->data != 354;
    if (m->rset_before || open) {
        say(c, "RSET");
        await(c, AWAIT_RSET, c->message, 0);
    }
    struct sim_outcome *o = &c->outcomes[c->message];
    o->used_dsn = m->dsn_mail && c->has_dsn;
    o->used_utf8 = m->utf8 && c->has_utf8;
    say(c, "MAIL FROM:<%s>%s%s%s%s%s", m->from, m->parameters ? " " : "",
        m->parameters ? m->parameters : "", o->used_dsn ? " " : "", o->used_dsn ? m->dsn_mail : "",
        o->used_utf8 ? " SMTPUTF8" : "");
    await(c, AWAIT_MAIL, c->message, 0);
    if (parts(c, SIM_CLIENT_SENT_MAIL) || !c->script.pipelining)
        return;
    for (size_t i = 0; i < m->nto; i++)
        say_rcpt(c, i);
    if (!parts(c, SIM_CLIENT_SENT_RCPT))
        say_data(c);
}

static void say_quit(struct sim_client *c)
{
    if (!c->quit_said) {
        say(c, "QUIT");
        await(c, AWAIT_QUIT, 0, 0);
    }
    c->quit_said = true;
}

static void next_message(void *arg)
{
    struct sim_client *c = arg;
    if (c->leaving || c->closing || !c->end)
        return;
    if (c->message < c->script.n) {
        say_mail(c);
    } else if (c->script.parting == SIM_PART_QUIT) {
        say_quit(c);
    } else {
        part(c);
    }
}

static void message_is_over(struct sim_client *c)
{
    c->message++;
    sim_event_arm(c->sim->loop, &c->next, c->script.pause);
}

static void send_body(struct sim_client *c)
{
    const struct sim_message *m = &c->script.messages[c->message];
    bool whole = c->script.parts_at != SIM_CLIENT_IN_BODY || c->message + 1 < c->script.n;
    bool nobody = true;
    for (size_t i = 0; i < m->nto; i++)
        nobody = nobody && c->outcomes[c->message].rcpt[i] / 100 != 2;
    size_t before = c->out.len;
    if (!nobody)
        sim_stuff(&c->out, m->body, m->len, c->script.lf);
    if (whole) {
        (void)!buf_append_slice(&c->out, slice_of(c->script.lf ? ".\n" : ".\r\n"));
        c->dot_at[c->message] = c->sent + c->out.len;
        await(c, AWAIT_FINAL, c->message, 0);
    } else if (c->out.len - before > c->script.parts_after) {
        c->out.len = before + c->script.parts_after;
    }
    if (!c->send.slot)
        sim_event_arm(c->sim->loop, &c->send, 0);
    if (parts(c, SIM_CLIENT_IN_BODY) || parts(c, SIM_CLIENT_SENT_DOT))
        return;
    if (c->script.quit_behind && c->message + 1 == c->script.n)
        say_quit(c);
    if (c->script.eager && c->script.pipelining && c->message + 1 < c->script.n) {
        c->message++;
        say_mail(c);
    }
}

/* Everything at once, as a device does that was never told to wait. */
static void say_all(struct sim_client *c)
{
    say(c, "%s client.lan", c->script.helo ? "HELO" : "EHLO");
    await(c, AWAIT_HELLO, 0, 0);
    for (size_t i = 0; i < c->script.n; i++) {
        const struct sim_message *m = &c->script.messages[i];
        c->outcomes[i].began = true;
        say(c, "MAIL FROM:<%s>", m->from);
        await(c, AWAIT_MAIL, i, 0);
        for (size_t k = 0; k < m->nto; k++) {
            say(c, "RCPT TO:<%s>", m->to[k]);
            await(c, AWAIT_RCPT, i, k);
        }
        say(c, "DATA");
        await(c, AWAIT_DATA, i, 0);
        sim_stuff(&c->out, m->body, m->len, c->script.lf);
        (void)!buf_append_slice(&c->out, slice_of(c->script.lf ? ".\n" : ".\r\n"));
        c->dot_at[i] = c->out.len;
        await(c, AWAIT_FINAL, i, 0);
    }
    say_quit(c);
}

static void heard_in_flight(struct sim_client *c, const struct expectation *e, int code)
{
    struct sim_outcome *o = &c->outcomes[e->message];
    switch (e->what) {
    case AWAIT_MAIL: o->mail = code; break;
    case AWAIT_RCPT: o->rcpt[e->index] = code; break;
    case AWAIT_DATA:
        o->data = code;
        /* its body is read as commands now: what is answered from here on means nothing */
        c->lost = code != 354;
        break;
    case AWAIT_FINAL:
        o->final = code;
        o->acked = sim_now(c->sim);
        break;
    case AWAIT_GREETING:
    case AWAIT_HELLO:
    case AWAIT_RSET:
    case AWAIT_QUIT: break;
    }
}

/* ---- answers ---- */

static void go_on(void *arg)
{
    struct sim_client *c = arg;
    const struct sim_message *m = &c->script.messages[c->message];
    size_t index = c->heard;
    bool any = false;
    if (c->leaving || c->closing || !c->end)
        return;
    if (index + 1 < m->nto) {
        say_rcpt(c, index + 1);
        return;
    }
    for (size_t i = 0; i < m->nto; i++)
        any = any || c->outcomes[c->message].rcpt[i] / 100 == 2;
    if (parts(c, SIM_CLIENT_SENT_RCPT))
        return;
    if (any)
        say_data(c);
    else
        message_is_over(c);
}

static void heard_rcpt(struct sim_client *c, size_t index)
{
    if (c->script.pipelining)
        return;
    c->heard = index;
    if (c->script.think > 0)
        sim_event_arm(c->sim->loop, &c->thought, c->script.think);
    else
        go_on(c);
}

static void keep_text(struct sim_client *c, const struct expectation *e, int code,
                      struct slice text)
{
    struct sim_outcome *o = &c->outcomes[e->message];
    /* a reply ends in CRLF: it is bounded */
    if (e->what >= AWAIT_MAIL && e->what <= AWAIT_FINAL && (code >= 400 || e->what == AWAIT_FINAL))
        snprintf(o->text, sizeof o->text, "%.*s", (int)strcspn(text.data, "\r\n"), text.data);
}

static void heard(struct sim_client *c, const struct expectation *e, int code)
{
    struct sim_outcome *o = &c->outcomes[e->message];
    switch (e->what) {
    case AWAIT_GREETING:
        if (code == 220 && !parts(c, SIM_CLIENT_GREETED)) {
            say(c, "%s client.lan", c->script.helo ? "HELO" : "EHLO");
            await(c, AWAIT_HELLO, 0, 0);
        }
        break;
    case AWAIT_HELLO:
        if (!parts(c, SIM_CLIENT_SAID_HELLO))
            sim_event_arm(c->sim->loop, &c->next, c->script.pause);
        break;
    case AWAIT_RSET: break;
    case AWAIT_MAIL:
        o->mail = code;
        if (!c->script.pipelining && !c->closing) {
            if (code / 100 == 2)
                say_rcpt(c, 0);
            else
                message_is_over(c);
        }
        break;
    case AWAIT_RCPT:
        o->rcpt[e->index] = code;
        if (!c->closing)
            heard_rcpt(c, e->index);
        break;
    case AWAIT_DATA:
        o->data = code;
        if (code == 354 && !c->closing)
            send_body(c);
        else if (!c->closing)
            message_is_over(c);
        break;
    case AWAIT_FINAL:
        o->final = code;
        o->acked = sim_now(c->sim);
        if (!c->closing && c->message == e->message)
            message_is_over(c);
        break;
    /* the server closes */
    case AWAIT_QUIT: break;
    }
}

static bool slice_find_text(struct slice text, const char *word)
{
    return memmem(text.data, text.len, word, strlen(word)) != NULL;
}

static void take_reply(struct sim_client *c, int code, struct slice text)
{
    hurry(c);
    c->last_code = code;
    if (c->lost || c->script.junk)
        return;
    if (c->count == 0) {
        if (code != 421)
            complain(c, "a reply that nobody asked for", slice_head(text, 100).data);
        return;
    }
    struct expectation e = c->queue[c->first];
    c->first = (c->first + 1) % QUEUE;
    c->count--;
    keep_text(c, &e, code, text);
    /* it answers what was open, and closes */
    if (code == 421 && e.what != AWAIT_GREETING) {
        if (e.what == AWAIT_FINAL)
            c->outcomes[e.message].final = code;
        return;
    }
    if (e.what == AWAIT_HELLO) {
        c->has_dsn = slice_find_text(text, "DSN");
        c->has_utf8 = slice_find_text(text, "SMTPUTF8");
    }
    if (c->script.blast)
        heard_in_flight(c, &e, code);
    else
        heard(c, &e, code);
}

/* Takes one whole reply off the input. */
static bool take_one(struct sim_client *c)
{
    struct slice view = buf_view(&c->in);
    for (size_t at = 0;;) {
        size_t n = slice_find(slice_from(view, at), '\n');
        if (at + n >= view.len)
            return false;
        const char *line = view.data + at;
        if (n < 5 || line[n - 1] != '\r' || line[0] < '2' || line[0] > '5' ||
            (line[3] != ' ' && line[3] != '-')) {
            complain(c, "not a reply", line);
            buf_clear(&c->in);
            return false;
        }
        at += n + 1;
        if (line[3] == ' ') {
            take_reply(c, atoi(line), slice_make(view.data, at));
            buf_consume(&c->in, at);
            return true;
        }
    }
}

static void wakes(void *ctx)
{
    struct sim_client *c = ctx;
    char chunk[4096];
    struct err err;
    ssize_t n = 0;
    enum transport_step step = sim_end_connect_step(c->end, &err);
    if (step == TRANSPORT_AGAIN)
        return;
    if (step == TRANSPORT_FAILED) {
        c->unreachable = true;
        finish(c);
        return;
    }
    while (c->end && !c->script.deaf && (n = sim_end_read(c->end, chunk, sizeof chunk, &err)) > 0) {
        (void)!buf_append(&c->in, chunk, (size_t)n);
        (void)!buf_append(&c->replies, chunk, (size_t)n);
        while (c->end && take_one(c))
            continue;
    }
    if (c->end && n < 0) {
        c->cut_off = c->last_code != 0 && c->count > 0 && !c->lost && !c->script.junk &&
                     !c->leaving && c->last_code != 421;
        finish(c);
    }
    if (c->end && c->out.len > 0 && !c->send.slot)
        send_some(c);
}

static void start(void *arg)
{
    struct sim_client *c = arg;
    struct addr at, source = {0};
    if (!addr_parse_with_port(slice_of(c->script.at), &at) ||
        (c->script.source && !addr_parse(slice_of(c->script.source), &source)))
        abort();
    c->end = sim_connect(c->sim, &at, &source, wakes, c);
    if (c->script.junk || c->script.deaf)
        sim_event_arm(c->sim->loop, &c->give_up, HELD * USEC_PER_SEC);
    for (unsigned i = 0; i < c->script.junk_times; i++)
        (void)!buf_append(&c->out, c->script.junk, c->script.junk_len);
    if (c->script.junk)
        return;
    await(c, AWAIT_GREETING, 0, 0);
    if (c->script.blast)
        say_all(c);
}

struct sim_client *sim_client_new(struct sim *sim, const struct sim_client_script *script,
                                  usec delay)
{
    struct sim_client *c = NEW(struct sim_client);
    c->sim = sim;
    c->script = *script;
    sim_event_init(&c->start, start, c);
    sim_event_init(&c->send, send_some, c);
    sim_event_init(&c->give_up, out_of_patience, c);
    sim_event_init(&c->next, next_message, c);
    sim_event_init(&c->thought, go_on, c);
    buf_init(&c->out, 64 * KEEP);
    buf_init(&c->in, KEEP);
    buf_init(&c->replies, KEEP);
    sim_event_arm(sim->loop, &c->start, delay);
    return c;
}

void sim_client_free(struct sim_client **client)
{
    struct sim_client *c = *client;
    if (!c)
        return;
    finish(c);
    buf_free(&c->out);
    buf_free(&c->in);
    buf_free(&c->replies);
    free(c);
    *client = NULL;
}

bool sim_client_is_done(const struct sim_client *c)
{
    return c->done;
}

const struct sim_client_script *sim_client_script(const struct sim_client *c)
{
    return &c->script;
}

const struct sim_outcome *sim_client_outcome(const struct sim_client *c, size_t message)
{
    return &c->outcomes[message];
}

const char *sim_client_replies(const struct sim_client *c)
{
    struct buf *b = &((struct sim_client *)(uintptr_t)c)->replies;
    /* a NUL behind, not counted */
    if (buf_room(b) > 0 && buf_append(b, "", 1))
        b->len--;
    return b->data ? b->data + b->head : "";
}

const char *sim_client_complaint(const struct sim_client *c)
{
    return c->complaint[0] ? c->complaint : NULL;
}

bool sim_client_got_in(const struct sim_client *c)
{
    return !c->unreachable;
}

bool sim_client_is_lost(const struct sim_client *c)
{
    return c->lost;
}

bool sim_client_was_cut_off(const struct sim_client *c)
{
    return c->cut_off;
}

bool sim_client_gave_up(const struct sim_client *c)
{
    return c->gave_up;
}
