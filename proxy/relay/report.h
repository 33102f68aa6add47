/* The one log line per message (PRODUCT 8): msg=delivered|refused|deferred|lost-link id from to nrcpt size client listener [user] [original] upstream port tls status reply rtts delay. */
#ifndef RELAY_REPORT_H
#define RELAY_REPORT_H

#include "base/log.h"
#include "base/units.h"
#include "relay/failure.h"

#define MESSAGE_ID_SIZE 12 /* eleven letters and digits, and NUL */

struct message { /* what the line tells of one message */
    char id[MESSAGE_ID_SIZE];
    char *from;
    char *sent_as; /* the sender that the upstream hears, where it is another; else NULL */
    char *to;      /* the first recipient, the first accepted one where there is any; NULL before */
    size_t nrcpt;  /* recipients accepted */
    uint64_t size; /* octets of the body */
    char client[ADDR_TEXT];
    char *listener;
    char *user;     /* the client logged in with; NULL: it did not */
    char *original; /* where an intercepted client meant to go; NULL: here */
    char *upstream; /* the account; NULL before it was found */
    uint16_t port;  /* of the session; 0: there was none */
    char tls[12];   /* "TLSv1.3"; "" clear or none */
    unsigned rtts;  /* round trips spent upstream */
    usec began;
    bool reported;
};

/* Somebody who counts: told once of each message, when its line is written. What he is given is borrowed until he returns. */
struct message_watch {
    void (*ended)(void *ctx, const struct message *m, enum result result, const struct reply *reply, usec delay); /* NULL: nobody */
    void *ctx;
};

/* Takes nothing, copies all. */
void message_begin(struct message *m, const char *id, struct slice from, const struct addr *client, const char *listener, usec now);
void message_free(struct message *m);
void message_set_to(struct message *m, struct slice to);
/* Writes the line and tells `watch`, once: later calls change nothing. */
void message_report(struct message *m, struct log *log, const struct message_watch *watch, enum result result, const struct reply *reply,
                    usec now);
/* A short unique name for a message: seconds, a counter and chance in base 32. */
void message_make_id(char out[MESSAGE_ID_SIZE], int64_t wall_ms, unsigned counter, unsigned chance);

#endif
