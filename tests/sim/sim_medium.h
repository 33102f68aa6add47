/* Inside the simulated disk: what the platter holds. */
#ifndef SIM_SIM_MEDIUM_H
#define SIM_SIM_MEDIUM_H

#include "sim_disk.h"
#include "sim_world.h"

struct sim_inode {
    struct link link;
    char *data;
    size_t len, size;
    /* octets that are durable */
    size_t synced;
    /* a sync failed: the kernel dropped the octets, and no later sync brings them back */
    bool poisoned;
    /* what was durable before a cut that was not synced; NULL: none */
    char *before;
    size_t before_len;
    bool locked, marked;
};

struct sim_entry {
    struct link link;
    char *name;
    struct sim_inode *inode;
};

struct sim_folder {
    struct link link;
    char *path;
    struct link now, durable;
};

/* A change of names that was not synced. */
struct sim_change {
    struct link link;
    struct sim_folder *folder;
    bool adds;
    char *name;
    struct sim_inode *inode;
    uint64_t number;
    /* the removal half of a rename: the number of the half that adds; else 0 */
    uint64_t needs;
    /* its sync failed: a later one does not help until the directory changes again */
    bool lost;
};

struct sim_medium {
    struct sim *sim;
    struct link inodes, folders, changes;
    uint64_t changes_made;
    struct sim_disk_faults faults;
    struct disk_room room;
    uint64_t half_steps, halt_at;
    unsigned syncs, directory_syncs;
};

struct sim_medium *sim_medium(struct sim *sim);
/* counts a half step; true: the machine has stopped before it */
bool sim_medium_steps(struct sim_medium *m);
bool sim_medium_has_stopped(const struct sim_medium *m);

struct sim_folder *sim_folder_find(const struct sim_medium *m, const char *path);
struct sim_folder *sim_folder_make(struct sim_medium *m, const char *path);
struct sim_entry *sim_entry_find(const struct link *names, const char *name);
struct sim_inode *sim_inode_new(struct sim_medium *m);
void sim_inode_append(struct sim_inode *inode, const void *data, size_t len);
void sim_inode_cut(struct sim_inode *inode, size_t len);
void sim_inode_sync(struct sim_inode *inode);

/* Changes the volatile names and notes what is not durable yet; gives the change's number. */
uint64_t sim_folder_add(struct sim_medium *m, struct sim_folder *f, const char *name,
                        struct sim_inode *inode);
void sim_folder_remove(struct sim_medium *m, struct sim_folder *f, const char *name,
                       uint64_t needs);
void sim_folder_sync(struct sim_medium *m, struct sim_folder *f);
void sim_folder_lose(struct sim_medium *m, struct sim_folder *f);

#endif
