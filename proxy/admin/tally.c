#include "admin/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/text.h"
#include "base/caps.h"
#include "base/mem.h"

const double tally_bounds[TALLY_BOUNDS] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                           2.5,  5,     10,   25,  60,   120, 300};

void tally_free(struct tally *t)
{
    free(t->accounts);
    free(t->ports);
    free(t->kept);
    for (size_t i = 0; i < CAP_ADMIN_RECENT; i++)
        message_free(&t->recent[i]);
    *t = (struct tally){0};
}

void tally_copy(struct tally *to, const struct tally *from)
{
    *to = *from;
    to->accounts = mem_alloc((from->naccounts + 1) * sizeof *to->accounts);
    to->ports = mem_alloc((from->nports + 1) * sizeof *to->ports);
    to->kept = mem_alloc((from->nkept + 1) * sizeof *to->kept);
    for (size_t i = 0; i < from->nkept; i++)
        to->kept[i] = from->kept[i];
    for (size_t i = 0; i < from->naccounts; i++)
        to->accounts[i] = from->accounts[i];
    for (size_t i = 0; i < from->nports; i++)
        to->ports[i] = from->ports[i];
    for (size_t i = 0; i < CAP_ADMIN_RECENT; i++)
        message_copy(&to->recent[i], &from->recent[i]);
}

size_t tally_account(struct tally *t, const char *name)
{
    for (size_t i = 0; i < t->naccounts; i++)
        if (strcmp(t->accounts[i].name, name) == 0)
            return i;
    t->accounts = mem_resize(t->accounts, (t->naccounts + 1) * sizeof *t->accounts);
    t->accounts[t->naccounts] = (struct tally_account){0};
    snprintf(t->accounts[t->naccounts].name, sizeof t->accounts[0].name, "%s", name);
    return t->naccounts++;
}

/* Returns NULL if there are too many series. */
static struct tally_port *port_of(struct tally *t, size_t account, uint16_t port)
{
    for (size_t i = 0; i < t->nports; i++)
        if (t->ports[i].account == account && t->ports[i].port == port)
            return &t->ports[i];
    if (t->nports == CAP_ADMIN_SERIES)
        return NULL;
    t->ports = mem_resize(t->ports, (t->nports + 1) * sizeof *t->ports);
    t->ports[t->nports] = (struct tally_port){.account = account, .port = port};
    return &t->ports[t->nports++];
}

/* The reasons are few, and the accounts the configuration's. */
static void count_kept(struct tally *t, size_t account, const char *reason)
{
    size_t i = 0;
    while (i < t->nkept &&
           !(t->kept[i].account == account && strcmp(t->kept[i].reason, reason) == 0))
        i++;
    if (i == t->nkept) {
        t->kept = mem_resize(t->kept, (t->nkept + 1) * sizeof *t->kept);
        t->kept[t->nkept++] = (struct tally_kept){.account = account, .reason = reason};
    }
    t->kept[i].messages++;
}

static struct tally_minute *this_minute(struct tally *t, int64_t wall_ms)
{
    int64_t minute = wall_ms / 60000;
    struct tally_minute *m = &t->minutes[minute % TALLY_MINUTES];
    if (m->minute != minute)
        *m = (struct tally_minute){.minute = minute};
    return m;
}

/* Takes the room of an earlier text, or NULL, and gives it with this text. */
static char *clean(char *room, size_t size, const char *text)
{
    char *out = room ? room : mem_alloc(size);
    text_clean(out, size, slice_of(text));
    return out;
}

/* The texts have the same room from the first message of this place to the last, so that a message
 * allocates nothing. */
static void keep(struct message *place, const struct message *m)
{
    struct message before = *place;
    *place = *m;
    place->from = clean(before.from, 160, m->from);
    place->sent_as = clean(before.sent_as, 160, m->sent_as);
    place->to = clean(before.to, 160, m->to);
    place->listener = clean(before.listener, 64, m->listener);
    place->user = clean(before.user, 64, m->user);
    place->original = clean(before.original, ADDR_TEXT, m->original);
    place->upstream = clean(before.upstream, sizeof((struct tally_account *)0)->name, m->upstream);
    place->reply = clean(before.reply, 320, m->reply);
    /* No answer shows them. */
    place->kept_words = NULL;
    text_clean(place->client, sizeof place->client, slice_of(m->client));
}

static void count(struct tally *t, const struct message *m)
{
    size_t index = tally_account(t, m->upstream), bucket = 0;
    struct tally_account *a = &t->accounts[index];
    struct tally_port *p = port_of(t, index, m->port);
    struct tally_minute *minute = this_minute(t, m->ended_ms);
    double seconds = (double)m->delay / (double)USEC_PER_SEC;
    a->messages[m->result]++;
    if (m->result == RESULT_DELIVERED)
        a->delivered_ms = m->ended_ms;
    if (p)
        p->messages[m->result]++;
    if (m->result == RESULT_DELIVERED)
        a->bytes += m->size;
    if (m->result == RESULT_SPOOLED && m->kept_for)
        count_kept(t, index, m->kept_for);
    while (bucket < TALLY_BOUNDS && seconds > tally_bounds[bucket])
        bucket++;
    a->delays[bucket]++;
    a->delay_sum += seconds;
    if (m->result == RESULT_DELIVERED || m->result == RESULT_SPOOLED)
        minute->delivered++;
    else
        minute->failed++;
}

void tally_message(struct tally *t, const struct message *m)
{
    struct message *place = &t->recent[t->total++ % CAP_ADMIN_RECENT];
    keep(place, m);
    count(t, place);
}

void tally_load(struct tally *t, int64_t wall_ms, unsigned clients, unsigned sessions)
{
    struct tally_minute *m = this_minute(t, wall_ms);
    m->clients = clients > m->clients ? clients : m->clients;
    m->sessions = sessions > m->sessions ? sessions : m->sessions;
}

const struct tally_minute *tally_minute(const struct tally *t, int64_t wall_ms, unsigned back)
{
    int64_t minute = wall_ms / 60000 - (int64_t)back;
    const struct tally_minute *m = &t->minutes[minute % TALLY_MINUTES];
    return m->minute == minute ? m : NULL;
}

const struct message *tally_recent(const struct tally *t, size_t back)
{
    return back < CAP_ADMIN_RECENT && back < t->total
               ? &t->recent[(t->total - 1 - back) % CAP_ADMIN_RECENT]
               : NULL;
}
