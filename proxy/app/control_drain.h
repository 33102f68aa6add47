/* The command `spool drain` stops the keeping of new mail and tries all that waits now. It tries an
 * account without a session again every few seconds. It ends when nothing waits any more, or when
 * the time is over. */
#ifndef APP_CONTROL_DRAIN_H
#define APP_CONTROL_DRAIN_H

#include "base/buf.h"
#include "base/list.h"
#include "io/loop.h"
#include "spool/spool.h"

struct control_drain;

/* What the process does beside the spool's files. */
struct control_host {
    struct loop *loop;
    /* Messages are sent by this process. */
    bool is_served;
    /* From here on, or no longer, nothing new is kept; NULL: nobody keeps anything here. */
    void (*close)(void *ctx, bool is_closed);
    /* A message that began before that may still come to be kept. NULL: none. */
    bool (*may_keep)(void *ctx);
    /* Mail of another spool would be kept here. NULL: it would. */
    bool (*takes)(void *ctx);
    void *ctx;
    /* Tasks that were left while the disk works for them: control_tasks_forget frees those that it
     * never answered. NULL: the disk answers at once. */
    struct link *left;
};

/* Gives. Keeps spool and host. `over` is called once, in a later turn. */
struct control_drain *control_drain_new(struct spool *spool, const struct control_host *host,
                                        usec patience, void (*over)(void *ctx), void *ctx);
/* Appends the answer's last line: 0 if nothing waits, else 75, what is left and why. */
bool control_drain_end(const struct control_drain *drain, struct buf *out) MUST_USE;
/* Where mail was left, or the drain was not over, new messages are kept again. *drain may be
 * NULL. */
void control_drain_free(struct control_drain **drain);

#endif
