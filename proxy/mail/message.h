/* What is told of a message: one record, which log, page, status.json and metrics share. The log
 * has one line per message: msg=delivered|refused|deferred|spooled|lost-link id from to nrcpt size
 * client listener [user] [original] upstream port tls status reply rtts delay [reason words], and
 * via=spool queued tries where it was kept. */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include "base/addr.h"
#include "base/units.h"
#include "io/io.h"

struct reply;

/* How a message ended. */
enum result {
    RESULT_DELIVERED,
    RESULT_REFUSED,
    RESULT_DEFERRED,
    RESULT_SPOOLED,
    RESULT_LOST_LINK,
    RESULT_COUNT
};
/* "lost-link" in the log, "lost_link" in metrics and JSON, "lost link" for people. */
const char *result_name(enum result r);
const char *result_label(enum result r);
const char *result_words(enum result r);

/* Eleven letters and digits, and NUL. */
#define MESSAGE_ID_SIZE 12
/* The ID of a bounce is that of its message and a few octets more. */
#define MESSAGE_ID_LONGEST 32

struct message {
    char id[MESSAGE_ID_LONGEST];
    char *from;
    /* The sender that the upstream hears, where it is another; else NULL. */
    char *sent_as;
    /* The first recipient, the first accepted one where there is any; NULL before. */
    char *to;
    /* Recipients accepted. */
    size_t nrcpt;
    /* Octets of the body. */
    uint64_t size;
    char client[ADDR_TEXT];
    char *listener;
    /* The name that the client logged in with; NULL: it did not. */
    char *user;
    /* Where an intercepted client meant to go; NULL: here. */
    char *original;
    /* The account; NULL before it was found. */
    char *upstream;
    /* Of the session; 0: there was none. */
    uint16_t port;
    /* "TLSv1.3"; "": clear or none. */
    char tls[12];
    /* Round trips spent upstream. */
    unsigned rtts;
    usec began;
    /* A try of the spool's: how long the message was kept before, and which try it is. */
    bool via_spool;
    usec queued;
    unsigned tries;
    /* Why it was kept for later: a name of the metric's and words; NULL: it was not. */
    const char *kept_for;
    char *kept_words;

    /* The rest is known once the message was reported. */
    bool reported;
    enum result result;
    /* wall clock */
    int64_t ended_ms;
    usec delay;
    int status;
    char *reply;
};

/* Somebody who counts, told once of each message when its line is written. The message is borrowed
 * until the call returns. NULL: nobody. */
struct message_watch {
    void (*ended)(void *ctx, const struct message *m);
    void *ctx;
};

/* Takes nothing, copies all. */
void message_begin(struct message *m, const char *id, struct slice from, const struct addr *client,
                   const char *listener, usec now);
void message_free(struct message *m);
/* Gives what is inside. */
void message_copy(struct message *to, const struct message *from);
void message_set_to(struct message *m, struct slice to);
/* Writes the line and tells `watch`, once: later calls change nothing. */
void message_report(struct message *m, const struct io *io, const struct message_watch *watch,
                    enum result result, const struct reply *reply);
/* A short unique name for a message: seconds, a counter and chance in base 32. */
void message_make_id(char out[MESSAGE_ID_SIZE], int64_t wall_ms, unsigned counter, unsigned chance);

#endif
