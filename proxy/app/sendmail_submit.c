#include "app/sendmail_submit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "app/status.h"
#include "base/caps.h"
#include "wire/dot.h"
#include "wire/ehlo.h"

/* the last is longer than the server's own wait for its upstream */
enum { SMTP_PORT = 25, CONNECT_SECONDS = 30, REPLY_SECONDS = 300, FINAL_SECONDS = 900 };

struct dialogue {
    int fd;
    struct reply_parser parser;
    char in[4096];
    size_t in_len;
    struct err *err;
};

/* ---- the connection ---- */

static int open_socket(const struct sockaddr *to, socklen_t len)
{
    struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* connect heeds it too */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, to, len) == 0) {
        patience.tv_sec = REPLY_SECONDS;
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        return fd;
    }
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int connect_to_this_machine(struct err *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons(SMTP_PORT),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(SMTP_PORT), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = open_socket((const struct sockaddr *)&v4, sizeof v4);
    if (fd >= 0)
        return fd;
    int why = errno;
    fd = open_socket((const struct sockaddr *)&v6, sizeof v6);
    if (fd < 0)
        err_set_errno(err, why,
                      "nobody takes mail on 127.0.0.1:25 or [::1]:25 (is smtp-detour running?)");
    return fd;
}

/* ---- replies ---- */

static time_t seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static int lost(struct dialogue *d, const char *why)
{
    err_set(d->err, ERR_CLOSED, "%s", why);
    return EXIT_TRY_LATER;
}

/* 0: there is something to read. */
static int wait_readable(const struct dialogue *d, time_t deadline)
{
    for (;;) {
        struct pollfd fd = {.fd = d->fd, .events = POLLIN};
        time_t left = deadline - seconds_now();
        int n = left > 0 ? poll(&fd, 1, (int)left * 1000) : 0;
        if (n > 0)
            return 0;
        if (n == 0 || errno != EINTR)
            return -1;
    }
}

/* The next whole reply, in d->parser.reply. Returns EXIT_FINE or EXIT_TRY_LATER. */
static int read_reply(struct dialogue *d, int seconds)
{
    time_t deadline = seconds_now() + seconds;
    for (;;) {
        size_t used = 0;
        enum reply_step step = reply_parser_feed(&d->parser, slice_make(d->in, d->in_len), &used);
        memmove(d->in, d->in + used, d->in_len - used);
        d->in_len -= used;
        if (step == REPLY_DONE)
            return EXIT_FINE;
        if (step == REPLY_BAD)
            return lost(d, "what listens on port 25 does not speak SMTP");
        if (wait_readable(d, deadline) != 0)
            return lost(d, "the server on port 25 does not answer");
        ssize_t n = recv(d->fd, d->in, sizeof d->in, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return lost(d, "the server on port 25 closed the connection");
        d->in_len = (size_t)n;
    }
}

/* What a reply other than the hoped-for one means. */
static int judge(struct dialogue *d, const char *what, int hundred)
{
    char words[256];
    const struct reply *reply = &d->parser.reply;
    if (reply_is(reply, hundred))
        return EXIT_FINE;
    err_set(d->err, ERR_REFUSED, "%s%s%s", what, *what ? ": " : "",
            reply_words(reply, words, sizeof words));
    return reply_is(reply, 5) ? EXIT_ANSWER_BAD : EXIT_TRY_LATER;
}

static int send_all(struct dialogue *d, struct slice bytes)
{
    while (bytes.len) {
        ssize_t n = send(d->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes = slice_from(bytes, (size_t)n);
    }
    return 0;
}

/* A command and its reply. A server that closed while we wrote may have said why. */
static int ask(struct dialogue *d, struct buf *command, const char *what, int hundred)
{
    (void)!send_all(d, buf_view(command));
    buf_clear(command);
    int status = read_reply(d, REPLY_SECONDS);
    return status != EXIT_FINE ? status : judge(d, what, hundred);
}

/* ---- the dialogue ---- */

static bool has_high_octet(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] > 127)
            return true;
    return false;
}

static bool needs_utf8(const struct submission *s)
{
    bool high = has_high_octet(slice_of(s->sender));
    for (size_t i = 0; !high && i < s->recipients->n; i++)
        high = has_high_octet(slice_of(s->recipients->items[i]));
    return high;
}

static int say_hello(struct dialogue *d, const struct submission *s, struct buf *command,
                     struct ehlo *ehlo_r)
{
    int status = read_reply(d, REPLY_SECONDS);
    if (status == EXIT_FINE)
        status = judge(d, "", 2);
    if (status == EXIT_FINE && !buf_printf(command, "EHLO %s\r\n", s->hostname))
        status = EXIT_TRY_LATER;
    if (status == EXIT_FINE)
        status = ask(d, command, "EHLO", 2);
    ehlo_parse(&d->parser.reply, ehlo_r);
    return status;
}

static int say_envelope(struct dialogue *d, const struct submission *s, struct buf *command)
{
    struct ehlo ehlo;
    int status = say_hello(d, s, command, &ehlo);
    if (status != EXIT_FINE)
        return status;
    bool ok = buf_printf(command, "MAIL FROM:<%s>", s->sender);
    if (ok && ehlo.has_size)
        ok = buf_printf(command, " SIZE=%zu", s->message.len);
    if (ok && ehlo.eightbit && has_high_octet(s->message))
        ok = buf_printf(command, " BODY=8BITMIME");
    if (ok && ehlo.smtputf8 && needs_utf8(s))
        ok = buf_printf(command, " SMTPUTF8");
    if (!ok || !buf_append(command, "\r\n", 2))
        return lost(d, "the sender's address is too long");
    status = ask(d, command, s->sender, 2);
    for (size_t i = 0; status == EXIT_FINE && i < s->recipients->n; i++) {
        if (!buf_printf(command, "RCPT TO:<%s>\r\n", s->recipients->items[i]))
            return lost(d, "a recipient's address is too long");
        status = ask(d, command, s->recipients->items[i], 2);
    }
    return status;
}

static int say_message(struct dialogue *d, const struct submission *s, struct buf *out)
{
    struct dot_encoder encoder;
    struct slice rest = s->message;
    bool sent = true;
    if (!buf_append(out, "DATA\r\n", 6))
        return EXIT_TRY_LATER;
    int status = ask(d, out, "", 3);
    if (status != EXIT_FINE)
        return status;
    dot_encoder_init(&encoder);
    while (sent && rest.len) {
        rest = slice_from(rest, dot_encode(&encoder, rest, out));
        sent = send_all(d, buf_view(out)) == 0;
        buf_clear(out);
    }
    if (sent)
        (void)!send_all(d, slice_of(DOT_END));
    status = read_reply(d, FINAL_SECONDS);
    return status != EXIT_FINE ? status : judge(d, "", 2);
}

int submission_send(const struct submission *s, struct err *err)
{
    struct dialogue d = {.err = err};
    struct buf out;
    d.fd = connect_to_this_machine(err);
    if (d.fd < 0)
        return EXIT_TRY_LATER;
    buf_init(&out, CAP_CHUNK);
    reply_parser_init(&d.parser);
    int status = say_envelope(&d, s, &out);
    if (status == EXIT_FINE)
        status = say_message(&d, s, &out);
    /* its answer changes nothing */
    (void)!send_all(&d, slice_of("QUIT\r\n"));
    reply_parser_free(&d.parser);
    buf_free(&out);
    close(d.fd);
    return status;
}
