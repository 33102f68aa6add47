/* The scripted server's life: accepting, answering, and the faults that strike instead of an
 * answer. */
#include "sim_upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_upstream_internal.h"

enum { IN_CAP = 1024 * 1024, OUT_CAP = 2 * IN_CAP, LINES = 10000, FLOOD = 1024 * 1024 };

const char *sim_step_name(enum sim_step step)
{
    static const char *const names[] = {"greeting", "EHLO", "STARTTLS", "second EHLO", "AUTH",
                                        "MAIL",     "RCPT", "DATA",     "body",        "chunk",
                                        "verdict",  "RSET", "QUIT",     "idle"};
    return names[step];
}

const char *sim_fault_name(enum sim_fault fault)
{
    static const char *const names[] = {"none", "close", "reset", "stall", "hole",  "reply",
                                        "drip", "twice", "slow",  "last",  "lines", "flood"};
    return names[fault];
}

struct sim_upstream_script sim_upstream_kind(const char *name, const char *user,
                                             const char *password)
{
    struct sim_upstream_script s = {.delay = USEC_PER_MS,
                                    .greeting = "220 upstream.example.com ESMTP",
                                    .starttls = true,
                                    .pipelining = true,
                                    .chunking = true,
                                    .eightbit = true,
                                    .smtputf8 = true,
                                    .dsn = true,
                                    .enhanced = true,
                                    .has_size = true,
                                    .size = 10000000,
                                    .mechanisms = "PLAIN LOGIN",
                                    .user = user,
                                    .password = password,
                                    .genuine = true};
    s.tls = (struct sim_tls_server){
        .certificate = {.names = name, .issuer = "public"}, .newest = TLS_V1_3, .oldest = TLS_V1_2};
    return s;
}

static void session_free(struct up_session *s)
{
    struct loop *loop = s->u->sim->loop;
    sim_event_stop(loop, &s->due);
    sim_event_stop(loop, &s->idle);
    if (s->end)
        sim_end_close(s->end);
    link_remove(&s->link);
    s->u->nsessions--;
    buf_free(&s->in);
    buf_free(&s->out);
    free(s->user);
    free(s->token);
    ledger_mail_free(&s->mail);
    buf_free(&s->mail.body);
    free(s);
}

const struct sim_fault_rule *up_rule_due(const struct sim_upstream *u, enum sim_step step)
{
    for (size_t i = 0; i < SIM_RULES; i++) {
        const struct sim_fault_rule *r = &u->script.faults[i];
        if (r->fault != SIM_FAULT_NONE && r->step == step && u->seen[step] >= r->skip &&
            (r->times == 0 || u->seen[step] < r->skip + r->times))
            return r;
    }
    return NULL;
}

static const struct sim_fault_rule *step_comes(struct up_session *s, enum sim_step step)
{
    const struct sim_fault_rule *r = up_rule_due(s->u, step);
    s->u->seen[step]++;
    if (!r)
        return NULL;
    s->u->struck++;
    sim_say(s->u->sim, "session %zu: %s at %s", s->number, sim_fault_name(r->fault),
            sim_step_name(step));
    return r;
}

static void expect_silence(struct up_session *s)
{
    s->state = UP_DEAF;
    s->busy = false;
    buf_clear(&s->in);
}

static void wait_for_work(struct up_session *s)
{
    const struct sim_fault_rule *r = up_rule_due(s->u, SIM_AT_IDLE);
    if (r && s->authenticated && !s->has_mail && s->state == UP_COMMANDS && !s->busy)
        sim_event_arm(s->u->sim->loop, &s->idle, r->delay);
}

static void after_answer(struct up_session *s)
{
    enum up_after after = s->after;
    s->busy = s->drips = false;
    s->out_done = 0;
    buf_clear(&s->out);
    s->after = AFTER_NOTHING;
    if (s->verdict_is_good && s->mail_taken > 0)
        s->u->ledger->mails[s->mail_taken - 1].answered = true;
    s->verdict_is_good = false;
    if (after == AFTER_CLOSE) {
        session_free(s);
        return;
    }
    if (after == AFTER_TLS) {
        if (s->in.len > 0)
            up_complain(s, "bytes in clear after STARTTLS");
        buf_clear(&s->in);
        s->handshaking = true;
        sim_end_tls_as_server(s->end, &s->u->script.tls);
        return;
    }
    if (after == AFTER_BODY)
        s->state = UP_BODY;
    wait_for_work(s);
    up_process(s);
}

static void answer_leaves(void *arg)
{
    struct up_session *s = arg;
    struct err err;
    size_t n = s->out.len - s->out_done;
    if (s->drips && n > 1)
        n = 1;
    ssize_t done = sim_end_write(s->end, s->out.data + s->out.head + s->out_done, n, &err);
    if (done > 0)
        s->out_done += (size_t)done;
    if (done >= 0 && s->out_done < s->out.len) {
        sim_event_arm(s->u->sim->loop, &s->due, USEC_PER_MS);
        return;
    }
    after_answer(s);
}

static void answer_in_many_lines(struct up_session *s)
{
    char *last = mem_copy(s->out.data + s->out.head, s->out.len);
    size_t n = s->out.len;
    buf_clear(&s->out);
    for (unsigned i = 0; i < LINES; i++)
        (void)!buf_printf(&s->out, "%.3s-line %u\r\n", last, i);
    (void)!buf_append(&s->out, last, n);
    free(last);
}

static void flood(struct up_session *s)
{
    char *x = mem_alloc(FLOOD);
    memset(x, '2', FLOOD);
    buf_clear(&s->out);
    s->verdict_is_good = false;
    (void)!buf_append(&s->out, x, FLOOD);
    free(x);
}

static void strike(struct up_session *s, const struct sim_fault_rule *r, usec *delay)
{
    switch (r->fault) {
    /* done by up_answer */
    case SIM_FAULT_CLOSE:
    case SIM_FAULT_RESET: break;
    case SIM_FAULT_STALL:
    case SIM_FAULT_HOLE:
        if (r->fault == SIM_FAULT_HOLE)
            sim_end_cut(s->end);
        expect_silence(s);
        break;
    case SIM_FAULT_REPLY:
        buf_clear(&s->out);
        (void)!buf_append_slice(&s->out, slice_of(r->text));
        s->after = strncmp(r->text, "421", 3) == 0                        ? AFTER_CLOSE
                   : strncmp(r->text, "354", 3) == 0 || r->text[0] == '2' ? s->after
                                                                          : AFTER_NOTHING;
        break;
    case SIM_FAULT_DRIP: s->drips = true; break;
    case SIM_FAULT_TWICE: {
        char *copy = mem_copy(s->out.data + s->out.head, s->out.len);
        (void)!buf_append(&s->out, copy, s->out.len);
        free(copy);
        break;
    }
    case SIM_FAULT_SLOW: *delay += r->delay; break;
    case SIM_FAULT_LAST: s->after = AFTER_CLOSE; break;
    case SIM_FAULT_LINES: answer_in_many_lines(s); break;
    case SIM_FAULT_FLOOD: flood(s); break;
    case SIM_FAULT_NONE:
    case SIM_FAULT_COUNT: break;
    }
}

static void end_by(struct up_session *s, enum sim_fault fault)
{
    if (fault == SIM_FAULT_RESET)
        sim_end_reset(s->end);
    else
        sim_end_close(s->end);
    s->end = NULL;
    s->state = UP_DEAF;
    /* the session goes when nobody stands in it any more */
    sim_event_arm(s->u->sim->loop, &s->due, 0);
}

static void dispatch_answer(struct up_session *s, const struct sim_fault_rule *r)
{
    usec delay = s->u->script.delay;
    s->busy = true;
    if (r && (r->fault == SIM_FAULT_CLOSE || r->fault == SIM_FAULT_RESET)) {
        end_by(s, r->fault);
        return;
    }
    if (r)
        strike(s, r, &delay);
    if (s->state != UP_DEAF)
        sim_event_arm(s->u->sim->loop, &s->due, delay);
}

void up_answer(struct up_session *s, enum sim_step step, enum up_after after, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_clear(&s->out);
    (void)!buf_vprintf(&s->out, fmt, args);
    va_end(args);
    s->after = after;
    dispatch_answer(s, step_comes(s, step));
}

void up_answer_plain(struct up_session *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_clear(&s->out);
    (void)!buf_vprintf(&s->out, fmt, args);
    va_end(args);
    s->after = AFTER_NOTHING;
    dispatch_answer(s, NULL);
}

/* Connections count until AUTH, where who logged in does. At MAIL only those that came before, or
 * each of too many would be the one that is one too many. */
const char *up_cap_says(struct up_session *s, enum sim_step step)
{
    const struct sim_upstream_script *script = &s->u->script;
    unsigned others = 0;
    if (!script->cap || script->cap_at != step)
        return NULL;
    LIST_EACH (&s->u->sessions, it) {
        const struct up_session *other = CONTAINER(it, struct up_session, link);
        if (step == SIM_AT_AUTH)
            others += other != s && other->authenticated;
        else
            others += other->number < s->number && (step != SIM_AT_MAIL || other->authenticated);
    }
    if (others < script->cap)
        return NULL;
    s->u->capped++;
    return script->cap_reply;
}

bool up_strikes_body(struct up_session *s)
{
    const struct sim_fault_rule *r = up_rule_due(s->u, SIM_AT_BODY);
    if (!r || s->body_struck || s->body_bytes < r->bytes)
        return false;
    s->body_struck = true;
    r = step_comes(s, SIM_AT_BODY);
    /* there is no answer to disturb here */
    if (r->fault == SIM_FAULT_DRIP || r->fault == SIM_FAULT_TWICE || r->fault == SIM_FAULT_SLOW ||
        r->fault == SIM_FAULT_LAST || r->fault == SIM_FAULT_LINES)
        return false;
    buf_clear(&s->out);
    s->after = AFTER_NOTHING;
    dispatch_answer(s, r);
    return true;
}

static void due(void *arg)
{
    struct up_session *s = arg;
    if (s->end)
        answer_leaves(s);
    else
        session_free(s);
}

static void idle_is_over(void *arg)
{
    struct up_session *s = arg;
    if (s->busy || s->has_mail || s->in.len > 0 || !s->end)
        return;
    const struct sim_fault_rule *r = step_comes(s, SIM_AT_IDLE);
    if (!r)
        return;
    buf_clear(&s->out);
    if (r->fault == SIM_FAULT_REPLY || r->fault == SIM_FAULT_CLOSE || r->fault == SIM_FAULT_RESET ||
        r->fault == SIM_FAULT_HOLE || r->fault == SIM_FAULT_STALL || r->fault == SIM_FAULT_FLOOD)
        dispatch_answer(s, r);
}

static void greet(struct up_session *s)
{
    s->greeted = true;
    const char *full = up_cap_says(s, SIM_AT_GREETING),
               *greeting = full ? full : s->u->script.greeting;
    up_answer(s, SIM_AT_GREETING, greeting[0] != '2' ? AFTER_CLOSE : AFTER_NOTHING, "%s\r\n",
              greeting);
}

/* False: the session is gone. */
static bool read_all(struct up_session *s)
{
    char chunk[4096];
    struct err err;
    for (;;) {
        ssize_t n = sim_end_read(s->end, chunk, sizeof chunk, &err);
        if (n == 0)
            return true;
        if (n < 0) {
            if (s->has_mail && s->mail.nto > 0)
                sim_say(s->u->sim, "session %zu: client gone in mid-transaction", s->number);
            session_free(s);
            return false;
        }
        sim_event_stop(s->u->sim->loop, &s->idle);
        if (!s->greeted)
            up_complain(s, "speaks before the greeting");
        if (s->state != UP_DEAF && !buf_append(&s->in, chunk, (size_t)n))
            up_complain(s, "floods");
    }
}

static void wakes(void *ctx)
{
    struct up_session *s = ctx;
    struct err err;
    if (!s->end)
        return;
    if (s->handshaking) {
        enum transport_step step = sim_end_handshake(s->end, &err);
        if (step == TRANSPORT_FAILED)
            session_free(s);
        if (step != TRANSPORT_DONE)
            return;
        s->handshaking = false;
        s->sealed = true;
        if (!s->greeted)
            greet(s);
    }
    if (read_all(s) && !s->busy)
        up_process(s);
}

static void accepted(void *ctx, struct sim_end *e)
{
    struct sim_upstream *u = ctx;
    struct up_session *s = NEW(struct up_session);
    s->u = u;
    s->end = e;
    s->number = u->ledger->sessions++;
    sim_event_init(&s->due, due, s);
    sim_event_init(&s->idle, idle_is_over, s);
    buf_init(&s->in, IN_CAP);
    buf_init(&s->out, OUT_CAP);
    up_reset_transaction(s);
    list_push_back(&u->sessions, &s->link);
    u->nsessions++;
    sim_end_set_owner(e, wakes, s);
    if (u->script.implicit) {
        s->handshaking = true;
        sim_end_tls_as_server(e, &u->script.tls);
    } else {
        greet(s);
    }
}

struct sim_upstream *sim_upstream_new(struct sim *sim, struct sim_ledger *ledger, const char *at,
                                      const struct sim_upstream_script *script)
{
    struct sim_upstream *u = NEW(struct sim_upstream);
    u->sim = sim;
    u->ledger = ledger;
    u->script = *script;
    link_init(&u->sessions);
    if (!addr_parse_with_port(slice_of(at), &u->at))
        abort();
    u->listening = sim_listen(sim, &u->at, accepted, u);
    return u;
}

void sim_upstream_free(struct sim_upstream **u)
{
    if (!*u)
        return;
    LIST_EACH (&(*u)->sessions, it)
        session_free(CONTAINER(it, struct up_session, link));
    sim_listening_close(&(*u)->listening);
    free(*u);
    *u = NULL;
}

struct sim_upstream_script *sim_upstream_script(struct sim_upstream *u)
{
    return &u->script;
}

size_t sim_upstream_sessions(const struct sim_upstream *u)
{
    return u->nsessions;
}

unsigned sim_upstream_struck(const struct sim_upstream *u)
{
    return u->struck;
}

unsigned sim_upstream_capped(const struct sim_upstream *u)
{
    return u->capped;
}
