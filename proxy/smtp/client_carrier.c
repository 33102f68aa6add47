/* The client half is a carrier of messages (carrier.h). */
#include "smtp/carrier.h"
#include "smtp/client_private.h"

static struct smtp_client *of(struct carrier *c)
{
    return CONTAINER(c, struct smtp_client, carrier);
}

static const struct smtp_client *of_const(const struct carrier *c)
{
    return CONTAINER(c, const struct smtp_client, carrier);
}

static void set_owner(struct carrier *c, const struct smtp_client_events *events, void *ctx)
{
    smtp_client_set_owner(of(c), events, ctx);
}

static const struct ehlo *ehlo(const struct carrier *c)
{
    return smtp_client_ehlo(of_const(c));
}

static const struct tls_facts *tls_facts(const struct carrier *c)
{
    return smtp_client_tls_facts(of_const(c));
}

static const struct addr *peer(const struct carrier *c)
{
    return smtp_client_peer(of_const(c));
}

static void mark_pooled(struct carrier *c)
{
    smtp_client_mark_pooled(of(c));
}

static void mail(struct carrier *c, const struct smtp_client_mail *m)
{
    smtp_client_mail(of(c), m);
}

static void rcpt(struct carrier *c, struct slice to, struct slice notify, struct slice orcpt)
{
    smtp_client_rcpt(of(c), to, notify, orcpt);
}

static void set_chunking(struct carrier *c, enum smtp_client_chunking known)
{
    smtp_client_set_chunking(of(c), known);
}

static enum smtp_client_chunking chunking(const struct carrier *c)
{
    return smtp_client_chunking(of_const(c));
}

static void begin_body(struct carrier *c)
{
    smtp_client_begin_body(of(c));
}

static bool uses_bdat(const struct carrier *c)
{
    return smtp_client_uses_bdat(of_const(c));
}

static size_t body(struct carrier *c, struct slice octets)
{
    return smtp_client_body(of(c), octets);
}

static void end_body(struct carrier *c)
{
    smtp_client_end_body(of(c));
}

static bool give_up(struct carrier *c)
{
    return smtp_client_abort(of(c));
}

static unsigned flights(const struct carrier *c)
{
    return smtp_client_flights(of_const(c));
}

static bool is_idle(const struct carrier *c)
{
    return smtp_client_is_idle(of_const(c));
}

static int64_t no_wait(const struct carrier *c)
{
    (void)c;
    return -1;
}

static void quit(struct carrier *c)
{
    struct smtp_client *client = of(c);
    smtp_client_quit(&client);
}

const struct carrier_kind smtp_client_kind = {
    .set_owner = set_owner,
    .ehlo = ehlo,
    .tls_facts = tls_facts,
    .peer = peer,
    .mark_pooled = mark_pooled,
    .mail = mail,
    .rcpt = rcpt,
    .set_chunking = set_chunking,
    .chunking = chunking,
    .begin_body = begin_body,
    .uses_bdat = uses_bdat,
    .body = body,
    .end_body = end_body,
    .abort = give_up,
    .flights = flights,
    .is_idle = is_idle,
    .wait = no_wait,
    .quit = quit,
};

struct carrier *smtp_client_carrier(struct smtp_client *c)
{
    return c ? &c->carrier : NULL;
}
