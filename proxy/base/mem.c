#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die_without_memory(void)
{
    static const char words[] = "smtp-detour: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, words, sizeof words - 1);
    (void)ignored;
    abort();
}

void *mem_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        die_without_memory();
    return p;
}

void *mem_resize(void *p, size_t n)
{
    p = realloc(p, n ? n : 1);
    if (!p)
        die_without_memory();
    return p;
}

char *mem_copy(const void *p, size_t n)
{
    char *copy = mem_alloc(n + 1);
    if (n)
        memcpy(copy, p, n);
    return copy;
}

char *mem_string(const char *text)
{
    return mem_copy(text, strlen(text));
}
