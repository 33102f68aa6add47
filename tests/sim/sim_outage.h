/* Histories of the spool with its sending half: messages are taken, tried through delivery and
 * scripted upstreams, bounced, retried and removed, files are damaged, the machine stops between
 * any two half steps of the disk, by the end of the process or by a power cut, and starts again.
 *
 * What must hold: a message that was said to be taken is upstream, waits, failed, or was removed,
 * with its octets; whoever failed is named in a bounce that is upstream or lies there; nothing that
 * was never given arrives; copies are at most one, the unknown outcomes and the stops while its
 * outcome was not known to be on the disk; no more ends of data go out unanswered than max_unknown
 * allows; in the end every message has ended. */
#ifndef SIM_SIM_OUTAGE_H
#define SIM_SIM_OUTAGE_H

#include "sim_disk.h"

struct sim_outage_totals {
    uint64_t histories, stops, taken, arrived, bounces, unknown, damaged, removed, copies, failed;
};

/* false: words say what was broken. `lies` (may be NULL) are planted into the disk. */
bool sim_outage_play(uint64_t seed, const struct sim_disk_faults *lies, bool verbose,
                     struct sim_outage_totals *totals, char words[256]);

#endif
