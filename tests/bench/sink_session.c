#include "bench/bench.h"
#include "bench/sink.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void say(struct sink_session *s, const char *words)
{
    chan_queue(&s->chan, words, strlen(words));
}

static void forget_message(struct sink_session *s)
{
    s->mail = s->recipient = false;
    s->raw_bytes = 0;
    memset(&s->digest, 0, sizeof s->digest);
    memcpy(s->previous, "\r\n", 2);
    s->dot_state = 0;
}

static void complete_message(struct sink_session *s)
{
    struct sink_counts *n = &s->sink->counts;
    n->last_ns = now_ns();
    if (n->messages++ == 0)
        n->first_ns = n->last_ns;
    n->bytes += s->raw_bytes;
    n->digest += digest_end(&s->digest);
    forget_message(s);
    s->state = SINK_LINE;
    say(s, "250 2.0.0 taken\r\n");
}

static bool needs_auth(const struct sink_session *s)
{
    return s->kind == SINK_STARTTLS || s->kind == SINK_IMPLICIT;
}

static void ehlo(struct sink_session *s)
{
    say(s, "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n");
    if (s->sink->chunking)
        say(s, "250-CHUNKING\r\n");
    if (s->kind == SINK_STARTTLS && !s->tls)
        say(s, "250-STARTTLS\r\n");
    else if (needs_auth(s))
        say(s, "250-AUTH PLAIN\r\n");
    say(s, "250 SIZE 104857600\r\n");
    forget_message(s);
}

/* base64 of NUL or identity, NUL, user, NUL, password. */
static void auth_plain(struct sink_session *s, const char *text, size_t len)
{
    unsigned char decoded[1024];
    size_t want = strlen(s->sink->password);
    bool good = false;
    if (len && len % 4 == 0 && len / 4 * 3 < sizeof decoded) {
        int got = EVP_DecodeBlock(decoded, (const unsigned char *)text, (int)len);
        size_t end =
            got < 0 ? 0 : (size_t)got - (text[len - 1] == '=') - (len > 1 && text[len - 2] == '=');
        good = end > want && decoded[end - want - 1] == 0 &&
               memcmp(decoded + end - want, s->sink->password, want) == 0;
    }
    s->state = SINK_LINE;
    s->authenticated = good;
    if (good)
        s->sink->counts.auths++;
    else
        s->sink->counts.auths_refused++;
    say(s, good ? "235 2.7.0 welcome\r\n" : "535 5.7.8 bad credentials\r\n");
}

static void auth(struct sink_session *s, const char *argument, size_t len)
{
    if (!s->tls || !needs_auth(s) || len < 5 || strncasecmp(argument, "PLAIN", 5) != 0) {
        say(s, "504 5.5.4 only PLAIN, only under TLS\r\n");
    } else if (len > 6) {
        auth_plain(s, argument + 6, len - 6);
    } else {
        s->state = SINK_AUTH;
        say(s, "334 \r\n");
    }
}

static void mail(struct sink_session *s)
{
    if (needs_auth(s) && !s->authenticated) {
        say(s, "530 5.7.0 authenticate first\r\n");
        return;
    }
    forget_message(s);
    s->mail = true;
    s->sink->counts.mails++;
    say(s, "250 2.1.0 fine\r\n");
}

static void rcpt(struct sink_session *s)
{
    if (!s->mail) {
        say(s, "503 5.5.1 MAIL first\r\n");
        return;
    }
    s->recipient = true;
    s->sink->counts.recipients++;
    say(s, "250 2.1.5 fine\r\n");
}

static void bdat(struct sink_session *s, const char *argument, size_t len)
{
    char text[64] = "";
    memcpy(text, argument, len < sizeof text ? len : sizeof text - 1);
    char *rest;
    s->chunk_left = strtoull(text, &rest, 10);
    s->last_chunk = strncasecmp(rest, " LAST", 5) == 0;
    s->state = SINK_CHUNK;
    /* its bytes would be read as commands: better to hang up */
    if (!s->sink->chunking || !s->recipient) {
        say(s, "503 5.5.1 no\r\n");
        s->sink->counts.errors++;
        s->state = SINK_END;
    }
}

static void command(struct sink_session *s, const char *line, size_t len)
{
    const char *argument = memchr(line, ' ', len);
    size_t verb = argument ? (size_t)(argument - line) : len, rest = argument ? len - verb - 1 : 0;
    char name[9] = "";
    memcpy(name, line, verb < 8 ? verb : 8);
    argument = argument ? argument + 1 : line + len;
    if (!strcasecmp(name, "MAIL")) {
        mail(s);
    } else if (!strcasecmp(name, "RCPT")) {
        rcpt(s);
    } else if (!strcasecmp(name, "BDAT")) {
        bdat(s, argument, rest);
    } else if (!strcasecmp(name, "DATA")) {
        s->state = s->recipient ? SINK_DATA : SINK_LINE;
        say(s, s->recipient ? "354 go ahead\r\n" : "503 5.5.1 RCPT first\r\n");
    } else if (!strcasecmp(name, "EHLO")) {
        ehlo(s);
    } else if (!strcasecmp(name, "HELO")) {
        /* stunnel says it before AUTH and reads one line */
        forget_message(s);
        say(s, "250 sink.test\r\n");
    } else if (!strcasecmp(name, "AUTH")) {
        auth(s, argument, rest);
    } else if (!strcasecmp(name, "STARTTLS") && s->kind == SINK_STARTTLS && !s->tls) {
        say(s, "220 2.0.0 go ahead\r\n");
        s->tls_next = true;
    } else if (!strcasecmp(name, "RSET") || !strcasecmp(name, "NOOP")) {
        if (name[0] == 'R' || name[0] == 'r')
            forget_message(s);
        say(s, "250 2.0.0 fine\r\n");
    } else if (!strcasecmp(name, "QUIT")) {
        say(s, "221 2.0.0 bye\r\n");
        s->state = SINK_END;
    } else {
        s->sink->counts.errors++;
        say(s, "500 5.5.1 what?\r\n");
    }
}

/* One line, DATA piece or chunk piece from the front of `data`; 0: more bytes are needed. */
static size_t step(struct sink_session *s, const char *data, size_t len)
{
    if (s->state == SINK_DATA) {
        bool complete;
        size_t used = sink_body_data(s, data, len, &complete);
        if (complete)
            complete_message(s);
        return used;
    }
    if (s->state == SINK_CHUNK) {
        size_t used = len < s->chunk_left ? len : (size_t)s->chunk_left;
        digest_feed(&s->digest, data, used);
        s->raw_bytes += used;
        s->chunk_left -= used;
        return used;
    }
    const char *end = memchr(data, '\n', len);
    if (!end)
        return 0;
    size_t used = (size_t)(end - data) + 1, line = used - 1;
    if (line && data[line - 1] == '\r')
        line--;
    if (s->state == SINK_AUTH)
        auth_plain(s, data, line);
    else
        command(s, data, line);
    return used;
}

static void end_chunk(struct sink_session *s)
{
    if (s->last_chunk) {
        complete_message(s);
    } else {
        s->state = SINK_LINE;
        say(s, "250 2.0.0 chunk\r\n");
    }
}

static void work(struct sink_session *s)
{
    size_t done = 0;
    while (s->state != SINK_END && !s->tls_next) {
        if (s->state == SINK_CHUNK && s->chunk_left == 0) {
            end_chunk(s);
            continue;
        }
        size_t used = done < s->chan.in_len ? step(s, s->chan.in + done, s->chan.in_len - done) : 0;
        if (used == 0)
            break;
        done += used;
    }
    chan_consume(&s->chan, done);
}

void sink_session_start(struct sink *sink, int fd, enum sink_kind kind)
{
    struct sink_session *s = must_alloc(sizeof *s);
    s->sink = sink;
    s->kind = kind;
    chan_open(&s->chan, sink->epoll, fd, s, false);
    sink->counts.connections++;
    sink->open++;
    forget_message(s);
    if (kind == SINK_IMPLICIT || kind == SINK_PIPE)
        chan_start_tls(&s->chan, sink->context, true, NULL);
    sink_session_event(s);
}

static void end(struct sink_session *s)
{
    s->sink->open--;
    chan_close(&s->chan);
    free(s);
}

/* 1 when TLS is there, or none is asked for; 0 not yet; -1 failed. */
static int secure(struct sink_session *s)
{
    if (!s->chan.ssl || !s->chan.handshaking)
        return 1;
    int outcome = chan_handshake(&s->chan);
    if (outcome == 1) {
        s->tls = true;
        s->sink->counts.handshakes++;
        s->sink->counts.resumed += SSL_session_reused(s->chan.ssl) ? 1u : 0u;
    }
    return outcome;
}

void sink_session_event(struct sink_session *s)
{
    for (;;) {
        int ready = secure(s);
        if (ready < 0) {
            s->sink->counts.errors++;
            end(s);
            return;
        }
        if (ready && !s->greeted) {
            say(s, "220 sink.test ESMTP\r\n");
            s->greeted = true;
        }
        long got = ready ? chan_fill(&s->chan) : 0;
        if (got > 0)
            work(s);
        if (got <= 0 || s->chan.in_len == CHAN_IN || s->tls_next || s->state == SINK_END) {
            if (chan_flush(&s->chan, s) != 0 || got < 0 ||
                (s->state == SINK_END && !chan_has_output(&s->chan))) {
                end(s);
                return;
            }
        }
        if (s->tls_next && s->chan.in_len == 0 && !chan_has_output(&s->chan)) {
            s->tls_next = false;
            chan_start_tls(&s->chan, s->sink->context, true, NULL);
            continue;
        }
        if (got <= 0 || s->tls_next)
            return;
    }
}
