/* Between the shared part of the disk (disk.c), what performs its calls (disk_calls.c) and what
 * carries them to a thread (disk_thread.c). The simulator takes the place of the last two. */
#ifndef IO_DISK_INTERNAL_H
#define IO_DISK_INTERNAL_H

#include "base/list.h"
#include "io/disk.h"

enum disk_what {
    DISK_CREATE,
    DISK_CREATE_UNNAMED,
    DISK_OPEN,
    DISK_OPEN_LOG,
    DISK_APPEND,
    DISK_SYNC,
    DISK_READ,
    DISK_CUT,
    DISK_CLOSE,
    DISK_RENAME,
    DISK_UNLINK,
    DISK_SYNC_DIRECTORY,
    DISK_LIST,
    DISK_ROOM,
    DISK_LOCK
};

struct disk_call {
    struct link link;
    enum disk_what what;
    struct disk_directory *dir, *to;
    char *name, *new_name;
    struct disk_file *file;
    /* An append writes these octets. A read fills them. */
    struct buf octets;
    size_t len;
    uint64_t offset;
    disk_fn *fn;
    void *arg;
    /* A sync of a directory serves these others, too. */
    struct link joined;

    bool failed;
    struct err err;
    struct disk_answer answer;
    struct disk_name *names;
};

/* The queue holds the calls that wait, in the order in which they run. It is not locked. */
struct disk_queue {
    struct link waiting, batch, syncs;
};

void disk_queue_init(struct disk_queue *q);
void disk_queue_push(struct disk_queue *q, struct disk_call *call);
/* Returns the next call to perform, which belongs to the caller then. NULL means that none
 * waits. */
struct disk_call *disk_queue_pick(struct disk_queue *q);
/* Performs the closes that wait and frees the rest. */
void disk_queue_drop(struct disk_queue *q);

/* The loop's side: answers a performed call and all that joined it, and frees them. */
void disk_finish(struct disk *disk, struct disk_call *call);
void disk_call_free(struct disk_call *call);

/* Does what the call asks for, on the caller's thread: it touches nothing but the call and the file
 * or directory that it names. Fills failed, err and answer. */
void disk_perform(struct disk_call *call);

/* The carrier takes calls to where they are performed, and back to disk_finish. */
struct disk_carrier;
struct disk_carrier *disk_carrier_new(struct disk *disk, struct loop *loop, struct err *err);
void disk_carrier_push(struct disk_carrier *carrier, struct disk_call *call);
void disk_carrier_free(struct disk_carrier **carrier);
/* Performs the call as disk_perform does, in blocking mode. The simulator fails what it wants to
 * fail. */
void disk_perform_at_once(struct disk *disk, struct disk_call *call);

#endif
