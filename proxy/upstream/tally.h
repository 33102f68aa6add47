/* What is counted for one account, for whoever watches it. Only ever grows; a reload that makes the
 * account anew carries it over. */
#ifndef UPSTREAM_TALLY_H
#define UPSTREAM_TALLY_H

#include <stdint.h>

struct upstream_tally {
    /* authenticated ones that came into the pool */
    uint64_t sessions;
    /* sessions given to a message; of these, such as had served or rested before */
    uint64_t leases, leases_reused;
    /* TLS; resumptions are among the handshakes */
    uint64_t handshakes, resumptions;
    /* AUTH begun, by how it ended; failed: temporary, lost, or given up */
    uint64_t auth_accepted, auth_refused, auth_failed;
};

#endif
