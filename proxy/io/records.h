/* What the DNS says about the mail of a domain: MX (RFC 1035 section 3.3.9) and SRV (RFC 2782), by
 * the system's resolver on a helper thread. Names of records are host names in lower case without
 * the dot at their end, or "" where the record says that there is none (RFC 7505, RFC 2782). */
#ifndef IO_RECORDS_H
#define IO_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/offload.h"

/* The best ones; a domain with more needs no more of them. */
#define CAP_RECORDS 16

enum record_kind { RECORD_MX, RECORD_SRV };

struct mail_record {
    /* An MX has no weight and no port. */
    uint16_t priority, weight, port;
    char name[256];
};

struct records_query;

/* Is called on the loop, later. Borrows n records, the best first, until it returns. With n = 0,
 * err says why: ERR_NOT_FOUND means that there are none; anything else that the resolver did not
 * answer. */
typedef void records_fn(void *ctx, const struct mail_record *records, size_t n,
                        const struct err *err);

/* Copies the name. Gives a query that ends with the callback or with records_cancel. It has no
 * deadline of its own. */
struct records_query *records_lookup(struct offload *off, enum record_kind kind, const char *name,
                                     records_fn *fn, void *ctx);
/* The callback is not called any more. *query may be NULL. */
void records_cancel(struct records_query **query);

/* Reads the records out of an answer as it came over the net; those of other kinds are passed over.
 * Returns their number, 0 for an answer that breaks off or is none. */
size_t records_parse(enum record_kind kind, const unsigned char *answer, size_t len,
                     struct mail_record out[CAP_RECORDS]);

#endif
