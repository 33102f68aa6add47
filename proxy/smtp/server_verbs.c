/* From bytes to a verb: command lines, the verb table with the gate that is tested once, and peers
 * that do not speak SMTP. */
#include <stdio.h>
#include <string.h>

#include "base/caps.h"
#include "base/log.h"
#include "smtp/server_private.h"
#include "wire/auth.h"

/* The gate checks these flags before the verb's function runs. Every verb but those with ALONGSIDE
 * waits until all before it are answered, and nothing after it is read before it is answered
 * itself. It is the last of its pipelined group (RFC 2920 3.1). */
enum {
    /* It may be read while RCPTs before it wait for their answers. */
    ALONGSIDE = 1 << 0,
    /* 503 before MAIL. */
    IN_TRANSACTION = 1 << 1,
    /* 501 with arguments. */
    NO_ARGUMENTS = 1 << 2,
    /* It brings no message nearer and is counted. */
    JUNK = 1 << 3,
    /* It may be used in clear where TLS is required (RFC 3207 section 4). */
    BEFORE_TLS = 1 << 4,
    /* 530 before AUTH where it is required (RFC 4954 section 6). */
    AFTER_LOGIN = 1 << 5,
    /* The first of them is no junk. */
    GREETS = 1 << 6,
};

struct verb_row {
    unsigned flags;
    smtp_server_verb_fn *run;
};

static void do_http(struct smtp_server *s, const struct command *command)
{
    bool is_header = command->word.data[command->word.len - 1] == ':';
    smtp_server_throw_out(s, is_header ? INTRUDER_HEADER : INTRUDER_HTTP);
}

static void do_proxy(struct smtp_server *s, const struct command *command)
{
    (void)command;
    smtp_server_throw_out(s, INTRUDER_PROXY_V1);
}

static const struct verb_row verbs[VERB_COUNT] = {
    [VERB_EHLO] = {JUNK | GREETS | BEFORE_TLS, server_do_ehlo},
    [VERB_HELO] = {JUNK | GREETS | BEFORE_TLS, server_do_helo},
    /* Old software sends MAIL at once. */
    [VERB_MAIL] = {AFTER_LOGIN, server_do_mail},
    [VERB_RCPT] = {AFTER_LOGIN | IN_TRANSACTION | ALONGSIDE, server_do_rcpt},
    [VERB_DATA] = {AFTER_LOGIN | IN_TRANSACTION | NO_ARGUMENTS, server_do_data},
    /* Otherwise its payload would be read. */
    [VERB_BDAT] = {BEFORE_TLS, server_do_bdat},
    [VERB_RSET] = {JUNK, server_do_rset},
    [VERB_NOOP] = {JUNK | BEFORE_TLS, server_do_noop},
    [VERB_VRFY] = {JUNK | AFTER_LOGIN, server_do_vrfy},
    [VERB_EXPN] = {JUNK, server_do_expn},
    [VERB_HELP] = {JUNK, server_do_help},
    [VERB_QUIT] = {BEFORE_TLS, server_do_quit},
    /* A second one is an error. */
    [VERB_STARTTLS] = {BEFORE_TLS, server_do_starttls},
    [VERB_AUTH] = {0, server_do_auth},
    [VERB_HTTP] = {BEFORE_TLS, do_http},
    [VERB_PROXY] = {BEFORE_TLS, do_proxy},
};

static const struct {
    const char *reply, *hint;
} intruders[] = {
    [INTRUDER_TLS] = {"this port expects plain SMTP, not TLS",
                      "a client began TLS on a port that expects plain SMTP: set it to \"no "
                      "encryption\", or set tls = implicit on this listener"},
    [INTRUDER_PROXY_V2] =
        {"no PROXY header expected here",
         "a load balancer sent a PROXY v2 header to a listener that does not expect "
         "one: switch it off there, or set proxy_protocol on this listener"},
    [INTRUDER_PROXY_V1] =
        {"no PROXY header expected here",
         "a load balancer sent a PROXY v1 line to a listener that does not expect one: "
         "switch it off there, or set proxy_protocol on this listener"},
    [INTRUDER_HTTP] = {"this is a mail server, not a web server",
                       "an HTTP client connected to the SMTP port"},
    [INTRUDER_HEADER] = {"message text where a command belongs",
                         "a client sent a header line where a command belongs: software that sends "
                         "its message without DATA, or an HTTP client"},
    [INTRUDER_TEXT] = {"message text where a command belongs",
                       "a client sent its message without waiting for the answer to DATA, which "
                       "was a refusal: it was cut off before its text could be taken for commands"},
};

void smtp_server_throw_out(struct smtp_server *s, enum intruder who)
{
    char peer[ADDR_TEXT];
    log_event(s->io->log, LOG_WARN, intruders[who].hint,
              log_str("client", addr_text(&s->client.peer, peer)),
              log_str("listener", s->settings->listener));
    smtp_server_farewell(s, 554, "5.5.0", intruders[who].reply, intruders[who].reply);
}

/* Examines the start of a line for protocols without line ends worth waiting for. */
static enum intruder recognise(const struct smtp_server *s, struct slice view)
{
    /* PROXY v2. Its tail remains if its first octets arrived alone and were read as empty lines. */
    static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
    enum { SIGNATURE = sizeof signature - 1, HEAD = 4, TAIL = SIGNATURE - HEAD };
    if (view.data[0] == 0x16)
        return view.len == 1          ? INTRUDER_PERHAPS
               : view.data[1] == 0x03 ? INTRUDER_TLS
                                      : INTRUDER_NONE;
    /* A hello of SSL 2 that asks for a newer version. */
    if ((view.data[0] & 0x80) && view.len >= 4 && view.data[2] == 0x01 && view.data[3] == 0x03)
        return INTRUDER_TLS;
    if (!s->said_hello && view.len >= SIGNATURE && memcmp(view.data, signature, SIGNATURE) == 0)
        return INTRUDER_PROXY_V2;
    size_t n = view.len < TAIL ? view.len : TAIL;
    if (!s->said_hello && memcmp(view.data, signature + HEAD, n) == 0)
        return n == TAIL ? INTRUDER_PROXY_V2 : INTRUDER_PERHAPS;
    return INTRUDER_NONE;
}

/* Handles an unknown command. After a refused DATA it may be the text of a client that did not wait
 * for the answer. The first line of such a text is a header and never a verb. The lines after it
 * are whatever its author wanted, which may be MAIL FROM. So nothing more is read from the
 * client. */
static void not_a_command(struct smtp_server *s, int code, const char *enhanced, const char *text)
{
    if (s->data_refused)
        smtp_server_throw_out(s, INTRUDER_TEXT);
    else
        smtp_server_say(s, code, enhanced, text);
}

static bool passes_gate(struct smtp_server *s, const struct verb_row *row,
                        const struct command *command)
{
    if (!(row->flags & BEFORE_TLS) && s->settings->tls == SMTP_SERVER_TLS_REQUIRED &&
        s->tls != TLS_SECURE)
        smtp_server_refuse(s, command, 530, "5.7.0", "say STARTTLS first");
    else if ((row->flags & AFTER_LOGIN) && s->settings->auth == SMTP_SERVER_AUTH_REQUIRED &&
             !s->logged_in)
        smtp_server_refuse(
            s, command, 530, "5.7.0",
            smtp_server_auth_offered(s) ? "log in first"
            : smtp_server_tls_offered(s)
                ? "log in first, after STARTTLS"
                : "log in first; from your address that takes TLS, which this port does not offer");
    else if ((row->flags & IN_TRANSACTION) && !s->transaction)
        smtp_server_refuse(s, command, 503, "5.5.1", "send MAIL first");
    else if ((row->flags & NO_ARGUMENTS) && command->args.len)
        smtp_server_refuse(s, command, 501, "5.5.4", "this command takes no arguments");
    else
        return true;
    return false;
}

static void dispatch(struct smtp_server *s, const struct command *command)
{
    const struct verb_row *row = &verbs[command->verb];
    /* A line that looks like a header is more likely one of a message. */
    if (s->data_refused && command->verb == VERB_HTTP) {
        smtp_server_throw_out(s, INTRUDER_TEXT);
        return;
    }
    if ((row->flags & JUNK) && !((row->flags & GREETS) && !s->said_hello))
        s->junk++;
    s->data_refused = false;
    if (passes_gate(s, row, command))
        row->run(s, command);
    else
        s->data_refused = command->verb == VERB_DATA;
}

/* Returns how long a line may be. Those of AUTH are longer (RFC 4954 section 4). */
static size_t longest_line(const struct smtp_server *s, struct slice view)
{
    return s->sasl || (s->settings->auth && auth_is_line(view)) ? CAP_AUTH_LINE : CAP_COMMAND_LINE;
}

static void refuse_long_line(struct smtp_server *s, bool of_auth)
{
    if (of_auth)
        smtp_server_sasl_too_long(s);
    else
        not_a_command(s, 500, "5.5.2", "line too long");
}

/* Takes one line without its line end. Returns false, having done nothing, if the line must wait
 * its turn. */
static bool take_line(struct smtp_server *s, struct slice line)
{
    struct command command;
    /* Nothing else is pending. */
    if (s->sasl) {
        if (line.len > CAP_AUTH_LINE)
            refuse_long_line(s, true);
        else
            smtp_server_sasl_line(s, line);
        return true;
    }
    size_t longest = longest_line(s, line);
    enum command_fault fault = command_parse(line, &command);
    /* A payload follows, whatever is wrong with the line. */
    bool bdat = command.verb == VERB_BDAT;
    bool known = (fault == COMMAND_OK || bdat) && verbs[command.verb].run;
    if (s->pending && !(known && (verbs[command.verb].flags & ALONGSIDE)))
        return false;
    if (line.len > longest && !bdat)
        refuse_long_line(s, longest == CAP_AUTH_LINE);
    else if (known)
        dispatch(s, &command);
    else if (fault == COMMAND_CONTROLS)
        not_a_command(s, 500, "5.5.2", "a command may not hold control characters");
    else if (fault == COMMAND_EMPTY)
        not_a_command(s, 500, "5.5.2", "an empty line is no command");
    else
        not_a_command(s, 500, "5.5.1", "unknown command");
    return true;
}

static bool is_bdat(struct slice view)
{
    struct command command;
    (void)command_parse(view, &command);
    return command.verb == VERB_BDAT;
}

/* Drops the rest of an overlong line. The answer is sent at the line's end. */
static enum smtp_server_step swallow(struct smtp_server *s, struct slice view)
{
    size_t end = slice_find(view, '\n');
    bool over = end < view.len;
    stream_consume(s->stream, over ? end + 1 : view.len);
    if (!over)
        return STEP_NEEDS_CLIENT;
    bool of_auth = s->swallowing == SWALLOW_AUTH;
    s->swallowing = SWALLOW_NOTHING;
    refuse_long_line(s, of_auth);
    return STEP_DONE;
}

enum smtp_server_step smtp_server_read_command(struct smtp_server *s)
{
    enum smtp_server_step state = smtp_server_queue_state(s);
    if (state != STEP_DONE)
        return state;
    enum smtp_server_step idle = s->pending ? STEP_NEEDS_ANSWER : STEP_NEEDS_CLIENT;
    struct slice view = stream_view(s->stream);
    if (!view.len)
        return idle;
    if (s->swallowing)
        return swallow(s, view);
    if (!s->pending && !s->sasl) {
        enum intruder who = recognise(s, view);
        if (who == INTRUDER_PERHAPS)
            return STEP_NEEDS_CLIENT;
        if (who != INTRUDER_NONE) {
            smtp_server_throw_out(s, who);
            return STEP_DONE;
        }
    }
    size_t end = slice_find(view, '\n');
    if (end == view.len) {
        size_t longest = longest_line(s, view);
        if (view.len < longest + 2 || s->pending)
            return idle;
        if (is_bdat(view))
            server_do_bdat(s, NULL);
        s->swallowing = longest == CAP_AUTH_LINE ? SWALLOW_AUTH : SWALLOW_COMMAND;
        return STEP_DONE;
    }
    /* A bare LF ends a command, too. */
    size_t length = end && view.data[end - 1] == '\r' ? end - 1 : end;
    if (!take_line(s, slice_head(view, length)))
        return STEP_NEEDS_ANSWER;
    if (!s->why)
        stream_consume(s->stream, end + 1);
    if (s->tls == TLS_DUE)
        smtp_server_tls_begin(s);
    return STEP_DONE;
}
