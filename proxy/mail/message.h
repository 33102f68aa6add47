/* The record of a message, which log, page, status.json and metrics share. The log has one line per
 * message: msg=delivered|refused|deferred|spooled|lost-link id from to nrcpt size client listener
 * [user] [original] upstream port tls status reply rtts delay [reason words], and via=spool queued
 * tries if the spool kept it. */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include "base/addr.h"
#include "base/units.h"
#include "io/io.h"

struct reply;

/* The result says how a message ended. */
enum result {
    RESULT_DELIVERED,
    RESULT_REFUSED,
    RESULT_DEFERRED,
    RESULT_SPOOLED,
    RESULT_LOST_LINK,
    RESULT_COUNT
};
/* Returns "lost-link" for the log, "lost_link" for metrics and JSON, "lost link" for people. */
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
    /* The sender that the upstream gets, if it is another. NULL otherwise. */
    char *sent_as;
    /* The first accepted recipient, or the first recipient if none was accepted. NULL before
     * that. */
    char *to;
    /* The number of accepted recipients. */
    size_t nrcpt;
    /* Octets of the body. */
    uint64_t size;
    char client[ADDR_TEXT];
    char *listener;
    /* The name with which the client logged in, or NULL. */
    char *user;
    /* The original destination of an intercepted client, or NULL. */
    char *original;
    /* The account, or NULL before it was found. */
    char *upstream;
    /* The port of the session, or 0 if there was none. */
    uint16_t port;
    /* It is "TLSv1.3" and so on. It is "" if the link was clear or there was none. */
    char tls[12];
    /* The number of round trips to the upstream. */
    unsigned rtts;
    usec began;
    /* The spool tried this message. It was kept for this long before, and this is the number of the
     * try. */
    bool via_spool;
    usec queued;
    unsigned tries;
    /* These say why the message was kept for later, as a name of the metric's and as words. NULL
     * means that it was not. */
    const char *kept_for;
    char *kept_words;

    /* The fields below are known once the message was reported. */
    bool reported;
    enum result result;
    /* The message ended at this time on the wall clock. */
    int64_t ended_ms;
    usec delay;
    int status;
    char *reply;
};

/* Is called once for each message when its line is written. It borrows the message until it
 * returns. It may be NULL. */
struct message_watch {
    void (*ended)(void *ctx, const struct message *m);
    void *ctx;
};

/* Copies everything. */
void message_begin(struct message *m, const char *id, struct slice from, const struct addr *client,
                   const char *listener, usec now);
void message_free(struct message *m);
/* Gives the content. */
void message_copy(struct message *to, const struct message *from);
void message_set_to(struct message *m, struct slice to);
/* Writes the line and calls `watch`, once. Later calls do nothing. */
void message_report(struct message *m, const struct io *io, const struct message_watch *watch,
                    enum result result, const struct reply *reply);
/* Writes a short unique name for a message: seconds, a counter and random bits in base 32. */
void message_make_id(char out[MESSAGE_ID_SIZE], int64_t wall_ms, unsigned counter, unsigned chance);

#endif
