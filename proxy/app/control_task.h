/* What one request does to the spool: the same for a server, which asks for more of the answer turn
 * by turn, and for the command without one, which asks until the end. */
#ifndef APP_CONTROL_TASK_H
#define APP_CONTROL_TASK_H

#include "app/control_drain.h"
#include "app/control_request.h"
#include "spool/spool.h"

struct control_task;

enum control_step {
    /* Some of the answer was given; ask again, in another turn. */
    CONTROL_GOES_ON,
    /* The disk is at work, a drain goes on, or the peer has more to say: `more` will be called, or
     * control_task_feed. */
    CONTROL_WAITS,
    /* The last line was given. */
    CONTROL_ENDED,
};

/* Room that the answer to one step needs. */
#define CONTROL_STEP_ROOM (16 * 1024)

/* Gives. Takes the request; keeps spool and host. */
struct control_task *control_task_new(struct spool *spool, struct control_request *request,
                                      const struct control_host *host, void (*more)(void *ctx),
                                      void *ctx);
/* Appends whole lines to `out`, which has CONTROL_STEP_ROOM left. A step does a bounded amount of
 * work. */
enum control_step control_task_step(struct control_task *task, struct buf *out);
/* What the peer says behind its request; gives how many octets were taken. What is left must come
 * again after `more`. */
size_t control_task_feed(struct control_task *task, struct slice octets);
/* Only the peer can bring it further. */
bool control_task_is_hungry(const struct control_task *task);
/* Ends a drain, and calls `more` no longer. A call to the disk that is under way ends by itself,
 * and frees the task then. *task may be NULL. */
void control_task_leave(struct control_task **task);
/* What was left and waits still is freed: the spool is gone, and answers no more. */
void control_tasks_forget(struct link *left);

#endif
