/* Preloaded into a program under test: writes the bytes that are allocated and not freed to the
 * file $LIVE_BYTES_FILE, as decimal text, ten times a second. Under the address sanitizer its own
 * count is asked, else glibc's. Built by tests/e2e/test_front_hostile.py. */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t live_bytes(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void *watch(void *file)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    char text[32];
    for (;;) {
        int n = snprintf(text, sizeof text, "%-20zu\n", live_bytes());
        if (pwrite(fd, text, (size_t)n, 0) != n)
            return NULL;
        usleep(100000);
    }
}

__attribute__((constructor)) static void begin(void)
{
    static pthread_t thread;
    char *file = getenv("LIVE_BYTES_FILE");
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (file)
        pthread_create(&thread, NULL, watch, file);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
