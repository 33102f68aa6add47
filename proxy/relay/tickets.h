/* The RCPT commands of one message that wait for their answers, by the index of their recipient. */
#ifndef RELAY_TICKETS_H
#define RELAY_TICKETS_H

#include <stdbool.h>
#include <stddef.h>

struct smtp_server_command;

/* Zero-initialised is empty. */
struct tickets {
    /* of the recipients from `first` on; NULL: it has its answer */
    struct smtp_server_command **items;
    size_t first, n, room;
};

void tickets_free(struct tickets *ts);
/* Keeps the ticket of the next recipient: the first has index 0. */
void tickets_add(struct tickets *ts, struct smtp_server_command *cmd);
/* Gives back the ticket of this recipient, to be answered now. */
struct smtp_server_command *tickets_take(struct tickets *ts, size_t index);
/* Gives back the first that waits; NULL: none does. */
struct smtp_server_command *tickets_take_any(struct tickets *ts);
/* The index of the first that waits; there is one. */
size_t tickets_first(struct tickets *ts);
bool tickets_wait(const struct tickets *ts);

#endif
