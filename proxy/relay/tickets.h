/* The RCPT commands of one message that wait for their answers, by the index of the recipient. */
#ifndef RELAY_TICKETS_H
#define RELAY_TICKETS_H

#include <stdbool.h>
#include <stddef.h>

struct smtp_server_command;

/* A zero-initialised value is empty. */
struct tickets {
    /* For the recipients from `first` on. NULL if the recipient has its answer. */
    struct smtp_server_command **items;
    size_t first, n, room;
};

void tickets_free(struct tickets *ts);
/* Keeps the ticket of the next recipient. The first has index 0. */
void tickets_add(struct tickets *ts, struct smtp_server_command *cmd);
/* Gives the ticket of this recipient, to be answered now. */
struct smtp_server_command *tickets_take(struct tickets *ts, size_t index);
/* Gives the first ticket that waits, or returns NULL. */
struct smtp_server_command *tickets_take_any(struct tickets *ts);
/* Returns the index of the first one that waits. There must be one. */
size_t tickets_first(struct tickets *ts);
bool tickets_wait(const struct tickets *ts);

#endif
