#include "app/sendmail.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/send_message.h"
#include "app/sendmail_header.h"
#include "app/sendmail_link.h"
#include "app/sendmail_submit.h"
#include "app/spool_command.h"
#include "app/status.h"
#include "base/mem.h"
#include "config/load.h"
#include "wire/address.h"

/* The task for which the program was called. */
enum mode {
    MODE_DELIVER,
    MODE_SMTP,
    MODE_SHOW_QUEUE,
    MODE_RUN_QUEUE,
    /* Succeeds and does nothing: there is no alias table to rebuild. */
    MODE_REBUILD_ALIASES,
};

static const struct {
    const char *name;
    enum mode mode;
} names[] = {
    {"sendmail", MODE_DELIVER},
    {"mailq", MODE_SHOW_QUEUE},
    {"newaliases", MODE_REBUILD_ALIASES},
};

struct request {
    enum mode mode;
    bool recipients_from_header, dots_are_text, runs_queue;
    /* Of -C, for the queue alone: handing over needs none. */
    const char *config_file;
    /* From -f and -F, or NULL. */
    const char *sender, *name;
    struct delivery_notes dsn;
    struct mailboxes recipients;
};

static bool mode_of_name(const char *argv0, enum mode *mode_r)
{
    const char *slash = strrchr(argv0, '/'), *name = slash ? slash + 1 : argv0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *mode_r = names[i].mode;
        if (strcmp(name, names[i].name) == 0)
            return true;
    }
    return false;
}

bool sendmail_is_meant(const char *argv0)
{
    enum mode mode;
    return mode_of_name(argv0, &mode);
}

static void tell(const char *words)
{
    fprintf(stderr, "sendmail: %s\n", words);
}

static void complain_of_value(const char *option, const char *value)
{
    fprintf(stderr, "sendmail: %s %.100s: not understood, and left out\n", option, value);
}

/* ---- the command line ---- */

/* Letters that take a value, in the same word or in the next, in Sendmail, Postfix and Exim. */
static const char with_value[] = "ABCDFLNOQRVXfhopr";
/* Letters whose value, if any, is always in the same word. */
static const char attached_only[] = "bdeq";

static int read_mode(const char *mode, struct err *err)
{
    switch (*mode) {
    case 0:
    case 'm': return MODE_DELIVER;
    case 's': return MODE_SMTP;
    case 'p': return MODE_SHOW_QUEUE;
    case 'i': return MODE_REBUILD_ALIASES;
    default: break;
    }
    err_set(err, ERR_INVALID, "-b%s is not done by this sendmail, which only hands messages over",
            mode);
    return -1;
}

/* A list of allowed words. "never" must be alone. */
static bool is_notify(const char *value)
{
    const char *rest = value;
    if (ascii_equal_fold(value, "never"))
        return true;
    for (;;) {
        struct slice word = slice_head(slice_of(rest), strcspn(rest, ","));
        if (!slice_is_word(word, "success") && !slice_is_word(word, "failure") &&
            !slice_is_word(word, "delay"))
            return false;
        if (rest[word.len] == 0)
            return true;
        rest += word.len + 1;
    }
}

static bool is_envid(const char *value)
{
    /* RFC 3461 section 4.4, before it is encoded. */
    enum { LONGEST = 100 };
    size_t n = 0;
    while (value[n] >= ' ' && value[n] < 127)
        n++;
    return n > 0 && value[n] == 0 && n <= LONGEST;
}

static void take_dsn(struct delivery_notes *dsn, char letter, const char *value)
{
    if (letter == 'N' && is_notify(value))
        dsn->notify = value;
    else if (letter == 'R' && (ascii_equal_fold(value, "full") || ascii_equal_fold(value, "hdrs")))
        dsn->ret = value;
    else if (letter == 'V' && is_envid(value))
        dsn->envid = value;
    else
        complain_of_value((char[]){'-', letter, 0}, value);
}

static int take_option(struct request *r, char letter, const char *value, struct err *err)
{
    int mode;
    switch (letter) {
    case 't': r->recipients_from_header = true; break;
    case 'i': r->dots_are_text = true; break;
    case 'f':
    case 'r': r->sender = value; break;
    case 'F': r->name = value; break;
    case 'o': r->dots_are_text |= strcmp(value, "i") == 0; break;
    case 'O': r->dots_are_text |= strncmp(value, "IgnoreDots", 10) == 0; break;
    case 'N':
    case 'R':
    case 'V': take_dsn(&r->dsn, letter, value); break;
    case 'C': r->config_file = value; break;
    case 'q': r->runs_queue = true; break;
    case 'I': r->mode = MODE_REBUILD_ALIASES; break;
    case 'b':
        if ((mode = read_mode(value, err)) < 0)
            return -1;
        r->mode = (enum mode)mode;
        break;
    /* It is accepted and has no meaning here. */
    default: break;
    }
    return 0;
}

/* Takes one word of options, for example "-oi", "-ti" or "-fme@here". Returns how many words it
 * took, or -1 with err. */
static int take_word(struct request *r, const char *word, const char *next, struct err *err)
{
    for (const char *c = word + 1; *c; c++) {
        bool attached = strchr(attached_only, *c) != NULL, valued = strchr(with_value, *c) != NULL;
        bool from_next = valued && c[1] == 0;
        const char *value = from_next ? (next ? next : "") : valued || attached ? c + 1 : "";
        if (take_option(r, *c, value, err) != 0)
            return -1;
        if (attached || valued)
            return from_next && next ? 2 : 1;
    }
    return 1;
}

static bool has_recipients(const struct request *r)
{
    return r->recipients.n || r->recipients.n_bad || r->recipients_from_header;
}

static int read_command_line(struct request *r, int argc, char **argv, struct err *err)
{
    int i = 1;
    while (i < argc && argv[i][0] == '-' && argv[i][1] && strcmp(argv[i], "--") != 0) {
        int words =
            argv[i][1] == '-' ? 1 : take_word(r, argv[i], i + 1 < argc ? argv[i + 1] : NULL, err);
        if (words < 0)
            return EXIT_NO_RECIPIENTS;
        i += words;
    }
    if (i < argc && strcmp(argv[i], "--") == 0)
        i++;
    for (; i < argc; i++)
        if (mailboxes_read(&r->recipients, slice_of(argv[i]), err) != 0)
            return EXIT_ANSWER_BAD;
    /* With recipients it only says how often a server would run its queue. */
    if (r->mode == MODE_DELIVER && r->runs_queue && !has_recipients(r))
        r->mode = MODE_RUN_QUEUE;
    if (r->mode != MODE_DELIVER || has_recipients(r))
        return EXIT_FINE;
    err_set(err, ERR_INVALID, "no recipients: name them on the command line, or use -t");
    return EXIT_NO_RECIPIENTS;
}

/* ---- the sender ---- */

static char *at_host(const char *local, const char *hostname)
{
    size_t size = strlen(local) + strlen(hostname) + 2;
    char *text = mem_alloc(size);
    snprintf(text, size, "%s@%s", local, hostname);
    return text;
}

static char *calling_user(const char *hostname)
{
    char number[32];
    const struct passwd *user = getpwuid(getuid());
    snprintf(number, sizeof number, "uid-%lu", (unsigned long)getuid());
    return at_host(user ? user->pw_name : number, hostname);
}

/* Gives the sender of -f, which may have brackets. "" is the null sender. A name without a domain
 * belongs to this machine. Returns NULL if it is no address. */
static char *find_sender(const struct request *r, const char *hostname)
{
    struct address address;
    struct slice rest;
    if (!r->sender)
        return calling_user(hostname);
    struct slice text = slice_trim(slice_of(r->sender));
    if (text.len == 0)
        return mem_string("");
    if (!address_parse_path(text, &address, &rest) || rest.len)
        return NULL;
    char *written = slice_string(address.text), *full = written;
    if (address.text.len && address.domain.len == 0) {
        full = at_host(written, hostname);
        free(written);
    }
    return full;
}

/* ---- the message ---- */

static int hand_over(struct request *r, const char *sender, const char *hostname, struct err *err)
{
    struct buf raw, message;
    struct sendmail_header header = {r->recipients_from_header ? &r->recipients : NULL, sender,
                                     r->name, hostname};
    int status = EXIT_FINE;
    buf_init(&message, CAP_SEND_MESSAGE);
    if (send_message_read_stdin(!r->dots_are_text, &raw, err) != 0) {
        status = err->kind == ERR_LIMIT ? EXIT_ANSWER_BAD : EXIT_TRY_LATER;
    } else if (sendmail_header_rewrite(&header, buf_view(&raw), &message, err) != 0) {
        status = EXIT_ANSWER_BAD;
    } else if (r->recipients.n == 0 && r->recipients.n_bad == 0) {
        err_set(err, ERR_INVALID,
                "no recipients: the message has no To, Cc or Bcc with an address");
        status = EXIT_NO_RECIPIENTS;
    }
    buf_free(&raw);
    for (size_t i = 0; status == EXIT_FINE && i < r->recipients.n_bad; i++)
        fprintf(stderr, "sendmail: \"%s\" is not a mail address\n", r->recipients.bad[i]);
    if (status == EXIT_FINE && r->recipients.n) {
        const struct submission s = {.sender = sender,
                                     .recipients = &r->recipients,
                                     .message = buf_view(&message),
                                     .hostname = hostname,
                                     .dsn = r->dsn,
                                     .complain = tell};
        status = submission_send(&s, err);
    }
    if (status == EXIT_FINE && r->recipients.n_bad)
        status = EXIT_ANSWER_BAD;
    buf_free(&message);
    return status;
}

static int deliver(struct request *r, struct err *err)
{
    char *hostname = hostname_default(), *sender = find_sender(r, hostname);
    int status = EXIT_ANSWER_BAD;
    if (sender)
        status = hand_over(r, sender, hostname, err);
    else
        err_set(err, ERR_INVALID, "-f: \"%.200s\" is not a mail address", r->sender);
    free(sender);
    free(hostname);
    return status;
}

static int do_mode(struct request *r, struct err *err)
{
    switch (r->mode) {
    case MODE_DELIVER: return deliver(r, err);
    case MODE_SMTP: return link_carry_stdio(err);
    case MODE_SHOW_QUEUE: return spool_command_queue(r->config_file);
    case MODE_RUN_QUEUE: return spool_command_run(r->config_file);
    case MODE_REBUILD_ALIASES: break;
    }
    return EXIT_FINE;
}

int sendmail_main(const char *config_file, int argc, char **argv)
{
    struct request r = {.config_file = config_file};
    struct err err = {0};
    (void)mode_of_name(argv[0], &r.mode);
    int status = read_command_line(&r, argc, argv, &err);
    if (status == EXIT_FINE)
        status = do_mode(&r, &err);
    if (status != EXIT_FINE && err.words[0])
        tell(err.words);
    mailboxes_free(&r.recipients);
    return status;
}
