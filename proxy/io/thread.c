#include "io/thread.h"

void signals_block(sigset_t *before_r)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before_r);
}

void signals_restore(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int thread_start(pthread_t *thread_r, void *(*run)(void *arg), void *arg)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t before;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr,
                                thread_r ? PTHREAD_CREATE_JOINABLE : PTHREAD_CREATE_DETACHED);
    signals_block(&before);
    int number = pthread_create(thread_r ? thread_r : &thread, &attr, run, arg);
    signals_restore(&before);
    pthread_attr_destroy(&attr);
    return number;
}
