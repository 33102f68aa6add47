/* The knowledge that survives a restart. For each account and host it is the port that works, the
 * last EHLO, the state of BDAT, and the addresses of the name. It is one small text file in
 * state_dir, which is read at the start and replaced on a helper thread a moment after a change.
 * Its loss does no harm. Its content is not trusted: a line that cannot be parsed is skipped. */
#ifndef UPSTREAM_MEMORY_H
#define UPSTREAM_MEMORY_H

#include "base/addr.h"
#include "base/caps.h"
#include "config/config.h"
#include "smtp/client.h"
#include "upstream/facts.h"

struct io;

struct memory_bdat {
    uint16_t port;
    /* The fingerprint of the EHLO text. `known` holds while it stays the same. */
    uint64_t fingerprint;
    enum smtp_client_chunking known;
};

struct memory_record {
    /* Number 0 means that it is not known. */
    struct port works;
    struct account_facts facts;
    struct memory_bdat bdat[CAP_MEMORY_PORTS];
    size_t nbdat;
    struct addr addresses[CAP_DNS_ADDRESSES];
    size_t naddresses;
};

struct memory;

/* Gives one reference. Keeps io. With a state_dir of NULL or "" nothing is stored. Reads the file,
 * which blocks, so call it at the start and on a reload only. */
struct memory *memory_open(const struct io *io, const char *state_dir);
struct memory *memory_ref(struct memory *m);
/* Releases the reference. The last one writes what was not written yet. */
void memory_unref(struct memory **m);
bool memory_is_in(const struct memory *m, const char *state_dir);

/* Returns false, with an empty record, if nothing is known. */
bool memory_get(const struct memory *m, const char *account, const char *host,
                struct memory_record *record_r);
/* Copies the record. It is written a moment later. */
void memory_put(struct memory *m, const char *account, const char *host,
                const struct memory_record *record);

#endif
