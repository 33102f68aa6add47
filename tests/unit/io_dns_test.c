/* Lookups behind a resolver that drops AAAA questions: getaddrinfo is our own here, and keeps these
 * waiting until they are let go. */
#include "io_help.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/dns.h"
#include "io/loop.h"
#include "io/offload.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t let_go = PTHREAD_COND_INITIALIZER;
static bool dropping;
static unsigned asked_v6, answered_v6;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **list_r)
{
    static const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {0x010200c0}};
    (void)node;
    (void)service;
    if (hints->ai_family == AF_INET6) {
        pthread_mutex_lock(&lock);
        asked_v6++;
        while (dropping)
            pthread_cond_wait(&let_go, &lock);
        answered_v6++;
        pthread_mutex_unlock(&lock);
        return EAI_AGAIN;
    }
    *list_r = NEW(struct addrinfo);
    (*list_r)->ai_addr = (struct sockaddr *)&address;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    free(list);
}

struct world {
    struct loop *loop;
    struct offload *off;
    struct dns *dns;
};

static void world_open(struct world *w)
{
    struct err err;
    w->loop = loop_new(&err);
    w->off = offload_new(w->loop, &err);
    w->dns = dns_new(w->loop, w->off);
    dropping = true;
    asked_v6 = answered_v6 = 0;
}

static void answer_all(void)
{
    pthread_mutex_lock(&lock);
    dropping = false;
    pthread_cond_broadcast(&let_go);
    pthread_mutex_unlock(&lock);
}

static bool all_are_answered(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    bool all = answered_v6 == asked_v6;
    pthread_mutex_unlock(&lock);
    return all;
}

static void world_close(struct world *w)
{
    dns_free(&w->dns);
    answer_all();
    spin_until(w->loop, all_are_answered, NULL);
    /* what had begun is freed when it comes back */
    spin_some(w->loop);
    offload_free(&w->off);
    loop_free(&w->loop);
}

enum { HOSTS = 3 * CAP_HELPER_THREADS };

struct answers {
    unsigned v4, v6;
};

static void on_v4(void *ctx, const struct addr *addresses, size_t n, const struct err *err)
{
    (void)addresses;
    (void)err;
    ((struct answers *)ctx)->v4 += n == 1;
}

static void on_v6(void *ctx, const struct addr *addresses, size_t n, const struct err *err)
{
    (void)addresses;
    ((struct answers *)ctx)->v6 += n == 0 && err->kind == ERR_TIMEOUT;
}

static void ask_all(struct world *w, struct answers *a, struct dns_query **v6)
{
    for (int i = 0; i < HOSTS; i++) {
        char host[32];
        snprintf(host, sizeof host, "host%d.example.net", i);
        v6[i] = dns_lookup(w->dns, host, ADDR_V6, on_v6, a);
        dns_lookup(w->dns, host, ADDR_V4, on_v4, a);
    }
}

static bool has_all_v4(void *arg)
{
    return ((struct answers *)arg)->v4 == HOSTS;
}

static bool has_all_v6(void *arg)
{
    return ((struct answers *)arg)->v6 == HOSTS;
}

static void dropped_aaaa_questions_hold_up_nobody(void **state)
{
    struct world w;
    struct answers a = {0};
    struct dns_query *v6[HOSTS];
    (void)state;
    world_open(&w);
    ask_all(&w, &a, v6);
    spin_until(w.loop, has_all_v4, &a);
    assert_int_equal(a.v6, 0);
    answer_all();
    /* each got its turn */
    spin_until(w.loop, has_all_v6, &a);
    assert_int_equal(asked_v6, HOSTS);
    world_close(&w);
}

static bool has_one_more_v4(void *arg)
{
    return ((struct answers *)arg)->v4 == HOSTS + 1;
}

static void what_nobody_waits_for_any_more_is_not_asked(void **state)
{
    struct world w;
    struct answers a = {0};
    struct dns_query *v6[HOSTS];
    (void)state;
    world_open(&w);
    ask_all(&w, &a, v6);
    spin_until(w.loop, has_all_v4, &a);
    for (int i = 0; i < HOSTS; i++)
        dns_cancel(&v6[i]);
    answer_all();
    dns_lookup(w.dns, "another.example.net", ADDR_V4, on_v4, &a);
    spin_until(w.loop, has_one_more_v4, &a);
    spin_some(w.loop);
    assert_int_equal(a.v6, 0);
    assert_true(asked_v6 < HOSTS);
    world_close(&w);
}

static void the_end_forgets_those_that_wait_for_their_turn(void **state)
{
    struct world w;
    struct answers a = {0};
    struct dns_query *v6[HOSTS];
    (void)state;
    world_open(&w);
    ask_all(&w, &a, v6);
    spin_until(w.loop, has_all_v4, &a);
    for (int i = 0; i < HOSTS - 1; i++)
        dns_cancel(&v6[i]);
    world_close(&w);
    assert_int_equal(a.v6, 0);
    /* of a resolver that is gone: only freed */
    dns_cancel(&v6[HOSTS - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropped_aaaa_questions_hold_up_nobody),
        cmocka_unit_test(what_nobody_waits_for_any_more_is_not_asked),
        cmocka_unit_test(the_end_forgets_those_that_wait_for_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
