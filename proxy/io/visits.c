#include "io/visits.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/caps.h"
#include "base/list.h"
#include "base/mem.h"

/* The first is for a whole head. The second is for an answer that is read to its end, for example a
 * page over a slow line. */
#define HEAD_PATIENCE (5 * USEC_PER_SEC)
#define ANSWER_PATIENCE (60 * USEC_PER_SEC)

struct visit {
    struct link link;
    /* An addr_client_key. */
    struct addr from;
    int fd;
    /* The time at which the connection, or the wait for its next request, began. */
    usec began;
    bool asked, shut;
};

struct visits {
    pthread_mutex_t lock;
    /* The newest is last. */
    struct link all;
};

struct visits *visits_new(void)
{
    struct visits *v = NEW(struct visits);
    pthread_mutex_init(&v->lock, NULL);
    link_init(&v->all);
    return v;
}

void visits_free(struct visits **visits)
{
    struct visits *v = *visits;
    *visits = NULL;
    if (!v)
        return;
    pthread_mutex_destroy(&v->lock);
    free(v);
}

static void shut(struct visit *visit)
{
    visit->shut = true;
    shutdown(visit->fd, SHUT_RDWR);
}

static bool is_counted(const struct visit *visit, const struct addr *from)
{
    return !visit->shut && (!from || addr_equal(&visit->from, from));
}

/* Chooses among the visits from that address, or among all, the oldest of those whose head is
 * incomplete, else the oldest. */
static struct visit *most_dispensable(const struct visits *v, const struct addr *from)
{
    struct visit *found = NULL;
    LIST_EACH (&v->all, it) {
        struct visit *visit = CONTAINER(it, struct visit, link);
        if (!is_counted(visit, from))
            continue;
        if (!found || (found->asked && !visit->asked) ||
            (found->asked == visit->asked && visit->began < found->began))
            found = visit;
    }
    return found;
}

static void make_room(const struct visits *v, const struct addr *from, size_t most)
{
    size_t n = 0;
    LIST_EACH (&v->all, it)
        n += is_counted(CONTAINER(it, struct visit, link), from);
    if (n >= most)
        shut(most_dispensable(v, from));
}

struct visit *visits_enter(struct visits *v, const struct addr *from, int fd, usec now)
{
    struct visit *visit = NEW(struct visit);
    visit->from = addr_client_key(from);
    visit->fd = fd;
    visit->began = now;
    pthread_mutex_lock(&v->lock);
    make_room(v, &visit->from, CAP_ADMIN_PER_ADDRESS);
    make_room(v, NULL, CAP_ADMIN_CONNECTIONS);
    list_push_back(&v->all, &visit->link);
    pthread_mutex_unlock(&v->lock);
    return visit;
}

void visits_leave(struct visits *v, struct visit *visit)
{
    pthread_mutex_lock(&v->lock);
    link_remove(&visit->link);
    pthread_mutex_unlock(&v->lock);
    free(visit);
}

void visits_ask(struct visits *v, struct visit *visit)
{
    pthread_mutex_lock(&v->lock);
    visit->asked = true;
    pthread_mutex_unlock(&v->lock);
}

void visits_answered(struct visits *v, struct visit *visit, usec now)
{
    pthread_mutex_lock(&v->lock);
    visit->asked = false;
    visit->began = now;
    pthread_mutex_unlock(&v->lock);
}

void visits_expire(struct visits *v, usec now)
{
    pthread_mutex_lock(&v->lock);
    LIST_EACH (&v->all, it) {
        struct visit *visit = CONTAINER(it, struct visit, link);
        usec patience = visit->asked ? ANSWER_PATIENCE : HEAD_PATIENCE;
        if (!visit->shut && now - visit->began >= patience)
            shut(visit);
    }
    pthread_mutex_unlock(&v->lock);
}
