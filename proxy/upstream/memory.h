/* What survives a restart: per account and host the port that works, what EHLO said, what is known of BDAT, and the addresses of the name. One small
 * text file in state_dir, read at start, replaced on a helper thread a moment after a change. Nobody is harmed by its loss, and its content is not
 * trusted: what cannot be read is skipped. */
#ifndef UPSTREAM_MEMORY_H
#define UPSTREAM_MEMORY_H

#include "base/caps.h"
#include "upstream/account.h"

#define MEMORY_PORTS 8     /* ports of one account whose BDAT answer is kept */
#define MEMORY_ENTRIES 256 /* accounts kept */

struct memory_bdat {
    uint16_t port;
    uint64_t fingerprint; /* of the EHLO text: what was learnt holds while it stays the same */
    enum client_chunking known;
};

struct memory_record {
    struct port works; /* number 0: not known */
    struct account_facts facts;
    struct memory_bdat bdat[MEMORY_PORTS];
    size_t nbdat;
    struct addr addresses[CAP_DNS_ADDRESSES];
    size_t naddresses;
};

struct memory;

/* state_dir NULL or "": nothing is kept. Keeps io. Reads the file (blocking: for start and reload). Gives one reference. */
struct memory *memory_open(const struct io *io, const char *state_dir);
struct memory *memory_ref(struct memory *m);
void memory_unref(struct memory **m); /* with the last one: writes what is not written yet */
bool memory_is_in(const struct memory *m, const char *state_dir);

bool memory_get(const struct memory *m, const char *account, const char *host,
                struct memory_record *record_r); /* false: nothing known, and the record is empty */
void memory_put(struct memory *m, const char *account, const char *host, const struct memory_record *record); /* written a moment later */

#endif
