/* The counters of one account, for the page and the metrics. The numbers only grow. A reload that
 * makes the account anew carries them over. */
#ifndef UPSTREAM_TALLY_H
#define UPSTREAM_TALLY_H

#include <stdint.h>

struct upstream_tally {
    /* Authenticated sessions that came into the pool. */
    uint64_t sessions;
    /* Leases granted. leases_reused counts those whose session was not new. */
    uint64_t leases, leases_reused;
    /* TLS handshakes. Resumptions are counted as handshakes, too. */
    uint64_t handshakes, resumptions;
    /* AUTH commands by their end. Failed ones were temporary, lost or given up. */
    uint64_t auth_accepted, auth_refused, auth_failed;
    /* Messages whose journal was refused. */
    uint64_t journal_refused;
};

#endif
