#include "app/sendmail.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/send_message.h"
#include "app/sendmail_header.h"
#include "app/sendmail_submit.h"
#include "app/status.h"
#include "base/mem.h"
#include "config/load.h"
#include "wire/address.h"

struct request {
    bool recipients_from_header, dots_are_text;
    /* of -f and -F, or NULL */
    const char *sender, *name;
    struct mailboxes recipients;
};

bool sendmail_is_meant(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    return strcmp(slash ? slash + 1 : argv0, "sendmail") == 0;
}

static int fail(int status, const char *words)
{
    fprintf(stderr, "sendmail: %s\n", words);
    return status;
}

/* ---- the command line ---- */

/* Letters that take a value, here or as the next word: what Sendmail, Postfix and Exim know. */
static const char with_value[] = "ABCDFLNOQRVXfhopr";
/* Those whose value, if any, is always in the same word. */
static const char attached_only[] = "bdeq";

static int read_mode(const char *mode, struct err *err)
{
    if (*mode == 0 || *mode == 'm')
        return 0;
    err_set(err, ERR_INVALID, "-b%s is not done by this sendmail, which only hands messages over",
            mode);
    return -1;
}

static int take_option(struct request *r, char letter, const char *value, struct err *err)
{
    switch (letter) {
    case 't': r->recipients_from_header = true; break;
    case 'i': r->dots_are_text = true; break;
    case 'f':
    case 'r': r->sender = value; break;
    case 'F': r->name = value; break;
    case 'o': r->dots_are_text |= strcmp(value, "i") == 0; break;
    case 'O': r->dots_are_text |= strncmp(value, "IgnoreDots", 10) == 0; break;
    case 'b': return read_mode(value, err);
    /* taken, and without meaning here */
    default: break;
    }
    return 0;
}

/* One word of options, such as "-oi", "-ti", "-fme@here". Returns how many words it took, -1 with
 * err. */
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
    if (r->recipients.n || r->recipients_from_header)
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

/* -f, with or without brackets; "" is the null sender; one without a domain is of this machine.
 * Gives; NULL: not an address. */
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
    buf_init(&message, SEND_MESSAGE_CAP);
    if (send_message_read_stdin(!r->dots_are_text, &raw, err) != 0) {
        status = err->kind == ERR_LIMIT ? EXIT_ANSWER_BAD : EXIT_TRY_LATER;
    } else if (sendmail_header_rewrite(&header, buf_view(&raw), &message, err) != 0) {
        status = EXIT_ANSWER_BAD;
    } else if (r->recipients.n == 0) {
        err_set(err, ERR_INVALID,
                "no recipients: the message has no To, Cc or Bcc with an address");
        status = EXIT_NO_RECIPIENTS;
    }
    buf_free(&raw);
    if (status == EXIT_FINE)
        status = submission_send(
            &(struct submission){sender, &r->recipients, buf_view(&message), hostname}, err);
    buf_free(&message);
    return status;
}

int sendmail_main(int argc, char **argv)
{
    struct request r = {0};
    struct err err = {0};
    char *hostname = hostname_default(), *sender = NULL;
    int status = read_command_line(&r, argc, argv, &err);
    if (status == EXIT_FINE && !(sender = find_sender(&r, hostname))) {
        err_set(&err, ERR_INVALID, "-f: \"%.200s\" is not a mail address", r.sender);
        status = EXIT_ANSWER_BAD;
    }
    if (status == EXIT_FINE)
        status = hand_over(&r, sender, hostname, &err);
    if (status != EXIT_FINE)
        fail(status, err.words);
    mailboxes_free(&r.recipients);
    free(sender);
    free(hostname);
    return status;
}
