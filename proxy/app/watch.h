/* Between the rooms that know something and the admin page that tells it: neither includes the
 * other. */
#ifndef APP_WATCH_H
#define APP_WATCH_H

#include "admin/admin.h"
#include "base/attr.h"
#include "base/err.h"
#include "mail/message.h"

struct certificates;
struct listeners;
struct relay;
struct spool;

/* Where the daemon keeps what may be another after a reload. */
struct watched {
    struct config *const *config;
    struct accounts *const *accounts;
    struct certificates *const *certificates;
    struct relay *const *relay;
    /* NULL: nothing is kept */
    struct spool *const *spool;
    /* NULL while draining */
    struct listeners *const *listeners;
    const bool *draining;
    /* Of watch_begin, borrowed. */
    struct admin *admin;
    /* wall clock of the last message that was delivered; 0: none yet */
    int64_t delivered_ms;
};

/* keeps both. Gives */
struct admin *watch_begin(const struct io *io, struct watched *watched);
/* admin_apply, with words for a person */
int watch_apply(struct admin *admin, const struct config *config, struct err *err) MUST_USE;
/* For relay_watch, as long as watched and its admin live. */
struct message_watch watch_messages(struct watched *watched);

#endif
