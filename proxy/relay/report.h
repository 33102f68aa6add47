/* The one log line per message (PRODUCT 8): msg=delivered|refused|deferred|lost-link id from to
 * nrcpt size client listener [user] [original] upstream port tls status reply rtts delay. */
#ifndef RELAY_REPORT_H
#define RELAY_REPORT_H

#include "base/log.h"
#include "base/units.h"
#include "relay/failure.h"

/* eleven letters and digits, and NUL */
#define MESSAGE_ID_SIZE 12

/* what the line tells of one message */
struct message {
    char id[MESSAGE_ID_SIZE];
    char *from;
    /* the sender that the upstream hears, where it is another; else NULL */
    char *sent_as;
    /* the first recipient, the first accepted one where there is any; NULL before */
    char *to;
    /* recipients accepted */
    size_t nrcpt;
    /* octets of the body */
    uint64_t size;
    char client[ADDR_TEXT];
    char *listener;
    /* the client logged in with; NULL: it did not */
    char *user;
    /* where an intercepted client meant to go; NULL: here */
    char *original;
    /* the account; NULL before it was found */
    char *upstream;
    /* of the session; 0: there was none */
    uint16_t port;
    /* "TLSv1.3"; "" clear or none */
    char tls[12];
    /* round trips spent upstream */
    unsigned rtts;
    usec began;
    bool reported;
};

/* Somebody who counts: told once of each message, when its line is written. What he is given is
 * borrowed until he returns. */
struct message_watch {
    /* NULL: nobody */
    void (*ended)(void *ctx, const struct message *m, enum result result, const struct reply *reply,
                  usec delay);
    void *ctx;
};

/* Takes nothing, copies all. */
void message_begin(struct message *m, const char *id, struct slice from, const struct addr *client,
                   const char *listener, usec now);
void message_free(struct message *m);
void message_set_to(struct message *m, struct slice to);
/* Writes the line and tells `watch`, once: later calls change nothing. */
void message_report(struct message *m, struct log *log, const struct message_watch *watch,
                    enum result result, const struct reply *reply, usec now);
/* A short unique name for a message: seconds, a counter and chance in base 32. */
void message_make_id(char out[MESSAGE_ID_SIZE], int64_t wall_ms, unsigned counter, unsigned chance);

#endif
