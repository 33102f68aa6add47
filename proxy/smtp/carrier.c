#include "smtp/carrier.h"

void carrier_set_owner(struct carrier *c, const struct smtp_client_events *events, void *ctx)
{
    c->kind->set_owner(c, events, ctx);
}

const struct ehlo *carrier_ehlo(const struct carrier *c)
{
    return c->kind->ehlo(c);
}

const struct tls_facts *carrier_tls_facts(const struct carrier *c)
{
    return c->kind->tls_facts(c);
}

const struct addr *carrier_peer(const struct carrier *c)
{
    return c->kind->peer(c);
}

void carrier_mark_pooled(struct carrier *c)
{
    c->kind->mark_pooled(c);
}

void carrier_mail(struct carrier *c, const struct smtp_client_mail *mail)
{
    c->kind->mail(c, mail);
}

void carrier_rcpt(struct carrier *c, struct slice to, struct slice notify, struct slice orcpt)
{
    c->kind->rcpt(c, to, notify, orcpt);
}

void carrier_set_chunking(struct carrier *c, enum smtp_client_chunking known)
{
    c->kind->set_chunking(c, known);
}

enum smtp_client_chunking carrier_chunking(const struct carrier *c)
{
    return c->kind->chunking(c);
}

void carrier_begin_body(struct carrier *c)
{
    c->kind->begin_body(c);
}

bool carrier_uses_bdat(const struct carrier *c)
{
    return c->kind->uses_bdat(c);
}

size_t carrier_body(struct carrier *c, struct slice octets)
{
    return c->kind->body(c, octets);
}

void carrier_end_body(struct carrier *c)
{
    c->kind->end_body(c);
}

bool carrier_abort(struct carrier *c)
{
    return c->kind->abort(c);
}

unsigned carrier_flights(const struct carrier *c)
{
    return c->kind->flights(c);
}

bool carrier_is_idle(const struct carrier *c)
{
    return c->kind->is_idle(c);
}

int64_t carrier_wait(const struct carrier *c)
{
    return c->kind->wait(c);
}

void carrier_quit(struct carrier **carrier)
{
    struct carrier *c = *carrier;
    *carrier = NULL;
    if (c)
        c->kind->quit(c);
}
