/* A carrier carries messages to an upstream once it is ready for them. Pool, lease and delivery ask
 * for nothing but this table, so that they need not know how an upstream is spoken with.
 * smtp_client fills it. Each function here means what client.h says of it. */
#ifndef SMTP_CARRIER_H
#define SMTP_CARRIER_H

#include "smtp/client.h"

/* The session that fills the table embeds this. */
struct carrier {
    const struct carrier_kind *kind;
};

struct carrier_kind {
    void (*set_owner)(struct carrier *c, const struct smtp_client_events *events, void *ctx);
    const struct ehlo *(*ehlo)(const struct carrier *c);
    const struct tls_facts *(*tls_facts)(const struct carrier *c);
    const struct addr *(*peer)(const struct carrier *c);
    void (*mark_pooled)(struct carrier *c);
    void (*mail)(struct carrier *c, const struct smtp_client_mail *mail);
    void (*rcpt)(struct carrier *c, struct slice to, struct slice notify, struct slice orcpt);
    void (*set_chunking)(struct carrier *c, enum smtp_client_chunking known);
    enum smtp_client_chunking (*chunking)(const struct carrier *c);
    void (*begin_body)(struct carrier *c);
    bool (*uses_bdat)(const struct carrier *c);
    size_t (*body)(struct carrier *c, struct slice octets);
    void (*end_body)(struct carrier *c);
    bool (*abort)(struct carrier *c);
    unsigned (*flights)(const struct carrier *c);
    bool (*is_idle)(const struct carrier *c);
    int64_t (*wait)(const struct carrier *c);
    /* Takes. */
    void (*quit)(struct carrier *c);
};

void carrier_set_owner(struct carrier *c, const struct smtp_client_events *events, void *ctx);
const struct ehlo *carrier_ehlo(const struct carrier *c);
const struct tls_facts *carrier_tls_facts(const struct carrier *c);
const struct addr *carrier_peer(const struct carrier *c);
void carrier_mark_pooled(struct carrier *c);
void carrier_mail(struct carrier *c, const struct smtp_client_mail *mail);
void carrier_rcpt(struct carrier *c, struct slice to, struct slice notify, struct slice orcpt);
void carrier_set_chunking(struct carrier *c, enum smtp_client_chunking known);
enum smtp_client_chunking carrier_chunking(const struct carrier *c);
void carrier_begin_body(struct carrier *c);
bool carrier_uses_bdat(const struct carrier *c);
size_t carrier_body(struct carrier *c, struct slice octets);
void carrier_end_body(struct carrier *c);
bool carrier_abort(struct carrier *c) MUST_USE;
unsigned carrier_flights(const struct carrier *c);
bool carrier_is_idle(const struct carrier *c);
/* Returns -1 unless the verdict speaks of how much we send, and not of the message. Then it returns
 * for how many seconds the upstream asks not to be tried, or 0 if it does not say. The verdict of
 * SMTP never does so. */
int64_t carrier_wait(const struct carrier *c);
void carrier_quit(struct carrier **c);

#endif
