/* The simulated disk. Each file has durable and volatile octets, each directory durable and
 * volatile names. A power cut keeps of each file what was synced and any prefix of what was not
 * (torn at any octet, or of the right length with nothing in it), and any subset of the renames,
 * removals and new names that were not synced; a rename may leave both names, never none. The end
 * of the process keeps everything that was performed. */
#ifndef SIM_SIM_DISK_H
#define SIM_SIM_DISK_H

#include "io/disk.h"
#include "sim.h"

/* Zeroed: a calm disk. Chances are per thousand calls. */
struct sim_disk_faults {
    unsigned writes, syncs, renames, directory_syncs, reads;
    /* nothing more fits */
    bool full;
    /* a call takes up to so long; 0: up to 200 us */
    usec slowest;
    /* planted lies: the call says yes and does nothing */
    bool no_sync, no_directory_sync;
};
struct sim_disk_faults *sim_disk_faults(struct sim *sim);
/* what io/disk's room answers */
void sim_disk_set_room(struct sim *sim, struct disk_room room);

/* Half steps from now after which the machine stops: one for each call that is performed, one for
 * each answer. SIM_NEVER: it goes on. What stops in the middle of a write has written any part. */
void sim_disk_halt_after(struct sim *sim, uint64_t half_steps);
bool sim_disk_has_halted(const struct sim *sim);
/* half steps so far */
uint64_t sim_disk_half_steps(const struct sim *sim);
/* After the halt, when the disk was freed: what a new disk will find. */
void sim_disk_crash(struct sim *sim, bool power_cut);

/* performed so far */
unsigned sim_disk_syncs(const struct sim *sim);
unsigned sim_disk_directory_syncs(const struct sim *sim);
/* Files in a directory by its path. */
size_t sim_disk_count(const struct sim *sim, const char *path);
/* Puts a file there, durable; replaces. */
void sim_disk_put(struct sim *sim, const char *path, const char *name, struct slice octets);
/* Removes one, for good. */
void sim_disk_remove(struct sim *sim, const char *path, const char *name);
/* One bit of a file turns over, by chance; false: no such file. */
bool sim_disk_spoil(struct sim *sim, const char *path, const char *name, uint64_t chance);
/* The octets that a reader sees; false: no such file. */
bool sim_disk_get(const struct sim *sim, const char *path, const char *name, struct slice *out_r);

#endif
