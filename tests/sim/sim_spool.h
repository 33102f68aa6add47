/* Histories of the spool alone: messages are taken, sent with every kind of end, given up, retried
 * and removed, the machine stops between any two half steps of the disk, by the end of the process
 * or by a power cut, and starts again; a model of what was promised watches.
 *
 * What must hold: a message that was said to be taken is there, with its octets, until it was
 * served or removed; no octet that was not given is ever followed by the end of a body; nobody who
 * was said to be served is served again; copies are at most one, the unknown outcomes and the
 * stops between the end of data and the word that the outcome is on the disk; no failure is
 * reported twice, none is lost; an unknown outcome is never forgotten but by a power cut; in the
 * end nothing is left. */
#ifndef SIM_SIM_SPOOL_H
#define SIM_SIM_SPOOL_H

#include "sim_disk.h"

struct sim_spool_totals {
    uint64_t histories, stops, taken, sent, bounced, retried, removed, copies;
};

/* false: words say what was broken. `lies` (may be NULL) are planted into the disk. */
bool sim_spool_play(uint64_t seed, const struct sim_disk_faults *lies, bool verbose,
                    struct sim_spool_totals *totals, char words[256]);

#endif
