#include "io/published.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct edition {
    struct published *owner;
    /* References of the readers, and of the owner while it is the newest. */
    unsigned refs;
    void *value;
};

struct published {
    /* Guards `newest` and all refs. */
    pthread_mutex_t lock;
    struct edition *newest;
    void (*destroy)(void *value);
};

struct published *published_new(void (*destroy)(void *value))
{
    struct published *p = NEW(struct published);
    pthread_mutex_init(&p->lock, NULL);
    p->destroy = destroy;
    return p;
}

void edition_release(struct edition **edition)
{
    struct edition *e = *edition;
    *edition = NULL;
    if (!e)
        return;
    struct published *p = e->owner;
    pthread_mutex_lock(&p->lock);
    unsigned left = --e->refs;
    pthread_mutex_unlock(&p->lock);
    if (left)
        return;
    p->destroy(e->value);
    free(e);
}

static void replace(struct published *p, struct edition *fresh)
{
    pthread_mutex_lock(&p->lock);
    struct edition *old = p->newest;
    p->newest = fresh;
    pthread_mutex_unlock(&p->lock);
    edition_release(&old);
}

void published_set(struct published *p, void *value)
{
    struct edition *e = NEW(struct edition);
    *e = (struct edition){.owner = p, .refs = 1, .value = value};
    replace(p, e);
}

struct edition *published_hold(struct published *p)
{
    pthread_mutex_lock(&p->lock);
    struct edition *e = p->newest;
    if (e)
        e->refs++;
    pthread_mutex_unlock(&p->lock);
    return e;
}

const void *edition_value(const struct edition *e)
{
    return e->value;
}

void published_free(struct published **published)
{
    struct published *p = *published;
    *published = NULL;
    if (!p)
        return;
    replace(p, NULL);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
