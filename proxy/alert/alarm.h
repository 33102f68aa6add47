/* Looks every two seconds at what can be wrong, and tells alert.h: accounts that can't send, what
 * expires, the spool. */
#ifndef ALERT_ALARM_H
#define ALERT_ALARM_H

#include <stdbool.h>

#include "config/config.h"
#include "io/io.h"

struct accounts;
struct certificates;
struct spool;

/* What is in force now. Borrowed during a look. */
struct alarm_view {
    const struct config *config;
    const struct accounts *accounts;
    /* These are the certificates of the listeners. The pointer is NULL if there are none. */
    const struct certificates *certificates;
    /* It is NULL if there is no spool. */
    const struct spool *spool;
    /* Mail is put into the spool, so it matters whether there is room. */
    bool keeps;
};

struct alarm;

/* Gives; keeps io. Nothing is looked at before alarm_apply. */
struct alarm *alarm_new(const struct io *io, void (*view)(void *ctx, struct alarm_view *view_r),
                        void *ctx);
/* By the configuration of the view: after the start and after each reload. */
void alarm_apply(struct alarm *alarm);
/* Nothing is looked at any more; a command that runs goes on. */
void alarm_stop(struct alarm *alarm);
/* Ends a command that runs. NULL is fine. */
void alarm_free(struct alarm **alarm);

#endif
