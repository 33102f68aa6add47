/* The command's side of the spool's control socket: what is said is written, and what is answered
 * is heard, each without a loop. */
#ifndef APP_CONTROL_CLIENT_H
#define APP_CONTROL_CLIENT_H

#include "app/control_request.h"

typedef void control_told(void *ctx, const struct control_entry *entry);

/* A disk may take long to sync. */
#define CONTROL_PATIENCE (60 * USEC_PER_SEC)
/* A server that starts or ends has the lock, and does not answer: so often it is tried again, with
 * a pause between. */
enum { CONTROL_TRIES = 50 };
void control_pause(void);

/* An answer, as far as it came. Zeroed at first. */
struct control_hearing {
    /* It is NULL for an answer without entries. */
    control_told *told;
    void *ctx;
    int status;
    /* These are the words of the last line. The owner frees them. */
    char *words;
};

/* The answer is this one. */
void control_hearing_end(struct control_hearing *h, int status, const char *words);
/* Takes the complete lines out of `in`. Returns true at the last one. */
bool control_hearing_lines(struct control_hearing *h, struct buf *in);
/* Reads until the last line, or the server's end. */
void control_hear(struct control_hearing *h, int fd);
/* Returns false if the peer hears no more. Its answer may be there nevertheless. */
bool control_send(int fd, struct slice octets) MUST_USE;

#endif
