#include "mail/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/list.h"
#include "base/mem.h"
#include "io/dns.h"
#include "io/loop.h"

#define REFRESH (60 * USEC_PER_SEC)
/* The names are asked for this often as long as nothing is known of some name. */
#define RETRY (5 * USEC_PER_SEC)

/* One family of a name. */
struct question {
    struct name *name;
    /* The query is NULL if none is in progress. */
    struct dns_query *query;
    /* There was an answer, even if it was that there is no address. */
    bool answered;
};

struct name {
    struct link link;
    char *host;
    struct names *names;
    bool wanted;
    struct question v4, v6;
    /* The newest is first. */
    struct addr lately[CAP_NAME_ADDRESSES];
    size_t n;
};

struct names {
    const struct io *io;
    struct link all;
    struct timer *refresh;
};

/* ------------------------------------------------------------------ answers */

static void remember(struct name *name, const struct addr *a)
{
    size_t i = 0;
    while (i < name->n && !addr_equal(&name->lately[i], a))
        i++;
    if (i == name->n && name->n < CAP_NAME_ADDRESSES)
        name->n++;
    if (i == CAP_NAME_ADDRESSES)
        i--;
    memmove(name->lately + 1, name->lately, i * sizeof *a);
    name->lately[0] = *a;
}

static void on_answer(void *ctx, const struct addr *addresses, size_t n, const struct err *err)
{
    struct question *q = ctx;
    q->query = NULL;
    if (n || err->kind == ERR_NOT_FOUND)
        q->answered = true;
    for (size_t i = n; i-- > 0;)
        remember(q->name, &addresses[i]);
}

static void ask(struct question *q, enum addr_family family)
{
    if (!q->query)
        q->query = dns_lookup(q->name->names->io->dns, q->name->host, family, on_answer, q);
}

static bool is_known(const struct name *name)
{
    return name->n > 0 || (name->v4.answered && name->v6.answered);
}

static void refresh(void *arg)
{
    struct names *names = arg;
    bool all_known = true;
    LIST_EACH (&names->all, it) {
        struct name *name = CONTAINER(it, struct name, link);
        ask(&name->v4, ADDR_V4);
        ask(&name->v6, ADDR_V6);
        all_known &= is_known(name);
    }
    if (!link_is_alone(&names->all))
        timer_arm(names->refresh, all_known ? REFRESH : RETRY);
}

/* ------------------------------------------------------------------ which names */

struct names *names_new(const struct io *io)
{
    struct names *names = NEW(struct names);
    names->io = io;
    link_init(&names->all);
    names->refresh = timer_new(io->loop, refresh, names);
    return names;
}

static void drop(struct name *name)
{
    dns_cancel(&name->v4.query);
    dns_cancel(&name->v6.query);
    link_remove(&name->link);
    free(name->host);
    free(name);
}

void names_free(struct names **names)
{
    struct names *old = *names;
    *names = NULL;
    if (!old)
        return;
    LIST_EACH (&old->all, it)
        drop(CONTAINER(it, struct name, link));
    timer_free(&old->refresh);
    free(old);
}

static struct name *find(const struct names *names, const char *host)
{
    LIST_EACH (&names->all, it) {
        struct name *name = CONTAINER(it, struct name, link);
        if (ascii_equal_fold(name->host, host))
            return name;
    }
    return NULL;
}

static void want(struct names *names, const char *host)
{
    struct addr literal;
    struct name *name = find(names, host);
    if (addr_parse(slice_of(host), &literal))
        return;
    if (!name) {
        name = NEW(struct name);
        name->host = mem_string(host);
        name->names = names;
        name->v4.name = name->v6.name = name;
        list_push_back(&names->all, &name->link);
    }
    name->wanted = true;
}

void names_watch(struct names *names, const char *const *hosts, size_t n)
{
    LIST_EACH (&names->all, it)
        CONTAINER(it, struct name, link)->wanted = false;
    for (size_t i = 0; i < n; i++)
        want(names, hosts[i]);
    LIST_EACH (&names->all, it) {
        struct name *name = CONTAINER(it, struct name, link);
        if (!name->wanted)
            drop(name);
    }
    timer_stop(names->refresh);
    refresh(names);
}

enum names_verdict names_have(const struct names *names, const char *host, const struct addr *a)
{
    struct addr literal;
    if (addr_parse(slice_of(host), &literal))
        return addr_equal(&literal, a) ? NAMES_YES : NAMES_NO;
    const struct name *name = names ? find(names, host) : NULL;
    for (size_t i = 0; name && i < name->n; i++)
        if (addr_equal(&name->lately[i], a))
            return NAMES_YES;
    return name && is_known(name) ? NAMES_NO : NAMES_UNKNOWN;
}
