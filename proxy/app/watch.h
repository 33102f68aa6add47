/* Connects the rooms that know something with the admin page that shows it. Neither includes the
 * other. */
#ifndef APP_WATCH_H
#define APP_WATCH_H

#include "admin/admin.h"
#include "base/attr.h"
#include "base/err.h"
#include "mail/message.h"

struct alarm;
struct certificates;
struct listeners;
struct relay;
struct spool;

/* The daemon's variables whose values a reload may replace. */
struct watched {
    struct config *const *config;
    struct accounts *const *accounts;
    struct certificates *const *certificates;
    struct relay *const *relay;
    /* It is NULL if nothing is kept. */
    struct spool *const *spool;
    /* NULL while the server drains. */
    struct listeners *const *listeners;
    /* The spool takes nothing new, because it is drained. */
    const unsigned *closed;
    const bool *draining;
    /* Of watch_begin, borrowed. */
    struct admin *admin;
    /* This is the time of the last delivery by the wall clock. It is 0 if there was none yet. */
    int64_t delivered_ms;
};

/* Gives. Keeps both. */
struct admin *watch_begin(const struct io *io, struct watched *watched);
/* Calls admin_apply, with words for a person. */
int watch_apply(struct admin *admin, const struct config *config, struct err *err) MUST_USE;
/* Gives. Keeps both. */
struct alarm *watch_alarm(const struct io *io, struct watched *watched);
/* At the start and after a reload: who is called, and whether accounts are proven for it. */
void watch_apply_alarm(struct watched *watched, struct alarm *alarm);
/* For relay_watch, as long as watched and its admin live. */
struct message_watch watch_messages(struct watched *watched);

#endif
