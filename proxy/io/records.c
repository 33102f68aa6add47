#include "io/records.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"

/* The largest answer over TCP. */
enum { ANSWER_SIZE = 65535 };

struct records_query {
    enum record_kind kind;
    char *name;
    /* NULL means that nobody waits for it any more. */
    records_fn *fn;
    void *ctx;
    struct mail_record records[CAP_RECORDS];
    size_t n;
    struct err err;
};

/* ---- the answer ---- */

/* The better one has the lower priority, then the higher weight: we choose once, and do not spread
 * load. */
static int better(const void *left, const void *right)
{
    const struct mail_record *a = left, *b = right;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* The name may be looked up, shown and compared as it stands. */
static bool is_host_name(const char *name)
{
    for (; *name; name++)
        if (!ascii_is_alpha(*name) && !ascii_is_digit(*name) && !strchr("-_.", *name))
            return false;
    return true;
}

/* Numbers in `fixed` octets stand before the name. */
static bool record_parse(const ns_msg *message, const ns_rr *rr, enum record_kind kind,
                         struct mail_record *r)
{
    const unsigned char *data = ns_rr_rdata(*rr);
    size_t fixed = kind == RECORD_MX ? 2 : 6;
    if (ns_rr_rdlen(*rr) <= fixed)
        return false;
    r->priority = (uint16_t)ns_get16(data);
    r->weight = kind == RECORD_SRV ? (uint16_t)ns_get16(data + 2) : 0;
    r->port = kind == RECORD_SRV ? (uint16_t)ns_get16(data + 4) : 0;
    int used = dn_expand(ns_msg_base(*message), ns_msg_end(*message), data + fixed, r->name,
                         sizeof r->name);
    if (used < 0 || fixed + (size_t)used > ns_rr_rdlen(*rr) || !is_host_name(r->name))
        return false;
    for (char *c = r->name; *c; c++)
        *c = ascii_lower(*c);
    size_t len = strlen(r->name);
    if (len && r->name[len - 1] == '.')
        r->name[len - 1] = 0;
    return true;
}

size_t records_parse(enum record_kind kind, const unsigned char *answer, size_t len,
                     struct mail_record out[CAP_RECORDS])
{
    ns_msg message;
    ns_rr rr;
    struct mail_record r;
    size_t n = 0;
    unsigned wanted = kind == RECORD_MX ? ns_t_mx : ns_t_srv;
    if (len > ANSWER_SIZE || ns_initparse(answer, (int)len, &message) != 0)
        return 0;
    for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
        if (ns_parserr(&message, ns_s_an, i, &rr) != 0)
            break;
        if ((unsigned)ns_rr_type(rr) != wanted || ns_rr_class(rr) != ns_c_in ||
            !record_parse(&message, &rr, kind, &r))
            continue;
        if (n < CAP_RECORDS)
            out[n++] = r;
        else if (better(&r, &out[n - 1]) < 0)
            out[n - 1] = r;
        qsort(out, n, sizeof *out, better);
    }
    return n;
}

/* ---- the question ---- */

static void ask(void *arg)
{
    struct records_query *q = arg;
    unsigned char *answer = mem_alloc(ANSWER_SIZE);
    int len =
        res_query(q->name, ns_c_in, q->kind == RECORD_MX ? ns_t_mx : ns_t_srv, answer, ANSWER_SIZE);
    if (len > 0)
        q->n = records_parse(q->kind, answer, len < ANSWER_SIZE ? (size_t)len : ANSWER_SIZE,
                             q->records);
    bool none = len >= 0 || h_errno == HOST_NOT_FOUND || h_errno == NO_DATA;
    err_set(&q->err, none ? ERR_NOT_FOUND : ERR_TIMEOUT, "%s: %s", q->name,
            none ? "no such record" : "the resolver does not answer");
    free(answer);
}

static void tell(void *arg)
{
    struct records_query *q = arg;
    if (q->fn)
        q->fn(q->ctx, q->records, q->n, q->n ? NULL : &q->err);
    free(q->name);
    free(q);
}

struct records_query *records_lookup(struct offload *off, enum record_kind kind, const char *name,
                                     records_fn *fn, void *ctx)
{
    struct records_query *q = NEW(struct records_query);
    q->kind = kind;
    q->name = mem_string(name);
    q->fn = fn;
    q->ctx = ctx;
    offload_submit(off, ask, tell, q);
    return q;
}

void records_cancel(struct records_query **query)
{
    if (*query)
        (*query)->fn = NULL;
    *query = NULL;
}
