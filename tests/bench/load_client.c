#include "bench/bench.h"
#include "bench/load.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

/* smaller messages leave in one write with everything before them */
#define COPY_BELOW 65536

static void complain(struct load *l, const char *what, const char *words, size_t len)
{
    if (!l->complaint[0])
        snprintf(l->complaint, sizeof l->complaint, "%s: %.*s", what, (int)(len < 200 ? len : 200),
                 words);
}

static void say(struct load_client *c, enum load_state next, const char *line)
{
    chan_queue(&c->chan, line, strlen(line));
    c->state = next;
}

static void settle(struct load_client *c, uint64_t *counter)
{
    if (c->has_message)
        ++*counter;
    c->has_message = false;
}

static void finish(struct load_client *c)
{
    c->finished = true;
    c->load->running--;
}

void load_client_start(struct load_client *c)
{
    struct load *l = c->load;
    if (l->next >= (uint64_t)l->messages) {
        finish(c);
        return;
    }
    c->number = l->next++;
    c->has_message = true;
    c->sent_here = 0;
    c->started_ns = now_ns();
    c->state = LOAD_CONNECT;
    l->counts.connections++;
    chan_open(&c->chan, l->epoll, connect_to(&l->to, l->spread ? c->index + 1 : 0), c, true);
    if (l->tls == LOAD_IMPLICIT)
        chan_start_tls(&c->chan, l->context, false, l->name);
}

static void hang_up(struct load_client *c, const char *why, bool wanted)
{
    if (!wanted)
        complain(c->load, "connection lost", why, strlen(why));
    settle(c, &c->load->counts.lost);
    chan_close(&c->chan);
    load_client_start(c);
}

static void mail(struct load_client *c)
{
    char line[128];
    c->recipients = 0;
    snprintf(line, sizeof line, "MAIL FROM:<scanner@a%llu.test>\r\n",
             (unsigned long long)(c->number % (uint64_t)c->load->senders));
    say(c, LOAD_MAIL, line);
}

static void rcpt(struct load_client *c)
{
    char line[64];
    snprintf(line, sizeof line, "RCPT TO:<you%ld@example.test>\r\n", ++c->recipients);
    say(c, LOAD_RCPT, line);
}

static void body(struct load_client *c)
{
    struct message_maker *m = &c->load->maker;
    char head[MESSAGE_HEAD];
    size_t len = message_head(m, c->number, head, &c->digest);
    chan_queue(&c->chan, head, len);
    if (m->filler_len < COPY_BELOW)
        chan_queue(&c->chan, m->filler, m->filler_len);
    else
        chan_tail(&c->chan, m->filler, m->filler_len);
    c->state = LOAD_BODY;
}

static void next_message(struct load_client *c)
{
    struct load *l = c->load;
    if (++c->sent_here >= l->per_connection || l->next >= (uint64_t)l->messages) {
        say(c, LOAD_QUIT, "QUIT\r\n");
        return;
    }
    c->number = l->next++;
    c->has_message = true;
    c->started_ns = now_ns();
    mail(c);
}

static void acked(struct load_client *c)
{
    struct load_counts *n = &c->load->counts;
    uint64_t now = now_ns();
    if (n->acked == 0)
        n->first_ack_ns = now;
    n->last_ack_ns = now;
    c->load->micros[n->acked] = (now - c->started_ns) / 1000;
    n->digest += c->digest;
    n->bytes += c->load->size;
    settle(c, &n->acked);
    next_message(c);
}

static void after_hello(struct load_client *c)
{
    struct load *l = c->load;
    if (c->state == LOAD_EHLO && l->tls == LOAD_STARTTLS)
        say(c, LOAD_GO_TLS, "STARTTLS\r\n");
    else if (l->auth[0])
        say(c, LOAD_AUTH, l->auth);
    else
        mail(c);
}

/* A refusal ends the message; QUIT and a new connection for the next one, as simple software does
 * it. */
static void refused(struct load_client *c, const char *line, size_t len)
{
    complain(c->load, "refused", line, len);
    settle(c, &c->load->counts.refused);
    say(c, LOAD_QUIT, "QUIT\r\n");
}

static void reply(struct load_client *c, const char *line, size_t len)
{
    char wanted = c->state == LOAD_DATA ? '3' : '2';
    if (line[0] != wanted && c->state != LOAD_QUIT) {
        refused(c, line, len);
        return;
    }
    switch (c->state) {
    case LOAD_GREETING: say(c, LOAD_EHLO, "EHLO scanner.office.test\r\n"); break;
    case LOAD_EHLO:
    case LOAD_EHLO_TLS: after_hello(c); break;
    case LOAD_GO_TLS:
        c->state = LOAD_TLS;
        chan_start_tls(&c->chan, c->load->context, false, c->load->name);
        break;
    case LOAD_AUTH: mail(c); break;
    case LOAD_MAIL: rcpt(c); break;
    case LOAD_RCPT:
        if (c->recipients < c->load->recipients)
            rcpt(c);
        else
            say(c, LOAD_DATA, "DATA\r\n");
        break;
    case LOAD_DATA: body(c); break;
    case LOAD_BODY: acked(c); break;
    default: break;
    }
}

/* Works through complete lines; the last line of each reply counts. False: the conversation is
 * over. */
static bool read_replies(struct load_client *c)
{
    size_t done = 0;
    for (;;) {
        const char *line = c->chan.in + done, *end = memchr(line, '\n', c->chan.in_len - done);
        if (!end)
            break;
        size_t len = (size_t)(end - line);
        done += len + 1;
        if (len >= 4 && line[3] == '-')
            continue;
        if (c->state == LOAD_QUIT)
            return false;
        reply(c, line, len && line[len - 1] == '\r' ? len - 1 : len);
    }
    chan_consume(&c->chan, done);
    return true;
}

static int handshake(struct load_client *c)
{
    int outcome = chan_handshake(&c->chan);
    if (outcome == 1) {
        c->load->counts.handshakes++;
        if (c->state == LOAD_TLS)
            say(c, LOAD_EHLO_TLS, "EHLO scanner.office.test\r\n");
    }
    return outcome;
}

void load_client_event(struct load_client *c, uint32_t events)
{
    if (c->state == LOAD_CONNECT) {
        if (events & (EPOLLERR | EPOLLHUP)) {
            hang_up(c, "connect failed", false);
            return;
        }
        c->state = LOAD_GREETING;
    }
    for (;;) {
        if (c->chan.ssl && c->chan.handshaking) {
            int outcome = handshake(c);
            if (outcome < 0) {
                hang_up(c, "TLS failed", false);
                return;
            }
        }
        bool secure = !c->chan.handshaking;
        long got = secure && !(c->chan.out_len > c->chan.out_done) ? chan_fill(&c->chan) : 0;
        if (got < 0 || (got > 0 && !read_replies(c))) {
            hang_up(c, "closed by the server", c->state == LOAD_QUIT);
            return;
        }
        /* the ClientHello leaves at once */
        if (c->chan.handshaking && got > 0)
            continue;
        if (!c->chan.handshaking && chan_flush(&c->chan, c) != 0) {
            hang_up(c, "write failed", false);
            return;
        }
        if (got == 0)
            return;
    }
}
