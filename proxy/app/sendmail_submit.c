#include "app/sendmail_submit.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/sendmail_link.h"
#include "app/status.h"
#include "base/caps.h"
#include "wire/dot.h"
#include "wire/ehlo.h"

/* The final wait is longer than the server's own wait for its upstream. */
enum { REPLY_SECONDS = 300, FINAL_SECONDS = 900 };

struct dialogue {
    int fd;
    struct reply_parser parser;
    char in[4096];
    size_t in_len;
    struct err *err;
};

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

/* Returns 0 if there is something to read. */
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

/* Reads the next whole reply into d->parser.reply. Returns EXIT_FINE or EXIT_TRY_LATER. */
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

/* Returns what a reply means that is not the expected one. */
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

/* Sends a command and reads its reply. A server that closed while we wrote may have said why. */
static int ask(struct dialogue *d, struct buf *command, const char *what, int hundred)
{
    (void)!link_send(d->fd, buf_view(command));
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

/* Appends the ID as xtext (RFC 3461 section 4). */
static bool put_envid(const char *envid, struct buf *out)
{
    bool ok = buf_append(out, " ENVID=", 7);
    for (; ok && *envid; envid++) {
        bool plain = *envid > ' ' && *envid < 127 && *envid != '+' && *envid != '=';
        ok = plain ? buf_append(out, envid, 1) : buf_printf(out, "+%02X", (unsigned char)*envid);
    }
    return ok;
}

/* The recipients that the server refused while it accepted others. */
struct refusals {
    size_t for_good, for_now;
};

/* Returns whether a reply is about this recipient alone. After a 421 the session is over. */
static bool is_about_recipient(const struct dialogue *d)
{
    return d->err->kind == ERR_REFUSED && d->parser.reply.code != 421;
}

static int say_recipients(struct dialogue *d, const struct submission *s, struct buf *command,
                          const struct ehlo *ehlo, struct refusals *refusals)
{
    for (size_t i = 0; i < s->recipients->n; i++) {
        const char *recipient = s->recipients->items[i];
        bool ok = buf_printf(command, "RCPT TO:<%s>", recipient);
        if (ok && ehlo->dsn && s->dsn.notify)
            ok = buf_printf(command, " NOTIFY=%s", s->dsn.notify);
        if (!ok || !buf_append(command, "\r\n", 2))
            return lost(d, "a recipient's address is too long");
        int status = ask(d, command, recipient, 2);
        if (status == EXIT_FINE)
            continue;
        if (!is_about_recipient(d))
            return status;
        s->complain(d->err->words);
        *d->err = (struct err){0};
        *(status == EXIT_ANSWER_BAD ? &refusals->for_good : &refusals->for_now) += 1;
    }
    if (refusals->for_good + refusals->for_now < s->recipients->n)
        return EXIT_FINE;
    return refusals->for_now ? EXIT_TRY_LATER : EXIT_ANSWER_BAD;
}

static int say_envelope(struct dialogue *d, const struct submission *s, struct buf *command,
                        struct refusals *refusals)
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
    if (ok && ehlo.dsn && s->dsn.ret)
        ok = buf_printf(command, " RET=%s", s->dsn.ret);
    if (ok && ehlo.dsn && s->dsn.envid)
        ok = put_envid(s->dsn.envid, command);
    if (!ok || !buf_append(command, "\r\n", 2))
        return lost(d, "the sender's address is too long");
    status = ask(d, command, s->sender, 2);
    return status == EXIT_FINE ? say_recipients(d, s, command, &ehlo, refusals) : status;
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
        sent = link_send(d->fd, buf_view(out)) == 0;
        buf_clear(out);
    }
    if (sent)
        (void)!link_send(d->fd, slice_of(DOT_END));
    status = read_reply(d, FINAL_SECONDS);
    status = status != EXIT_FINE ? status : judge(d, "", 2);
    if (status == EXIT_FINE && s->accepted) {
        char words[256];
        s->accepted(reply_words(&d->parser.reply, words, sizeof words));
    }
    return status;
}

int submission_send(const struct submission *s, struct err *err)
{
    struct dialogue d = {.err = err};
    struct refusals refusals = {0};
    struct buf out;
    d.fd = s->at ? link_open_at(s->at, err) : link_open(err);
    if (d.fd < 0)
        return EXIT_TRY_LATER;
    buf_init(&out, CAP_CHUNK);
    reply_parser_init(&d.parser);
    int status = say_envelope(&d, s, &out, &refusals);
    if (status == EXIT_FINE)
        status = say_message(&d, s, &out);
    /* The others have it. A recipient that was refused for good would be refused again, so a second
     * try would only double the mail. */
    if (status == EXIT_FINE && refusals.for_good)
        status = EXIT_ANSWER_BAD;
    else if (status == EXIT_FINE && refusals.for_now)
        status = EXIT_TRY_LATER;
    /* The answer would change nothing. */
    (void)!link_send(d.fd, slice_of("QUIT\r\n"));
    reply_parser_free(&d.parser);
    buf_free(&out);
    close(d.fd);
    return status;
}
