/* What survives a restart: per account and host the port that works, what EHLO said, what is known
 * of BDAT, and the addresses of the name. One small text file in state_dir, read at start, replaced
 * on a helper thread a moment after a change. Nobody is harmed by its loss, and its content is not
 * trusted: what cannot be read is skipped. */
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
    /* of the EHLO text: what was learnt holds while it stays the same */
    uint64_t fingerprint;
    enum smtp_client_chunking known;
};

struct memory_record {
    /* number 0: not known */
    struct port works;
    struct account_facts facts;
    struct memory_bdat bdat[CAP_MEMORY_PORTS];
    size_t nbdat;
    struct addr addresses[CAP_DNS_ADDRESSES];
    size_t naddresses;
};

struct memory;

/* state_dir NULL or "": nothing is kept. Keeps io. Reads the file (blocking: for start and reload).
 * Gives one reference. */
struct memory *memory_open(const struct io *io, const char *state_dir);
struct memory *memory_ref(struct memory *m);
/* with the last one: writes what is not written yet */
void memory_unref(struct memory **m);
bool memory_is_in(const struct memory *m, const char *state_dir);

/* false: nothing known, and the record is empty */
bool memory_get(const struct memory *m, const char *account, const char *host,
                struct memory_record *record_r);
/* written a moment later */
void memory_put(struct memory *m, const char *account, const char *host,
                const struct memory_record *record);

#endif
