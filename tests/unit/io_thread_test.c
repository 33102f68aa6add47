/* A thread takes no signals, and whoever starts it keeps its own. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/thread.h"

struct seen {
    sigset_t blocked;
    sem_t done;
};

static void *look(void *arg)
{
    struct seen *seen = arg;
    pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
    sem_post(&seen->done);
    return NULL;
}

static void check(const struct seen *seen)
{
    const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
    sigset_t ours;
    pthread_sigmask(SIG_SETMASK, NULL, &ours);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        assert_int_equal(sigismember(&seen->blocked, signals[i]), 1);
        assert_int_equal(sigismember(&ours, signals[i]), 0);
    }
}

static void a_thread_that_is_joined(void **state)
{
    struct seen seen;
    pthread_t thread;
    (void)state;
    sem_init(&seen.done, 0, 0);
    assert_int_equal(thread_start(&thread, look, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    check(&seen);
    sem_destroy(&seen.done);
}

static void a_thread_that_is_detached(void **state)
{
    struct seen seen;
    (void)state;
    sem_init(&seen.done, 0, 0);
    assert_int_equal(thread_start(NULL, look, &seen), 0);
    sem_wait(&seen.done);
    check(&seen);
    sem_destroy(&seen.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_is_joined),
        cmocka_unit_test(a_thread_that_is_detached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
